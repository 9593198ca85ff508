-- An entry's version is the end of its sort key, and so the newest are found by the index that
-- also tells an entry that is there already. A replica of before this migration inserts with the
-- other one and takes no events any more (they wait): end the old ones first.
CREATE TABLE new_entries (
    generation          INTEGER NOT NULL,
    account_id          TEXT    NOT NULL,
    sort_key            TEXT    NOT NULL,
    account_version     INTEGER NOT NULL,
    transaction_id      TEXT    NOT NULL,
    booking_date        TEXT    NOT NULL,
    value_date          TEXT    NOT NULL,
    direction           TEXT    NOT NULL CHECK (direction IN ('debit', 'credit')),
    minor               INTEGER NOT NULL CHECK (minor > 0),
    currency            TEXT    NOT NULL,
    posted_after        INTEGER NOT NULL,
    kind                TEXT    NOT NULL,
    description         TEXT    NOT NULL,
    counterparty        TEXT    NOT NULL,
    folded_counterparty TEXT    NOT NULL,
    recorded_at         INTEGER NOT NULL,
    PRIMARY KEY (generation, account_id, sort_key)
) WITHOUT ROWID;
INSERT INTO new_entries (generation, account_id, sort_key, account_version, transaction_id,
        booking_date, value_date, direction, minor, currency, posted_after, kind, description,
        counterparty, folded_counterparty, recorded_at)
    SELECT generation, account_id, sort_key, account_version, transaction_id, booking_date,
        value_date, direction, minor, currency, posted_after, kind, description, counterparty,
        folded_counterparty, recorded_at FROM entries;
DROP TABLE entries;
ALTER TABLE new_entries RENAME TO entries;
