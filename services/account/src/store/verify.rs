//! What the verification of the ledger reads, all from one snapshot.

pub mod interest;
pub mod told;

use std::collections::BTreeMap;

use florin_store::{Engine, StoreError, sql};
use sea_orm::ConnectionTrait;

use super::rows;
use crate::domain::{account::Account, event::AccountEvent};

/// The read-only snapshot that a verification sees.
pub type Snapshot = sea_orm::DatabaseTransaction;

/// A record and what is wrong with it, in words.
pub type Finding = (String, String);

/// What a row says; the reason in words where it cannot be read.
pub type Read<T> = Result<(T, Vec<u8>), String>;

/// What a row says: a corrupt one is a finding, not the end of the verification.
fn read<T>(row: Result<T, StoreError>) -> Result<Result<T, String>, StoreError> {
    match row {
        Ok(value) => Ok(Ok(value)),
        Err(StoreError::Corrupt(text)) => Ok(Err(text)),
        Err(error) => Err(error),
    }
}

/// Accounts above an id as the table has it, each with its id and the hash of its last event.
///
/// # Errors
/// Those of the database.
pub async fn accounts_after(
    connection: &impl ConnectionTrait,
    after: &str,
    limit: i64,
) -> Result<Vec<(String, Read<Account>)>, StoreError> {
    let query =
        format!("SELECT {} FROM accounts WHERE id > $1 ORDER BY id LIMIT $2", rows::ACCOUNT);
    let found = sql::query_all(connection, query, [after.into(), limit.into()]).await?;
    let accounts = found.iter().map(|row| {
        let account = rows::account(row).map(|(account, hash, _)| (account, hash));
        Ok((rows::text(row, "id")?, read(account)?))
    });
    accounts.collect()
}

/// An event of the history: account and version as the table has them, and what it says.
pub struct EventRow {
    /// The account.
    pub account: String,
    /// The version.
    pub version: i64,
    /// The event with its hash.
    pub event: Read<AccountEvent>,
}

