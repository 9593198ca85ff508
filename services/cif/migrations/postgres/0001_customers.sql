-- Customers. Instants are microseconds since the Unix epoch. What a person could be known by
-- is sealed (AES-256-GCM under the customer's own key) or a keyed hash; nothing of it stands
-- here in the clear.

-- Keys of the service itself, wrapped by the master key of that version.
CREATE TABLE vault_keys (
    purpose     TEXT COLLATE "C" PRIMARY KEY,
    key_version BIGINT NOT NULL,
    wrapped     BYTEA NOT NULL
);

-- `wrapped_key` is the customer's data key under the master key of `key_version`; NULL once
-- the customer is erased.
CREATE TABLE customers (
    id            TEXT COLLATE "C" PRIMARY KEY,
    party         TEXT COLLATE "C" NOT NULL CHECK (party IN ('person', 'organisation')),
    kyc_status    TEXT COLLATE "C" NOT NULL CHECK (kyc_status IN ('pending', 'verified', 'rejected')),
    risk_rating   TEXT COLLATE "C" NOT NULL CHECK (risk_rating IN ('low', 'medium', 'high')),
    reference     TEXT COLLATE "C" NOT NULL,
    version       BIGINT NOT NULL CHECK (version > 0),
    key_version   BIGINT NOT NULL,
    wrapped_key   BYTEA,
    party_sealed  BYTEA NOT NULL,
    contact_sealed BYTEA NOT NULL,
    registered_at BIGINT NOT NULL,
    changed_at    BIGINT NOT NULL
);
CREATE INDEX customers_by_kyc_status ON customers (kyc_status, id);

-- A caller's reference names one customer for ever. `content_hash` is keyed.
CREATE TABLE customer_references (
    caller       TEXT COLLATE "C" NOT NULL,
    reference    TEXT COLLATE "C" NOT NULL,
    customer_id  TEXT COLLATE "C" NOT NULL,
    content_hash BYTEA NOT NULL,
    PRIMARY KEY (caller, reference)
);

-- Blind index of what is unique in the bank: national ids and registration numbers.
CREATE TABLE customer_identifiers (
    kind        TEXT COLLATE "C" NOT NULL,
    digest      TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, digest)
);
CREATE INDEX customer_identifiers_by_customer ON customer_identifiers (customer_id);

-- Blind index of what several customers may share: e-mail addresses and telephone numbers.
CREATE TABLE customer_contacts (
    kind        TEXT COLLATE "C" NOT NULL,
    digest      TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, digest, customer_id)
);
CREATE INDEX customer_contacts_by_customer ON customer_contacts (customer_id);

-- Decisions of staff; the reason is sealed under the customer's key.
CREATE TABLE customer_decisions (
    customer_id   TEXT COLLATE "C" NOT NULL,
    version       BIGINT NOT NULL,
    outcome       TEXT COLLATE "C" NOT NULL,
    reason_sealed BYTEA NOT NULL,
    actor         TEXT COLLATE "C" NOT NULL,
    at            BIGINT NOT NULL,
    PRIMARY KEY (customer_id, version)
);

-- `pair` is kind and both ids, in a fixed order where the relation has no direction.
CREATE TABLE relations (
    id                TEXT COLLATE "C" PRIMARY KEY,
    customer_id       TEXT COLLATE "C" NOT NULL,
    kind              TEXT COLLATE "C" NOT NULL,
    other_customer_id TEXT COLLATE "C" NOT NULL CHECK (other_customer_id <> customer_id),
    pair              TEXT COLLATE "C" NOT NULL UNIQUE,
    added_at          BIGINT NOT NULL
);
CREATE INDEX relations_by_customer ON relations (customer_id, id);
CREATE INDEX relations_by_other_customer ON relations (other_customer_id, id);
