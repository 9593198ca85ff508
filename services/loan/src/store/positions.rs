//! What the end of each day left of a loan, and the interest of the days to come.

mod row;
mod sums;

use florin_kernel::{Currency, Date, LoanId};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column, Keyed, Row, among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, Value};

use super::corrupt;
use crate::domain::{
    allocation::Amounts,
    book::Bucket,
    day::{DayEnd, Earned, Moved, Track},
};

use row::{COLUMNS, FIXED, from_row, loan_of, names, to_row};
pub use row::{bucket_number, group_of};
pub use sums::{sums, unsealed};

/// Loans of a chunk, and so of a journal transaction.
pub const CHUNK: i64 = 10_000;
const TABLE: &str = "day_positions";

/// What loans are booked together by: a version of a product, a currency, and which ten thousand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Code of the product.
    pub product: String,
    /// Its version.
    pub version: i64,
    /// Currency.
    pub currency: Currency,
    /// From 0.
    pub chunk: i64,
}

/// Whether a loan earns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It earns, or owes.
    Running,
    /// It is repaid and all is booked.
    Even,
    /// It was given up and all is booked.
    GivenUp,
}

/// A position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The loan.
    pub loan: LoanId,
    /// What it is booked with.
    pub group: Group,
    /// Whether it earns.
    pub standing: Standing,
    /// The last day that was accrued.
    pub accrued_through: Option<Date>,
    /// What was booked as earned.
    pub earned: Earned,
    /// What was moved on its asset accounts, debits positive.
    pub moved: Moved,
    /// The earliest day on which something unpaid is or falls due.
    pub due_on: Option<Date>,
    /// The last day for which what is due was asked for.
    pub collected_through: Option<Date>,
    /// The movement that takes it.
    pub collecting: Option<String>,
    /// How often that was tried for the day.
    pub attempts: i64,
    /// The bucket.
    pub bucket: Bucket,
    /// Days past due.
    pub days_past_due: i64,
    /// Whether it earns no income.
    pub non_accrual: bool,
    /// What is past due.
    pub overdue: Amounts,
    /// The due date that was told of last.
    pub told_due: Option<Date>,
}

impl Position {
    /// Of a loan that has not accrued.
    #[must_use]
    pub const fn new(loan: LoanId, group: Group) -> Self {
        Self {
            loan,
            group,
            standing: Standing::Running,
            accrued_through: None,
            earned: Earned { interest: 0, fee: 0, penalty: 0 },
            moved: Moved { principal: 0, interest: 0, charge: 0 },
            due_on: None,
            collected_through: None,
            collecting: None,
            attempts: 0,
            bucket: Bucket::Current,
            days_past_due: 0,
            non_accrual: false,
            overdue: Amounts { penalty: 0, fee: 0, interest: 0, principal: 0 },
            told_due: None,
        }
    }

    /// Takes in how the loan stands.
    pub const fn stands(&mut self, end: &DayEnd) {
        self.due_on = end.due_on;
        self.bucket = end.arrears.bucket;
        self.days_past_due = end.arrears.days;
        self.non_accrual = end.suspended;
        self.overdue = end.arrears.overdue;
    }
}

/// Reads the position of a loan.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &impl ConnectionTrait,
    loan: LoanId,
) -> Result<Option<Position>, StoreError> {
    let query = format!("SELECT {} FROM {TABLE} WHERE loan_id = $1", names());
    let row = sql::query_one(connection, query, [loan.to_string().into()]).await?;
    row.as_ref().map(from_row).transpose()
}

/// Locks positions, by id. The loans that are folded are locked before.
///
/// # Errors
/// Those of the database.
pub async fn lock(tx: &Tx, loans: &[LoanId]) -> Result<Vec<Position>, StoreError> {
    let mut ids: Vec<String> = loans.iter().map(ToString::to_string).collect();
    ids.sort_unstable();
    let columns = names();
    let keyed = Keyed { table: TABLE, id_column: "loan_id", columns: &columns };
    rows::lock_by_id(tx, keyed, &ids).await?.iter().map(from_row).collect()
}

