-- Statements of accounts, one a month at its end: the entries booked up to its last day that no
-- earlier one has. An entry that was booked up to that day and recorded after version `to_version`
-- came late: the next one has it. `scan_from` is where the entries of a statement are looked for,
-- `next_scan` where those of the next one are. The hash is chained to the statement before, and
-- over the hash of the account's event at `to_version`. Amounts are minor units.
CREATE TABLE statements (
    account_id    TEXT NOT NULL,
    number        INTEGER NOT NULL CHECK (number > 0),
    from_date     TEXT NOT NULL,
    through       TEXT NOT NULL,
    opening       INTEGER NOT NULL,
    closing       INTEGER NOT NULL,
    credits       INTEGER NOT NULL,
    debits        INTEGER NOT NULL,
    entries       INTEGER NOT NULL,
    first_version INTEGER NOT NULL,
    to_version    INTEGER NOT NULL,
    after_through TEXT NOT NULL,
    after_version INTEGER NOT NULL,
    scan_from     INTEGER NOT NULL,
    next_scan     INTEGER NOT NULL,
    hash          BLOB NOT NULL,
    made_at       INTEGER NOT NULL,
    PRIMARY KEY (account_id, number),
    UNIQUE (account_id, through)
) WITHOUT ROWID;
