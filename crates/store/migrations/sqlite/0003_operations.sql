-- What operators asked to publish again waits behind what was never published: each kind of
-- pending row has an index of its own, so that a replay of years costs live events nothing.
CREATE INDEX outbox_pending_live ON outbox_pending (position) WHERE replay = 0;
CREATE INDEX outbox_pending_replay ON outbox_pending (position) WHERE replay <> 0;

-- Rebuilds of the service's read models; `heard_at` is the last sign of life.
CREATE TABLE rebuilds (
    id TEXT PRIMARY KEY NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    events INTEGER NOT NULL,
    cause TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    heard_at INTEGER NOT NULL
);
CREATE INDEX rebuilds_by_age ON rebuilds (began_at, id);
