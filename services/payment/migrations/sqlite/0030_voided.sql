-- When the ledger told that nothing is ever posted under the reference of a failed transfer
-- (ADR 6). NULL where a program ended it that voided none: its reference is voided later.
ALTER TABLE transfers ADD COLUMN voided_at INTEGER;
CREATE INDEX transfers_not_void ON transfers (id) WHERE status = 5 AND voided_at IS NULL;
