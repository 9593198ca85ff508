-- A customer's leg is found by its transaction, and sums over all legs read the whole table: only
-- the bank's own legs are asked for by their GL account.
DROP INDEX journal_legs_by_gl;
CREATE INDEX journal_legs_by_gl ON journal_legs (gl_code, currency, booking_date)
    WHERE account_id IS NULL;
