-- What the ledger last answered without deciding, for those who look after a transfer.
ALTER TABLE transfers ADD COLUMN last_cause TEXT COLLATE "C";
-- The whole refusal of a failed transfer: whose reason it is, and its facts as a JSON object.
-- Before they were kept, every reason was the ledger's.
ALTER TABLE transfers ADD COLUMN failure_domain TEXT COLLATE "C";
ALTER TABLE transfers ADD COLUMN failure_facts TEXT COLLATE "C";
UPDATE transfers SET failure_domain = 'account.florin.bank', failure_facts = '{}'
    WHERE failure_reason IS NOT NULL;
