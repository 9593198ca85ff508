-- Statements of accounts, one a month at its end: the entries booked up to its last day that no
-- earlier one has. An entry that was booked up to that day and recorded after version `to_version`
-- came late: the next one has it. `scan_from` is where the entries of a statement are looked for,
-- `next_scan` where those of the next one are. The hash is chained to the statement before, and
-- over the hash of the account's event at `to_version`. Amounts are minor units.
CREATE TABLE statements (
    account_id    TEXT NOT NULL,
    number        BIGINT NOT NULL CHECK (number > 0),
    from_date     TEXT NOT NULL,
    through       TEXT NOT NULL,
    opening       BIGINT NOT NULL,
    closing       BIGINT NOT NULL,
    credits       BIGINT NOT NULL,
    debits        BIGINT NOT NULL,
    entries       BIGINT NOT NULL,
    first_version BIGINT NOT NULL,
    to_version    BIGINT NOT NULL,
    after_through TEXT NOT NULL,
    after_version BIGINT NOT NULL,
    scan_from     BIGINT NOT NULL,
    next_scan     BIGINT NOT NULL,
    hash          BYTEA NOT NULL,
    made_at       BIGINT NOT NULL,
    PRIMARY KEY (account_id, number),
    UNIQUE (account_id, through)
);
