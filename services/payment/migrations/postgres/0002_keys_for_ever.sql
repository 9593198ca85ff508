-- A client's key guards its transfer for ever: rows of idempotency_keys are pruned by a clock,
-- and a clock may be wrong. idempotency_scope says whose key it is, request_hash (SHA-256) what
-- was asked for; both are null where they can no longer be known.
ALTER TABLE transfers ADD COLUMN idempotency_scope TEXT COLLATE "C";
ALTER TABLE transfers ADD COLUMN request_hash BYTEA;

-- Whose key it was stands in the audit of the acceptance, the first entry of a transfer.
UPDATE transfers SET idempotency_scope =
    (SELECT actor FROM audit WHERE reference = transfers.id ORDER BY position LIMIT 1);
-- A key that was pruned could be used again: the first transfer keeps it.
UPDATE transfers SET idempotency_scope = NULL WHERE id NOT IN
    (SELECT MIN(id) FROM transfers GROUP BY idempotency_scope, kind, idempotency_key);
UPDATE transfers SET request_hash = (SELECT k.fingerprint FROM idempotency_keys AS k
    WHERE k.scope = transfers.idempotency_scope AND k.key = transfers.idempotency_key
    AND k.method = CASE transfers.kind
        WHEN 1 THEN '/florin.payment.v1.PaymentService/CreateTransfer'
        WHEN 2 THEN '/florin.payment.v1.PaymentService/CreateDeposit'
        ELSE '/florin.payment.v1.PaymentService/CreateWithdrawal'
    END);

CREATE UNIQUE INDEX transfers_by_key ON transfers (idempotency_scope, kind, idempotency_key);
