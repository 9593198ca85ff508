-- Tables that every service has beside its own. Instants are microseconds since the Unix
-- epoch; texts compare bytewise, hence COLLATE "C" whatever the database's locale is.

-- The truth about what was published: append-only and kept. `position` is assigned by
-- insertion; it orders rows for reading pages, never for "greater than the last seen".
CREATE TABLE outbox (
    position BIGSERIAL PRIMARY KEY,
    event_id TEXT COLLATE "C" NOT NULL UNIQUE,
    kind TEXT COLLATE "C" NOT NULL,
    partition BIGINT NOT NULL CHECK (partition BETWEEN 0 AND 15),
    aggregate TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    payload BYTEA NOT NULL,
    correlation TEXT COLLATE "C" NOT NULL,
    causation TEXT COLLATE "C" NOT NULL,
    traceparent TEXT COLLATE "C",
    historical BOOLEAN NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX outbox_by_aggregate ON outbox (aggregate, version);

-- What the broker has not acknowledged yet; inserted with the outbox row.
CREATE TABLE outbox_pending (
    position BIGINT PRIMARY KEY,
    partition BIGINT NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL
);
CREATE INDEX outbox_pending_by_partition ON outbox_pending (partition, position);

-- Which events a consumer has applied; written in the transaction of the effect.
CREATE TABLE inbox (
    consumer TEXT COLLATE "C" NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    aggregate TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    processed_at BIGINT NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_by_event ON inbox (event_id);

-- Events that could not be decoded or were refused by the domain, and those parked behind
-- them; `ordinal` is the order in which they came.
CREATE TABLE dead_letters (
    ordinal BIGSERIAL PRIMARY KEY,
    consumer TEXT COLLATE "C" NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    partition BIGINT NOT NULL,
    aggregate TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    payload BYTEA NOT NULL,
    correlation TEXT COLLATE "C" NOT NULL,
    causation TEXT COLLATE "C" NOT NULL,
    traceparent TEXT COLLATE "C",
    historical BOOLEAN NOT NULL,
    recorded_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    first_failed_at BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('parked', 'retrying', 'discarded')),
    UNIQUE (consumer, event_id)
);
CREATE INDEX dead_letters_by_key ON dead_letters (consumer, source, aggregate, ordinal);

-- Answers to clients by idempotency key; `code` is NULL only inside the transaction that
-- claimed the key.
CREATE TABLE idempotency_keys (
    scope TEXT COLLATE "C" NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    code BIGINT,
    body BYTEA,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (scope, method, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Who does a piece of background work. `token` grows with every change of holder.
CREATE TABLE leases (
    name TEXT COLLATE "C" PRIMARY KEY,
    holder TEXT COLLATE "C" NOT NULL,
    token BIGINT NOT NULL,
    until BIGINT NOT NULL
);

-- Who changed what, on whose behalf; for money the journal transaction is that record.
CREATE TABLE audit (
    position BIGSERIAL PRIMARY KEY,
    actor TEXT COLLATE "C" NOT NULL,
    on_behalf_of TEXT COLLATE "C",
    method TEXT COLLATE "C" NOT NULL,
    reference TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX audit_by_reference ON audit (reference, position);

-- Commands that need two persons; the second is never the first.
CREATE TABLE approvals (
    id TEXT COLLATE "C" PRIMARY KEY,
    command TEXT COLLATE "C" NOT NULL,
    payload BYTEA NOT NULL,
    payload_hash BYTEA NOT NULL,
    maker TEXT COLLATE "C" NOT NULL,
    checker TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
    proposed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_at BIGINT,
    CHECK (checker IS NULL OR checker <> maker)
);
CREATE INDEX approvals_by_state ON approvals (state, id);
