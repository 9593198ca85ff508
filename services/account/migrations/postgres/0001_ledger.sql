-- The ledger: DESIGN section 4. Amounts are minor units, instants microseconds since the
-- Unix epoch, dates YYYY-MM-DD. Nothing updates or deletes a row of account_events,
-- journal or journal_legs.

CREATE TABLE products (
    code              TEXT COLLATE "C" PRIMARY KEY,
    name              TEXT COLLATE "C" NOT NULL,
    control_gl        TEXT COLLATE "C" NOT NULL,
    overdraft_allowed BOOLEAN NOT NULL
);

-- A GL account is posting (takes entries) or control (sums customer entries).
CREATE TABLE gl_accounts (
    code    TEXT COLLATE "C" PRIMARY KEY,
    name    TEXT COLLATE "C" NOT NULL,
    class   BIGINT NOT NULL CHECK (class BETWEEN 1 AND 5),
    control BOOLEAN NOT NULL
);

-- One row: the open business date and the last closed booking date of a closed period.
CREATE TABLE books (
    id             BIGINT PRIMARY KEY CHECK (id = 1),
    business_date  TEXT COLLATE "C" NOT NULL,
    closed_through TEXT COLLATE "C" NOT NULL
);

CREATE TABLE serials (
    name TEXT COLLATE "C" PRIMARY KEY,
    next BIGINT NOT NULL
);

-- Natural references, unique per caller for ever: postings, reversals, holds, releases,
-- openings. `record` is what the reference made.
CREATE TABLE ledger_references (
    caller      TEXT COLLATE "C" NOT NULL,
    reference   TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    record      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (caller, reference)
);

-- Projection of account_events, written in the same transaction.
CREATE TABLE accounts (
    id               TEXT COLLATE "C" PRIMARY KEY,
    iban             TEXT COLLATE "C" NOT NULL UNIQUE,
    product          TEXT COLLATE "C" NOT NULL,
    control_gl       TEXT COLLATE "C" NOT NULL,
    currency         TEXT COLLATE "C" NOT NULL,
    status           BIGINT NOT NULL CHECK (status BETWEEN 1 AND 3),
    overdraft_limit  BIGINT NOT NULL CHECK (overdraft_limit >= 0),
    opened_on        TEXT COLLATE "C" NOT NULL,
    reference        TEXT COLLATE "C" NOT NULL,
    version          BIGINT NOT NULL,
    posted           BIGINT NOT NULL,
    held             BIGINT NOT NULL CHECK (held >= 0),
    last_hash        BYTEA    NOT NULL,
    last_recorded_at BIGINT NOT NULL
);

CREATE TABLE holders (
    account_id  TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    role        BIGINT NOT NULL CHECK (role BETWEEN 1 AND 3),
    PRIMARY KEY (account_id, customer_id)
);
CREATE INDEX holders_by_customer ON holders (customer_id, account_id);

CREATE TABLE account_events (
    account_id     TEXT COLLATE "C" NOT NULL,
    version        BIGINT NOT NULL,
    kind           TEXT COLLATE "C" NOT NULL,
    transaction_id TEXT COLLATE "C",
    leg            BIGINT NOT NULL,
    hold_id        TEXT COLLATE "C",
    delta          BIGINT NOT NULL,
    held_delta     BIGINT NOT NULL,
    posted_after   BIGINT NOT NULL,
    held_after     BIGINT NOT NULL,
    counterparty   TEXT COLLATE "C" NOT NULL,
    detail         TEXT COLLATE "C" NOT NULL,
    booking_date   TEXT COLLATE "C" NOT NULL,
    value_date     TEXT COLLATE "C" NOT NULL,
    recorded_at    BIGINT NOT NULL,
    hash           BYTEA    NOT NULL,
    PRIMARY KEY (account_id, version)
);
CREATE INDEX account_events_by_transaction ON account_events (transaction_id, leg)
    WHERE transaction_id IS NOT NULL;
