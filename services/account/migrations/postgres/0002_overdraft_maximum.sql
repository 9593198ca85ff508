-- The greatest overdraft limit of a product, one a currency, in minor units; a currency that is
-- absent has none. It takes the place of products.overdraft_allowed, which knew no maximum.

CREATE TABLE product_overdrafts (
    product  TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    maximum  BIGINT  NOT NULL CHECK (maximum BETWEEN 1 AND 1000000000000000),
    PRIMARY KEY (product, currency)
);

-- Some thousand euros and what is near to them elsewhere.
INSERT INTO product_overdrafts (product, currency, maximum) VALUES
    ('current', 'CHF', 500000),
    ('current', 'CZK', 10000000),
    ('current', 'DKK', 3500000),
    ('current', 'EUR', 500000),
    ('current', 'GBP', 500000),
    ('current', 'HUF', 200000000),
    ('current', 'JPY', 800000),
    ('current', 'NOK', 5000000),
    ('current', 'PLN', 2000000),
    ('current', 'SEK', 5000000),
    ('current', 'USD', 500000);

ALTER TABLE products DROP COLUMN overdraft_allowed;
