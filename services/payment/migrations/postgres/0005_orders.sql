-- Scheduled and standing orders. Dates are YYYY-MM-DD; frequency and status have the numbers of
-- the contract (OrderFrequency, OrderStatus).
CREATE TABLE orders (
    id               TEXT COLLATE "C" PRIMARY KEY,
    status           BIGINT NOT NULL CHECK (status BETWEEN 1 AND 4),
    debtor_account   TEXT COLLATE "C" NOT NULL,
    debtor_iban      TEXT COLLATE "C",
    creditor_account TEXT COLLATE "C" NOT NULL,
    creditor_iban    TEXT COLLATE "C",
    currency         TEXT COLLATE "C" NOT NULL,
    amount           BIGINT NOT NULL CHECK (amount > 0),
    description      TEXT COLLATE "C" NOT NULL,
    frequency        BIGINT NOT NULL CHECK (frequency BETWEEN 1 AND 3),
    every            BIGINT NOT NULL CHECK (every >= 1),
    first_on         TEXT COLLATE "C" NOT NULL,
    last_on          TEXT COLLATE "C",
    retries          BIGINT NOT NULL,
    -- Whom limits count, who is audited, who set it going (florin.common.v1.Initiator).
    customer         TEXT COLLATE "C",
    actor            TEXT COLLATE "C" NOT NULL,
    initiator        BYTEA NOT NULL,
    created_at       BIGINT NOT NULL,
    -- How many of its dates are behind it, run or skipped.
    passed           BIGINT NOT NULL,
    -- The date that is being tried, how often it was, and from when it is looked at again.
    current_on       TEXT COLLATE "C",
    attempt          BIGINT NOT NULL,
    check_on         TEXT COLLATE "C",
    -- The transfer of the last attempt; NULL where there was none or it was refused.
    last_transfer    TEXT COLLATE "C",
    -- The first business date on which there is something to do; NULL where nothing is.
    run_on           TEXT COLLATE "C"
);
CREATE INDEX orders_due ON orders (run_on, id) WHERE run_on IS NOT NULL;
CREATE INDEX orders_by_debtor ON orders (debtor_account, id);

CREATE TABLE order_runs (
    order_id    TEXT COLLATE "C" NOT NULL,
    date        TEXT COLLATE "C" NOT NULL,
    attempt     BIGINT NOT NULL,
    transfer_id TEXT COLLATE "C",
    reason      TEXT COLLATE "C",
    at          BIGINT NOT NULL,
    PRIMARY KEY (order_id, date, attempt)
);
