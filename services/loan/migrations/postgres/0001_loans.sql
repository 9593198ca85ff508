-- Loans (ADR 100). A version of a product never changes; payload is the encoded message
-- florin.loan.v1.LoanProduct.
CREATE TABLE products (
    code     TEXT COLLATE "C" PRIMARY KEY,
    currency TEXT COLLATE "C" NOT NULL,
    versions BIGINT NOT NULL CHECK (versions > 0)
);
CREATE TABLE product_versions (
    code       TEXT COLLATE "C" NOT NULL REFERENCES products (code),
    version    BIGINT NOT NULL CHECK (version > 0),
    valid_from TEXT COLLATE "C" NOT NULL,
    payload    BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (code, version)
);

-- What was applied for, and a projection of the steps: written with them, decided from never.
-- status has the numbers of LoanStatus. version counts the steps, told the events, movements the
-- movements. Amounts in minor units.
CREATE TABLE loans (
    id                 TEXT COLLATE "C" PRIMARY KEY,
    customer_id        TEXT COLLATE "C" NOT NULL,
    account_id         TEXT COLLATE "C" NOT NULL,
    product            TEXT COLLATE "C" NOT NULL,
    product_version    BIGINT NOT NULL,
    currency           TEXT COLLATE "C" NOT NULL,
    maker              TEXT COLLATE "C" NOT NULL,
    requested          BIGINT NOT NULL CHECK (requested > 0),
    rate               TEXT COLLATE "C" NOT NULL,
    instalments        BIGINT NOT NULL CHECK (instalments > 0),
    disbursed_on       TEXT COLLATE "C" NOT NULL,
    first_due          TEXT COLLATE "C" NOT NULL,
    monthly_income     BIGINT NOT NULL CHECK (monthly_income >= 0),
    monthly_debts      BIGINT NOT NULL CHECK (monthly_debts >= 0),
    monthly_instalment BIGINT NOT NULL CHECK (monthly_instalment >= 0),
    score              BYTEA NOT NULL,
    created_at         BIGINT NOT NULL,
    status             BIGINT NOT NULL CHECK (status BETWEEN 1 AND 9),
    endorsed           BOOLEAN NOT NULL,
    approved           BIGINT NOT NULL CHECK (approved BETWEEN 0 AND requested),
    disbursed          BIGINT NOT NULL CHECK (disbursed BETWEEN 0 AND approved),
    outstanding        BIGINT NOT NULL CHECK (outstanding BETWEEN 0 AND disbursed),
    next_due           TEXT COLLATE "C",
    version            BIGINT NOT NULL CHECK (version > 0),
    told               BIGINT NOT NULL CHECK (told >= 0),
    movements          BIGINT NOT NULL CHECK (movements >= 0),
    changed_at         BIGINT NOT NULL,
    FOREIGN KEY (product, product_version) REFERENCES product_versions (code, version)
);
CREATE INDEX loans_customer ON loans (customer_id, id);
CREATE INDEX loans_status ON loans (status, id);

-- The steps: nothing updates or deletes one. payload is the encoded florin.loan.v1.LoanStep,
-- kind has the numbers of LoanStepKind.
CREATE TABLE loan_steps (
    loan_id     TEXT COLLATE "C" NOT NULL REFERENCES loans (id),
    version     BIGINT NOT NULL CHECK (version > 0),
    kind        BIGINT NOT NULL CHECK (kind BETWEEN 1 AND 12),
    on_date     TEXT COLLATE "C" NOT NULL,
    reference   TEXT COLLATE "C",
    payload     BYTEA NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (loan_id, version)
);
CREATE UNIQUE INDEX loan_steps_reference ON loan_steps (reference) WHERE reference IS NOT NULL;

-- The schedules of a loan: plan 0 is the first, the greatest is the one that holds. A projection.
CREATE TABLE schedule_lines (
    loan_id      TEXT COLLATE "C" NOT NULL REFERENCES loans (id),
    plan         BIGINT NOT NULL,
    number       BIGINT NOT NULL CHECK (number > 0),
    down_payment BOOLEAN NOT NULL,
    from_on      TEXT COLLATE "C" NOT NULL,
    due_on       TEXT COLLATE "C" NOT NULL,
    principal    BIGINT NOT NULL CHECK (principal >= 0),
    interest     BIGINT NOT NULL CHECK (interest >= 0),
    earned       BIGINT NOT NULL CHECK (earned >= 0),
    fee          BIGINT NOT NULL CHECK (fee >= 0),
    balance      BIGINT NOT NULL CHECK (balance >= 0),
    PRIMARY KEY (loan_id, plan, number)
);

-- Movements of money: one journal transaction each, under the reference, for ever. request is the
-- encoded florin.account.v1.TransactionRequest, step the encoded LoanStep that is recorded once it
-- is posted; both are decided with the row and never change. kind and state have the numbers of
-- MovementKind and MovementStatus.
CREATE TABLE movements (
    reference       TEXT COLLATE "C" PRIMARY KEY,
    loan_id         TEXT COLLATE "C" NOT NULL REFERENCES loans (id),
    number          BIGINT NOT NULL CHECK (number > 0),
    kind            BIGINT NOT NULL CHECK (kind BETWEEN 1 AND 5),
    currency        TEXT COLLATE "C" NOT NULL,
    amount          BIGINT NOT NULL CHECK (amount > 0),
    on_date         TEXT COLLATE "C" NOT NULL,
    request         BYTEA NOT NULL,
    step            BYTEA NOT NULL,
    traceparent     TEXT COLLATE "C",
    created_at      BIGINT NOT NULL,
    state           BIGINT NOT NULL CHECK (state BETWEEN 1 AND 5),
    failure_reason  TEXT COLLATE "C",
    failure_domain  TEXT COLLATE "C",
    failure_message TEXT COLLATE "C",
    failure_facts   TEXT COLLATE "C",
    transaction_id  TEXT COLLATE "C",
    changed_at      BIGINT NOT NULL,
    due_at          BIGINT,
    lease_until     BIGINT,
    lease_token     TEXT COLLATE "C",
    attempts        BIGINT NOT NULL,
    last_cause      TEXT COLLATE "C",
    CHECK ((state IN (1, 2)) = (due_at IS NOT NULL)),
    CHECK ((state = 3) = (transaction_id IS NOT NULL)),
    CHECK ((state = 4) = (failure_reason IS NOT NULL))
);
-- One movement of a loan at a time: what was decided with it holds until it ends.
CREATE UNIQUE INDEX movements_open ON movements (loan_id) WHERE state IN (1, 2);
CREATE UNIQUE INDEX movements_loan ON movements (loan_id, number);
CREATE INDEX movements_due ON movements (due_at, reference) WHERE due_at IS NOT NULL;
