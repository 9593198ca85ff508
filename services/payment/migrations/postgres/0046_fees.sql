-- What a transfer costs beside its amount, minor units, as it was quoted when it was accepted, and
-- the GL account of the bank's income; null where it costs nothing.
ALTER TABLE transfers ADD COLUMN fee BIGINT;
ALTER TABLE transfers ADD COLUMN fee_gl_code TEXT;
