-- Conversions of currency: minor units, both positive; the rate as it was given, in units of the
-- bought currency for one of the sold.
CREATE TABLE journal_conversions (
    transaction_id  TEXT COLLATE "C" NOT NULL,
    number          BIGINT NOT NULL,
    sold_currency   TEXT COLLATE "C" NOT NULL,
    sold_amount     BIGINT NOT NULL CHECK (sold_amount > 0),
    bought_currency TEXT COLLATE "C" NOT NULL,
    bought_amount   BIGINT NOT NULL CHECK (bought_amount > 0),
    rate            TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (transaction_id, number)
);

-- The bank's position in each currency. A bank that has given the code to another account keeps
-- that one, and books its conversions there.
INSERT INTO gl_accounts (code, name, class, control) VALUES ('9020', 'FX position', 1, FALSE)
    ON CONFLICT (code) DO NOTHING;
