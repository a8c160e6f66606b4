-- Up to which message an import brought a conversation: these are history, which a running server announces to nobody.
ALTER TABLE arrivals ADD COLUMN upto INTEGER NOT NULL DEFAULT 0;
