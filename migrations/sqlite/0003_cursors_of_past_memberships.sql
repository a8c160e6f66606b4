-- What somebody said to have received and read before they left stays said. NULL: from before this was kept.
ALTER TABLE past_memberships ADD COLUMN received_seq INTEGER;
ALTER TABLE past_memberships ADD COLUMN read_seq INTEGER;
