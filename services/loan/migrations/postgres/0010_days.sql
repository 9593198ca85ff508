-- The end of business dates (ADR 101). Amounts in minor units.

-- What the end of each day left of a loan. interest, fee and penalty are what was booked as earned
-- since the beginning, moved_ what lending, repaying and giving up moved on the asset accounts, debits
-- positive; accrued_through is the watermark. status: 1 earns or owes, 2 is even, 3 was
-- given up. collecting is the reference of the movement that takes what is due.
CREATE TABLE day_positions (
    loan_id           TEXT COLLATE "C" PRIMARY KEY REFERENCES loans (id),
    product           TEXT COLLATE "C" NOT NULL,
    version           BIGINT NOT NULL,
    currency          TEXT COLLATE "C" NOT NULL,
    chunk             BIGINT NOT NULL,
    status            BIGINT NOT NULL CHECK (status BETWEEN 1 AND 3),
    accrued_through   TEXT COLLATE "C" NOT NULL,
    interest          BIGINT NOT NULL,
    fee               BIGINT NOT NULL,
    penalty           BIGINT NOT NULL,
    moved_principal   BIGINT NOT NULL,
    moved_interest    BIGINT NOT NULL,
    moved_charge      BIGINT NOT NULL,
    due_on            TEXT COLLATE "C",
    collected_through TEXT COLLATE "C" NOT NULL,
    collecting        TEXT COLLATE "C",
    attempts          BIGINT NOT NULL,
    bucket            BIGINT NOT NULL CHECK (bucket BETWEEN 1 AND 5),
    days_past_due     BIGINT NOT NULL,
    non_accrual       BOOLEAN NOT NULL,
    overdue_penalty   BIGINT NOT NULL,
    overdue_fee       BIGINT NOT NULL,
    overdue_interest  BIGINT NOT NULL,
    overdue_principal BIGINT NOT NULL,
    told_due          TEXT COLLATE "C" NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX day_positions_chunk ON day_positions (product, version, currency, chunk, loan_id);
CREATE INDEX day_positions_arrears ON day_positions (loan_id) WHERE bucket > 1;
CREATE INDEX day_positions_due ON day_positions (due_on, loan_id) WHERE due_on IS NOT NULL;

-- The interest of days to come while nothing happens: base and, for each day from the first on, four
-- bytes of what is earned above it. Made again by each fold, so a row may go at any time.
CREATE TABLE day_tracks (
    loan_id  TEXT COLLATE "C" PRIMARY KEY REFERENCES day_positions (loan_id),
    first_on TEXT COLLATE "C" NOT NULL,
    last_on  TEXT COLLATE "C" NOT NULL,
    base     BIGINT NOT NULL,
    above    BYTEA NOT NULL
);

-- How many loans of a product version are in chunks of 10,000.
CREATE TABLE day_books (
    product  TEXT COLLATE "C" NOT NULL,
    version  BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    loans    BIGINT NOT NULL,
    PRIMARY KEY (product, version, currency)
);

-- Business dates that `account` closed.
CREATE TABLE days (
    closed   TEXT COLLATE "C" PRIMARY KEY,
    through  TEXT COLLATE "C" NOT NULL,
    begun_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX days_open ON days (closed) WHERE ended_at IS NULL;
CREATE TABLE day_steps (
    closed      TEXT COLLATE "C" NOT NULL REFERENCES days (closed),
    step        BIGINT NOT NULL,
    begun_at    BIGINT NOT NULL,
    finished_at BIGINT,
    done        BIGINT NOT NULL,
    cause       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (closed, step)
);

-- What the loans of a chunk came to on a day so far; sealed once all of them have accrued.
CREATE TABLE day_chunks (
    closed   TEXT COLLATE "C" NOT NULL,
    product  TEXT COLLATE "C" NOT NULL,
    version  BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    chunk    BIGINT NOT NULL,
    loans    BIGINT NOT NULL,
    interest BIGINT NOT NULL,
    fee      BIGINT NOT NULL,
    penalty  BIGINT NOT NULL,
    sealed   BOOLEAN NOT NULL,
    PRIMARY KEY (closed, product, version, currency, chunk)
);

-- What was made of it for the ledger: one journal transaction each. booking_date is the date that is
-- asked for, null for the open one.
CREATE TABLE day_bookings (
    reference      TEXT COLLATE "C" PRIMARY KEY,
    closed         TEXT COLLATE "C" NOT NULL,
    currency       TEXT COLLATE "C" NOT NULL,
    debit_gl       TEXT COLLATE "C" NOT NULL,
    credit_gl      TEXT COLLATE "C" NOT NULL,
    amount         BIGINT NOT NULL CHECK (amount > 0),
    booking_date   TEXT COLLATE "C",
    transaction_id TEXT COLLATE "C",
    booked_on      TEXT COLLATE "C",
    CHECK ((transaction_id IS NULL) = (booked_on IS NULL))
);
CREATE INDEX day_bookings_open ON day_bookings (closed, reference) WHERE transaction_id IS NULL;
