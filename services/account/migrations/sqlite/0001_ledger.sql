-- The ledger: DESIGN section 4. Amounts are minor units, instants microseconds since the
-- Unix epoch, dates YYYY-MM-DD. Nothing updates or deletes a row of account_events,
-- journal or journal_legs.

CREATE TABLE products (
    code              TEXT    PRIMARY KEY,
    name              TEXT    NOT NULL,
    control_gl        TEXT    NOT NULL,
    overdraft_allowed BOOLEAN NOT NULL
) WITHOUT ROWID;

-- A GL account is posting (takes entries) or control (sums customer entries).
CREATE TABLE gl_accounts (
    code    TEXT    PRIMARY KEY,
    name    TEXT    NOT NULL,
    class   INTEGER NOT NULL CHECK (class BETWEEN 1 AND 5),
    control BOOLEAN NOT NULL
) WITHOUT ROWID;

-- One row: the open business date and the last closed booking date of a closed period.
CREATE TABLE books (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    business_date  TEXT    NOT NULL,
    closed_through TEXT    NOT NULL
);

CREATE TABLE serials (
    name TEXT    PRIMARY KEY,
    next INTEGER NOT NULL
) WITHOUT ROWID;

-- Natural references, unique per caller for ever: postings, reversals, holds, releases,
-- openings. `record` is what the reference made.
CREATE TABLE ledger_references (
    caller      TEXT NOT NULL,
    reference   TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    record      TEXT NOT NULL,
    PRIMARY KEY (caller, reference)
) WITHOUT ROWID;

-- Projection of account_events, written in the same transaction.
CREATE TABLE accounts (
    id               TEXT    PRIMARY KEY,
    iban             TEXT    NOT NULL UNIQUE,
    product          TEXT    NOT NULL,
    control_gl       TEXT    NOT NULL,
    currency         TEXT    NOT NULL,
    status           INTEGER NOT NULL CHECK (status BETWEEN 1 AND 3),
    overdraft_limit  INTEGER NOT NULL CHECK (overdraft_limit >= 0),
    opened_on        TEXT    NOT NULL,
    reference        TEXT    NOT NULL,
    version          INTEGER NOT NULL,
    posted           INTEGER NOT NULL,
    held             INTEGER NOT NULL CHECK (held >= 0),
    last_hash        BLOB    NOT NULL,
    last_recorded_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE holders (
    account_id  TEXT    NOT NULL,
    customer_id TEXT    NOT NULL,
    role        INTEGER NOT NULL CHECK (role BETWEEN 1 AND 3),
    PRIMARY KEY (account_id, customer_id)
) WITHOUT ROWID;
CREATE INDEX holders_by_customer ON holders (customer_id, account_id);

CREATE TABLE account_events (
    account_id     TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    kind           TEXT    NOT NULL,
    transaction_id TEXT,
    leg            INTEGER NOT NULL,
    hold_id        TEXT,
    delta          INTEGER NOT NULL,
    held_delta     INTEGER NOT NULL,
    posted_after   INTEGER NOT NULL,
    held_after     INTEGER NOT NULL,
    counterparty   TEXT    NOT NULL,
    detail         TEXT    NOT NULL,
    booking_date   TEXT    NOT NULL,
    value_date     TEXT    NOT NULL,
    recorded_at    INTEGER NOT NULL,
    hash           BLOB    NOT NULL,
    PRIMARY KEY (account_id, version)
) WITHOUT ROWID;
CREATE INDEX account_events_by_transaction ON account_events (transaction_id, leg)
    WHERE transaction_id IS NOT NULL;
CREATE INDEX account_events_by_booking_date ON account_events (account_id, booking_date);
CREATE INDEX account_events_by_recording ON account_events (account_id, recorded_at);

-- Journal transactions; `reverses` is unique, so that a reversal is once only.
CREATE TABLE journal (
    id           TEXT    PRIMARY KEY,
    caller       TEXT    NOT NULL,
    reference    TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    booking_date TEXT    NOT NULL,
    value_date   TEXT    NOT NULL,
    recorded_at  INTEGER NOT NULL,
    reverses     TEXT    UNIQUE,
    correlation  TEXT    NOT NULL,
    initiator    TEXT    NOT NULL,
    UNIQUE (caller, reference)
) WITHOUT ROWID;
CREATE INDEX journal_by_booking_date ON journal (booking_date, id);

-- Legs: `amount` is positive for a credit, negative for a debit; they sum to zero per
-- transaction and currency. A customer leg carries the control account of its product.
CREATE TABLE journal_legs (
    transaction_id TEXT    NOT NULL,
    leg            INTEGER NOT NULL,
    account_id     TEXT,
    gl_code        TEXT    NOT NULL,
    currency       TEXT    NOT NULL,
    amount         INTEGER NOT NULL CHECK (amount <> 0),
    counterparty   TEXT    NOT NULL,
    booking_date   TEXT    NOT NULL,
    PRIMARY KEY (transaction_id, leg)
) WITHOUT ROWID;
CREATE INDEX journal_legs_by_gl ON journal_legs (gl_code, currency, booking_date);

-- Net amount per account and value date; its sum is the balance as of a value date.
CREATE TABLE value_turnover (
    account_id TEXT    NOT NULL,
    value_date TEXT    NOT NULL,
    net        INTEGER NOT NULL,
    PRIMARY KEY (account_id, value_date)
) WITHOUT ROWID;

CREATE TABLE holds (
    id          TEXT    PRIMARY KEY,
    account_id  TEXT    NOT NULL,
    caller      TEXT    NOT NULL,
    reference   TEXT    NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount > 0),
    remaining   INTEGER NOT NULL CHECK (remaining >= 0),
    currency    TEXT    NOT NULL,
    status      INTEGER NOT NULL CHECK (status BETWEEN 1 AND 4),
    placed_at   INTEGER NOT NULL,
    expires_at  INTEGER,
    correlation TEXT    NOT NULL,
    initiator   TEXT    NOT NULL,
    UNIQUE (caller, reference)
) WITHOUT ROWID;
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
