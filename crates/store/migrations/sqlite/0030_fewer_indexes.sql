-- Each event paid for three entries of indexes to be pending, and for two in each inbox; one of each
-- answers all that is asked. A replica of before this migration stops at its next write of an
-- event (its column is gone), and so its work with it: end the old ones first.

-- What was never published, in the order of positions, before what an operator asked for again.
-- Whoever reads a pending row reads the event beside it.
CREATE TABLE new_outbox_pending (
    replay    INTEGER NOT NULL DEFAULT 0,
    position  INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    PRIMARY KEY (replay, position)
) WITHOUT ROWID;
INSERT INTO new_outbox_pending (replay, position, partition)
    SELECT replay, position, partition FROM outbox_pending;
DROP TABLE outbox_pending;
ALTER TABLE new_outbox_pending RENAME TO outbox_pending;
CREATE UNIQUE INDEX outbox_pending_replay ON outbox_pending (position) WHERE replay <> 0;

-- By event first: events are asked for by their ids alone too.
CREATE TABLE new_inbox (
    event_id     TEXT    NOT NULL,
    consumer     TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    aggregate    TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    processed_at INTEGER NOT NULL,
    PRIMARY KEY (event_id, consumer)
) WITHOUT ROWID;
INSERT INTO new_inbox (event_id, consumer, source, aggregate, version, processed_at)
    SELECT event_id, consumer, source, aggregate, version, processed_at FROM inbox;
DROP TABLE inbox;
ALTER TABLE new_inbox RENAME TO inbox;
