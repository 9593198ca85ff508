-- The seal of each business date's end: a hash over the accounts that changed since the last
-- seal, each with its version and the hash of its last event, chained to the last seal. Empty
-- while the accounts are collected and nobody has counted them yet.
CREATE TABLE seals (
    closed    TEXT PRIMARY KEY,
    previous  BLOB NOT NULL,
    hash      BLOB NOT NULL,
    accounts  INTEGER NOT NULL,
    sealed_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE seal_entries (
    closed     TEXT NOT NULL,
    account_id TEXT NOT NULL,
    version    INTEGER NOT NULL,
    hash       BLOB NOT NULL,
    PRIMARY KEY (closed, account_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX seal_entries_by_version ON seal_entries (account_id, version);
