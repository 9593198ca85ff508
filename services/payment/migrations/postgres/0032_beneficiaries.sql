-- Beneficiaries: the IBANs that a customer keeps, with labels of its own (ADR 32).
CREATE TABLE beneficiaries (
    id       TEXT COLLATE "C" PRIMARY KEY,
    customer TEXT COLLATE "C" NOT NULL,
    iban     TEXT COLLATE "C" NOT NULL,
    label    TEXT COLLATE "C" NOT NULL,
    added_at BIGINT NOT NULL,
    UNIQUE (customer, iban)
);
CREATE INDEX beneficiaries_by_customer ON beneficiaries (customer, id);
-- A row a customer, locked by whoever adds, so that two who add at once count each other.
CREATE TABLE beneficiary_lists (
    customer TEXT COLLATE "C" PRIMARY KEY
);
