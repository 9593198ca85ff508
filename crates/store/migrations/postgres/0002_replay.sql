-- When an operator asked to publish the event once more (microseconds), else 0: the broker
-- drops a message id that it saw in the last two minutes, so a replay has an id of its own.
ALTER TABLE outbox_pending ADD COLUMN replay BIGINT NOT NULL DEFAULT 0;
