//! Which business dates are to be ended, how far each is, and which accounts a step concerns.

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::{AccountId, Date, UnixMicros};
use florin_store::{
    Engine, StoreError, Tx,
    rows::{among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::rows;
use crate::domain::{
    end_of_day::{ClosedDay, Step},
    interest,
};

/// A business date and how far its end is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayRow {
    /// The date.
    pub closed: Date,
    /// The date that was opened then.
    pub opened: Date,
    /// When it was closed.
    pub closed_at: UnixMicros,
    /// When all steps were done.
    pub ended_at: Option<UnixMicros>,
    /// The steps that have begun, in order.
    pub steps: Vec<StepRow>,
}

/// A step of the end of a business date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRow {
    /// Which.
    pub step: Step,
    /// When it began.
    pub begun_at: UnixMicros,
    /// When it was done.
    pub finished_at: Option<UnixMicros>,
    /// What its last run came to.
    pub tally: Tally,
}

/// What a run of a step came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Accounts that were looked at.
    pub accounts: i64,
    /// Accounts at which it failed.
    pub refused: i64,
    /// Why, at the first of them.
    pub cause: String,
    /// Accounts that were set aside.
    pub set_aside: i64,
}

impl DayRow {
    /// The date as its steps take it.
    #[must_use]
    pub fn day(&self) -> ClosedDay {
        ClosedDay { closed: self.closed, through: interest::last_day(self.closed, self.opened) }
    }

    /// The first step that is not done.
    #[must_use]
    pub fn next_step(&self) -> Option<Step> {
        let done = |step: &Step| {
            self.steps.iter().any(|row| row.step == *step && row.finished_at.is_some())
        };
        Step::ALL.iter().copied().find(|step| !done(step))
    }
}

/// The earliest business date up to a day whose end is not done.
///
/// # Errors
/// Those of the database.
pub async fn not_ended(
    connection: &impl ConnectionTrait,
    through: Date,
) -> Result<Option<Date>, StoreError> {
    let query = "SELECT closed FROM business_days WHERE ended_at IS NULL AND closed <= $1 \
                 ORDER BY closed LIMIT 1";
    let row = sql::query_one(connection, query, [through.to_string().into()]).await?;
    row.map(|row| rows::date(&row, "closed")).transpose()
}

/// The earliest business date before the open one whose end is not done; one that a program closed
/// without a note is such a date.
///
/// # Errors
/// Those of the database.
pub async fn open_day(
    connection: &impl ConnectionTrait,
    open: Date,
) -> Result<Option<Date>, StoreError> {
    let query = "SELECT d.closed FROM (SELECT closed FROM business_days WHERE ended_at IS NULL \
                 AND closed < $1 UNION ALL SELECT MAX(opened) FROM business_days \
                 HAVING MAX(opened) < $1) AS d ORDER BY d.closed LIMIT 1";
    let row = sql::query_one(connection, query, [open.to_string().into()]).await?;
    row.map(|row| rows::date(&row, "closed")).transpose()
}

/// For which of the accounts the end of a business date is not done: one that is under way is not
/// for all of them, and one that stands aside lacks what it lacks.
///
/// # Errors
/// Those of the database.
pub async fn unended(
    connection: &impl ConnectionTrait,
    accounts: &BTreeSet<AccountId>,
    open: Date,
) -> Result<BTreeMap<AccountId, Date>, StoreError> {
    if accounts.is_empty() {
        return Ok(BTreeMap::new());
    }
    if let Some(day) = open_day(connection, open).await? {
        return Ok(accounts.iter().map(|account| (*account, day)).collect());
    }
    let engine = Engine::of(connection);
    let query =
        format!("SELECT account_id, closed FROM set_aside WHERE account_id {}", among(engine, 1));
    let ids: Vec<String> = accounts.iter().map(AccountId::to_string).collect();
    let found = sql::query_all(connection, query, [texts(engine, &ids)]).await?;
    found.iter().map(|row| Ok((rows::id(row, "account_id")?, rows::date(row, "closed")?))).collect()
}

