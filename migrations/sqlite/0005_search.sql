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
