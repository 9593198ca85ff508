-- Payments between banks. creditor_bic names the bank that is paid; cash_gl_code then holds the
-- GL account of our money at the network, and such a transfer is advanced by clearing_out alone.
ALTER TABLE transfers ADD COLUMN creditor_bic TEXT;

-- Their states (7 to 10 of the contract), and an account that is paid and is not ours. SQLite
-- drops no CHECK; its documentation of ALTER TABLE (section 7) gives this way for a change that
-- touches no row. The table is not built anew, so that columns which others added stay.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(replace(replace(replace(sql,
    'CHECK (status BETWEEN 1 AND 6)', 'CHECK (status BETWEEN 1 AND 10)'),
    'CHECK ((status IN (4, 5, 6)) = (due_at IS NULL))',
    'CHECK (((status IN (4, 5, 6)) OR creditor_bic IS NOT NULL) = (due_at IS NULL))'),
    'CHECK ((kind IN (1, 2)) = (creditor_account IS NOT NULL))',
    'CHECK ((kind IN (1, 2) AND creditor_bic IS NULL) = (creditor_account IS NOT NULL))'),
    'CHECK ((kind = 1) = (cash_gl_code IS NULL))',
    'CHECK ((kind = 1 AND creditor_bic IS NULL) = (cash_gl_code IS NULL))')
    WHERE type = 'table' AND name = 'transfers';
PRAGMA writable_schema = RESET;

-- What goes to the network, by message id: payments (kind 1, subject a transfer) and returns
-- (kind 2, subject a row of clearing_in). stage: 1 new, 2 holding, 3 submitting, 4 settled,
-- 5 rejected, 6 done, 7 unpaid. document holds the exact bytes, from submitting on.
CREATE TABLE clearing_out (
    id          TEXT PRIMARY KEY NOT NULL,
    kind        INTEGER NOT NULL CHECK (kind IN (1, 2)),
    subject     TEXT NOT NULL UNIQUE,
    stage       INTEGER NOT NULL CHECK (stage BETWEEN 1 AND 7),
    uetr        TEXT,
    currency    TEXT NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount > 0),
    document    BLOB,
    sent_at     INTEGER,
    asks        INTEGER NOT NULL,
    answer      TEXT,
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    due_at      INTEGER,
    lease_until INTEGER,
    lease_token TEXT,
    attempts    INTEGER NOT NULL,
    last_cause  TEXT,
    CHECK ((stage IN (6, 7)) = (due_at IS NULL)),
    CHECK (stage NOT IN (3, 4, 5, 6) OR document IS NOT NULL)
);
CREATE INDEX clearing_out_due ON clearing_out (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX clearing_out_by_uetr ON clearing_out (uetr);

-- What comes from the network: payments to our customers (kind 1) and returns of our payments
-- (kind 2). id is made of the network and the UETR, so that each comes in once for ever. stage:
-- 1 received, 2 to suspense, 3 returning, 4 done, 5 kept in suspense for people.
CREATE TABLE clearing_in (
    id          TEXT PRIMARY KEY NOT NULL,
    kind        INTEGER NOT NULL CHECK (kind IN (1, 2)),
    stage       INTEGER NOT NULL CHECK (stage BETWEEN 1 AND 5),
    message_id  TEXT NOT NULL,
    uetr        TEXT,
    end_to_end  TEXT,
    currency    TEXT NOT NULL,
    amount      INTEGER NOT NULL CHECK (amount > 0),
    iban        TEXT,
    from_iban   TEXT,
    description TEXT NOT NULL,
    -- The payment of ours that a return is of.
    transfer_id TEXT,
    -- Why it goes back, a code of ISO 20022.
    reason      TEXT,
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    due_at      INTEGER,
    lease_until INTEGER,
    lease_token TEXT,
    attempts    INTEGER NOT NULL,
    last_cause  TEXT,
    CHECK ((stage IN (3, 4, 5)) = (due_at IS NULL))
);
CREATE INDEX clearing_in_due ON clearing_in (due_at, id) WHERE due_at IS NOT NULL;

-- Every document that came from the network, and what it was found to be: evidence, no guard.
CREATE TABLE clearing_log (
    id          TEXT PRIMARY KEY NOT NULL,
    received_at INTEGER NOT NULL,
    finding     TEXT NOT NULL,
    document    BLOB NOT NULL
);