/// Events in the order of account and version, after a point.
///
/// # Errors
/// Those of the database.
pub async fn events_after(
    connection: &impl ConnectionTrait,
    (account, version): (&str, i64),
    limit: i64,
) -> Result<Vec<EventRow>, StoreError> {
    let query = format!(
        "SELECT {} FROM account_events WHERE (account_id, version) > ($1, $2) \
         ORDER BY account_id, version LIMIT $3",
        rows::EVENT
    );
    let values = [account.into(), version.into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    let events = found.iter().map(|row| {
        let (account, version) = (rows::text(row, "account_id")?, rows::int(row, "version")?);
        Ok(EventRow { account, version, event: read(rows::event(row))? })
    });
    events.collect()
}

/// Sum of the open holds by account.
///
/// # Errors
/// Those of the database.
pub async fn held_by_account(
    connection: &impl ConnectionTrait,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let query = "SELECT account_id, CAST(SUM(remaining) AS BIGINT) AS total FROM holds \
                 WHERE status = 1 GROUP BY account_id";
    totals(connection, query).await
}

/// Sum of the value-dated turnover by account.
///
/// # Errors
/// Those of the database.
pub async fn turnover_by_account(
    connection: &impl ConnectionTrait,
) -> Result<BTreeMap<String, i64>, StoreError> {
    // By parts: the sum on the way may leave the 64 bits in which SQLite counts.
    let query = "SELECT account_id, CAST(SUM(net / 1000000000) AS BIGINT) AS billions, \
                 CAST(SUM(net % 1000000000) AS BIGINT) AS rest FROM turnover GROUP BY account_id";
    let mut totals = BTreeMap::new();
    for row in sql::query_all(connection, query, []).await? {
        let billions = i128::from(rows::int(&row, "billions")?);
        let total = billions * 1_000_000_000 + i128::from(rows::int(&row, "rest")?);
        // A sum beyond 64 bits is not what the account has, whatever stands here.
        totals.insert(rows::text(&row, "account_id")?, i64::try_from(total).unwrap_or(i64::MIN));
    }
    Ok(totals)
}

async fn totals(
    connection: &impl ConnectionTrait,
    query: &str,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut totals = BTreeMap::new();
    for row in sql::query_all(connection, query, []).await? {
        totals.insert(rows::text(&row, "account_id")?, rows::int(&row, "total")?);
    }
    Ok(totals)
}

/// How many rows a table has.
///
/// # Errors
/// Those of the database.
pub async fn count_journal(connection: &impl ConnectionTrait) -> Result<i64, StoreError> {
    let row = sql::query_one(connection, "SELECT COUNT(*) AS rows FROM journal", []).await?;
    row.map_or(Ok(0), |row| rows::int(&row, "rows"))
}

/// The checks that one statement makes: name of the check, and a query whose rows are
/// breaches with the columns `record` and `description`.
pub const STATEMENTS: &[(&str, &str)] = &[
    (
        "zero_sum",
        "SELECT transaction_id AS record, 'legs in ' || currency || ' sum to ' || \
         CAST(SUM(amount) AS TEXT) AS description FROM journal_legs \
         GROUP BY transaction_id, currency HAVING SUM(amount) <> 0",
    ),
    (
        "zero_sum",
        // By parts: the sum on the way to zero may leave the 64 bits in which SQLite counts.
        "SELECT currency AS record, 'the whole ledger sums to ' || CAST(SUM(amount / 1000000000) \
         AS TEXT) || ' * 10^9 + ' || CAST(SUM(amount % 1000000000) AS TEXT) AS description \
         FROM journal_legs GROUP BY currency \
         HAVING SUM(amount / 1000000000) * 1000000000 + SUM(amount % 1000000000) <> 0",
    ),
    (
        "legs",
        "SELECT j.id AS record, 'journal transaction has fewer than two legs' AS description \
         FROM journal AS j LEFT JOIN journal_legs AS l ON l.transaction_id = j.id \
         GROUP BY j.id HAVING COUNT(l.leg) < 2",
    ),
    (
        "legs",
        "SELECT l.transaction_id AS record, 'leg has no journal transaction' AS description \
         FROM journal_legs AS l LEFT JOIN journal AS j ON j.id = l.transaction_id \
         WHERE j.id IS NULL",
    ),
    (
        "legs",
        "SELECT l.transaction_id AS record, 'leg ' || CAST(l.leg AS TEXT) || ' of ' || \
         CAST(l.amount AS TEXT) || ' on ' || l.account_id || ' has no such event' AS description \
         FROM journal_legs AS l LEFT JOIN account_events AS e \
         ON e.transaction_id = l.transaction_id AND e.leg = l.leg \
         AND e.account_id = l.account_id AND e.delta = l.amount \
         WHERE l.account_id IS NOT NULL AND e.account_id IS NULL",
    ),
    (
        "legs",
        "SELECT e.account_id AS record, 'event ' || CAST(e.version AS TEXT) || \
         ' has no such leg in ' || e.transaction_id AS description \
         FROM account_events AS e LEFT JOIN journal_legs AS l \
         ON l.transaction_id = e.transaction_id AND l.leg = e.leg \
         AND l.account_id = e.account_id AND l.amount = e.delta \
         WHERE e.transaction_id IS NOT NULL AND l.transaction_id IS NULL",
    ),
    // Interest and two of the three balances as of a date go by it, so each pair of dates counts.
    (
        "turnover",
        "SELECT x.account_id AS record, 'turnover valued ' || x.value_date || ' and booked ' || \
         x.booking_date || ' differs from the events by ' || CAST(SUM(x.net) AS TEXT) \
         AS description FROM (SELECT account_id, value_date, booking_date, net FROM turnover \
         UNION ALL SELECT account_id, value_date, booking_date, -delta FROM account_events \
         WHERE delta <> 0) AS x GROUP BY x.account_id, x.value_date, x.booking_date \
         HAVING SUM(x.net) <> 0",
    ),
    // A control account sums what the accounts that are mapped to it have, in each currency.
    (
        "control",
        "SELECT x.code || ' ' || x.currency AS record, 'it differs from the accounts mapped to it \
         by ' || CAST(SUM(x.billions) AS TEXT) || ' * 10^9 + ' || CAST(SUM(x.rest) AS TEXT) \
         AS description FROM (SELECT l.gl_code AS code, l.currency, l.amount / 1000000000 \
         AS billions, l.amount % 1000000000 AS rest FROM journal_legs AS l \
         JOIN gl_accounts AS g ON g.code = l.gl_code WHERE g.control UNION ALL \
         SELECT COALESCE(own.control_gl, every.control_gl, a.control_gl), a.currency, \
         -(a.posted / 1000000000), -(a.posted % 1000000000) FROM accounts AS a \
         LEFT JOIN product_controls AS own ON own.product = a.product \
         AND own.currency = a.currency LEFT JOIN product_controls AS every \
         ON every.product = a.product AND every.currency = '') AS x \
         GROUP BY x.code, x.currency HAVING SUM(x.billions) * 1000000000 + SUM(x.rest) <> 0",
    ),
    // What the conversions say of the position is what the legs on the position account do. Without
    // a conversion one currency's position may change, as a result is realised, and never that of
    // two, but by a reversal.
    (
        "conversions",
        "SELECT x.transaction_id AS record, 'legs of the position in ' || x.currency || ' sum to ' \
         || CAST(SUM(x.legs) AS TEXT) || ', the conversions to ' || CAST(SUM(x.told) AS TEXT) \
         AS description FROM (SELECT transaction_id, currency, amount AS legs, 0 AS told \
         FROM journal_legs WHERE gl_code = '9020' AND account_id IS NULL UNION ALL \
         SELECT transaction_id, sold_currency, 0, sold_amount FROM journal_conversions UNION ALL \
         SELECT transaction_id, bought_currency, 0, -bought_amount FROM journal_conversions) AS x \
         LEFT JOIN journal AS j ON j.id = x.transaction_id \
         WHERE EXISTS (SELECT 1 FROM journal_conversions AS c \
         WHERE c.transaction_id = x.transaction_id) OR (j.reverses IS NULL AND \
         (SELECT COUNT(DISTINCT l.currency) FROM journal_legs AS l \
         WHERE l.transaction_id = x.transaction_id AND l.gl_code = '9020' \
         AND l.account_id IS NULL) > 1) \
         GROUP BY x.transaction_id, x.currency HAVING SUM(x.legs) <> SUM(x.told)",
    ),
    (
        "references",
        "SELECT j.id AS record, 'reference ' || j.caller || ' ' || j.reference || \
         ' is not claimed by it' AS description \
         FROM journal AS j LEFT JOIN ledger_references AS r \
         ON r.caller = j.caller AND r.reference = j.reference AND r.record = j.id \
         WHERE r.record IS NULL",
    ),
    (
        "references",
        "SELECT h.id AS record, 'reference ' || h.caller || ' ' || h.reference || \
         ' is not claimed by it' AS description \
         FROM holds AS h LEFT JOIN ledger_references AS r \
         ON r.caller = h.caller AND r.reference = h.reference AND r.record = h.id \
         WHERE r.record IS NULL",
    ),
    // The other direction: what made a record is evidence of one that was erased. A voided
    // reference makes none: that it has none is what the two statements before say of it.
    (
        "references",
        "SELECT r.caller || ' ' || r.reference AS record, \
         'it made ' || r.record || ', which is not there' AS description \
         FROM ledger_references AS r LEFT JOIN journal AS j ON j.id = r.record \
         LEFT JOIN accounts AS a ON a.id = r.record LEFT JOIN holds AS h ON h.id = r.record \
         WHERE r.record <> 'void' AND j.id IS NULL AND a.id IS NULL AND h.id IS NULL",
    ),
    // Who voided a reference is audited in the same transaction, and nothing else under its name:
    // without that row something else was made of what it stood for.
    (
        "references",
        "SELECT r.caller || ' ' || r.reference AS record, \
         'it is void, and no audit tells of it' AS description \
         FROM ledger_references AS r LEFT JOIN audit AS a \
         ON a.reference = r.caller || ' ' || r.reference \
         WHERE r.record = 'void' AND a.position IS NULL",
    ),
    (
        "business_days",
        "SELECT d.closed AS record, 'no close opened it' AS description FROM business_days AS d \
         LEFT JOIN business_days AS p ON p.opened = d.closed WHERE p.closed IS NULL \
         AND d.closed > (SELECT MIN(closed) FROM business_days)",
    ),
    (
        "business_days",
        "SELECT d.closed AS record, 'its close opened ' || d.opened || \
         ', which is neither closed nor open' AS description FROM business_days AS d \
         LEFT JOIN business_days AS n ON n.closed = d.opened \
         LEFT JOIN books AS b ON b.business_date = d.opened \
         WHERE n.closed IS NULL AND b.id IS NULL",
    ),
    (
        "holds",
        "SELECT h.id AS record, 'its events leave ' || CAST(COALESCE(e.held, 0) AS TEXT) || \
         ' of it set aside and ' || CAST(COALESCE(e.captured, 0) AS TEXT) || ' captured, the hold \
         has ' || CAST(h.remaining AS TEXT) || ' and ' || CAST(h.captured AS TEXT) || ' in state ' \
         || CAST(h.status AS TEXT) AS description \
         FROM holds AS h LEFT JOIN (SELECT hold_id, SUM(held_delta) AS held, \
         SUM(CASE WHEN kind = 'hold_captured' THEN -held_delta ELSE 0 END) AS captured, \
         SUM(CASE WHEN kind = 'hold_released' THEN 1 ELSE 0 END) AS releases, \
         SUM(CASE WHEN kind = 'hold_expired' THEN 1 ELSE 0 END) AS expiries \
         FROM account_events WHERE hold_id IS NOT NULL GROUP BY hold_id) AS e \
         ON e.hold_id = h.id WHERE COALESCE(e.held, 0) <> h.remaining \
         OR COALESCE(e.captured, 0) <> h.captured \
         OR (h.status = 4) <> (COALESCE(e.expiries, 0) > 0) \
         OR (h.status = 3 AND COALESCE(e.releases, 0) = 0)",
    ),
    // Released with a captured part is what a replica of before the captures makes of it.
    (
        "holds",
        "SELECT h.id AS record, 'state ' || CAST(h.status AS TEXT) || ' with ' || \
         CAST(h.remaining AS TEXT) || ' left and ' || CAST(h.captured AS TEXT) || \
         ' captured of ' || CAST(h.amount AS TEXT) AS description FROM holds AS h \
         WHERE (h.status = 1) <> (h.remaining > 0) OR (h.captured + h.remaining > h.amount) \
         OR (h.status = 1 AND h.captured + h.remaining < h.amount AND NOT EXISTS \
         (SELECT 1 FROM account_events AS e WHERE e.account_id = h.account_id \
         AND e.hold_id = h.id AND e.kind = 'hold_released')) \
         OR (h.status = 2 AND h.captured = 0) OR (h.status = 4 AND h.expires_at IS NULL)",
    ),
    (
        "holds",
        "SELECT h.id AS record, 'hold has no event of its placing on ' || h.account_id || \
         ' with this amount and time' AS description FROM holds AS h LEFT JOIN account_events AS e \
         ON e.account_id = h.account_id AND e.hold_id = h.id AND e.kind = 'hold_placed' \
         AND e.held_delta = h.amount AND e.detail = COALESCE(CAST(h.expires_at AS TEXT), '') \
         WHERE e.account_id IS NULL",
    ),
    // The clock of recording decides between a capture and the hold's expiry.
    (
        "holds",
        "SELECT h.id AS record, e.kind || ' recorded at ' || CAST(e.recorded_at AS TEXT) || \
         ', the time of the hold is over at ' || CAST(h.expires_at AS TEXT) AS description \
         FROM holds AS h JOIN account_events AS e \
         ON e.account_id = h.account_id AND e.hold_id = h.id \
         WHERE h.expires_at IS NOT NULL AND ((e.kind = 'hold_captured' \
         AND e.recorded_at >= h.expires_at) OR (e.kind = 'hold_expired' \
         AND e.recorded_at < h.expires_at))",
    ),
    // Money that left a hold as an entry is an entry: the journal transaction that the event
    // names debits the account with so much, net.
    (
        "holds",
        "SELECT c.account_id AS record, CAST(c.captured AS TEXT) || ' captured by ' || c.detail \
         || ', which debits ' || CAST(COALESCE(l.debit, 0) AS TEXT) AS description \
         FROM (SELECT account_id, detail, SUM(-held_delta) AS captured FROM account_events \
         WHERE kind = 'hold_captured' GROUP BY account_id, detail) AS c \
         LEFT JOIN (SELECT transaction_id, account_id, SUM(-amount) AS debit FROM journal_legs \
         WHERE account_id IS NOT NULL GROUP BY transaction_id, account_id) AS l \
         ON l.transaction_id = c.detail AND l.account_id = c.account_id \
         WHERE COALESCE(l.debit, 0) < c.captured",
    ),
];

/// Has PostgreSQL join whole tables by hash or merge. Its statistics may be of a time when they
/// were small; a loop that then asks an index once a leg takes hours where an account has most
/// of the entries.
///
/// # Errors
/// Those of the database.
pub async fn join_whole_tables(snapshot: &Snapshot) -> Result<(), StoreError> {
    if Engine::of(snapshot) == Engine::Postgres {
        snapshot.execute_unprepared("SET LOCAL enable_nestloop = off").await?;
    }
    Ok(())
}

/// Runs one of the [`STATEMENTS`], at most `limit` findings.
///
/// # Errors
/// Those of the database.
pub async fn findings(
    connection: &impl ConnectionTrait,
    statement: &str,
    limit: i64,
) -> Result<Vec<Finding>, StoreError> {
    let query = format!("{statement} LIMIT {limit}");
    let mut found = Vec::new();
    for row in sql::query_all(connection, query, []).await? {
        found.push((rows::text(&row, "record")?, rows::text(&row, "description")?));
    }
    Ok(found)
}
