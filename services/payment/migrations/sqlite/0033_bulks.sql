-- Files of transfers (ADR 33). status and format have the numbers of the contract (BulkStatus,
-- BulkFormat), amounts are minor units, instants microseconds, dates YYYY-MM-DD.
CREATE TABLE bulks (
    id             TEXT PRIMARY KEY NOT NULL,
    status         INTEGER NOT NULL CHECK (status BETWEEN 1 AND 6),
    format         INTEGER NOT NULL CHECK (format BETWEEN 1 AND 2),
    debtor_account TEXT NOT NULL,
    debtor_iban    TEXT,
    currency       TEXT NOT NULL,
    message_id     TEXT NOT NULL,
    size           INTEGER NOT NULL CHECK (size > 0),
    sha256         TEXT NOT NULL,
    execute_on     TEXT,
    control_count  INTEGER NOT NULL,
    control_sum    INTEGER,
    -- Whom limits count, who is audited, who set it going (florin.common.v1.Initiator).
    customer       TEXT,
    actor          TEXT NOT NULL,
    initiator      BLOB NOT NULL,
    created_at     INTEGER NOT NULL,
    changed_at     INTEGER NOT NULL,
    received       INTEGER NOT NULL CHECK (received BETWEEN 0 AND size),
    lines          INTEGER NOT NULL,
    wrong          INTEGER NOT NULL,
    taken          INTEGER NOT NULL,
    refused        INTEGER NOT NULL,
    sum            INTEGER NOT NULL,
    -- What is wrong with the file as a whole: a JSON array of [field, rule, description].
    problems       TEXT NOT NULL,
    -- The first business date on which lines wait, empty for at once; NULL where none do.
    run_on         TEXT,
    -- Number of the last event.
    version        INTEGER NOT NULL,
    -- Who works on it: each worker that takes it has a greater number.
    lease          INTEGER NOT NULL,
    lease_until    INTEGER NOT NULL,
    UNIQUE (debtor_account, message_id)
);
CREATE INDEX bulks_by_debtor ON bulks (debtor_account, id);
CREATE INDEX bulks_by_status ON bulks (status, id);

-- The file until it is read: it may hold names, so its parts go when the lines are there.
CREATE TABLE bulk_parts (
    bulk_id TEXT NOT NULL,
    start   INTEGER NOT NULL,
    bytes   BLOB NOT NULL,
    PRIMARY KEY (bulk_id, start)
);

-- state: 1 wrong, 2 correct, 3 taken, 4 refused.
CREATE TABLE bulk_lines (
    bulk_id     TEXT NOT NULL,
    line        INTEGER NOT NULL,
    state       INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
    reference   TEXT NOT NULL,
    payee       TEXT NOT NULL,
    amount      INTEGER,
    description TEXT NOT NULL,
    -- Empty: as soon as the file is accepted.
    execute_on  TEXT NOT NULL,
    -- A JSON array of [field, rule, description].
    violations  TEXT,
    transfer_id TEXT,
    reason      TEXT,
    PRIMARY KEY (bulk_id, line),
    CHECK ((state = 3) = (transfer_id IS NOT NULL)),
    CHECK ((state = 4) = (reason IS NOT NULL)),
    CHECK (state = 1 OR amount > 0)
);
CREATE INDEX bulk_lines_by_reference ON bulk_lines (bulk_id, reference, line);
-- What waits, by date; what is wrong or refused, for the report of those.
CREATE INDEX bulk_lines_waiting ON bulk_lines (bulk_id, execute_on, line) WHERE state = 2;
CREATE INDEX bulk_lines_unpaid ON bulk_lines (bulk_id, line) WHERE state IN (1, 4);
