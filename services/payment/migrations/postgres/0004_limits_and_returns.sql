-- Refunds and reversals point to the transfer that they return, and to its journal transaction.
-- relation has the numbers of the contract (TransferRelation).
ALTER TABLE transfers ADD COLUMN original TEXT COLLATE "C";
ALTER TABLE transfers ADD COLUMN original_transaction TEXT COLLATE "C";
ALTER TABLE transfers ADD COLUMN relation BIGINT;
CREATE INDEX transfers_by_original ON transfers (original) WHERE original IS NOT NULL;

-- What a transfer has reserved of limits, as a JSON array of the ids of limit_usage: given back
-- in the transaction in which it ends unpaid. NULL where no limit counts it.
ALTER TABLE transfers ADD COLUMN reserved TEXT COLLATE "C";

-- Limits by subject: customer/cus_.., account/acc_.. or channel/NAME. period has the numbers of
-- the contract (LimitPeriod), maximum is in minor units.
CREATE TABLE limits (
    subject  TEXT COLLATE "C" NOT NULL,
    period   BIGINT NOT NULL CHECK (period BETWEEN 1 AND 3),
    currency TEXT COLLATE "C" NOT NULL,
    maximum  BIGINT NOT NULL CHECK (maximum >= 0),
    set_at   BIGINT NOT NULL,
    PRIMARY KEY (subject, period, currency)
);

-- What is used of them: id is subject, for a channel the account, then day or month by the
-- books, then currency, with slashes between.
CREATE TABLE limit_usage (
    id   TEXT COLLATE "C" PRIMARY KEY,
    used BIGINT NOT NULL CHECK (used >= 0)
);
