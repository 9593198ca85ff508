-- Transfers, cash deposits and cash withdrawals: DESIGN section 5. Amounts are minor units,
-- instants microseconds since the Unix epoch. `kind` and `status` have the numbers of the
-- contract (florin.payment.v1).

CREATE TABLE transfers (
    id               TEXT COLLATE "C" PRIMARY KEY,
    kind             BIGINT NOT NULL CHECK (kind BETWEEN 1 AND 3),
    status           BIGINT NOT NULL CHECK (status BETWEEN 1 AND 6),
    debtor_account   TEXT COLLATE "C",
    debtor_iban      TEXT COLLATE "C",
    creditor_account TEXT COLLATE "C",
    creditor_iban    TEXT COLLATE "C",
    -- GL account of the cash, fixed at the acceptance so that a repeated posting is the same.
    cash_gl_code     TEXT COLLATE "C",
    currency         TEXT COLLATE "C" NOT NULL,
    amount           BIGINT NOT NULL CHECK (amount > 0),
    description      TEXT COLLATE "C" NOT NULL,
    screening        TEXT COLLATE "C",
    failure_reason   TEXT COLLATE "C",
    failure_message  TEXT COLLATE "C",
    transaction_id   TEXT COLLATE "C",
    -- Every state with its time and reason, as a JSON array of [status, at, reason].
    steps            TEXT COLLATE "C" NOT NULL,
    -- Events of the ledger and of this service, for reads on a read side.
    position         TEXT COLLATE "C" NOT NULL,
    -- Who set it going: florin.common.v1.Initiator.
    initiator        BYTEA NOT NULL,
    idempotency_key  TEXT COLLATE "C" NOT NULL,
    traceparent      TEXT COLLATE "C",
    created_at       BIGINT NOT NULL,
    changed_at       BIGINT NOT NULL,
    -- When a worker is to take it; NULL once it has ended.
    due_at           BIGINT,
    lease_until      BIGINT,
    lease_token      TEXT COLLATE "C",
    attempts         BIGINT NOT NULL,
    -- When a call of the ledger last ended without a decision.
    unanswered_at    BIGINT,
    CHECK ((status IN (4, 5, 6)) = (due_at IS NULL)),
    CHECK ((status = 4) = (transaction_id IS NOT NULL)),
    CHECK ((status = 5) = (failure_reason IS NOT NULL)),
    CHECK ((kind IN (1, 3)) = (debtor_account IS NOT NULL)),
    CHECK ((kind IN (1, 2)) = (creditor_account IS NOT NULL)),
    CHECK ((kind = 1) = (cash_gl_code IS NULL)),
    CHECK (debtor_account <> creditor_account)
);
CREATE INDEX transfers_due ON transfers (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX transfers_by_debtor ON transfers (debtor_account, id);
CREATE INDEX transfers_by_creditor ON transfers (creditor_account, id);
CREATE INDEX transfers_by_status ON transfers (status, id);
