//! What accounts have accrued, read under the lock of their rows and written with the batch.
//!
//! The end of a business date sees the entries that were booked up to it, whenever it runs: what
//! was booked later waits for the end of its own date. An entry that is valued on a day which has
//! accrued is noted in `backdated`, by the batch that posts it or by the fold that passes it over.

mod closes;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::{AccountId, Accrued, Date};
use florin_store::{
    StoreError, Tx, row,
    rows::{self as many, Column, among, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

pub use self::write::write;
use super::{
    conditions,
    fees::{self, AllSchedules},
    rows,
};
use crate::domain::{
    account::Account,
    end_of_day::{AccountStep, Step},
    interest::{Conditions, Point, Sides},
};

/// An account's interest so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accrual {
    /// The first day that accrues.
    pub from: Date,
    /// Where the fold stands; None before the first end of day.
    pub at: Option<Point>,
    /// What of it is in the ledger, minor units.
    pub booked: Sides<i64>,
    /// What of that was paid or taken, minor units.
    pub capitalised: Sides<i64>,
    /// The last day of the period that was capitalised last.
    pub capitalised_through: Option<Date>,
}

/// What an accrual folds: from where, over which entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folding {
    /// Where it starts.
    pub start: Point,
    /// Net amount of each value date after it.
    pub turnover: BTreeMap<Date, i128>,
    /// The day from which the points of months are made again.
    pub points_from: Option<Date>,
    /// Booking dates whose late entries it takes in.
    pub consumed: Vec<Date>,
    /// Entries that it passes over because they were booked later: the earliest value date of
    /// each booking date.
    pub passed_over: BTreeMap<Date, Date>,
}

/// Whether an accrual has something to fold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Fold {
    /// Nothing accrues, or the day has.
    #[default]
    Nothing,
    /// The balance that it starts from leaves 64 bits.
    OutOfRange,
    /// This.
    Of(Folding),
}

/// An account on which a step is to be done.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its interest so far; None before the first end of day.
    pub accrual: Option<Accrual>,
    /// What an accrual folds.
    pub fold: Fold,
    /// Its product's conditions.
    pub conditions: Conditions,
}

/// What a step leaves behind.
#[derive(Debug, Clone)]
pub struct Written {
    /// The account.
    pub account: AccountId,
    /// Its interest after the step.
    pub accrual: Accrual,
    /// Months that ended.
    pub points: Vec<Point>,
    /// What was folded, for an accrual.
    pub folding: Option<Folding>,
}

/// The interest of the accounts of a batch.
#[derive(Debug, Default)]
pub struct Interest {
    /// Accounts with a step to do.
    pub loaded: BTreeMap<AccountId, Loaded>,
    /// What the steps leave behind.
    pub written: Vec<Written>,
    /// Fee schedules, where a step charges by them.
    pub fees: AllSchedules,
    /// What accounts that are to be closed have accrued and neither got nor paid.
    pub unsettled: BTreeSet<AccountId>,
    /// Accounts to close that have days before the open one to accrue, or late entries.
    pub behind: BTreeSet<AccountId>,
}

impl Interest {
    /// Whether an account that is to be closed has accrued what was neither paid nor taken, also
    /// after the steps of this batch.
    #[must_use]
    pub fn is_unsettled(&self, id: AccountId) -> bool {
        match self.written.iter().rev().find(|written| written.account == id) {
            Some(written) => written.accrual.booked != written.accrual.capitalised,
            None => self.unsettled.contains(&id),
        }
    }
}

/// Columns of `accruals`.
pub const COLUMNS: &str = "account_id, accrues_from, accrued_through, balance, credit, overdraft, \
     booked_credit, booked_overdraft, capitalised_credit, capitalised_overdraft, \
     capitalised_through";

