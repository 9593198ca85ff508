-- Accounts whose figures left 64 bits at a step of the end of a business date, which went on without
-- them: the first step that they lack. No step looks at them until they have caught up.
CREATE TABLE set_aside (
    account_id TEXT   PRIMARY KEY,
    closed     TEXT   NOT NULL,
    step       BIGINT NOT NULL,
    cause      TEXT   NOT NULL,
    since      BIGINT NOT NULL
);
CREATE INDEX set_aside_by_day ON set_aside (closed);
ALTER TABLE end_of_day_steps ADD COLUMN set_aside BIGINT NOT NULL DEFAULT 0;

-- How often the closed period was changed: what was proposed about it before that is void.
ALTER TABLE books ADD COLUMN period_changes BIGINT NOT NULL DEFAULT 0;
CREATE TABLE reopenings (
    approval_id    TEXT   PRIMARY KEY,
    period_changes BIGINT NOT NULL
);
