-- Authorisations of card payments. status has the numbers of the contract
-- (AuthorisationStatus), amounts are minor units: authorised is what was approved together less
-- what was reversed. holds are those that the ledger has open, "number:remaining" with spaces
-- between. pending is the operation that waits for the ledger, or of which the ledger may have
-- something left; only then a worker has something to do.
CREATE TABLE authorisations (
    id                 TEXT PRIMARY KEY NOT NULL,
    account            TEXT NOT NULL,
    customer           TEXT,
    channel            TEXT NOT NULL,
    network            TEXT NOT NULL,
    network_reference  TEXT NOT NULL,
    merchant_id        TEXT NOT NULL,
    merchant_name      TEXT NOT NULL,
    mcc                TEXT NOT NULL,
    country            TEXT NOT NULL,
    settlement_gl_code TEXT NOT NULL,
    shortfall_gl_code  TEXT,
    currency           TEXT NOT NULL,
    status             INTEGER NOT NULL CHECK (status BETWEEN 1 AND 6),
    authorised         INTEGER NOT NULL CHECK (authorised >= 0),
    captured           INTEGER NOT NULL CHECK (captured >= 0),
    holds              TEXT NOT NULL,
    expires_at         INTEGER NOT NULL,
    operations         INTEGER NOT NULL,
    pending            INTEGER,
    version            INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    changed_at         INTEGER NOT NULL,
    due_at             INTEGER,
    lease_until        INTEGER,
    lease_token        TEXT,
    attempts           INTEGER NOT NULL,
    last_cause         TEXT,
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
    authorisation   TEXT NOT NULL,
    number          INTEGER NOT NULL,
    kind            INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
    network         TEXT NOT NULL,
    reference       TEXT NOT NULL,
    request_hash    BLOB NOT NULL,
    currency        TEXT NOT NULL,
    amount          INTEGER NOT NULL CHECK (amount >= 0),
    final           INTEGER NOT NULL CHECK (final IN (0, 1)),
    hold_seconds    INTEGER NOT NULL,
    answer_by       INTEGER,
    initiator       BLOB NOT NULL,
    traceparent     TEXT,
    score           TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    decision        INTEGER NOT NULL CHECK (decision BETWEEN 1 AND 3),
    decided_by      INTEGER,
    decided_at      INTEGER,
    failure_reason  TEXT,
    failure_domain  TEXT,
    failure_message TEXT,
    failure_facts   TEXT,
    transaction_id  TEXT,
    shortfall       INTEGER NOT NULL CHECK (shortfall >= 0),
    reserved        TEXT NOT NULL,
    given_back      INTEGER NOT NULL CHECK (given_back >= 0),
    PRIMARY KEY (authorisation, number),
    UNIQUE (network, reference),
    CHECK ((decision = 1) = (decided_at IS NULL)),
    CHECK ((decision = 3) = (failure_reason IS NOT NULL))
) WITHOUT ROWID;
