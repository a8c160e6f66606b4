-- Everybody's messages, the newest first, for operators. Ids say when the server made them; those of an import say nothing.
CREATE INDEX messages_by_time ON messages (created_at);
