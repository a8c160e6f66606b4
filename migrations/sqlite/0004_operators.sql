-- What operators changed, for good; and what did not go by the book for one user, the newest first.

CREATE TABLE audit_entries (
    audit_entry_key INTEGER PRIMARY KEY,
    at              INTEGER NOT NULL,
    -- A username and not a reference: the log outlives accounts, and names whoever it was then.
    actor           TEXT    NOT NULL,
    action          TEXT    NOT NULL,
    target          TEXT    NOT NULL,
    detail          TEXT    NOT NULL
) STRICT;

CREATE INDEX delivery_exceptions_of_user ON delivery_exceptions (user_key, at);
