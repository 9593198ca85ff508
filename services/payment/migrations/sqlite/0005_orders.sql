-- Scheduled and standing orders. Dates are YYYY-MM-DD; frequency and status have the numbers of
-- the contract (OrderFrequency, OrderStatus).
CREATE TABLE orders (
    id               TEXT PRIMARY KEY NOT NULL,
    status           INTEGER NOT NULL CHECK (status BETWEEN 1 AND 4),
    debtor_account   TEXT NOT NULL,
    debtor_iban      TEXT,
    creditor_account TEXT NOT NULL,
    creditor_iban    TEXT,
    currency         TEXT NOT NULL,
    amount           INTEGER NOT NULL CHECK (amount > 0),
    description      TEXT NOT NULL,
    frequency        INTEGER NOT NULL CHECK (frequency BETWEEN 1 AND 3),
    every            INTEGER NOT NULL CHECK (every >= 1),
    first_on         TEXT NOT NULL,
    last_on          TEXT,
    retries          INTEGER NOT NULL,
    -- Whom limits count, who is audited, who set it going (florin.common.v1.Initiator).
    customer         TEXT,
    actor            TEXT NOT NULL,
    initiator        BLOB NOT NULL,
    created_at       INTEGER NOT NULL,
    -- How many of its dates are behind it, run or skipped.
    passed           INTEGER NOT NULL,
    -- The date that is being tried, how often it was, and from when it is looked at again.
    current_on       TEXT,
    attempt          INTEGER NOT NULL,
    check_on         TEXT,
    -- The transfer of the last attempt; NULL where there was none or it was refused.
    last_transfer    TEXT,
    -- The first business date on which there is something to do; NULL where nothing is.
    run_on           TEXT
);
CREATE INDEX orders_due ON orders (run_on, id) WHERE run_on IS NOT NULL;
CREATE INDEX orders_by_debtor ON orders (debtor_account, id);

CREATE TABLE order_runs (
    order_id    TEXT NOT NULL,
    date        TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    transfer_id TEXT,
    reason      TEXT,
    at          INTEGER NOT NULL,
    PRIMARY KEY (order_id, date, attempt)
);
