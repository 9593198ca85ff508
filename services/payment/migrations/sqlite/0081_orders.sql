-- Daily orders (frequency 4), when a date is done on which the bank is closed (holiday_rule: 1 on
-- the next business date, 2 on the one before where the next is in another month, 3 on the one
-- before), the next date to come of the order itself, and the number of its last event.
-- A check of a column is changed by making the table anew.
CREATE TABLE orders_new (
    id               TEXT PRIMARY KEY NOT NULL,
    status           INTEGER NOT NULL CHECK (status BETWEEN 1 AND 4),
    debtor_account   TEXT NOT NULL,
    debtor_iban      TEXT,
    creditor_account TEXT NOT NULL,
    creditor_iban    TEXT,
    currency         TEXT NOT NULL,
    amount           INTEGER NOT NULL CHECK (amount > 0),
    description      TEXT NOT NULL,
    frequency        INTEGER NOT NULL CHECK (frequency BETWEEN 1 AND 4),
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
    run_on           TEXT,
    holiday_rule     INTEGER NOT NULL DEFAULT 1 CHECK (holiday_rule BETWEEN 1 AND 3),
    next_on          TEXT,
    events           INTEGER NOT NULL DEFAULT 0
);
INSERT INTO orders_new (
    id, status, debtor_account, debtor_iban, creditor_account, creditor_iban, currency,
    amount, description, frequency, every, first_on, last_on, retries, customer, actor,
    initiator, created_at, passed, current_on, attempt, check_on, last_transfer, run_on)
SELECT
    id, status, debtor_account, debtor_iban, creditor_account, creditor_iban, currency,
    amount, description, frequency, every, first_on, last_on, retries, customer, actor,
    initiator, created_at, passed, current_on, attempt, check_on, last_transfer, run_on
FROM orders;
DROP TABLE orders;
ALTER TABLE orders_new RENAME TO orders;
CREATE INDEX orders_due ON orders (run_on, id) WHERE run_on IS NOT NULL;
CREATE INDEX orders_by_debtor ON orders (debtor_account, id);
CREATE INDEX orders_due_before ON orders (next_on)
    WHERE holiday_rule <> 1 AND run_on IS NOT NULL;
