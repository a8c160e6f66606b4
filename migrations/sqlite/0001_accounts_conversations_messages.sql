-- Times are milliseconds since 1970. Ids that the outside knows are TEXT; rows refer to each other by INTEGER keys,
-- which keep a message's row and its three index entries small.

-- 'RoCa': tells our files from those of other programs.
PRAGMA application_id = 1383023457;

CREATE TABLE meta (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    epoch      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    -- Flipped by every health check; means nothing.
    heartbeat  INTEGER NOT NULL DEFAULT 0 CHECK (heartbeat IN (0, 1))
) STRICT;

CREATE TABLE users (
    user_key      INTEGER PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    username      TEXT    NOT NULL UNIQUE,
    display_name  TEXT    NOT NULL,
    role          TEXT    NOT NULL CHECK (role IN ('user', 'service', 'observer', 'admin')),
    password_hash TEXT,
    created_at    INTEGER NOT NULL,
    disabled_at   INTEGER,
    last_seen     INTEGER
) STRICT;

CREATE TABLE conversations (
    conversation_key INTEGER PRIMARY KEY,
    id               TEXT    NOT NULL UNIQUE,
    kind             TEXT    NOT NULL CHECK (kind IN ('direct', 'group')),
    title            TEXT,
    -- Both user ids of a direct conversation, sorted: at most one per pair.
    direct_key       TEXT    UNIQUE CHECK ((direct_key IS NOT NULL) = (kind = 'direct')),
    created_at       INTEGER NOT NULL,
    last_seq         INTEGER NOT NULL DEFAULT 0 CHECK (last_seq >= 0)
) STRICT;

CREATE TABLE participants (
    conversation_key INTEGER NOT NULL REFERENCES conversations (conversation_key),
    user_key         INTEGER NOT NULL REFERENCES users (user_key),
    role             TEXT    NOT NULL CHECK (role IN ('owner', 'member')),
    joined_at        INTEGER NOT NULL,
    joined_seq       INTEGER NOT NULL,
    received_seq     INTEGER NOT NULL DEFAULT 0,
    read_seq         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation_key, user_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX participants_of_user ON participants (user_key, conversation_key);

-- Ended memberships: evidence for "why did they not get it".
CREATE TABLE past_memberships (
    past_membership_key INTEGER PRIMARY KEY,
    conversation_key    INTEGER NOT NULL REFERENCES conversations (conversation_key),
    user_key            INTEGER NOT NULL REFERENCES users (user_key),
    joined_at           INTEGER NOT NULL,
    joined_seq          INTEGER NOT NULL,
    left_at             INTEGER NOT NULL,
    left_seq            INTEGER NOT NULL
) STRICT;

CREATE INDEX past_memberships_of_user ON past_memberships (conversation_key, user_key);
CREATE INDEX past_memberships_by_user ON past_memberships (user_key);

-- WITHOUT ROWID: a conversation's messages lie side by side, in the order in which every page reads them.
CREATE TABLE messages (
    conversation_key  INTEGER NOT NULL REFERENCES conversations (conversation_key),
    seq               INTEGER NOT NULL CHECK (seq > 0),
    id                TEXT    NOT NULL,
    sender_key        INTEGER NOT NULL REFERENCES users (user_key),
    -- Byte for byte, NUL included. Note that SQLite's length() and LIKE stop at a NUL.
    content           TEXT    NOT NULL,
    created_at        INTEGER NOT NULL,
    client_message_id TEXT,
    reply_to          TEXT,
    edited_at         INTEGER,
    deleted_at        INTEGER,
    PRIMARY KEY (conversation_key, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX messages_by_id ON messages (id);

-- What makes sending idempotent.
CREATE UNIQUE INDEX messages_by_client_id ON messages (conversation_key, sender_key, client_message_id)
    WHERE client_message_id IS NOT NULL;
