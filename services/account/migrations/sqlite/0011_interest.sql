-- Interest on accounts. Rates are millionths of a percent a year; amounts minor units; accrued
-- interest a decimal of ten places as text, for it may leave 64 bits.

-- What a product pays and takes in a currency, from a day on. Tiers of side 1 are paid by the
-- bank on balances above zero, those of side 2 are paid to it on balances below.
CREATE TABLE interest_conditions (
    product        TEXT NOT NULL,
    currency       TEXT NOT NULL,
    valid_from     TEXT NOT NULL,
    day_count      TEXT NOT NULL,
    tiering        INTEGER NOT NULL CHECK (tiering BETWEEN 1 AND 2),
    capitalisation INTEGER NOT NULL CHECK (capitalisation BETWEEN 1 AND 3),
    set_at         INTEGER NOT NULL,
    PRIMARY KEY (product, currency, valid_from)
) WITHOUT ROWID;
CREATE TABLE interest_tiers (
    product    TEXT NOT NULL,
    currency   TEXT NOT NULL,
    valid_from TEXT NOT NULL,
    side       INTEGER NOT NULL CHECK (side BETWEEN 1 AND 2),
    from_minor INTEGER NOT NULL CHECK (from_minor >= 0),
    rate       INTEGER NOT NULL CHECK (rate BETWEEN 0 AND 1000000000),
    PRIMARY KEY (product, currency, valid_from, side, from_minor)
) WITHOUT ROWID;

-- How far an account has accrued (the watermark) and what came of it since its first day. An
-- account that was brought in from another bank has a row from its opening, not begun.
CREATE TABLE accruals (
    account_id            TEXT PRIMARY KEY,
    accrues_from          TEXT NOT NULL,
    accrued_through       TEXT NOT NULL,
    balance               INTEGER NOT NULL,
    credit                TEXT NOT NULL,
    overdraft             TEXT NOT NULL,
    booked_credit         INTEGER NOT NULL,
    booked_overdraft      INTEGER NOT NULL,
    capitalised_credit    INTEGER NOT NULL,
    capitalised_overdraft INTEGER NOT NULL,
    capitalised_through   TEXT NOT NULL
) WITHOUT ROWID;

-- Where the sums stood at the end of each month: a late entry folds from there.
CREATE TABLE accrual_points (
    account_id TEXT NOT NULL,
    through    TEXT NOT NULL,
    balance    INTEGER NOT NULL,
    credit     TEXT NOT NULL,
    overdraft  TEXT NOT NULL,
    PRIMARY KEY (account_id, through)
) WITHOUT ROWID;

-- Entries that came after their value date had accrued: the end of their booking date folds
-- again from the earliest.
CREATE TABLE backdated (
    account_id   TEXT NOT NULL,
    booking_date TEXT NOT NULL,
    value_date   TEXT NOT NULL,
    PRIMARY KEY (account_id, booking_date)
) WITHOUT ROWID;

-- Kept by the end of day alone: what all accounts owe the bank, and what it owes them.
INSERT INTO gl_accounts (code, name, class, control) VALUES
    ('1910', 'Accrued interest receivable', 1, FALSE),
    ('2910', 'Accrued interest payable', 2, FALSE)
ON CONFLICT (code) DO NOTHING;
