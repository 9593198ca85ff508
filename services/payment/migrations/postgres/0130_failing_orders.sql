-- Orders that could not be run, for people: how often since when, why, and when they are tried
-- again. A row goes when its order runs.
CREATE TABLE failing_orders (
    id       TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    attempts BIGINT NOT NULL CHECK (attempts > 0),
    since    BIGINT NOT NULL,
    next_at  BIGINT NOT NULL,
    cause    TEXT COLLATE "C" NOT NULL
);
