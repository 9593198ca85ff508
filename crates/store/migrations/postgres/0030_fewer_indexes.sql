-- Each event paid for three entries of indexes to be pending, and for two in each inbox; one of each
-- answers all that is asked. A replica of before this migration stops at its next write of an
-- event (its column is gone), and so its work with it: end the old ones first.

-- What was never published, in the order of positions, before what an operator asked for again.
ALTER TABLE outbox_pending DROP CONSTRAINT outbox_pending_pkey;
ALTER TABLE outbox_pending ADD PRIMARY KEY (replay, position);
DROP INDEX outbox_pending_by_partition;
DROP INDEX outbox_pending_live;
DROP INDEX outbox_pending_replay;
CREATE UNIQUE INDEX outbox_pending_replay ON outbox_pending (position) WHERE replay <> 0;
-- Whoever reads a pending row reads the event beside it.
ALTER TABLE outbox_pending DROP COLUMN event_id;

-- By event first: events are asked for by their ids alone too.
ALTER TABLE inbox DROP CONSTRAINT inbox_pkey;
ALTER TABLE inbox ADD PRIMARY KEY (event_id, consumer);
DROP INDEX inbox_by_event;
