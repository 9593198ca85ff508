-- The network's statements of our money there (camt.053, ADR 51), one a cycle. series is the
-- account and currency, in which number counts; amounts are in our favour where positive.
-- state: 1 to be compared, 2 equal, 3 differs. open_from is the booking date from which on the
-- next comparison reads the ledger.
CREATE TABLE clearing_statements (
    id          TEXT PRIMARY KEY NOT NULL,
    series      TEXT NOT NULL,
    number      INTEGER NOT NULL CHECK (number > 0),
    currency    TEXT NOT NULL,
    opening     INTEGER NOT NULL,
    closing     INTEGER NOT NULL,
    print       TEXT NOT NULL,
    document    BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    state       INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
    differences INTEGER NOT NULL,
    under_way   INTEGER NOT NULL,
    open_from   TEXT,
    checked_at  INTEGER NOT NULL,
    UNIQUE (series, number)
);

-- Their entries. payment is what the entry tells of: "in:" and a row of clearing_in, "out:" and
-- one of clearing_out. booked is the reference in the ledger. Each stands for one entry alone.
CREATE TABLE clearing_entries (
    statement TEXT NOT NULL,
    number    INTEGER NOT NULL,
    series    TEXT NOT NULL,
    currency  TEXT NOT NULL,
    amount    INTEGER NOT NULL CHECK (amount <> 0),
    uetr      TEXT,
    reference TEXT,
    payment   TEXT UNIQUE,
    booked    TEXT UNIQUE,
    PRIMARY KEY (statement, number)
);
CREATE INDEX clearing_entries_open ON clearing_entries (series, statement, number)
    WHERE booked IS NULL;
