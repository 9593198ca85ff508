-- Payments between banks. creditor_bic names the bank that is paid; cash_gl_code then holds the
-- GL account of our money at the network, and such a transfer is advanced by clearing_out alone.
ALTER TABLE transfers ADD COLUMN creditor_bic TEXT COLLATE "C";

-- Their states (7 to 10 of the contract), and an account that is paid and is not ours. The names
-- of the old checks were given by the server: they are found by what they say.
DO $$
DECLARE
    found TEXT;
BEGIN
    FOR found IN
        SELECT conname FROM pg_constraint
        WHERE conrelid = 'transfers'::regclass AND contype = 'c'
        AND (pg_get_constraintdef(oid) LIKE '%(status <= 6)%'
            OR pg_get_constraintdef(oid) LIKE '%due_at IS NULL%'
            OR pg_get_constraintdef(oid) LIKE '%creditor_account IS NOT NULL%'
            OR pg_get_constraintdef(oid) LIKE '%cash_gl_code IS NULL%')
    LOOP
        EXECUTE format('ALTER TABLE transfers DROP CONSTRAINT %I', found);
    END LOOP;
END $$;
ALTER TABLE transfers
    ADD CONSTRAINT transfers_status_known CHECK (status BETWEEN 1 AND 10),
    ADD CONSTRAINT transfers_due CHECK
        (((status IN (4, 5, 6)) OR creditor_bic IS NOT NULL) = (due_at IS NULL)),
    ADD CONSTRAINT transfers_creditor CHECK
        ((kind IN (1, 2) AND creditor_bic IS NULL) = (creditor_account IS NOT NULL)),
    ADD CONSTRAINT transfers_gl CHECK
        ((kind = 1 AND creditor_bic IS NULL) = (cash_gl_code IS NULL));

-- What goes to the network, by message id: payments (kind 1, subject a transfer) and returns
-- (kind 2, subject a row of clearing_in). stage: 1 new, 2 holding, 3 submitting, 4 settled,
-- 5 rejected, 6 done, 7 unpaid. document holds the exact bytes, from submitting on.
CREATE TABLE clearing_out (
    id          TEXT COLLATE "C" PRIMARY KEY,
    kind        BIGINT NOT NULL CHECK (kind IN (1, 2)),
    subject     TEXT COLLATE "C" NOT NULL UNIQUE,
    stage       BIGINT NOT NULL CHECK (stage BETWEEN 1 AND 7),
    uetr        TEXT COLLATE "C",
    currency    TEXT COLLATE "C" NOT NULL,
    amount      BIGINT NOT NULL CHECK (amount > 0),
    document    BYTEA,
    sent_at     BIGINT,
    asks        BIGINT NOT NULL,
    answer      TEXT COLLATE "C",
    created_at  BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL,
    due_at      BIGINT,
    lease_until BIGINT,
    lease_token TEXT COLLATE "C",
    attempts    BIGINT NOT NULL,
    last_cause  TEXT COLLATE "C",
    CHECK ((stage IN (6, 7)) = (due_at IS NULL)),
    CHECK (stage NOT IN (3, 4, 5, 6) OR document IS NOT NULL)
);
CREATE INDEX clearing_out_due ON clearing_out (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX clearing_out_by_uetr ON clearing_out (uetr);

-- What comes from the network: payments to our customers (kind 1) and returns of our payments
-- (kind 2). id is made of the network and the UETR, so that each comes in once for ever. stage:
-- 1 received, 2 to suspense, 3 returning, 4 done, 5 kept in suspense for people.
CREATE TABLE clearing_in (
    id          TEXT COLLATE "C" PRIMARY KEY,
    kind        BIGINT NOT NULL CHECK (kind IN (1, 2)),
    stage       BIGINT NOT NULL CHECK (stage BETWEEN 1 AND 5),
    message_id  TEXT COLLATE "C" NOT NULL,
    uetr        TEXT COLLATE "C",
    end_to_end  TEXT COLLATE "C",
    currency    TEXT COLLATE "C" NOT NULL,
    amount      BIGINT NOT NULL CHECK (amount > 0),
    iban        TEXT COLLATE "C",
    from_iban   TEXT COLLATE "C",
    description TEXT COLLATE "C" NOT NULL,
    -- The payment of ours that a return is of.
    transfer_id TEXT COLLATE "C",
    -- Why it goes back, a code of ISO 20022.
    reason      TEXT COLLATE "C",
    created_at  BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL,
    due_at      BIGINT,
    lease_until BIGINT,
    lease_token TEXT COLLATE "C",
    attempts    BIGINT NOT NULL,
    last_cause  TEXT COLLATE "C",
    CHECK ((stage IN (3, 4, 5)) = (due_at IS NULL))
);
CREATE INDEX clearing_in_due ON clearing_in (due_at, id) WHERE due_at IS NOT NULL;

-- Every document that came from the network, and what it was found to be: evidence, no guard.
CREATE TABLE clearing_log (
    id          TEXT COLLATE "C" PRIMARY KEY,
    received_at BIGINT NOT NULL,
    finding     TEXT COLLATE "C" NOT NULL,
    document    BYTEA NOT NULL
);
