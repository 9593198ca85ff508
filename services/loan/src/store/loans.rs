//! The rows of loans: what was applied for, and a projection of the steps.

use florin_kernel::{AccountId, Currency, CustomerId, LoanId, Money, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column, Keyed, Row},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::{corrupt, names};
use crate::domain::loan::State;

const TABLE: &str = "loans";

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: LoanId,
    /// Who borrows.
    pub customer: CustomerId,
    /// What is paid, and what repays.
    pub account: AccountId,
    /// Code of the product.
    pub product: String,
    /// The version that the loan keeps.
    pub product_version: i64,
    /// Of all amounts.
    pub currency: Currency,
    /// The person who entered it.
    pub maker: String,
    /// What was asked for, minor units, as the other amounts.
    pub requested: i64,
    /// Percent a year.
    pub rate: String,
    /// How many.
    pub instalments: i64,
    /// When money was expected.
    pub disbursed_on: String,
    /// When the first instalment is due; empty for one distance later.
    pub first_due: String,
    /// Net income a month.
    pub monthly_income: i64,
    /// What other debts take a month.
    pub monthly_debts: i64,
    /// What this loan takes a month.
    pub monthly_instalment: i64,
    /// The encoded score.
    pub score: Vec<u8>,
    /// When it was applied for.
    pub created_at: UnixMicros,
    /// State.
    pub state: State,
    /// Whether a first of two persons has approved it.
    pub endorsed: bool,
    /// What was approved.
    pub approved: i64,
    /// What was disbursed.
    pub disbursed: i64,
    /// Principal that is not repaid.
    pub outstanding: i64,
    /// When something falls due next.
    pub next_due: Option<String>,
    /// The number of its steps.
    pub version: i64,
    /// The number of its events.
    pub told: i64,
    /// The number of its movements.
    pub movements: i64,
    /// When it last changed.
    pub changed_at: UnixMicros,
}

const FIXED: [(&str, Column); 17] = [
    ("id", Column::Text),
    ("customer_id", Column::Text),
    ("account_id", Column::Text),
    ("product", Column::Text),
    ("product_version", Column::Int),
    ("currency", Column::Text),
    ("maker", Column::Text),
    ("requested", Column::Int),
    ("rate", Column::Text),
    ("instalments", Column::Int),
    ("disbursed_on", Column::Text),
    ("first_due", Column::Text),
    ("monthly_income", Column::Int),
    ("monthly_debts", Column::Int),
    ("monthly_instalment", Column::Int),
    ("score", Column::Bytes),
    ("created_at", Column::Int),
];
const CHANGING: [(&str, Column); 10] = [
    ("status", Column::Int),
    ("endorsed", Column::Bool),
    ("approved", Column::Int),
    ("disbursed", Column::Int),
    ("outstanding", Column::Int),
    ("next_due", Column::Text),
    ("version", Column::Int),
    ("told", Column::Int),
    ("movements", Column::Int),
    ("changed_at", Column::Int),
];

/// The number of a state, that of the contract.
#[must_use]
pub const fn state_code(state: State) -> i64 {
    match state {
        State::Applied => 1,
        State::Approved => 2,
        State::Rejected => 3,
        State::Accepted => 4,
        State::Cancelled => 5,
        State::Active => 6,
        State::Restructured => 7,
        State::Closed => 8,
        State::WrittenOff => 9,
    }
}

fn state_of(code: i64) -> Option<State> {
    State::ALL.iter().copied().find(|state| state_code(*state) == code)
}

impl Record {
    /// An amount in the loan's currency.
    #[must_use]
    pub const fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    fn to_row(&self) -> Row {
        row! {
            "id": self.id.to_string(),
            "customer_id": self.customer.to_string(),
            "account_id": self.account.to_string(),
            "product": self.product.as_str(),
            "product_version": self.product_version,
            "currency": self.currency.code(),
            "maker": self.maker.as_str(),
            "requested": self.requested,
            "rate": self.rate.as_str(),
            "instalments": self.instalments,
            "disbursed_on": self.disbursed_on.as_str(),
            "first_due": self.first_due.as_str(),
            "monthly_income": self.monthly_income,
            "monthly_debts": self.monthly_debts,
            "monthly_instalment": self.monthly_instalment,
            "score": self.score.clone(),
            "created_at": self.created_at.0,
            "status": state_code(self.state),
            "endorsed": self.endorsed,
            "approved": self.approved,
            "disbursed": self.disbursed,
            "outstanding": self.outstanding,
            "next_due": self.next_due.as_deref(),
            "version": self.version,
            "told": self.told,
            "movements": self.movements,
            "changed_at": self.changed_at.0,
        }
    }

