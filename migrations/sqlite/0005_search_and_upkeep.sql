-- The words of the messages, for searching. It holds no text of its own (`content=''`): what is shown is read from the
-- message. A word's place is the conversation's key and the seq in one number, so that the words of one conversation
-- lie in one range.
CREATE VIRTUAL TABLE message_words USING fts5 (
    content, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);

-- Messages are indexed in batches after they are committed, never on their way: up to here it is done.
ALTER TABLE conversations ADD COLUMN indexed_seq INTEGER NOT NULL DEFAULT 0;

-- What there is to do; empty most of the time.
CREATE INDEX conversations_to_index ON conversations (conversation_key) WHERE indexed_seq < last_seq;

-- Tokens that can be taken back: those of services, which live long. Any other token is known by its signature alone.
CREATE TABLE kept_tokens (
    id         TEXT    NOT NULL PRIMARY KEY,
    user_key   INTEGER NOT NULL REFERENCES users (user_key),
    name       TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX kept_tokens_of_user ON kept_tokens (user_key);

-- Messages up to here were emptied for their age; their numbers stay.
ALTER TABLE conversations ADD COLUMN forgotten_seq INTEGER NOT NULL DEFAULT 0;

-- Set in a backup: whoever opens it as a database gets a new epoch, as clients may hold newer messages than it.
ALTER TABLE meta ADD COLUMN is_backup INTEGER NOT NULL DEFAULT 0 CHECK (is_backup IN (0, 1));
