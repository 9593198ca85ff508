//! Authorisations of card payments.

mod operations;

use florin_kernel::{AccountId, AuthorisationId, Currency, CustomerId, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Claiming, Column, Due, Keyed, Row},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

pub use self::operations::{
    add, of_reference, operation, operations, operations_of, update_operations,
};
use crate::domain::{Authorisation, AuthorisationStatus, CardHold, Merchant};

const TABLE: &str = "authorisations";

/// A stored authorisation and what a worker keeps with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The authorisation.
    pub authorisation: Authorisation,
    /// When a worker is to take it; None where no operation waits for the ledger.
    pub due_at: Option<UnixMicros>,
    /// Until when somebody has it.
    pub lease_until: Option<UnixMicros>,
    /// Who has it.
    pub lease_token: Option<String>,
    /// How often what is pending was tried.
    pub attempts: i64,
    /// What last kept it waiting.
    pub last_cause: Option<String>,
}

const FIXED: [(&str, Column); 14] = [
    ("id", Column::Text),
    ("account", Column::Text),
    ("customer", Column::Text),
    ("channel", Column::Text),
    ("network", Column::Text),
    ("network_reference", Column::Text),
    ("merchant_id", Column::Text),
    ("merchant_name", Column::Text),
    ("mcc", Column::Text),
    ("country", Column::Text),
    ("settlement_gl_code", Column::Text),
    ("shortfall_gl_code", Column::Text),
    ("currency", Column::Text),
    ("created_at", Column::Int),
];
const CHANGING: [(&str, Column); 14] = [
    ("status", Column::Int),
    ("authorised", Column::Int),
    ("captured", Column::Int),
    ("holds", Column::Text),
    ("expires_at", Column::Int),
    ("operations", Column::Int),
    ("pending", Column::Int),
    ("version", Column::Int),
    ("changed_at", Column::Int),
    ("due_at", Column::Int),
    ("lease_until", Column::Int),
    ("lease_token", Column::Text),
    ("attempts", Column::Int),
    ("last_cause", Column::Text),
];

fn columns() -> String {
    let names: Vec<_> = FIXED.iter().chain(&CHANGING).map(|(name, _)| *name).collect();
    names.join(", ")
}

fn to_row(card: &Card) -> Row {
    let one = &card.authorisation;
    let holds: Vec<_> =
        one.holds.iter().map(|hold| format!("{}:{}", hold.number, hold.remaining)).collect();
    row! {
        "id": one.id.to_string(),
        "account": one.account.to_string(),
        "customer": one.customer.map(|id| id.to_string()),
        "channel": one.channel.as_str(),
        "network": one.network.as_str(),
        "network_reference": one.network_reference.as_str(),
        "merchant_id": one.merchant.id.as_str(),
        "merchant_name": one.merchant.name.as_str(),
        "mcc": one.merchant.mcc.as_str(),
        "country": one.merchant.country.as_str(),
        "settlement_gl_code": one.settlement_gl_code.as_str(),
        "shortfall_gl_code": one.shortfall_gl_code.as_deref(),
        "currency": one.currency.code(),
        "created_at": one.created_at.0,
        "status": one.status.code(),
        "authorised": one.authorised,
        "captured": one.captured,
        "holds": holds.join(" "),
        "expires_at": one.expires_at.0,
        "operations": one.operations,
        "pending": one.pending,
        "version": one.version,
        "changed_at": one.changed_at.0,
        "due_at": card.due_at.map(|at| at.0),
        "lease_until": card.lease_until.map(|at| at.0),
        "lease_token": card.lease_token.as_deref(),
        "attempts": card.attempts,
        "last_cause": card.last_cause.as_deref(),
    }
}