    fn from_row(row: &QueryResult) -> Result<Self, StoreError> {
        let id: String = row.try_get("", "id")?;
        let text = |column: &'static str| row.try_get::<String>("", column);
        let number = |column: &'static str| row.try_get::<i64>("", column);
        let of = format!("loan {id}");
        Ok(Self {
            id: id.parse().map_err(|_| corrupt(&of, "id"))?,
            customer: text("customer_id")?.parse().map_err(|_| corrupt(&of, "customer"))?,
            account: text("account_id")?.parse().map_err(|_| corrupt(&of, "account"))?,
            product: text("product")?,
            product_version: number("product_version")?,
            currency: text("currency")?.parse().map_err(|_| corrupt(&of, "currency"))?,
            maker: text("maker")?,
            requested: number("requested")?,
            rate: text("rate")?,
            instalments: number("instalments")?,
            disbursed_on: text("disbursed_on")?,
            first_due: text("first_due")?,
            monthly_income: number("monthly_income")?,
            monthly_debts: number("monthly_debts")?,
            monthly_instalment: number("monthly_instalment")?,
            score: row.try_get("", "score")?,
            created_at: UnixMicros(number("created_at")?),
            state: state_of(number("status")?).ok_or_else(|| corrupt(&of, "status"))?,
            endorsed: row.try_get("", "endorsed")?,
            approved: number("approved")?,
            disbursed: number("disbursed")?,
            outstanding: number("outstanding")?,
            next_due: row.try_get("", "next_due")?,
            version: number("version")?,
            told: number("told")?,
            movements: number("movements")?,
            changed_at: UnixMicros(number("changed_at")?),
        })
    }
}

/// Keeps a new loan.
///
/// # Errors
/// Those of the database.
pub async fn insert(tx: &Tx, new: &Record) -> Result<(), StoreError> {
    let columns: Vec<_> = FIXED.iter().chain(&CHANGING).copied().collect();
    rows::insert_many(tx, TABLE, &columns, vec![new.to_row()]).await.map(drop)
}

/// Locks loans in the order of their ids and returns them in it; an id without a row is left out.
///
/// # Errors
/// Those of the database.
pub async fn lock(tx: &Tx, ids: &[LoanId]) -> Result<Vec<Record>, StoreError> {
    let mut ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.sort_unstable();
    ids.dedup();
    let columns = names(&[&FIXED, &CHANGING]);
    let keyed = Keyed { table: TABLE, id_column: "id", columns: &columns };
    rows::lock_by_id(tx, keyed, &ids).await?.iter().map(Record::from_row).collect()
}

/// Reads a loan.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &impl ConnectionTrait,
    id: LoanId,
) -> Result<Option<Record>, StoreError> {
    let query = format!("SELECT {} FROM {TABLE} WHERE id = $1", names(&[&FIXED, &CHANGING]));
    let row = sql::query_one(connection, query, [id.to_string().into()]).await?;
    row.as_ref().map(Record::from_row).transpose()
}

/// Writes the changing part of loans that this transaction has locked.
///
/// # Errors
/// `Corrupt` where one is not there.
pub async fn update(tx: &Tx, records: &[Record]) -> Result<(), StoreError> {
    let rows = records.iter().map(Record::to_row).collect();
    let found = rows::update_many(tx, TABLE, &[("id", Column::Text)], &CHANGING, rows).await?;
    if usize::try_from(found) == Ok(records.len()) {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!("{found} loans written where {} were meant", records.len())))
}

/// What the loans of a customer that are under way take a month, in a currency, minor units.
///
/// # Errors
/// Those of the database.
pub async fn monthly_burden(
    connection: &impl ConnectionTrait,
    customer: CustomerId,
    currency: Currency,
) -> Result<i64, StoreError> {
    let query = format!(
        "SELECT CAST(COALESCE(SUM(monthly_instalment), 0) AS BIGINT) AS taken FROM {TABLE} \
         WHERE customer_id = $1 AND currency = $2 AND status IN (2, 4, 6, 7)"
    );
    let values = [customer.to_string().into(), currency.code().into()];
    let row = sql::query_one(connection, query, values).await?;
    row.map_or(Ok(0), |row| Ok(row.try_get("", "taken")?))
}

/// A page of loans, newest first, older than `before`: of a customer, in a state.
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &impl ConnectionTrait,
    (customer, state): (Option<CustomerId>, Option<State>),
    before: Option<LoanId>,
    limit: u32,
) -> Result<Vec<Record>, StoreError> {
    // Every id is below one that begins so.
    let before = before.map_or_else(|| "lon_g".to_owned(), |id| id.to_string());
    let mut values: Vec<Value> = vec![before.into(), i64::from(limit).into()];
    let mut filter = String::from("id < $1");
    if let Some(customer) = customer {
        values.push(customer.to_string().into());
        filter.push_str(&format!(" AND customer_id = ${}", values.len()));
    }
    if let Some(state) = state {
        values.push(state_code(state).into());
        filter.push_str(&format!(" AND status = ${}", values.len()));
    }
    let query = format!(
        "SELECT {} FROM {TABLE} WHERE {filter} ORDER BY id DESC LIMIT $2",
        names(&[&FIXED, &CHANGING])
    );
    sql::query_all(connection, query, values).await?.iter().map(Record::from_row).collect()
}
