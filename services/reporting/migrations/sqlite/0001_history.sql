-- Read models of the transaction history. Nothing here is the truth: the outboxes of the
-- sources are, and a rebuild makes everything anew. Texts compare bytewise.

-- A rebuild fills a generation of its own while the live one answers; the consumer writes
-- both. Exactly one is live.
CREATE TABLE generations (
    number INTEGER PRIMARY KEY,
    state  TEXT    NOT NULL CHECK (state IN ('live', 'building', 'retired'))
);
CREATE UNIQUE INDEX generations_live ON generations (state) WHERE state = 'live';
INSERT INTO generations (number, state) VALUES (1, 'live');

-- One debit or credit. `sort_key` is booking date, recording time and account version, each
-- at a fixed width: newest last; with the account it is a total order.
CREATE TABLE entries (
    generation          INTEGER NOT NULL,
    account_id          TEXT    NOT NULL,
    account_version     INTEGER NOT NULL,
    sort_key            TEXT    NOT NULL,
    transaction_id      TEXT    NOT NULL,
    booking_date        TEXT    NOT NULL,
    value_date          TEXT    NOT NULL,
    direction           TEXT    NOT NULL CHECK (direction IN ('debit', 'credit')),
    minor               INTEGER NOT NULL CHECK (minor > 0),
    currency            TEXT    NOT NULL,
    posted_after        INTEGER NOT NULL,
    kind                TEXT    NOT NULL,
    description         TEXT    NOT NULL,
    counterparty        TEXT    NOT NULL,
    folded_counterparty TEXT    NOT NULL,
    recorded_at         INTEGER NOT NULL,
    PRIMARY KEY (generation, account_id, account_version)
) WITHOUT ROWID;
CREATE UNIQUE INDEX entries_newest ON entries (generation, account_id, sort_key);

-- The words of an entry's description, folded: lower case, no accents.
CREATE TABLE entry_words (
    generation INTEGER NOT NULL,
    account_id TEXT    NOT NULL,
    sort_key   TEXT    NOT NULL,
    word       TEXT    NOT NULL,
    PRIMARY KEY (generation, account_id, sort_key, word)
) WITHOUT ROWID;

-- Accounts, and the version up to which their holders are known.
CREATE TABLE accounts (
    generation INTEGER NOT NULL,
    account_id TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    PRIMARY KEY (generation, account_id)
) WITHOUT ROWID;

CREATE TABLE holders (
    generation  INTEGER NOT NULL,
    account_id  TEXT    NOT NULL,
    customer_id TEXT    NOT NULL,
    role        TEXT    NOT NULL CHECK (role IN ('owner', 'authorised_user', 'viewer')),
    PRIMARY KEY (generation, account_id, customer_id)
) WITHOUT ROWID;
CREATE INDEX holders_by_customer ON holders (generation, customer_id, account_id);

-- Which customers there are. Ids alone: who they are is known to `cif`.
CREATE TABLE customers (
    generation  INTEGER NOT NULL,
    customer_id TEXT    NOT NULL,
    PRIMARY KEY (generation, customer_id)
) WITHOUT ROWID;
