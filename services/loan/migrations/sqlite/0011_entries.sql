-- What loans have in the general ledger: for each journal transaction and GL account debits less
-- credits, in minor units, by the date on which the ledger booked it.
CREATE TABLE book_entries (
    reference    TEXT NOT NULL,
    gl_code      TEXT NOT NULL,
    currency     TEXT NOT NULL,
    booking_date TEXT NOT NULL,
    amount       BIGINT NOT NULL,
    PRIMARY KEY (reference, gl_code, currency)
);
