-- Loans (ADR 100). A version of a product never changes; payload is the encoded message
-- florin.loan.v1.LoanProduct.
CREATE TABLE products (
    code     TEXT PRIMARY KEY NOT NULL,
    currency TEXT NOT NULL,
    versions INTEGER NOT NULL CHECK (versions > 0)
);
CREATE TABLE product_versions (
    code       TEXT NOT NULL REFERENCES products (code),
    version    INTEGER NOT NULL CHECK (version > 0),
    valid_from TEXT NOT NULL,
    payload    BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (code, version)
);

-- What was applied for, and a projection of the steps: written with them, decided from never.
-- status has the numbers of LoanStatus. version counts the steps, told the events, movements the
-- movements. Amounts in minor units.
CREATE TABLE loans (
    id                 TEXT PRIMARY KEY NOT NULL,
    customer_id        TEXT NOT NULL,
    account_id         TEXT NOT NULL,
    product            TEXT NOT NULL,
    product_version    INTEGER NOT NULL,
    currency           TEXT NOT NULL,
    maker              TEXT NOT NULL,
    requested          INTEGER NOT NULL CHECK (requested > 0),
    rate               TEXT NOT NULL,
    instalments        INTEGER NOT NULL CHECK (instalments > 0),
    disbursed_on       TEXT NOT NULL,
    first_due          TEXT NOT NULL,
    monthly_income     INTEGER NOT NULL CHECK (monthly_income >= 0),
    monthly_debts      INTEGER NOT NULL CHECK (monthly_debts >= 0),
    monthly_instalment INTEGER NOT NULL CHECK (monthly_instalment >= 0),
    score              BLOB NOT NULL,
    created_at         INTEGER NOT NULL,
    status             INTEGER NOT NULL CHECK (status BETWEEN 1 AND 9),
    endorsed           BOOLEAN NOT NULL,
    approved           INTEGER NOT NULL CHECK (approved BETWEEN 0 AND requested),
    disbursed          INTEGER NOT NULL CHECK (disbursed BETWEEN 0 AND approved),
    outstanding        INTEGER NOT NULL CHECK (outstanding BETWEEN 0 AND disbursed),
    next_due           TEXT,
    version            INTEGER NOT NULL CHECK (version > 0),
    told               INTEGER NOT NULL CHECK (told >= 0),
    movements          INTEGER NOT NULL CHECK (movements >= 0),
    changed_at         INTEGER NOT NULL,
    FOREIGN KEY (product, product_version) REFERENCES product_versions (code, version)
);
CREATE INDEX loans_customer ON loans (customer_id, id);
CREATE INDEX loans_status ON loans (status, id);

-- The steps: nothing updates or deletes one. payload is the encoded florin.loan.v1.LoanStep,
-- kind has the numbers of LoanStepKind.
CREATE TABLE loan_steps (
    loan_id     TEXT NOT NULL REFERENCES loans (id),
    version     INTEGER NOT NULL CHECK (version > 0),
    kind        INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 12),
    on_date     TEXT NOT NULL,
    reference   TEXT,
    payload     BLOB NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (loan_id, version)
);
CREATE UNIQUE INDEX loan_steps_reference ON loan_steps (reference) WHERE reference IS NOT NULL;

-- The schedules of a loan: plan 0 is the first, the greatest is the one that holds. A projection.
CREATE TABLE schedule_lines (
    loan_id      TEXT NOT NULL REFERENCES loans (id),
    plan         INTEGER NOT NULL,
    number       INTEGER NOT NULL CHECK (number > 0),
    down_payment BOOLEAN NOT NULL,
    from_on      TEXT NOT NULL,
    due_on       TEXT NOT NULL,
    principal    INTEGER NOT NULL CHECK (principal >= 0),
    interest     INTEGER NOT NULL CHECK (interest >= 0),
    earned       INTEGER NOT NULL CHECK (earned >= 0),
    fee          INTEGER NOT NULL CHECK (fee >= 0),
    balance      INTEGER NOT NULL CHECK (balance >= 0),
    PRIMARY KEY (loan_id, plan, number)
);

-- Movements of money: one journal transaction each, under the reference, for ever. request is the
-- encoded florin.account.v1.TransactionRequest, step the encoded LoanStep that is recorded once it
-- is posted; both are decided with the row and never change. kind and state have the numbers of
-- MovementKind and MovementStatus.
CREATE TABLE movements (
    reference       TEXT PRIMARY KEY NOT NULL,
    loan_id         TEXT NOT NULL REFERENCES loans (id),
    number          INTEGER NOT NULL CHECK (number > 0),
    kind            INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
    currency        TEXT NOT NULL,
    amount          INTEGER NOT NULL CHECK (amount > 0),
    on_date         TEXT NOT NULL,
    request         BLOB NOT NULL,
    step            BLOB NOT NULL,
    traceparent     TEXT,
    created_at      INTEGER NOT NULL,
    state           INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),
    failure_reason  TEXT,
    failure_domain  TEXT,
    failure_message TEXT,
    failure_facts   TEXT,
    transaction_id  TEXT,
    changed_at      INTEGER NOT NULL,
    due_at          INTEGER,
    lease_until     INTEGER,
    lease_token     TEXT,
    attempts        INTEGER NOT NULL,
    last_cause      TEXT,
    CHECK ((state IN (1, 2)) = (due_at IS NOT NULL)),
    CHECK ((state = 3) = (transaction_id IS NOT NULL)),
    CHECK ((state = 4) = (failure_reason IS NOT NULL))
);
-- One movement of a loan at a time: what was decided with it holds until it ends.
CREATE UNIQUE INDEX movements_open ON movements (loan_id) WHERE state IN (1, 2);
CREATE UNIQUE INDEX movements_loan ON movements (loan_id, number);
CREATE INDEX movements_due ON movements (due_at, reference) WHERE due_at IS NOT NULL;
