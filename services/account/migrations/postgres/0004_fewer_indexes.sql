-- Each posting paid for fourteen entries of indexes; this leaves those that something asks for.
-- A replica of before this migration stops at its next posting (its table is gone): end the old
-- ones first.

-- Net amount per account, value date and booking date: what is booked up to a date and what
-- counts from a date are both its sums.
CREATE TABLE turnover (
    account_id   TEXT COLLATE "C" NOT NULL,
    value_date   TEXT COLLATE "C" NOT NULL,
    booking_date TEXT COLLATE "C" NOT NULL,
    net          BIGINT NOT NULL,
    PRIMARY KEY (account_id, value_date, booking_date)
) WITH (fillfactor = 70);
INSERT INTO turnover (account_id, value_date, booking_date, net)
    SELECT account_id, value_date, booking_date, CAST(SUM(delta) AS BIGINT) FROM account_events
    WHERE transaction_id IS NOT NULL GROUP BY account_id, value_date, booking_date;
DROP TABLE value_turnover;

-- Sums by booking date come from turnover, states by time from halving the versions.
DROP INDEX account_events_by_booking_date;
DROP INDEX account_events_by_recording;
-- The proof joins whole tables here; on SQLite, which has no such join, the index stays.
DROP INDEX account_events_by_transaction;

-- ledger_references keeps (caller, reference) unique, for every kind of record.
ALTER TABLE journal DROP CONSTRAINT journal_caller_reference_key;
DROP INDEX journal_by_booking_date;
-- Few transactions reverse another.
ALTER TABLE journal DROP CONSTRAINT journal_reverses_key;
CREATE UNIQUE INDEX journal_reverses ON journal (reverses) WHERE reverses IS NOT NULL;

-- Rows that change with each posting find room on their page, and no index is written.
ALTER TABLE accounts SET (fillfactor = 70);
