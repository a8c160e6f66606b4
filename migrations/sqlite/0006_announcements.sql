-- How far each conversation was announced to its sockets: written beside the messages, a few times a second. What lies above
-- it at a start was saved by a process that died before the broadcast.
ALTER TABLE conversations ADD COLUMN announced_seq INTEGER NOT NULL DEFAULT 0;
UPDATE conversations SET announced_seq = last_seq;

CREATE TABLE missed_broadcasts (
    missed_broadcast_key INTEGER PRIMARY KEY,
    conversation_key     INTEGER NOT NULL REFERENCES conversations (conversation_key),
    first_seq            INTEGER NOT NULL,
    last_seq             INTEGER NOT NULL,
    -- When the process that should have announced them stopped.
    at                   INTEGER NOT NULL
) STRICT;

CREATE INDEX missed_broadcasts_by_seq ON missed_broadcasts (conversation_key, first_seq);
CREATE INDEX missed_broadcasts_by_age ON missed_broadcasts (at);

-- Processes that died, and when they were last heard of.
CREATE TABLE node_losses (
    node_loss_key INTEGER PRIMARY KEY,
    node_id       TEXT    NOT NULL UNIQUE,
    at            INTEGER NOT NULL
) STRICT;

CREATE INDEX node_losses_by_age ON node_losses (at);
