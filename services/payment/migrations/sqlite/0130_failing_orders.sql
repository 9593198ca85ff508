-- Orders that could not be run, for people: how often since when, why, and when they are tried
-- again. A row goes when its order runs.
CREATE TABLE failing_orders (
    id       TEXT PRIMARY KEY NOT NULL,
    attempts INTEGER NOT NULL CHECK (attempts > 0),
    since    INTEGER NOT NULL,
    next_at  INTEGER NOT NULL,
    cause    TEXT NOT NULL
);