/// Reads what the steps need, and what the accounts to close have accrued; they are locked.
///
/// # Errors
/// Those of the database; `Conflict` where two steps are of one account, so that the batch is
/// split between them.
pub async fn load(
    tx: &Tx,
    accounts: &BTreeMap<AccountId, Account>,
    steps: &[AccountStep],
    (closes, open): (&BTreeSet<AccountId>, Date),
) -> Result<Interest, StoreError> {
    let mut interest = Interest::default();
    closes::load(tx, closes, open, &mut interest).await?;
    if steps.is_empty() {
        return Ok(interest);
    }
    if steps.iter().any(|step| step.step == Step::Fees) {
        interest.fees = fees::all(tx).await?;
    }
    let conditions = conditions::all(tx).await?;
    let ids: Vec<String> = steps.iter().map(|step| step.account.to_string()).collect();
    let accruals = accruals(tx, &ids).await?;
    let late = backdated(tx, &ids).await?;
    for step in steps {
        let Some(account) = accounts.get(&step.account) else { continue };
        let of_product = conditions.get(&(account.product.clone(), account.currency));
        let loaded = Loaded {
            accrual: accruals.get(&account.id).copied(),
            fold: Fold::Nothing,
            conditions: of_product.cloned().unwrap_or_default(),
        };
        if interest.loaded.insert(account.id, loaded).is_some() {
            let text = format!("two steps of {} in one batch", account.id);
            return Err(StoreError::Conflict { constraint: text });
        }
    }
    let accruing = steps.iter().filter(|step| step.step == Step::Accrual);
    let mut foldings = BTreeMap::new();
    for step in accruing {
        let Some(account) = accounts.get(&step.account) else { continue };
        let Some(loaded) = interest.loaded.get(&account.id) else { continue };
        let marks = late.get(&account.id).cloned().unwrap_or_default();
        if let Some(begun) = begin(tx, account, loaded, step, &marks).await? {
            foldings.insert(account.id, begun);
        }
    }
    for (account, fold) in entries(tx, foldings).await? {
        if let Some(loaded) = interest.loaded.get_mut(&account) {
            loaded.fold = fold;
        }
    }
    Ok(interest)
}

/// A folding without its entries, and how far they are asked for.
struct Begun {
    folding: Folding,
    /// Value dates above this one; all where empty.
    after: String,
    closed: Date,
    through: Date,
}

/// Where the fold of an account starts; None where the day has accrued or nothing accrues yet.
async fn begin(
    tx: &Tx,
    account: &Account,
    loaded: &Loaded,
    step: &AccountStep,
    marks: &BTreeMap<Date, Date>,
) -> Result<Option<Begun>, StoreError> {
    let (closed, through) = (step.day.closed, step.day.through);
    let at = loaded.accrual.and_then(|accrual| accrual.at);
    if at.is_some_and(|at| at.through >= through) {
        return Ok(None);
    }
    let consumed: Vec<Date> = marks.range(..=closed).map(|(booked, _)| *booked).collect();
    let earliest = marks.range(..=closed).map(|(_, valued)| *valued).min();
    let again = at.zip(earliest).filter(|(at, valued)| *valued <= at.through);
    let (start, points_from) = match (at, again) {
        (Some(at), None) => (Some(at), None),
        (_, Some((_, valued))) => (point_before(tx, account.id, valued).await?, Some(valued)),
        (None, None) => (None, None),
    };
    let after = start.map(|start| start.through.to_string()).unwrap_or_default();
    let start = match start {
        Some(start) => start,
        None => {
            let from = loaded.accrual.map_or(account.opened_on, |accrual| accrual.from);
            let Some(terms_from) = loaded.conditions.first_day() else { return Ok(None) };
            let first = from.max(terms_from);
            if first > through {
                return Ok(None);
            }
            let before =
                first.yesterday().map_err(|_| StoreError::Corrupt("a first day".into()))?;
            Point { through: before, balance: 0, accrued: Sides::default() }
        }
    };
    let (turnover, passed_over) = (BTreeMap::new(), BTreeMap::new());
    let folding = Folding { start, turnover, points_from, consumed, passed_over };
    Ok(Some(Begun { folding, after, closed, through }))
}

/// Reads the entries by value date that each fold takes in, with one statement. Those that a
/// first fold finds before its first day are its opening balance.
async fn entries(
    tx: &Tx,
    begun: BTreeMap<AccountId, Begun>,
) -> Result<BTreeMap<AccountId, Fold>, StoreError> {
    let mut begun = begun;
    if begun.is_empty() {
        return Ok(BTreeMap::new());
    }
    let columns =
        [("account_id", Column::Text), ("after", Column::Text), ("through", Column::Text)];
    let wanted = begun.iter().map(|(account, begun)| {
        row! {
            "account_id": account.to_string(), "after": begun.after.as_str(),
            "through": begun.through.to_string(),
        }
    });
    let query = |wanted: &str| {
        format!(
            "SELECT t.account_id, t.value_date, t.booking_date, t.net FROM ({wanted}) AS w \
             JOIN turnover AS t ON t.account_id = w.account_id AND t.value_date > w.after \
             AND t.value_date <= w.through"
        )
    };
    for row in many::query(tx, &columns, wanted.collect(), query).await? {
        let Some(begun) = begun.get_mut(&rows::id(&row, "account_id")?) else { continue };
        let (valued, booked) = (rows::date(&row, "value_date")?, rows::date(&row, "booking_date")?);
        let folding = &mut begun.folding;
        if booked > begun.closed {
            let earliest = folding.passed_over.entry(booked).or_insert(valued);
            *earliest = valued.min(*earliest);
            continue;
        }
        let day = valued.max(folding.start.through);
        *folding.turnover.entry(day).or_default() += i128::from(rows::int(&row, "net")?);
    }
    let mut foldings = BTreeMap::new();
    for (account, Begun { mut folding, .. }) in begun {
        let before = folding.turnover.remove(&folding.start.through).unwrap_or(0);
        let balance = i128::from(folding.start.balance) + before;
        let fold = match i64::try_from(balance) {
            Ok(balance) => {
                folding.start.balance = balance;
                Fold::Of(folding)
            }
            Err(_) => Fold::OutOfRange,
        };
        foldings.insert(account, fold);
    }
    Ok(foldings)
}

