//! Business dates that `account` closed, and how far their ends are here.

mod bookings;

use florin_kernel::{Date, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::{
    corrupt,
    positions::{Group, group_of},
};
use crate::domain::day::Earned;

pub use bookings::{
    Booking, all_unbooked, book, book_on_the_open_date, booked, bookings, unbooked,
};

/// A step of the end of a day, in the order in which they are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// What is due is taken.
    Collection,
    /// Loans accrue.
    Accrual,
    /// It is booked.
    Posting,
}

impl Step {
    /// Every step, in order.
    pub const ALL: &'static [Self] = &[Self::Collection, Self::Accrual, Self::Posting];

    /// The number in the table and in the contract.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Collection => 1,
            Self::Accrual => 2,
            Self::Posting => 3,
        }
    }
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRow {
    /// Which; None for one of a later release.
    pub step: Option<Step>,
    /// When it began.
    pub begun_at: UnixMicros,
    /// When it was done.
    pub finished_at: Option<UnixMicros>,
    /// What it has dealt with.
    pub done: i64,
    /// Why its last run could not go on.
    pub cause: String,
}

/// A business date that was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// The date.
    pub closed: Date,
    /// The last day that its end accrues.
    pub through: Date,
    /// When its first step began.
    pub begun_at: Option<UnixMicros>,
    /// When all were done.
    pub ended_at: Option<UnixMicros>,
    /// The steps that have begun, in order.
    pub steps: Vec<StepRow>,
}

impl Day {
    /// The first step that is not done.
    #[must_use]
    pub fn next_step(&self) -> Option<Step> {
        let done = |step: &Step| {
            self.steps.iter().any(|row| row.step == Some(*step) && row.finished_at.is_some())
        };
        Step::ALL.iter().copied().find(|step| !done(step))
    }
}

fn date(row: &QueryResult, column: &str) -> Result<Date, StoreError> {
    let text: String = row.try_get("", column)?;
    text.parse().map_err(|_| corrupt("a day", column))
}

fn instant(row: &QueryResult, column: &str) -> Result<Option<UnixMicros>, StoreError> {
    Ok(row.try_get::<Option<i64>>("", column)?.map(UnixMicros))
}

/// The last closed date that is known here.
///
/// # Errors
/// Those of the database.
pub async fn last_known(connection: &impl ConnectionTrait) -> Result<Option<Date>, StoreError> {
    let query = "SELECT closed FROM days ORDER BY closed DESC LIMIT 1";
    let row = sql::query_one(connection, query, []).await?;
    row.map(|row| date(&row, "closed")).transpose()
}

/// Notes closed dates with the last day that each accrues; those known stay.
///
/// # Errors
/// Those of the database.
pub async fn note(tx: &Tx, days: &[(Date, Date)]) -> Result<(), StoreError> {
    if days.is_empty() {
        return Ok(());
    }
    let columns = [("closed", Column::Text), ("through", Column::Text)];
    let mut days = days.to_vec();
    days.sort_unstable();
    let rows = days.iter().map(|(closed, through)| row! {"closed": *closed, "through": *through});
    rows::insert_missing(tx, "days", &columns, &["closed"], rows.collect()).await.map(drop)
}

/// The earliest day whose end is not done.
///
/// # Errors
/// Those of the database.
pub async fn next(connection: &impl ConnectionTrait) -> Result<Option<Day>, StoreError> {
    let query = "SELECT closed, through, begun_at, ended_at FROM days WHERE ended_at IS NULL \
                 ORDER BY closed LIMIT 1";
    let row = sql::query_one(connection, query, []).await?;
    match row {
        None => Ok(None),
        Some(row) => with_steps(connection, &row).await.map(Some),
    }
}

/// Days before one, or the last ones where it is empty, newest first.
///
/// # Errors
/// Those of the database.
pub async fn page(
    connection: &impl ConnectionTrait,
    before: &str,
    limit: i64,
) -> Result<Vec<Day>, StoreError> {
    let query = "SELECT closed, through, begun_at, ended_at FROM days WHERE closed < $1 \
                 ORDER BY closed DESC LIMIT $2";
    let before = if before.is_empty() { "9999-99-99" } else { before };
    let mut days = Vec::new();
    for row in sql::query_all(connection, query, [before.into(), limit.into()]).await? {
        days.push(with_steps(connection, &row).await?);
    }
    Ok(days)
}

/// The last days whose ends are done, newest first.
///
/// # Errors
/// Those of the database.
pub async fn ended(connection: &impl ConnectionTrait, limit: i64) -> Result<Vec<Date>, StoreError> {
    let query = "SELECT closed FROM days WHERE ended_at IS NOT NULL ORDER BY closed DESC LIMIT $1";
    let found = sql::query_all(connection, query, [limit.into()]).await?;
    found.iter().map(|row| date(row, "closed")).collect()
}

async fn with_steps(
    connection: &impl ConnectionTrait,
    row: &QueryResult,
) -> Result<Day, StoreError> {
    let closed = date(row, "closed")?;
    let query = "SELECT step, begun_at, finished_at, done, cause FROM day_steps WHERE closed = $1 \
                 ORDER BY step";
    let mut steps = Vec::new();
    for row in sql::query_all(connection, query, [closed.to_string().into()]).await? {
        let number: i64 = row.try_get("", "step")?;
        steps.push(StepRow {
            step: Step::ALL.iter().copied().find(|one| i64::from(one.number()) == number),
            begun_at: UnixMicros(row.try_get("", "begun_at")?),
            finished_at: instant(&row, "finished_at")?,
            done: row.try_get("", "done")?,
            cause: row.try_get("", "cause")?,
        });
    }
    Ok(Day {
        closed,
        through: date(row, "through")?,
        begun_at: instant(row, "begun_at")?,
        ended_at: instant(row, "ended_at")?,
        steps,
    })
}