/// Business dates from one on whose ends are done, in order, at most so many.
///
/// # Errors
/// Those of the database.
pub async fn ended_from(
    connection: &impl ConnectionTrait,
    from: Date,
    limit: i64,
) -> Result<Vec<ClosedDay>, StoreError> {
    let query = "SELECT closed, opened, closed_at, ended_at FROM business_days \
                 WHERE ended_at IS NOT NULL AND closed >= $1 ORDER BY closed LIMIT $2";
    let values = [from.to_string().into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(|row| Ok(day(row)?.day())).collect()
}

/// The earliest business date that has not ended.
///
/// # Errors
/// Those of the database.
pub async fn next(connection: &impl ConnectionTrait) -> Result<Option<DayRow>, StoreError> {
    let query = "SELECT closed, opened, closed_at, ended_at FROM business_days \
                 WHERE ended_at IS NULL ORDER BY closed LIMIT 1";
    let row = sql::query_one(connection, query, []).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(with_steps(connection, day(&row)?).await?))
}

/// Business dates before one, or the last ones, newest first.
///
/// # Errors
/// Those of the database.
pub async fn page(
    connection: &impl ConnectionTrait,
    before: &str,
    limit: i64,
) -> Result<Vec<DayRow>, StoreError> {
    let query = "SELECT closed, opened, closed_at, ended_at FROM business_days \
                 WHERE closed < $1 ORDER BY closed DESC LIMIT $2";
    let before = if before.is_empty() { "9999-99-99" } else { before };
    let mut days = Vec::new();
    for row in sql::query_all(connection, query, [before.into(), limit.into()]).await? {
        days.push(with_steps(connection, day(&row)?).await?);
    }
    Ok(days)
}

fn day(row: &QueryResult) -> Result<DayRow, StoreError> {
    Ok(DayRow {
        closed: rows::date(row, "closed")?,
        opened: rows::date(row, "opened")?,
        closed_at: UnixMicros(rows::int(row, "closed_at")?),
        ended_at: instant(row, "ended_at")?,
        steps: Vec::new(),
    })
}

fn instant(row: &QueryResult, column: &str) -> Result<Option<UnixMicros>, StoreError> {
    let at: Option<i64> = row.try_get("", column)?;
    Ok(at.map(UnixMicros))
}

async fn with_steps(connection: &impl ConnectionTrait, day: DayRow) -> Result<DayRow, StoreError> {
    let query = "SELECT step, begun_at, finished_at, accounts, refused, cause, set_aside \
                 FROM end_of_day_steps WHERE closed = $1 ORDER BY step";
    let mut steps = Vec::new();
    for row in sql::query_all(connection, query, [day.closed.to_string().into()]).await? {
        let (accounts, refused) = (rows::int(&row, "accounts")?, rows::int(&row, "refused")?);
        // A step of a later release is not ours to tell of.
        let Some(step) = Step::from_number(rows::int(&row, "step")?) else { continue };
        steps.push(StepRow {
            step,
            begun_at: UnixMicros(rows::int(&row, "begun_at")?),
            finished_at: instant(&row, "finished_at")?,
            tally: Tally {
                accounts,
                refused,
                cause: rows::text(&row, "cause")?,
                set_aside: rows::int(&row, "set_aside")?,
            },
        });
    }
    Ok(DayRow { steps, ..day })
}

/// Notes that a step begins; when it began first stays.
///
/// # Errors
/// Those of the database.
pub async fn begin(tx: &Tx, closed: Date, step: Step) -> Result<(), StoreError> {
    let insert = "INSERT INTO end_of_day_steps (closed, step, begun_at, finished_at, accounts, \
                  refused, cause) VALUES ($1, $2, $3, NULL, 0, 0, '') \
                  ON CONFLICT (closed, step) DO NOTHING";
    let at = tx.now().await?;
    let values = [closed.to_string().into(), i64::from(step.number()).into(), at.0.into()];
    sql::execute(tx, insert, values).await.map(|_| ())
}

