-- When all steps of a business date's end were done.
ALTER TABLE business_days ADD COLUMN ended_at INTEGER;
CREATE INDEX business_days_to_end ON business_days (closed) WHERE ended_at IS NULL;

-- The steps of the end of each business date: begun, how many accounts were looked at and how
-- many of them refused in the last run, and when it was done.
CREATE TABLE end_of_day_steps (
    closed      TEXT NOT NULL,
    step        INTEGER NOT NULL,
    begun_at    INTEGER NOT NULL,
    finished_at INTEGER,
    accounts    INTEGER NOT NULL,
    refused     INTEGER NOT NULL,
    cause       TEXT NOT NULL,
    PRIMARY KEY (closed, step)
) WITHOUT ROWID;
