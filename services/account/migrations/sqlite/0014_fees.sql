-- Fees of a product in a currency for an event, from a day on: by the tier that the amount
-- reaches, a flat amount and a part of the amount (millionths of a percent), at least the
-- minimum, at most the maximum where there is one. Amounts are minor units.
CREATE TABLE fee_schedules (
    product    TEXT NOT NULL,
    currency   TEXT NOT NULL,
    event      INTEGER NOT NULL CHECK (event BETWEEN 1 AND 3),
    valid_from TEXT NOT NULL,
    minimum    INTEGER NOT NULL CHECK (minimum >= 0),
    maximum    INTEGER CHECK (maximum >= minimum),
    set_at     INTEGER NOT NULL,
    PRIMARY KEY (product, currency, event, valid_from)
) WITHOUT ROWID;
CREATE TABLE fee_tiers (
    product    TEXT NOT NULL,
    currency   TEXT NOT NULL,
    event      INTEGER NOT NULL,
    valid_from TEXT NOT NULL,
    from_minor INTEGER NOT NULL CHECK (from_minor >= 0),
    flat       INTEGER NOT NULL CHECK (flat >= 0),
    rate       INTEGER NOT NULL CHECK (rate BETWEEN 0 AND 1000000000),
    PRIMARY KEY (product, currency, event, valid_from, from_minor)
) WITHOUT ROWID;