/// Notes what a run of a step came to: done where nothing failed, and with the last step the
/// date has ended.
///
/// # Errors
/// Those of the database.
pub async fn finish(tx: &Tx, closed: Date, step: Step, tally: &Tally) -> Result<(), StoreError> {
    let at = tx.now().await?;
    let done = (tally.refused == 0).then_some(at.0);
    let update = "UPDATE end_of_day_steps SET finished_at = $3, accounts = $4, refused = $5, \
                  cause = $6, set_aside = $7 WHERE closed = $1 AND step = $2 AND finished_at IS NULL";
    let values = [
        closed.to_string().into(),
        i64::from(step.number()).into(),
        done.into(),
        tally.accounts.into(),
        tally.refused.into(),
        tally.cause.as_str().into(),
        tally.set_aside.into(),
    ];
    sql::execute(tx, update, values).await?;
    if done.is_some() && Step::ALL.last() == Some(&step) {
        return end(tx, closed).await;
    }
    Ok(())
}

/// Notes that all steps of a date are done.
///
/// # Errors
/// Those of the database.
pub async fn end(tx: &Tx, closed: Date) -> Result<(), StoreError> {
    let end = "UPDATE business_days SET ended_at = $2 WHERE closed = $1 AND ended_at IS NULL";
    let at = tx.now().await?;
    sql::execute(tx, end, [closed.to_string().into(), at.0.into()]).await.map(|_| ())
}

/// Ids of the accounts above one that a step concerns, by id.
///
/// # Errors
/// Those of the database.
pub async fn due(
    connection: &impl ConnectionTrait,
    step: Step,
    day: ClosedDay,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let query = match step {
        Step::Accrual => ACCRUAL_DUE.to_owned(),
        Step::Capitalisation if interest::is_month_end(day.through) => capitalisation_due(""),
        // Within a month only what a closed account leaves behind is given up.
        Step::Capitalisation => capitalisation_due("AND a.status = 3 "),
        Step::Fees if interest::is_month_end(day.through) => FEES_DUE.to_owned(),
        // A seal is of all accounts together.
        Step::Fees | Step::Seal => return Ok(Vec::new()),
    };
    let values = [after.into(), day.through.to_string().into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(|row| rows::text(row, "id")).collect()
}

/// Accounts of products with conditions whose watermark is below the day. A closed account that
/// has nothing and is owed nothing is left out, and so are here and below those that stand aside.
const ACCRUAL_DUE: &str = "SELECT a.id FROM accounts AS a \
     LEFT JOIN accruals AS s ON s.account_id = a.id \
     WHERE a.id > $1 AND a.opened_on <= $2 \
     AND NOT EXISTS (SELECT 1 FROM set_aside AS x WHERE x.account_id = a.id) \
     AND EXISTS (SELECT 1 FROM interest_conditions AS c WHERE c.product = a.product \
     AND c.currency = a.currency AND c.valid_from <= $2) \
     AND (s.accrued_through IS NULL OR s.accrued_through < $2) \
     AND NOT (a.status = 3 AND (s.account_id IS NULL OR (s.balance = 0 \
     AND s.booked_credit = s.capitalised_credit \
     AND s.booked_overdraft = s.capitalised_overdraft))) \
     ORDER BY a.id LIMIT $3";

/// Accounts of products with a monthly fee. The reference of the charge makes it once only.
const FEES_DUE: &str = "SELECT a.id FROM accounts AS a \
     WHERE a.id > $1 AND a.opened_on <= $2 AND a.status <> 3 \
     AND NOT EXISTS (SELECT 1 FROM set_aside AS x WHERE x.account_id = a.id) \
     AND EXISTS (SELECT 1 FROM fee_schedules AS f WHERE f.product = a.product \
     AND f.currency = a.currency AND f.event = 3 AND f.valid_from <= $2) \
     ORDER BY a.id LIMIT $3";

fn capitalisation_due(and: &str) -> String {
    format!(
        "SELECT a.id FROM accruals AS s JOIN accounts AS a ON a.id = s.account_id \
         WHERE a.id > $1 AND s.accrued_through = $2 \
         AND NOT EXISTS (SELECT 1 FROM set_aside AS x WHERE x.account_id = a.id) \
         AND (s.booked_credit <> s.capitalised_credit \
         OR s.booked_overdraft <> s.capitalised_overdraft) {and}ORDER BY a.id LIMIT $3"
    )
}
