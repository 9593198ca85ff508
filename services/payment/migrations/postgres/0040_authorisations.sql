-- Authorisations of card payments. status has the numbers of the contract
-- (AuthorisationStatus), amounts are minor units: authorised is what was approved together less
-- what was reversed. holds are those that the ledger has open, "number:remaining" with spaces
-- between. pending is the operation that waits for the ledger, or of which the ledger may have
-- something left; only then a worker has something to do.
CREATE TABLE authorisations (
    id                 TEXT COLLATE "C" PRIMARY KEY,
    account            TEXT COLLATE "C" NOT NULL,
    customer           TEXT COLLATE "C",
    channel            TEXT COLLATE "C" NOT NULL,
    network            TEXT COLLATE "C" NOT NULL,
    network_reference  TEXT COLLATE "C" NOT NULL,
    merchant_id        TEXT COLLATE "C" NOT NULL,
    merchant_name      TEXT COLLATE "C" NOT NULL,
    mcc                TEXT COLLATE "C" NOT NULL,
    country            TEXT COLLATE "C" NOT NULL,
    settlement_gl_code TEXT COLLATE "C" NOT NULL,
    shortfall_gl_code  TEXT COLLATE "C",
    currency           TEXT COLLATE "C" NOT NULL,
    status             BIGINT NOT NULL CHECK (status BETWEEN 1 AND 6),
    authorised         BIGINT NOT NULL CHECK (authorised >= 0),
    captured           BIGINT NOT NULL CHECK (captured >= 0),
    holds              TEXT COLLATE "C" NOT NULL,
    expires_at         BIGINT NOT NULL,
    operations         BIGINT NOT NULL,
    pending            BIGINT,
    version            BIGINT NOT NULL,
    created_at         BIGINT NOT NULL,
    changed_at         BIGINT NOT NULL,
    due_at             BIGINT,
    lease_until        BIGINT,
    lease_token        TEXT COLLATE "C",
    attempts           BIGINT NOT NULL,
    last_cause         TEXT COLLATE "C",
    CHECK ((pending IS NULL) = (due_at IS NULL)),
    CHECK (status <> 1 OR pending IS NOT NULL),
    CHECK (status = 2 OR pending IS NOT NULL OR holds = '')
);
CREATE INDEX authorisations_due ON authorisations (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX authorisations_expiring ON authorisations (expires_at, id)
    WHERE status = 2 AND pending IS NULL;
CREATE INDEX authorisations_by_account ON authorisations (account, id);
CREATE INDEX authorisations_lately ON authorisations (account, created_at);

-- What was asked of them, for ever: network and reference are the card network's, unique. kind,
-- decision and decided_by have the numbers of the contract. reserved holds the counters of
-- limits, given_back what of the amount was given back to them. answer_by is when whoever asked
-- is to be answered, by the stand-in where nobody else has decided.
CREATE TABLE authorisation_operations (
    authorisation   TEXT COLLATE "C" NOT NULL,
    number          BIGINT NOT NULL,
    kind            BIGINT NOT NULL CHECK (kind BETWEEN 1 AND 5),
    network         TEXT COLLATE "C" NOT NULL,
    reference       TEXT COLLATE "C" NOT NULL,
    request_hash    BYTEA NOT NULL,
    currency        TEXT COLLATE "C" NOT NULL,
    amount          BIGINT NOT NULL CHECK (amount >= 0),
    final           BIGINT NOT NULL CHECK (final IN (0, 1)),
    hold_seconds    BIGINT NOT NULL,
    answer_by       BIGINT,
    initiator       BYTEA NOT NULL,
    traceparent     TEXT COLLATE "C",
    score           TEXT COLLATE "C" NOT NULL,
    created_at      BIGINT NOT NULL,
    decision        BIGINT NOT NULL CHECK (decision BETWEEN 1 AND 3),
    decided_by      BIGINT,
    decided_at      BIGINT,
    failure_reason  TEXT COLLATE "C",
    failure_domain  TEXT COLLATE "C",
    failure_message TEXT COLLATE "C",
    failure_facts   TEXT COLLATE "C",
    transaction_id  TEXT COLLATE "C",
    shortfall       BIGINT NOT NULL CHECK (shortfall >= 0),
    reserved        TEXT COLLATE "C" NOT NULL,
    given_back      BIGINT NOT NULL CHECK (given_back >= 0),
    PRIMARY KEY (authorisation, number),
    UNIQUE (network, reference),
    CHECK ((decision = 1) = (decided_at IS NULL)),
    CHECK ((decision = 3) = (failure_reason IS NOT NULL))
);
