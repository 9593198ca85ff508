-- The network's statements of our money there (camt.053, ADR 51), one a cycle. series is the
-- account and currency, in which number counts; amounts are in our favour where positive.
-- state: 1 to be compared, 2 equal, 3 differs. open_from is the booking date from which on the
-- next comparison reads the ledger.
CREATE TABLE clearing_statements (
    id          TEXT COLLATE "C" PRIMARY KEY,
    series      TEXT COLLATE "C" NOT NULL,
    number      BIGINT NOT NULL CHECK (number > 0),
    currency    TEXT COLLATE "C" NOT NULL,
    opening     BIGINT NOT NULL,
    closing     BIGINT NOT NULL,
    print       TEXT COLLATE "C" NOT NULL,
    document    BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    state       BIGINT NOT NULL CHECK (state BETWEEN 1 AND 3),
    differences BIGINT NOT NULL,
    under_way   BIGINT NOT NULL,
    open_from   TEXT COLLATE "C",
    checked_at  BIGINT NOT NULL,
    UNIQUE (series, number)
);

-- Their entries. payment is what the entry tells of: "in:" and a row of clearing_in, "out:" and
-- one of clearing_out. booked is the reference in the ledger. Each stands for one entry alone.
CREATE TABLE clearing_entries (
    statement TEXT COLLATE "C" NOT NULL,
    number    BIGINT NOT NULL,
    series    TEXT COLLATE "C" NOT NULL,
    currency  TEXT COLLATE "C" NOT NULL,
    amount    BIGINT NOT NULL CHECK (amount <> 0),
    uetr      TEXT COLLATE "C",
    reference TEXT COLLATE "C",
    payment   TEXT COLLATE "C" UNIQUE,
    booked    TEXT COLLATE "C" UNIQUE,
    PRIMARY KEY (statement, number)
);
CREATE INDEX clearing_entries_open ON clearing_entries (series, statement, number)
    WHERE booked IS NULL;
