-- What is written again soon after it was inserted finds room on its own page: taking a transfer
-- changes no indexed column, and neither does the answer of a key, so no index is written. New
-- pages alone are filled so; nothing is rewritten.
ALTER TABLE transfers SET (fillfactor = 50);
ALTER TABLE idempotency_keys SET (fillfactor = 60);
