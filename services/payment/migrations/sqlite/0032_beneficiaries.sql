-- Beneficiaries: the IBANs that a customer keeps, with labels of its own (ADR 32).
CREATE TABLE beneficiaries (
    id       TEXT PRIMARY KEY NOT NULL,
    customer TEXT NOT NULL,
    iban     TEXT NOT NULL,
    label    TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    UNIQUE (customer, iban)
);
CREATE INDEX beneficiaries_by_customer ON beneficiaries (customer, id);
-- A row a customer, locked by whoever adds, so that two who add at once count each other.
CREATE TABLE beneficiary_lists (
    customer TEXT PRIMARY KEY NOT NULL
);