/// Gives loans without a position one, in the chunks of their version: the next of ten thousand.
/// The loans are locked.
///
/// # Errors
/// Those of the database.
pub async fn enrol(tx: &Tx, loans: &[(LoanId, Group)]) -> Result<Vec<Position>, StoreError> {
    let mut made = Vec::with_capacity(loans.len());
    let mut sorted = loans.to_vec();
    sorted.sort_by(|(one, group), (other, of_other)| (group, one).cmp(&(of_other, other)));
    for (loan, group) in sorted {
        let next = "INSERT INTO day_books (product, version, currency, loans) VALUES ($1, $2, $3, 1) \
                    ON CONFLICT (product, version, currency) DO UPDATE SET loans = day_books.loans + 1 \
                    RETURNING loans";
        let values: [Value; 3] = [
            group.product.as_str().into(),
            group.version.into(),
            group.currency.to_string().into(),
        ];
        let row = sql::query_one(tx, next, values).await?;
        let number: i64 = row.ok_or_else(|| corrupt("a book", "number"))?.try_get("", "loans")?;
        let chunk = number.saturating_sub(1) / CHUNK;
        made.push(Position::new(loan, Group { chunk, ..group }));
    }
    let rows = made.iter().map(to_row).collect();
    rows::insert_many(tx, TABLE, &COLUMNS, rows).await?;
    Ok(made)
}

/// Writes positions.
///
/// # Errors
/// Those of the database.
pub async fn update(tx: &Tx, positions: &[Position]) -> Result<(), StoreError> {
    if positions.is_empty() {
        return Ok(());
    }
    let set = COLUMNS.get(FIXED..).unwrap_or_default();
    let rows = positions.iter().map(to_row).collect();
    rows::update_many(tx, TABLE, &[("loan_id", Column::Text)], set, rows).await.map(drop)
}

/// A loan of a chunk that a day is to accrue.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The loan.
    pub loan: LoanId,
    /// What it has earned at the end of the day, where nothing has to be folded.
    pub interest: Option<i64>,
    /// What of it was booked.
    pub booked: i64,
}

/// Locks the loans of a group, after one, that have not accrued a day and whose track has it: by id.
///
/// # Errors
/// Those of the database.
pub async fn lock_tracked(
    tx: &Tx,
    (group, through): (&Group, Date),
    after: &str,
    limit: i64,
) -> Result<Vec<Waiting>, StoreError> {
    let query = format!(
        "SELECT p.loan_id, p.interest, t.first_on, t.base, t.above FROM {TABLE} AS p \
         JOIN day_tracks AS t ON t.loan_id = p.loan_id \
         WHERE p.product = $1 AND p.version = $2 AND p.currency = $3 AND p.chunk = $4 \
         AND p.loan_id > $5 AND p.accrued_through < $6 AND p.status = 1 \
         AND t.first_on <= $6 AND t.last_on >= $6 ORDER BY p.loan_id LIMIT $7{}",
        match tx.engine() {
            florin_store::Engine::Sqlite => "",
            florin_store::Engine::Postgres => " FOR UPDATE OF p",
        }
    );
    let found = sql::query_all(tx, query, of_group(group, after, through, limit)).await?;
    let read = found.iter().map(|row| {
        let first: String = row.try_get("", "first_on")?;
        let first: Date = first.parse().map_err(|_| corrupt("a track", "day"))?;
        let above: Vec<u8> = row.try_get("", "above")?;
        let interest = above_on(first, &above, through)
            .and_then(|above| row.try_get::<i64>("", "base").ok()?.checked_add(above));
        let interest = interest.ok_or_else(|| corrupt("a track", "day"))?;
        let booked = row.try_get("", "interest")?;
        Ok(Waiting { loan: loan_of(row)?, interest: Some(interest), booked })
    });
    read.collect()
}

/// Loans of a group, after one, that have not accrued a day, by id.
///
/// # Errors
/// Those of the database.
pub async fn waiting(
    connection: &impl ConnectionTrait,
    (group, through): (&Group, Date),
    after: &str,
    limit: i64,
) -> Result<Vec<LoanId>, StoreError> {
    let query = format!(
        "SELECT loan_id FROM {TABLE} WHERE product = $1 AND version = $2 AND currency = $3 \
         AND chunk = $4 AND loan_id > $5 AND accrued_through < $6 AND status = 1 \
         ORDER BY loan_id LIMIT $7"
    );
    let found = sql::query_all(connection, query, of_group(group, after, through, limit)).await?;
    found.iter().map(loan_of).collect()
}

fn of_group(group: &Group, after: &str, through: Date, limit: i64) -> [Value; 7] {
    [
        group.product.as_str().into(),
        group.version.into(),
        group.currency.to_string().into(),
        group.chunk.into(),
        after.into(),
        through.to_string().into(),
        limit.into(),
    ]
}

