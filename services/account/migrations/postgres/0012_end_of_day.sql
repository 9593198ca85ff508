-- When all steps of a business date's end were done.
ALTER TABLE business_days ADD COLUMN ended_at BIGINT;
CREATE INDEX business_days_to_end ON business_days (closed) WHERE ended_at IS NULL;

-- The steps of the end of each business date: begun, how many accounts were looked at and how
-- many of them refused in the last run, and when it was done.
CREATE TABLE end_of_day_steps (
    closed      TEXT COLLATE "C" NOT NULL,
    step        BIGINT NOT NULL,
    begun_at    BIGINT NOT NULL,
    finished_at BIGINT,
    accounts    BIGINT NOT NULL,
    refused     BIGINT NOT NULL,
    cause       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (closed, step)
);