CREATE INDEX account_events_by_booking_date ON account_events (account_id, booking_date);
CREATE INDEX account_events_by_recording ON account_events (account_id, recorded_at);

-- Journal transactions; `reverses` is unique, so that a reversal is once only.
CREATE TABLE journal (
    id           TEXT COLLATE "C" PRIMARY KEY,
    caller       TEXT COLLATE "C" NOT NULL,
    reference    TEXT COLLATE "C" NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL,
    description  TEXT COLLATE "C" NOT NULL,
    booking_date TEXT COLLATE "C" NOT NULL,
    value_date   TEXT COLLATE "C" NOT NULL,
    recorded_at  BIGINT NOT NULL,
    reverses     TEXT COLLATE "C"    UNIQUE,
    correlation  TEXT COLLATE "C" NOT NULL,
    initiator    TEXT COLLATE "C" NOT NULL,
    UNIQUE (caller, reference)
);
CREATE INDEX journal_by_booking_date ON journal (booking_date, id);

-- Legs: `amount` is positive for a credit, negative for a debit; they sum to zero per
-- transaction and currency. A customer leg carries the control account of its product.
CREATE TABLE journal_legs (
    transaction_id TEXT COLLATE "C" NOT NULL,
    leg            BIGINT NOT NULL,
    account_id     TEXT COLLATE "C",
    gl_code        TEXT COLLATE "C" NOT NULL,
    currency       TEXT COLLATE "C" NOT NULL,
    amount         BIGINT NOT NULL CHECK (amount <> 0),
    counterparty   TEXT COLLATE "C" NOT NULL,
    booking_date   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (transaction_id, leg)
);
CREATE INDEX journal_legs_by_gl ON journal_legs (gl_code, currency, booking_date);

-- Net amount per account and value date; its sum is the balance as of a value date.
CREATE TABLE value_turnover (
    account_id TEXT COLLATE "C" NOT NULL,
    value_date TEXT COLLATE "C" NOT NULL,
    net        BIGINT NOT NULL,
    PRIMARY KEY (account_id, value_date)
);

CREATE TABLE holds (
    id          TEXT COLLATE "C" PRIMARY KEY,
    account_id  TEXT COLLATE "C" NOT NULL,
    caller      TEXT COLLATE "C" NOT NULL,
    reference   TEXT COLLATE "C" NOT NULL,
    amount      BIGINT NOT NULL CHECK (amount > 0),
    remaining   BIGINT NOT NULL CHECK (remaining >= 0),
    currency    TEXT COLLATE "C" NOT NULL,
    status      BIGINT NOT NULL CHECK (status BETWEEN 1 AND 4),
    placed_at   BIGINT NOT NULL,
    expires_at  BIGINT,
    correlation TEXT COLLATE "C" NOT NULL,
    initiator   TEXT COLLATE "C" NOT NULL,
    UNIQUE (caller, reference)
);
CREATE INDEX holds_by_account ON holds (account_id, status);

-- The chart of accounts of the first start, and its products.
INSERT INTO gl_accounts (code, name, class, control) VALUES
    ('1010', 'Cash', 1, FALSE),
    ('1200', 'Nostro accounts', 1, FALSE),
    ('2010', 'Current accounts', 2, TRUE),
    ('2020', 'Savings accounts', 2, TRUE),
    ('3010', 'Equity', 3, FALSE),
    ('4010', 'Fee income', 4, FALSE),
    ('4020', 'Overdraft interest income', 4, FALSE),
    ('5010', 'Interest expense', 5, FALSE),
    ('9010', 'Suspense', 2, FALSE);
INSERT INTO products (code, name, control_gl, overdraft_allowed) VALUES
    ('current', 'Current account', '2010', TRUE),
    ('savings', 'Savings account', '2020', FALSE);
INSERT INTO serials (name, next) VALUES ('iban', 1);
