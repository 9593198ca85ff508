-- Read models of the transaction history. Nothing here is the truth: the outboxes of the
-- sources are, and a rebuild makes everything anew. Texts compare bytewise.

-- A rebuild fills a generation of its own while the live one answers; the consumer writes
-- both. Exactly one is live.
CREATE TABLE generations (
    number BIGINT PRIMARY KEY,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('live', 'building', 'retired'))
);
CREATE UNIQUE INDEX generations_live ON generations (state) WHERE state = 'live';
INSERT INTO generations (number, state) VALUES (1, 'live');

-- One debit or credit. `sort_key` is booking date, recording time and account version, each
-- at a fixed width: newest last; with the account it is a total order.
CREATE TABLE entries (
    generation BIGINT NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    account_version BIGINT NOT NULL,
    sort_key TEXT COLLATE "C" NOT NULL,
    transaction_id TEXT COLLATE "C" NOT NULL,
    booking_date TEXT COLLATE "C" NOT NULL,
    value_date TEXT COLLATE "C" NOT NULL,
    direction TEXT COLLATE "C" NOT NULL CHECK (direction IN ('debit', 'credit')),
    minor BIGINT NOT NULL CHECK (minor > 0),
    currency TEXT COLLATE "C" NOT NULL,
    posted_after BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    counterparty TEXT COLLATE "C" NOT NULL,
    folded_counterparty TEXT COLLATE "C" NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (generation, account_id, account_version)
);
CREATE UNIQUE INDEX entries_newest ON entries (generation, account_id, sort_key);

-- The words of an entry's description, folded: lower case, no accents.
CREATE TABLE entry_words (
    generation BIGINT NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    sort_key TEXT COLLATE "C" NOT NULL,
    word TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (generation, account_id, sort_key, word)
);

-- Accounts, and the version up to which their holders are known.
CREATE TABLE accounts (
    generation BIGINT NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (generation, account_id)
);

CREATE TABLE holders (
    generation BIGINT NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL CHECK (role IN ('owner', 'authorised_user', 'viewer')),
    PRIMARY KEY (generation, account_id, customer_id)
);
CREATE INDEX holders_by_customer ON holders (generation, customer_id, account_id);

-- Which customers there are. Ids alone: who they are is known to `cif`.
CREATE TABLE customers (
    generation BIGINT NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (generation, customer_id)
);
