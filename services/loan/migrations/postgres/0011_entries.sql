-- What loans have in the general ledger: for each journal transaction and GL account debits less
-- credits, in minor units, by the date on which the ledger booked it.
CREATE TABLE book_entries (
    reference    TEXT COLLATE "C" NOT NULL,
    gl_code      TEXT COLLATE "C" NOT NULL,
    currency     TEXT COLLATE "C" NOT NULL,
    booking_date TEXT COLLATE "C" NOT NULL,
    amount       BIGINT NOT NULL,
    PRIMARY KEY (reference, gl_code, currency)
);
