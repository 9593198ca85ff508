-- Tables that every service has beside its own. Instants are microseconds since the Unix
-- epoch; texts compare bytewise, which is SQLite's default collation BINARY.

-- The truth about what was published: append-only and kept. `position` is assigned by
-- insertion; it orders rows for reading pages, never for "greater than the last seen".
CREATE TABLE outbox (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id    TEXT    NOT NULL UNIQUE,
    kind        TEXT    NOT NULL,
    partition   INTEGER NOT NULL CHECK (partition BETWEEN 0 AND 15),
    aggregate   TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    payload     BLOB    NOT NULL,
    correlation TEXT    NOT NULL,
    causation   TEXT    NOT NULL,
    traceparent TEXT,
    historical  BOOLEAN NOT NULL,
    recorded_at INTEGER NOT NULL
);
CREATE INDEX outbox_by_aggregate ON outbox (aggregate, version);

-- What the broker has not acknowledged yet; inserted with the outbox row.
CREATE TABLE outbox_pending (
    position  INTEGER PRIMARY KEY,
    partition INTEGER NOT NULL,
    event_id  TEXT    NOT NULL
);
CREATE INDEX outbox_pending_by_partition ON outbox_pending (partition, position);

-- Which events a consumer has applied; written in the transaction of the effect.
CREATE TABLE inbox (
    consumer     TEXT    NOT NULL,
    event_id     TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    aggregate    TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    processed_at INTEGER NOT NULL,
    PRIMARY KEY (consumer, event_id)
) WITHOUT ROWID;
CREATE INDEX inbox_by_event ON inbox (event_id);

-- Events that could not be decoded or were refused by the domain, and those parked behind
-- them; `ordinal` is the order in which they came.
CREATE TABLE dead_letters (
    ordinal         INTEGER PRIMARY KEY AUTOINCREMENT,
    consumer        TEXT    NOT NULL,
    event_id        TEXT    NOT NULL,
    source          TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    partition       INTEGER NOT NULL,
    aggregate       TEXT    NOT NULL,
    version         INTEGER NOT NULL,
    payload         BLOB    NOT NULL,
    correlation     TEXT    NOT NULL,
    causation       TEXT    NOT NULL,
    traceparent     TEXT,
    historical      BOOLEAN NOT NULL,
    recorded_at     INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    reason          TEXT    NOT NULL,
    first_failed_at INTEGER NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('parked', 'retrying', 'discarded')),
    UNIQUE (consumer, event_id)
);
CREATE INDEX dead_letters_by_key ON dead_letters (consumer, source, aggregate, ordinal);

-- Answers to clients by idempotency key; `code` is NULL only inside the transaction that
-- claimed the key.
CREATE TABLE idempotency_keys (
    scope       TEXT    NOT NULL,
    method      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    code        INTEGER,
    body        BLOB,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (scope, method, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Who does a piece of background work. `token` grows with every change of holder.
CREATE TABLE leases (
    name   TEXT    PRIMARY KEY,
    holder TEXT    NOT NULL,
    token  INTEGER NOT NULL,
    until  INTEGER NOT NULL
) WITHOUT ROWID;

-- Who changed what, on whose behalf; for money the journal transaction is that record.
CREATE TABLE audit (
    position     INTEGER PRIMARY KEY AUTOINCREMENT,
    actor        TEXT    NOT NULL,
    on_behalf_of TEXT,
    method       TEXT    NOT NULL,
    reference    TEXT    NOT NULL,
    at           INTEGER NOT NULL
);
CREATE INDEX audit_by_reference ON audit (reference, position);

-- Commands that need two persons; the second is never the first.
CREATE TABLE approvals (
    id           TEXT    PRIMARY KEY,
    command      TEXT    NOT NULL,
    payload      BLOB    NOT NULL,
    payload_hash BLOB    NOT NULL,
    maker        TEXT    NOT NULL,
    checker      TEXT,
    state        TEXT    NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
    proposed_at  INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    decided_at   INTEGER,
    CHECK (checker IS NULL OR checker <> maker)
) WITHOUT ROWID;
CREATE INDEX approvals_by_state ON approvals (state, id);
