-- Recalls of payments between banks (ADR 50): another bank's of what it paid us (kind 1), and
-- ours (kind 2). case_key is the natural key: in, network, bank and its case; out, network and
-- our case. payment is a row of clearing_in, or a transfer; null where it is not known. request
-- is the camt.056 as it came or goes, document the camt.029 that answers one that came.
-- stage: 1 received, 2 waiting for people, 3 debiting, 4 returning, 5 answering, 6 accepted,
-- 7 rejected, 8 sending, 9 sent.
CREATE TABLE recalls (
    id          TEXT PRIMARY KEY NOT NULL,
    kind        INTEGER NOT NULL CHECK (kind IN (1, 2)),
    case_key    TEXT NOT NULL UNIQUE,
    case_id     TEXT NOT NULL,
    uetr        TEXT,
    reason      TEXT NOT NULL,
    -- What tells what is asked from all else under the same case.
    print       TEXT NOT NULL,
    request     BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    stage       INTEGER NOT NULL CHECK (stage BETWEEN 1 AND 9),
    payment     TEXT,
    account_id  TEXT,
    currency    TEXT,
    amount      INTEGER CHECK (amount > 0),
    answer      TEXT,
    document    BLOB,
    -- The proposal of the first of two persons.
    approval    TEXT,
    answer_by   INTEGER,
    answers     INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    due_at      INTEGER,
    lease_until INTEGER,
    lease_token TEXT,
    attempts    INTEGER NOT NULL,
    last_cause  TEXT,
    CHECK ((stage IN (4, 6, 7, 9)) = (due_at IS NULL)),
    CHECK ((currency IS NULL) = (amount IS NULL)),
    CHECK (stage <> 5 OR document IS NOT NULL),
    CHECK (stage <> 2 OR (answer_by IS NOT NULL AND account_id IS NOT NULL)),
    CHECK ((kind = 2) = (stage IN (8, 9)) OR stage IN (6, 7))
);
CREATE INDEX recalls_due ON recalls (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX recalls_open ON recalls (id) WHERE stage NOT IN (6, 7) OR last_cause IS NOT NULL;
CREATE INDEX recalls_of_payment ON recalls (payment);
-- A payment goes back by one recall, and one of ours is open a transfer.
CREATE UNIQUE INDEX recalls_taken ON recalls (payment) WHERE kind = 1 AND stage IN (3, 4, 6);
CREATE UNIQUE INDEX recalls_asked ON recalls (payment) WHERE kind = 2 AND stage IN (8, 9);

-- What a recall is of.
CREATE INDEX clearing_in_by_uetr ON clearing_in (uetr);
CREATE INDEX clearing_in_by_message ON clearing_in (message_id);
CREATE INDEX clearing_in_by_transfer ON clearing_in (transfer_id) WHERE transfer_id IS NOT NULL;
