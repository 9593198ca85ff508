-- Accounts whose figures left 64 bits at a step of the end of a business date, which went on without
-- them: the first step that they lack. No step looks at them until they have caught up.
CREATE TABLE set_aside (
    account_id TEXT   PRIMARY KEY,
    closed     TEXT   NOT NULL,
    step       INTEGER NOT NULL,
    cause      TEXT   NOT NULL,
    since      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX set_aside_by_day ON set_aside (closed);
ALTER TABLE end_of_day_steps ADD COLUMN set_aside INTEGER NOT NULL DEFAULT 0;

-- How often the closed period was changed: what was proposed about it before that is void.
ALTER TABLE books ADD COLUMN period_changes INTEGER NOT NULL DEFAULT 0;
CREATE TABLE reopenings (
    approval_id    TEXT   PRIMARY KEY,
    period_changes INTEGER NOT NULL
) WITHOUT ROWID;