fn from_row(row: &QueryResult) -> Result<Card, StoreError> {
    let id: String = row.try_get("", "id")?;
    let corrupt = |what: &str| StoreError::Corrupt(format!("{id} has no valid {what}"));
    let text = |column: &str| row.try_get::<String>("", column);
    let instant =
        |column: &str| row.try_get::<Option<i64>>("", column).map(|at| at.map(UnixMicros));
    let customer: Option<String> = row.try_get("", "customer")?;
    let customer = customer.map(|id| id.parse::<CustomerId>()).transpose();
    let currency = text("currency")?.parse::<Currency>();
    let status = AuthorisationStatus::from_code(row.try_get("", "status")?);
    let authorisation = Authorisation {
        id: id.parse().map_err(|_| corrupt("id"))?,
        account: text("account")?.parse().map_err(|_| corrupt("account"))?,
        customer: customer.map_err(|_| corrupt("customer"))?,
        channel: text("channel")?,
        network: text("network")?,
        network_reference: text("network_reference")?,
        merchant: Merchant {
            id: text("merchant_id")?,
            name: text("merchant_name")?,
            mcc: text("mcc")?,
            country: text("country")?,
        },
        settlement_gl_code: text("settlement_gl_code")?,
        shortfall_gl_code: row.try_get("", "shortfall_gl_code")?,
        currency: currency.map_err(|_| corrupt("currency"))?,
        status: status.ok_or_else(|| corrupt("status"))?,
        authorised: row.try_get("", "authorised")?,
        captured: row.try_get("", "captured")?,
        holds: holds(&text("holds")?).ok_or_else(|| corrupt("holds"))?,
        expires_at: UnixMicros(row.try_get("", "expires_at")?),
        operations: row.try_get("", "operations")?,
        pending: row.try_get("", "pending")?,
        version: row.try_get("", "version")?,
        created_at: UnixMicros(row.try_get("", "created_at")?),
        changed_at: UnixMicros(row.try_get("", "changed_at")?),
    };
    Ok(Card {
        authorisation,
        due_at: instant("due_at")?,
        lease_until: instant("lease_until")?,
        lease_token: row.try_get("", "lease_token")?,
        attempts: row.try_get("", "attempts")?,
        last_cause: row.try_get("", "last_cause")?,
    })
}

fn holds(text: &str) -> Option<Vec<CardHold>> {
    let each = text.split(' ').filter(|one| !one.is_empty()).map(|one| {
        let (number, remaining) = one.split_once(':')?;
        Some(CardHold { number: number.parse().ok()?, remaining: remaining.parse().ok()? })
    });
    each.collect()
}

/// Inserts a new authorisation.
///
/// # Errors
/// Those of the database.
pub async fn insert(tx: &Tx, card: &Card) -> Result<(), StoreError> {
    let columns: Vec<_> = FIXED.iter().chain(&CHANGING).copied().collect();
    rows::insert_many(tx, TABLE, &columns, vec![to_row(card)]).await.map(drop)
}

/// Writes what has changed of an authorisation that this transaction has locked, its lease
/// included.
///
/// # Errors
/// `Corrupt` where it is not there.
pub async fn update(tx: &Tx, card: &Card) -> Result<(), StoreError> {
    let id = [("id", Column::Text)];
    match rows::update_many(tx, TABLE, &id, &CHANGING, vec![to_row(card)]).await? {
        1 => Ok(()),
        found => Err(StoreError::Corrupt(format!("{found} authorisations written, not one"))),
    }
}

/// Locks an authorisation.
///
/// # Errors
/// Those of the database.
pub async fn lock(tx: &Tx, id: AuthorisationId) -> Result<Option<Card>, StoreError> {
    let columns = columns();
    let keyed = Keyed { table: TABLE, id_column: "id", columns: &columns };
    let found = rows::lock_by_id(tx, keyed, &[id.to_string()]).await?;
    found.first().map(from_row).transpose()
}

/// Reads an authorisation.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &impl ConnectionTrait,
    id: AuthorisationId,
) -> Result<Option<Card>, StoreError> {
    let query = format!("SELECT {} FROM {TABLE} WHERE id = $1", columns());
    let found = sql::query_one(connection, query, [id.to_string().into()]).await?;
    found.as_ref().map(from_row).transpose()
}

