-- When the network made a statement (CreDtTm), in microseconds: those of one moment are parts of
-- one cycle. 0 of statements of before.
ALTER TABLE clearing_statements ADD COLUMN made_at BIGINT NOT NULL DEFAULT 0;