fn above_on(first: Date, above: &[u8], day: Date) -> Option<i64> {
    let days = day.since(first).ok()?.get_days();
    let at = usize::try_from(days).ok()?.checked_mul(4)?;
    let bytes = above.get(at..at.checked_add(4)?)?;
    Some(i64::from(u32::from_le_bytes(bytes.try_into().ok()?)))
}

/// Notes that loans have accrued a day by their tracks.
///
/// # Errors
/// Those of the database.
pub async fn accrued(tx: &Tx, through: Date, loans: &[(LoanId, i64)]) -> Result<(), StoreError> {
    if loans.is_empty() {
        return Ok(());
    }
    let rows = loans.iter().map(|(loan, interest)| {
        row! {"loan_id": *loan, "accrued_through": through, "interest": *interest}
    });
    let set = [("accrued_through", Column::Text), ("interest", Column::Int)];
    let key = [("loan_id", Column::Text)];
    rows::update_many(tx, TABLE, &key, &set, rows.collect()).await.map(drop)
}

/// Puts tracks in the place of those that there are; an empty one takes it away.
///
/// # Errors
/// Those of the database.
pub async fn set_tracks(tx: &Tx, tracks: &[(LoanId, Track)]) -> Result<(), StoreError> {
    let ids: Vec<String> = tracks.iter().map(|(loan, _)| loan.to_string()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let delete = format!("DELETE FROM day_tracks WHERE loan_id {}", among(tx.engine(), 1));
    sql::execute(tx, delete, [texts(tx.engine(), &ids)]).await?;
    let columns = [
        ("loan_id", Column::Text),
        ("first_on", Column::Text),
        ("last_on", Column::Text),
        ("base", Column::Int),
        ("above", Column::Bytes),
    ];
    let rows: Vec<Row> =
        tracks.iter().filter_map(|(loan, track)| track_row(*loan, track)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows::insert_many(tx, "day_tracks", &columns, rows).await.map(drop)
}

/// None where it is empty, or where a day is too far above the first for four bytes: it is folded
/// then.
fn track_row(loan: LoanId, track: &Track) -> Option<Row> {
    let (first, base) = (track.from?, *track.interest.first()?);
    let days = i64::try_from(track.interest.len()).ok()?.checked_sub(1)?;
    let last = first.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
    let mut above = Vec::with_capacity(track.interest.len().saturating_mul(4));
    for interest in &track.interest {
        let more = u32::try_from(interest.checked_sub(base)?).ok()?;
        above.extend(more.to_le_bytes());
    }
    Some(row! {"loan_id": loan, "first_on": first, "last_on": last, "base": base, "above": above})
}

/// Groups with loans that have not accrued a day.
///
/// # Errors
/// Those of the database.
pub async fn groups(connection: &impl ConnectionTrait) -> Result<Vec<Group>, StoreError> {
    let query = "SELECT product, version, currency, loans AS chunk FROM day_books \
                 ORDER BY product, version, currency";
    let mut groups = Vec::new();
    for row in sql::query_all(connection, query, []).await? {
        let book = group_of(&row)?;
        let chunks = book.chunk.saturating_add(CHUNK - 1) / CHUNK;
        groups.extend((0..chunks).map(|chunk| Group { chunk, ..book.clone() }));
    }
    Ok(groups)
}

/// Loans from which something is to be taken for a day, or is being taken, after one: by id.
///
/// # Errors
/// Those of the database.
pub async fn due(
    connection: &impl ConnectionTrait,
    through: Date,
    after: &str,
    limit: i64,
) -> Result<Vec<LoanId>, StoreError> {
    let query = format!(
        "SELECT loan_id FROM {TABLE} WHERE due_on <= $1 AND collected_through < $1 AND status = 1 \
         AND loan_id > $2 ORDER BY loan_id LIMIT $3"
    );
    let values = [through.to_string().into(), after.into(), limit.into()];
    sql::query_all(connection, query, values).await?.iter().map(loan_of).collect()
}

/// A page of the loans past due, by id, after one; of one bucket where its number is not 0.
///
/// # Errors
/// Those of the database.
pub async fn arrears(
    connection: &impl ConnectionTrait,
    bucket: i32,
    after: &str,
    limit: i64,
) -> Result<Vec<Position>, StoreError> {
    let query = format!(
        "SELECT {} FROM {TABLE} WHERE bucket > 1 AND ($1 = 0 OR bucket = $1) AND loan_id > $2 \
         ORDER BY loan_id LIMIT $3",
        names()
    );
    let values = [i64::from(bucket).into(), after.into(), limit.into()];
    sql::query_all(connection, query, values).await?.iter().map(from_row).collect()
}
