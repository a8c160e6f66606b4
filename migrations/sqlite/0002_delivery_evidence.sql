-- What did not go by the book, and who was connected when. Both grow with exceptions and connections, never with
-- messages × sockets, and are pruned by age.
-- The kinds are not checked here: SQLite would have to rebuild a table for a new one.

CREATE TABLE delivery_exceptions (
    delivery_exception_key INTEGER PRIMARY KEY,
    conversation_key       INTEGER NOT NULL REFERENCES conversations (conversation_key),
    -- The number of bits of last_seq - first_seq: a run of class k that is about message s begins within the 2^k
    -- numbers up to s. Without it, the runs that are about one message could begin anywhere before it.
    span_class             INTEGER NOT NULL CHECK (span_class BETWEEN 0 AND 63),
    first_seq              INTEGER NOT NULL CHECK (first_seq >= 0),
    last_seq               INTEGER NOT NULL CHECK (last_seq >= 0),
    user_key               INTEGER NOT NULL REFERENCES users (user_key),
    sid                    TEXT    NOT NULL,
    node_id                TEXT    NOT NULL,
    kind                   TEXT    NOT NULL,
    at                     INTEGER NOT NULL,
    detail                 TEXT    NOT NULL
) STRICT;

CREATE INDEX delivery_exceptions_by_seq ON delivery_exceptions (conversation_key, span_class, first_seq, user_key);
CREATE INDEX delivery_exceptions_by_age ON delivery_exceptions (at);

CREATE TABLE connection_events (
    connection_event_key INTEGER PRIMARY KEY,
    user_key             INTEGER NOT NULL REFERENCES users (user_key),
    at                   INTEGER NOT NULL,
    kind                 TEXT    NOT NULL,
    -- A refused connection has none.
    sid                  TEXT,
    node_id              TEXT    NOT NULL,
    detail               TEXT    NOT NULL
) STRICT;

CREATE INDEX connection_events_of_user ON connection_events (user_key, at);
CREATE INDEX connection_events_by_age ON connection_events (at);
