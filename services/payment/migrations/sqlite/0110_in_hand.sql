-- Until when a worker may have it in its hands, in microseconds. Whoever makes it due again gives
-- its lease back; this stays until that worker has done with it, or its time is over.
ALTER TABLE clearing_out ADD COLUMN in_hand_until INTEGER;
