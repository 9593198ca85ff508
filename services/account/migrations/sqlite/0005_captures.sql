-- What of a hold was turned into entries; and the holds that time gives back.
ALTER TABLE holds ADD COLUMN captured INTEGER NOT NULL DEFAULT 0 CHECK (captured >= 0);
CREATE INDEX holds_due ON holds (expires_at, id) WHERE status = 1 AND expires_at IS NOT NULL;
