-- Files that pay from several accounts (ADR 120). A file that does has due_on in place of run_on:
-- a replica that knows one payer a file finds nothing in it to run.
ALTER TABLE bulks ADD COLUMN due_on TEXT;
ALTER TABLE bulks ADD COLUMN batches INTEGER NOT NULL DEFAULT 1;
-- When the file says that it was made.
ALTER TABLE bulks ADD COLUMN file_created_at INTEGER;
CREATE INDEX bulks_due ON bulks (due_on, id) WHERE due_on IS NOT NULL;

-- The batch of a line, and its names beside the reference.
ALTER TABLE bulk_lines ADD COLUMN batch INTEGER NOT NULL DEFAULT 1;
ALTER TABLE bulk_lines ADD COLUMN instruction TEXT NOT NULL DEFAULT '';
ALTER TABLE bulk_lines ADD COLUMN uetr TEXT;

-- Lines from first_line to last_line, from one account on one date; PmtInf of a pain.001.
CREATE TABLE bulk_batches (
    bulk_id    TEXT NOT NULL,
    batch      INTEGER NOT NULL,
    name       TEXT NOT NULL,
    -- NULL where whoever sent the file may not pay from it.
    account    TEXT,
    iban       TEXT,
    execute_on TEXT NOT NULL,
    first_line INTEGER NOT NULL,
    last_line  INTEGER NOT NULL,
    lines      INTEGER NOT NULL,
    wrong      INTEGER NOT NULL,
    sum        INTEGER NOT NULL,
    PRIMARY KEY (bulk_id, batch)
);
CREATE INDEX bulk_batches_by_name ON bulk_batches (bulk_id, name);

-- Accounts that pay for lines of a file, each of which whoever sees it may see.
CREATE TABLE bulk_accounts (
    bulk_id  TEXT NOT NULL,
    account  TEXT NOT NULL,
    -- Whom limits count.
    customer TEXT,
    PRIMARY KEY (bulk_id, account)
);

INSERT INTO bulk_batches (bulk_id, batch, name, account, iban, execute_on, first_line, last_line,
                          lines, wrong, sum)
SELECT id, 1, '', debtor_account, debtor_iban, COALESCE(execute_on, ''), 1, 9007199254740991,
       lines, wrong, sum
FROM bulks WHERE status > 2 AND lines > 0;
INSERT INTO bulk_accounts (bulk_id, account, customer)
SELECT id, debtor_account, customer FROM bulks WHERE status > 2 AND lines > 0;
