-- Customers. Instants are microseconds since the Unix epoch. What a person could be known by
-- is sealed (AES-256-GCM under the customer's own key) or a keyed hash; nothing of it stands
-- here in the clear.

-- Keys of the service itself, wrapped by the master key of that version.
CREATE TABLE vault_keys (
    purpose     TEXT    PRIMARY KEY,
    key_version INTEGER NOT NULL,
    wrapped     BLOB    NOT NULL
) WITHOUT ROWID;

-- `wrapped_key` is the customer's data key under the master key of `key_version`; NULL once
-- the customer is erased.
CREATE TABLE customers (
    id            TEXT    PRIMARY KEY,
    party         TEXT    NOT NULL CHECK (party IN ('person', 'organisation')),
    kyc_status    TEXT    NOT NULL CHECK (kyc_status IN ('pending', 'verified', 'rejected')),
    risk_rating   TEXT    NOT NULL CHECK (risk_rating IN ('low', 'medium', 'high')),
    reference     TEXT    NOT NULL,
    version       INTEGER NOT NULL CHECK (version > 0),
    key_version   INTEGER NOT NULL,
    wrapped_key   BLOB,
    party_sealed  BLOB    NOT NULL,
    contact_sealed BLOB   NOT NULL,
    registered_at INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX customers_by_kyc_status ON customers (kyc_status, id);

-- A caller's reference names one customer for ever. `content_hash` is keyed.
CREATE TABLE customer_references (
    caller       TEXT NOT NULL,
    reference    TEXT NOT NULL,
    customer_id  TEXT NOT NULL,
    content_hash BLOB NOT NULL,
    PRIMARY KEY (caller, reference)
) WITHOUT ROWID;

-- Blind index of what is unique in the bank: national ids and registration numbers.
CREATE TABLE customer_identifiers (
    kind        TEXT NOT NULL,
    digest      TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    PRIMARY KEY (kind, digest)
) WITHOUT ROWID;
CREATE INDEX customer_identifiers_by_customer ON customer_identifiers (customer_id);

-- Blind index of what several customers may share: e-mail addresses and telephone numbers.
CREATE TABLE customer_contacts (
    kind        TEXT NOT NULL,
    digest      TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    PRIMARY KEY (kind, digest, customer_id)
) WITHOUT ROWID;
CREATE INDEX customer_contacts_by_customer ON customer_contacts (customer_id);

-- Decisions of staff; the reason is sealed under the customer's key.
CREATE TABLE customer_decisions (
    customer_id   TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    outcome       TEXT    NOT NULL,
    reason_sealed BLOB    NOT NULL,
    actor         TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    PRIMARY KEY (customer_id, version)
) WITHOUT ROWID;

-- `pair` is kind and both ids, in a fixed order where the relation has no direction.
CREATE TABLE relations (
    id                TEXT    PRIMARY KEY,
    customer_id       TEXT    NOT NULL,
    kind              TEXT    NOT NULL,
    other_customer_id TEXT    NOT NULL CHECK (other_customer_id <> customer_id),
    pair              TEXT    NOT NULL UNIQUE,
    added_at          INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX relations_by_customer ON relations (customer_id, id);
CREATE INDEX relations_by_other_customer ON relations (other_customer_id, id);
