//! Business dates that `account` closed, and how far their ends are here.

use florin_kernel::{Currency, Date, UnixMicros};
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

/// A journal transaction of the end of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// Its reference.
    pub reference: String,
    /// The day.
    pub closed: Date,
    /// Currency.
    pub currency: Currency,
    /// Debited.
    pub debit_gl: String,
    /// Credited.
    pub credit_gl: String,
    /// Minor units, positive.
    pub amount: i64,
    /// The booking date that is asked for; None for the open one.
    pub booking_date: Option<Date>,
    /// The journal transaction.
    pub transaction: Option<String>,
    /// When it was booked.
    pub booked_on: Option<String>,
}

const BOOKING: [(&str, Column); 9] = [
    ("reference", Column::Text),
    ("closed", Column::Text),
    ("currency", Column::Text),
    ("debit_gl", Column::Text),
    ("credit_gl", Column::Text),
    ("amount", Column::Int),
    ("booking_date", Column::Text),
    ("transaction_id", Column::Text),
    ("booked_on", Column::Text),
];

/// Adds bookings.
///
/// # Errors
/// Those of the database.
pub async fn book(tx: &Tx, bookings: &[Booking]) -> Result<(), StoreError> {
    let rows = bookings.iter().map(|one| {
        row! {
            "reference": one.reference.as_str(), "closed": one.closed,
            "currency": one.currency.code(), "debit_gl": one.debit_gl.as_str(),
            "credit_gl": one.credit_gl.as_str(), "amount": one.amount,
            "booking_date": one.booking_date, "transaction_id": None::<String>,
            "booked_on": None::<String>,
        }
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows::insert_many(tx, "day_bookings", &BOOKING, rows).await.map(drop)
}

fn booking(row: &QueryResult) -> Result<Booking, StoreError> {
    let currency: String = row.try_get("", "currency")?;
    let asked: Option<String> = row.try_get("", "booking_date")?;
    Ok(Booking {
        reference: row.try_get("", "reference")?,
        closed: date(row, "closed")?,
        currency: currency.parse().map_err(|_| corrupt("a booking", "currency"))?,
        debit_gl: row.try_get("", "debit_gl")?,
        credit_gl: row.try_get("", "credit_gl")?,
        amount: row.try_get("", "amount")?,
        booking_date: match asked {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| corrupt("a booking", "date"))?),
        },
        transaction: row.try_get("", "transaction_id")?,
        booked_on: row.try_get("", "booked_on")?,
    })
}

/// Bookings of a day that the ledger has not answered for, by reference.
///
/// # Errors
/// Those of the database.
pub async fn unbooked(
    connection: &impl ConnectionTrait,
    closed: Date,
    limit: i64,
) -> Result<Vec<Booking>, StoreError> {
    let query = format!(
        "SELECT {} FROM day_bookings WHERE closed = $1 AND transaction_id IS NULL \
         ORDER BY reference LIMIT $2",
        super::names(&[&BOOKING])
    );
    let values = [closed.to_string().into(), limit.into()];
    sql::query_all(connection, query, values).await?.iter().map(booking).collect()
}

/// Bookings of any day that the ledger has not answered for.
///
/// # Errors
/// Those of the database.
pub async fn all_unbooked(connection: &impl ConnectionTrait) -> Result<Vec<Booking>, StoreError> {
    let query = format!(
        "SELECT {} FROM day_bookings WHERE transaction_id IS NULL ORDER BY reference",
        super::names(&[&BOOKING])
    );
    sql::query_all(connection, query, []).await?.iter().map(booking).collect()
}

/// All bookings after a reference.
///
/// # Errors
/// Those of the database.
pub async fn bookings(
    connection: &impl ConnectionTrait,
    after: &str,
    limit: i64,
) -> Result<Vec<Booking>, StoreError> {
    let query = format!(
        "SELECT {} FROM day_bookings WHERE reference > $1 ORDER BY reference LIMIT $2",
        super::names(&[&BOOKING])
    );
    let values = [after.into(), limit.into()];
    sql::query_all(connection, query, values).await?.iter().map(booking).collect()
}

/// Notes that the ledger has booked one; whether it was not noted before.
///
/// # Errors
/// Those of the database.
pub async fn booked(
    tx: &Tx,
    reference: &str,
    transaction: &str,
    booked_on: &str,
) -> Result<bool, StoreError> {
    let update = "UPDATE day_bookings SET transaction_id = $2, booked_on = $3 \
                  WHERE reference = $1 AND transaction_id IS NULL";
    let values = [reference.into(), transaction.into(), booked_on.into()];
    Ok(sql::execute(tx, update, values).await? > 0)
}

/// Asks for the open date: the period of the day was closed meanwhile.
///
/// # Errors
/// Those of the database.
pub async fn book_on_the_open_date(tx: &Tx, reference: &str) -> Result<(), StoreError> {
    let update = "UPDATE day_bookings SET booking_date = NULL WHERE reference = $1 \
                  AND transaction_id IS NULL";
    sql::execute(tx, update, [reference.into()]).await.map(drop)
}
