-- Files of transfers (ADR 33). status and format have the numbers of the contract (BulkStatus,
-- BulkFormat), amounts are minor units, instants microseconds, dates YYYY-MM-DD.
CREATE TABLE bulks (
    id             TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    status         BIGINT NOT NULL CHECK (status BETWEEN 1 AND 6),
    format         BIGINT NOT NULL CHECK (format BETWEEN 1 AND 2),
    debtor_account TEXT COLLATE "C" NOT NULL,
    debtor_iban    TEXT COLLATE "C",
    currency       TEXT COLLATE "C" NOT NULL,
    message_id     TEXT COLLATE "C" NOT NULL,
    size           BIGINT NOT NULL CHECK (size > 0),
    sha256         TEXT COLLATE "C" NOT NULL,
    execute_on     TEXT COLLATE "C",
    control_count  BIGINT NOT NULL,
    control_sum    BIGINT,
    -- Whom limits count, who is audited, who set it going (florin.common.v1.Initiator).
    customer       TEXT COLLATE "C",
    actor          TEXT COLLATE "C" NOT NULL,
    initiator      BYTEA NOT NULL,
    created_at     BIGINT NOT NULL,
    changed_at     BIGINT NOT NULL,
    received       BIGINT NOT NULL CHECK (received BETWEEN 0 AND size),
    lines          BIGINT NOT NULL,
    wrong          BIGINT NOT NULL,
    taken          BIGINT NOT NULL,
    refused        BIGINT NOT NULL,
    sum            BIGINT NOT NULL,
    -- What is wrong with the file as a whole: a JSON array of [field, rule, description].
    problems       TEXT COLLATE "C" NOT NULL,
    -- The first business date on which lines wait, empty for at once; NULL where none do.
    run_on         TEXT COLLATE "C",
    -- Number of the last event.
    version        BIGINT NOT NULL,
    -- Who works on it: each worker that takes it has a greater number.
    lease          BIGINT NOT NULL,
    lease_until    BIGINT NOT NULL,
    UNIQUE (debtor_account, message_id)
);
CREATE INDEX bulks_by_debtor ON bulks (debtor_account, id);
CREATE INDEX bulks_by_status ON bulks (status, id);

-- The file until it is read: it may hold names, so its parts go when the lines are there.
CREATE TABLE bulk_parts (
    bulk_id TEXT COLLATE "C" NOT NULL,
    start   BIGINT NOT NULL,
    bytes   BYTEA NOT NULL,
    PRIMARY KEY (bulk_id, start)
);

-- state: 1 wrong, 2 correct, 3 taken, 4 refused.
CREATE TABLE bulk_lines (
    bulk_id     TEXT COLLATE "C" NOT NULL,
    line        BIGINT NOT NULL,
    state       BIGINT NOT NULL CHECK (state BETWEEN 1 AND 4),
    reference   TEXT COLLATE "C" NOT NULL,
    payee       TEXT COLLATE "C" NOT NULL,
    amount      BIGINT,
    description TEXT COLLATE "C" NOT NULL,
    -- Empty: as soon as the file is accepted.
    execute_on  TEXT COLLATE "C" NOT NULL,
    -- A JSON array of [field, rule, description].
    violations  TEXT COLLATE "C",
    transfer_id TEXT COLLATE "C",
    reason      TEXT COLLATE "C",
    PRIMARY KEY (bulk_id, line),
    CHECK ((state = 3) = (transfer_id IS NOT NULL)),
    CHECK ((state = 4) = (reason IS NOT NULL)),
    CHECK (state = 1 OR amount > 0)
);
CREATE INDEX bulk_lines_by_reference ON bulk_lines (bulk_id, reference, line);
-- What waits, by date; what is wrong or refused, for the report of those.
CREATE INDEX bulk_lines_waiting ON bulk_lines (bulk_id, execute_on, line) WHERE state = 2;
CREATE INDEX bulk_lines_unpaid ON bulk_lines (bulk_id, line) WHERE state IN (1, 4);