/// Notes that a step begins; when it began first stays.
///
/// # Errors
/// Those of the database.
pub async fn begin(tx: &Tx, closed: Date, step: Step) -> Result<(), StoreError> {
    let at = tx.now().await?;
    let day = "UPDATE days SET begun_at = $2 WHERE closed = $1 AND begun_at IS NULL";
    sql::execute(tx, day, [closed.to_string().into(), at.0.into()]).await?;
    let insert = "INSERT INTO day_steps (closed, step, begun_at, finished_at, done, cause) \
                  VALUES ($1, $2, $3, NULL, 0, '') ON CONFLICT (closed, step) DO NOTHING";
    let values = [closed.to_string().into(), i64::from(step.number()).into(), at.0.into()];
    sql::execute(tx, insert, values).await.map(drop)
}

/// Notes what a run of a step came to.
///
/// # Errors
/// Those of the database.
pub async fn went(
    tx: &Tx,
    (closed, step): (Date, Step),
    done: i64,
    cause: Option<&str>,
) -> Result<(), StoreError> {
    let at = tx.now().await?;
    let update = "UPDATE day_steps SET done = done + $3, cause = $4, finished_at = $5 \
                  WHERE closed = $1 AND step = $2 AND finished_at IS NULL";
    let values: [Value; 5] = [
        closed.to_string().into(),
        i64::from(step.number()).into(),
        done.into(),
        cause.unwrap_or_default().into(),
        cause.is_none().then_some(at.0).into(),
    ];
    sql::execute(tx, update, values).await.map(drop)
}

/// Notes that all steps of a day are done; whether this was the first to do so.
///
/// # Errors
/// Those of the database.
pub async fn end(tx: &Tx, closed: Date) -> Result<bool, StoreError> {
    let end = "UPDATE days SET ended_at = $2 WHERE closed = $1 AND ended_at IS NULL";
    let at = tx.now().await?;
    let ended = sql::execute(tx, end, [closed.to_string().into(), at.0.into()]).await?;
    Ok(ended > 0)
}

/// What a chunk came to so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Loans that have accrued.
    pub loans: i64,
    /// What they earned.
    pub earned: Earned,
    /// Whether all have.
    pub sealed: bool,
}

/// Locks the chunk of a group on a day, begun where it is new.
///
/// # Errors
/// Those of the database.
pub async fn lock_chunk(tx: &Tx, closed: Date, group: &Group) -> Result<Chunk, StoreError> {
    let insert = "INSERT INTO day_chunks (closed, product, version, currency, chunk, loans, interest, \
                  fee, penalty, sealed) VALUES ($1, $2, $3, $4, $5, 0, 0, 0, 0, FALSE) \
                  ON CONFLICT (closed, product, version, currency, chunk) DO NOTHING";
    sql::execute(tx, insert, chunk_key(closed, group)).await?;
    let query = format!(
        "SELECT loans, interest, fee, penalty, sealed FROM day_chunks WHERE closed = $1 \
         AND product = $2 AND version = $3 AND currency = $4 AND chunk = $5{}",
        tx.engine().for_update()
    );
    let row = sql::query_one(tx, query, chunk_key(closed, group)).await?;
    let row = row.ok_or_else(|| corrupt("a chunk", "row"))?;
    let int = |column: &str| -> Result<i64, StoreError> { Ok(row.try_get("", column)?) };
    Ok(Chunk {
        loans: int("loans")?,
        earned: Earned { interest: int("interest")?, fee: int("fee")?, penalty: int("penalty")? },
        sealed: row.try_get("", "sealed")?,
    })
}

/// Writes a chunk.
///
/// # Errors
/// Those of the database.
pub async fn update_chunk(
    tx: &Tx,
    closed: Date,
    group: &Group,
    chunk: &Chunk,
) -> Result<(), StoreError> {
    let update = "UPDATE day_chunks SET loans = $6, interest = $7, fee = $8, penalty = $9, \
                  sealed = $10 WHERE closed = $1 AND product = $2 AND version = $3 \
                  AND currency = $4 AND chunk = $5";
    let mut values = chunk_key(closed, group).to_vec();
    values.extend([
        chunk.loans.into(),
        chunk.earned.interest.into(),
        chunk.earned.fee.into(),
        chunk.earned.penalty.into(),
        chunk.sealed.into(),
    ]);
    sql::execute(tx, update, values).await.map(drop)
}

fn chunk_key(closed: Date, group: &Group) -> [Value; 5] {
    [
        closed.to_string().into(),
        group.product.as_str().into(),
        group.version.into(),
        group.currency.to_string().into(),
        group.chunk.into(),
    ]
}

/// Groups whose chunk of a day is sealed.
///
/// # Errors
/// Those of the database.
pub async fn sealed(
    connection: &impl ConnectionTrait,
    closed: Date,
) -> Result<Vec<Group>, StoreError> {
    let query =
        "SELECT product, version, currency, chunk FROM day_chunks WHERE closed = $1 AND sealed";
    let found = sql::query_all(connection, query, [closed.to_string().into()]).await?;
    found.iter().map(group_of).collect()
}