/// Takes those of which an operation waits for the ledger, with the worker's token.
///
/// # Errors
/// Those of the database.
pub async fn claim(tx: &Tx, claiming: &Claiming) -> Result<(String, Vec<Card>), StoreError> {
    let columns = columns();
    let due = Due {
        table: TABLE,
        id_column: "id",
        columns: &columns,
        due_column: "due_at",
        lease_until_column: "lease_until",
        lease_token_column: "lease_token",
        taken_over_column: None,
    };
    let claimed = rows::claim_due(tx, &due, claiming).await?;
    let readable = |row| {
        let card: Result<Card, StoreError> = from_row(row);
        card.inspect_err(|error| tracing::error!(%error, "an authorisation cannot be read")).ok()
    };
    Ok((claimed.token, claimed.rows.iter().filter_map(readable).collect()))
}

/// The ids of those whose time is over and that nobody works on, the oldest first.
///
/// # Errors
/// Those of the database.
pub async fn expiring(
    connection: &impl ConnectionTrait,
    now: UnixMicros,
    limit: u32,
) -> Result<Vec<AuthorisationId>, StoreError> {
    let query = format!(
        "SELECT id FROM {TABLE} WHERE status = 2 AND pending IS NULL AND expires_at <= $1 \
         ORDER BY expires_at, id LIMIT $2"
    );
    let found = sql::query_all(connection, query, [now.0.into(), i64::from(limit).into()]).await?;
    let ids = found.iter().map(|row| {
        let id: String = row.try_get("", "id")?;
        id.parse().map_err(|_| StoreError::Corrupt(format!("id of authorisation {id}")))
    });
    ids.collect()
}

/// Those of an account, newest first, older than one.
///
/// # Errors
/// Those of the database.
pub async fn list(
    connection: &impl ConnectionTrait,
    account: AccountId,
    before: Option<AuthorisationId>,
    limit: u64,
) -> Result<Vec<Card>, StoreError> {
    let query = format!(
        "SELECT {} FROM {TABLE} WHERE account = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        columns()
    );
    // Above every id.
    let before = before.map_or_else(|| "aut~".to_owned(), |id| id.to_string());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [account.to_string().into(), before.into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(from_row).collect()
}

/// A page of all of them, younger in its id than one.
///
/// # Errors
/// Those of the database.
pub async fn after(
    connection: &impl ConnectionTrait,
    last: &str,
    in_doubt_only: bool,
    limit: u32,
) -> Result<Vec<Card>, StoreError> {
    let in_doubt = if in_doubt_only { "AND due_at IS NOT NULL" } else { "" };
    let query =
        format!("SELECT {} FROM {TABLE} WHERE id > $1 {in_doubt} ORDER BY id LIMIT $2", columns());
    let found = sql::query_all(connection, query, [last.into(), i64::from(limit).into()]).await?;
    found.iter().map(from_row).collect()
}

/// The last authorisation of an account that was approved: what is known of the account while
/// `account` does not answer.
///
/// # Errors
/// Those of the database.
pub async fn last_approved(
    connection: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<Card>, StoreError> {
    let query = format!(
        "SELECT {} FROM {TABLE} WHERE account = $1 AND status NOT IN (1, 3) \
         ORDER BY id DESC LIMIT 1",
        columns()
    );
    let found = sql::query_one(connection, query, [account.to_string().into()]).await?;
    found.as_ref().map(from_row).transpose()
}

/// How many authorisations were asked for on an account since an instant.
///
/// # Errors
/// Those of the database.
pub async fn lately(
    connection: &impl ConnectionTrait,
    account: AccountId,
    since: UnixMicros,
) -> Result<i64, StoreError> {
    let query =
        format!("SELECT COUNT(*) AS asked FROM {TABLE} WHERE account = $1 AND created_at > $2");
    let values = [account.to_string().into(), since.0.into()];
    let found = sql::query_one(connection, query, values).await?;
    found.map_or(Ok(0), |row| Ok(row.try_get("", "asked")?))
}
