-- The seal of each business date's end: a hash over the accounts that changed since the last
-- seal, each with its version and the hash of its last event, chained to the last seal. Empty
-- while the accounts are collected and nobody has counted them yet.
CREATE TABLE seals (
    closed    TEXT COLLATE "C" PRIMARY KEY,
    previous  BYTEA NOT NULL,
    hash      BYTEA NOT NULL,
    accounts  BIGINT NOT NULL,
    sealed_at BIGINT NOT NULL
);

CREATE TABLE seal_entries (
    closed     TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    version    BIGINT NOT NULL,
    hash       BYTEA NOT NULL,
    PRIMARY KEY (closed, account_id)
);
CREATE UNIQUE INDEX seal_entries_by_version ON seal_entries (account_id, version);