async fn accruals(tx: &Tx, ids: &[String]) -> Result<BTreeMap<AccountId, Accrual>, StoreError> {
    let query =
        format!("SELECT {COLUMNS} FROM accruals WHERE account_id {}", among(tx.engine(), 1));
    let found = sql::query_all(tx, query, [texts(tx.engine(), ids)]).await?;
    found.iter().map(accrual).collect()
}

/// An account's interest so far, as committed.
///
/// # Errors
/// Those of the database.
pub async fn of_account(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<Accrual>, StoreError> {
    let query = format!("SELECT {COLUMNS} FROM accruals WHERE account_id = $1");
    let row = sql::query_one(connection, query, [account.to_string().into()]).await?;
    Ok(row.map(|row| accrual(&row)).transpose()?.map(|(_, accrual)| accrual))
}

/// Reads a row of [`COLUMNS`].
///
/// # Errors
/// `Corrupt` for what was never written.
pub fn accrual(row: &QueryResult) -> Result<(AccountId, Accrual), StoreError> {
    let through = optional_date(row, "accrued_through")?;
    let at = match through {
        None => None,
        Some(through) => Some(point(row, through)?),
    };
    let sides = |credit, overdraft| -> Result<Sides<i64>, StoreError> {
        Ok(Sides { credit: rows::int(row, credit)?, overdraft: rows::int(row, overdraft)? })
    };
    let accrual = Accrual {
        from: rows::date(row, "accrues_from")?,
        at,
        booked: sides("booked_credit", "booked_overdraft")?,
        capitalised: sides("capitalised_credit", "capitalised_overdraft")?,
        capitalised_through: optional_date(row, "capitalised_through")?,
    };
    Ok((rows::id(row, "account_id")?, accrual))
}

fn optional_date(row: &QueryResult, column: &str) -> Result<Option<Date>, StoreError> {
    if rows::text(row, column)?.is_empty() { Ok(None) } else { rows::date(row, column).map(Some) }
}

fn point(row: &QueryResult, through: Date) -> Result<Point, StoreError> {
    let side = |column: &str| -> Result<Accrued, StoreError> {
        let text = rows::text(row, column)?;
        text.parse().map_err(|_| StoreError::Corrupt(format!("column {column} of an accrual")))
    };
    let accrued = Sides { credit: side("credit")?, overdraft: side("overdraft")? };
    Ok(Point { through, balance: rows::int(row, "balance")?, accrued })
}

/// The last end of a month before a day.
async fn point_before(tx: &Tx, account: AccountId, day: Date) -> Result<Option<Point>, StoreError> {
    let query = "SELECT through, balance, credit, overdraft FROM accrual_points \
                 WHERE account_id = $1 AND through < $2 ORDER BY through DESC LIMIT 1";
    let values = [account.to_string().into(), day.to_string().into()];
    let row = sql::query_one(tx, query, values).await?;
    row.map(|row| point(&row, rows::date(&row, "through")?)).transpose()
}

/// The late entries of accounts: the earliest value date of each booking date.
async fn backdated(
    tx: &Tx,
    ids: &[String],
) -> Result<BTreeMap<AccountId, BTreeMap<Date, Date>>, StoreError> {
    let query = format!(
        "SELECT account_id, booking_date, value_date FROM backdated WHERE account_id {}",
        among(tx.engine(), 1)
    );
    let mut found: BTreeMap<AccountId, BTreeMap<Date, Date>> = BTreeMap::new();
    for row in sql::query_all(tx, query, [texts(tx.engine(), ids)]).await? {
        let of = found.entry(rows::id(&row, "account_id")?).or_default();
        of.insert(rows::date(&row, "booking_date")?, rows::date(&row, "value_date")?);
    }
    Ok(found)
}
