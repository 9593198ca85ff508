-- Interest on accounts. Rates are millionths of a percent a year; amounts minor units; accrued
-- interest a decimal of ten places as text, for it may leave 64 bits.

-- What a product pays and takes in a currency, from a day on. Tiers of side 1 are paid by the
-- bank on balances above zero, those of side 2 are paid to it on balances below.
CREATE TABLE interest_conditions (
    product        TEXT COLLATE "C" NOT NULL,
    currency       TEXT COLLATE "C" NOT NULL,
    valid_from     TEXT COLLATE "C" NOT NULL,
    day_count      TEXT COLLATE "C" NOT NULL,
    tiering        BIGINT NOT NULL CHECK (tiering BETWEEN 1 AND 2),
    capitalisation BIGINT NOT NULL CHECK (capitalisation BETWEEN 1 AND 3),
    set_at         BIGINT NOT NULL,
    PRIMARY KEY (product, currency, valid_from)
);
CREATE TABLE interest_tiers (
    product    TEXT COLLATE "C" NOT NULL,
    currency   TEXT COLLATE "C" NOT NULL,
    valid_from TEXT COLLATE "C" NOT NULL,
    side       BIGINT NOT NULL CHECK (side BETWEEN 1 AND 2),
    from_minor BIGINT NOT NULL CHECK (from_minor >= 0),
    rate       BIGINT NOT NULL CHECK (rate BETWEEN 0 AND 1000000000),
    PRIMARY KEY (product, currency, valid_from, side, from_minor)
);

-- How far an account has accrued (the watermark) and what came of it since its first day. An
-- account that was brought in from another bank has a row from its opening, not begun.
CREATE TABLE accruals (
    account_id            TEXT COLLATE "C" PRIMARY KEY,
    accrues_from          TEXT COLLATE "C" NOT NULL,
    accrued_through       TEXT COLLATE "C" NOT NULL,
    balance               BIGINT NOT NULL,
    credit                TEXT COLLATE "C" NOT NULL,
    overdraft             TEXT COLLATE "C" NOT NULL,
    booked_credit         BIGINT NOT NULL,
    booked_overdraft      BIGINT NOT NULL,
    capitalised_credit    BIGINT NOT NULL,
    capitalised_overdraft BIGINT NOT NULL,
    capitalised_through   TEXT COLLATE "C" NOT NULL
);

-- Where the sums stood at the end of each month: a late entry folds from there.
CREATE TABLE accrual_points (
    account_id TEXT COLLATE "C" NOT NULL,
    through    TEXT COLLATE "C" NOT NULL,
    balance    BIGINT NOT NULL,
    credit     TEXT COLLATE "C" NOT NULL,
    overdraft  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, through)
);

-- Entries that came after their value date had accrued: the end of their booking date folds
-- again from the earliest.
CREATE TABLE backdated (
    account_id   TEXT COLLATE "C" NOT NULL,
    booking_date TEXT COLLATE "C" NOT NULL,
    value_date   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, booking_date)
);

-- Kept by the end of day alone: what all accounts owe the bank, and what it owes them.
INSERT INTO gl_accounts (code, name, class, control) VALUES
    ('1910', 'Accrued interest receivable', 1, FALSE),
    ('2910', 'Accrued interest payable', 2, FALSE)
ON CONFLICT (code) DO NOTHING;
