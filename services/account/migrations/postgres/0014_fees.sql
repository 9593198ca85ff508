-- Fees of a product in a currency for an event, from a day on: by the tier that the amount
-- reaches, a flat amount and a part of the amount (millionths of a percent), at least the
-- minimum, at most the maximum where there is one. Amounts are minor units.
CREATE TABLE fee_schedules (
    product    TEXT COLLATE "C" NOT NULL,
    currency   TEXT COLLATE "C" NOT NULL,
    event      BIGINT NOT NULL CHECK (event BETWEEN 1 AND 3),
    valid_from TEXT COLLATE "C" NOT NULL,
    minimum    BIGINT NOT NULL CHECK (minimum >= 0),
    maximum    BIGINT CHECK (maximum >= minimum),
    set_at     BIGINT NOT NULL,
    PRIMARY KEY (product, currency, event, valid_from)
);
CREATE TABLE fee_tiers (
    product    TEXT COLLATE "C" NOT NULL,
    currency   TEXT COLLATE "C" NOT NULL,
    event      BIGINT NOT NULL,
    valid_from TEXT COLLATE "C" NOT NULL,
    from_minor BIGINT NOT NULL CHECK (from_minor >= 0),
    flat       BIGINT NOT NULL CHECK (flat >= 0),
    rate       BIGINT NOT NULL CHECK (rate BETWEEN 0 AND 1000000000),
    PRIMARY KEY (product, currency, event, valid_from, from_minor)
);
