-- What a participant wants to hear of a conversation, and who may not be in it.

-- Since when; NULL: not muted.
ALTER TABLE participants ADD COLUMN muted_at INTEGER;

CREATE TABLE bans (
    conversation_key INTEGER NOT NULL REFERENCES conversations (conversation_key),
    user_key         INTEGER NOT NULL REFERENCES users (user_key),
    banned_at        INTEGER NOT NULL,
    banned_by_key    INTEGER NOT NULL REFERENCES users (user_key),
    -- In the banner's words, shown to the banned one.
    reason           TEXT,
    PRIMARY KEY (conversation_key, user_key)
) STRICT, WITHOUT ROWID;

-- Which message names which participant: a row per name, none for the many messages without one. In this order a user's
-- own of one conversation lie side by side, behind the seq that they have read.
CREATE TABLE mentions (
    user_key         INTEGER NOT NULL REFERENCES users (user_key),
    conversation_key INTEGER NOT NULL REFERENCES conversations (conversation_key),
    seq              INTEGER NOT NULL,
    PRIMARY KEY (user_key, conversation_key, seq)
) STRICT, WITHOUT ROWID;

-- For a message that is edited.
CREATE INDEX mentions_of_message ON mentions (conversation_key, seq);

-- Conversations that another process brought in (an import) and that the server has not seen yet.
CREATE TABLE arrivals (
    conversation_key INTEGER PRIMARY KEY REFERENCES conversations (conversation_key)
) STRICT;

-- Who made a conversation: a service is no participant of its own. NULL: from before this was kept.
ALTER TABLE conversations ADD COLUMN created_by_key INTEGER REFERENCES users (user_key);
UPDATE conversations SET created_by_key = (
    SELECT user_key FROM participants AS p WHERE p.conversation_key = conversations.conversation_key AND p.role = 'owner'
);
