-- Daily orders (frequency 4), when a date is done on which the bank is closed (holiday_rule: 1 on
-- the next business date, 2 on the one before where the next is in another month, 3 on the one
-- before), the next date to come of the order itself, and the number of its last event.
ALTER TABLE orders DROP CONSTRAINT orders_frequency_check;
ALTER TABLE orders ADD CONSTRAINT orders_frequency_check CHECK (frequency BETWEEN 1 AND 4);
ALTER TABLE orders ADD COLUMN holiday_rule BIGINT NOT NULL DEFAULT 1
    CHECK (holiday_rule BETWEEN 1 AND 3);
ALTER TABLE orders ADD COLUMN next_on TEXT COLLATE "C";
ALTER TABLE orders ADD COLUMN events BIGINT NOT NULL DEFAULT 0;
CREATE INDEX orders_due_before ON orders (next_on)
    WHERE holiday_rule <> 1 AND run_on IS NOT NULL;
