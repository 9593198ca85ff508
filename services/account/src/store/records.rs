//! Accounts and journal transactions as they stand.

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::{AccountId, CustomerId, Date, Money, TransactionId, UnixMicros};
use florin_store::{
    Engine, StoreError,
    rows::{Keyed, among, read_by_id, texts},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::{load::holders_of, rows};
use crate::domain::account::{Account, Holder};

/// An account with its holders.
pub type AccountRecord = (Account, Vec<Holder>);

/// One account, by id.
///
/// # Errors
/// Those of the database.
pub async fn account(
    connection: &impl ConnectionTrait,
    id: AccountId,
) -> Result<Option<AccountRecord>, StoreError> {
    let query = format!("SELECT {} FROM accounts WHERE id = $1", rows::ACCOUNT);
    let found = sql::query_all(connection, query, [id.to_string().into()]).await?;
    Ok(with_holders(connection, found).await?.into_iter().next())
}

/// Those of the accounts that there are, in the order of their ids.
///
/// # Errors
/// Those of the database.
pub async fn accounts_of(
    connection: &impl ConnectionTrait,
    ids: &[AccountId],
) -> Result<Vec<AccountRecord>, StoreError> {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let keyed = Keyed { table: "accounts", id_column: "id", columns: rows::ACCOUNT };
    let found = read_by_id(connection, keyed, &ids).await?;
    with_holders(connection, found).await
}

/// The account behind an IBAN.
///
/// # Errors
/// Those of the database.
pub async fn account_of_iban(
    connection: &impl ConnectionTrait,
    iban: &str,
) -> Result<Option<Account>, StoreError> {
    let query = format!("SELECT {} FROM accounts WHERE iban = $1", rows::ACCOUNT);
    let row = sql::query_one(connection, query, [iban.into()]).await?;
    row.map(|row| rows::account(&row).map(|(account, _, _)| account)).transpose()
}

/// Accounts below an id, newest first: of one customer, or of all where none is named.
///
/// # Errors
/// Those of the database.
pub async fn accounts(
    connection: &impl ConnectionTrait,
    customer: Option<CustomerId>,
    below: &str,
    limit: i64,
) -> Result<Vec<AccountRecord>, StoreError> {
    let (query, values) = if let Some(customer) = customer {
        let query = format!(
            "SELECT {} FROM accounts WHERE id IN (SELECT account_id FROM holders \
             WHERE customer_id = $1 AND account_id < $2 ORDER BY account_id DESC LIMIT $3) \
             ORDER BY id DESC",
            rows::ACCOUNT
        );
        (query, vec![customer.to_string().into(), below.into(), limit.into()])
    } else {
        let query = format!(
            "SELECT {} FROM accounts WHERE id < $1 ORDER BY id DESC LIMIT $2",
            rows::ACCOUNT
        );
        (query, vec![below.into(), limit.into()])
    };
    let found = sql::query_all(connection, query, values).await?;
    with_holders(connection, found).await
}

const HOLDERS_OF_ONE: &str = "SELECT account_id, customer_id, role FROM holders \
                              WHERE account_id = $1 ORDER BY role, customer_id";

async fn with_holders(
    connection: &impl ConnectionTrait,
    found: Vec<QueryResult>,
) -> Result<Vec<AccountRecord>, StoreError> {
    let accounts: Vec<Account> = found
        .iter()
        .map(|row| rows::account(row).map(|(account, _, _)| account))
        .collect::<Result<_, _>>()?;
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = accounts.iter().map(|account| account.id.to_string()).collect();
    let mut holders: BTreeMap<AccountId, Vec<Holder>> = BTreeMap::new();
    let told = match ids.as_slice() {
        // Not by the list: PostgreSQL may scan the table for a list of unknown length.
        [id] => sql::query_all(connection, HOLDERS_OF_ONE, [id.as_str().into()]).await?,
        ids => {
            sql::query_all(
                connection,
                holders_of(Engine::of(connection)),
                [texts(Engine::of(connection), ids)],
            )
            .await?
        }
    };
    for row in told {
        let (account, holder) = rows::holder(&row)?;
        holders.entry(account).or_default().push(holder);
    }
    let paired = accounts.into_iter().map(|account| {
        let of = holders.remove(&account.id).unwrap_or_default();
        (account, of)
    });
    Ok(paired.collect())
}

/// A leg as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLeg {
    /// Account of a customer.
    pub account: Option<AccountId>,
    /// GL code.
    pub gl_code: String,
    /// Signed amount: credit positive.
    pub amount: Money,
    /// The other side.
    pub counterparty: String,
}

/// A conversion as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConversion {
    /// What the bank took in.
    pub sold: Money,
    /// What it gave.
    pub bought: Money,
    /// The rate as it was given.
    pub rate: String,
}

/// A journal transaction as stored, with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeTransaction {
    /// The transaction.
    pub stored: StoredTransaction,
    /// Its legs, in order.
    pub legs: Vec<StoredLeg>,
    /// Its conversions, in order.
    pub conversions: Vec<StoredConversion>,
    /// The transaction that reverses it.
    pub reversed_by: Option<TransactionId>,
}

/// A journal transaction as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTransaction {
    /// Its id.
    pub id: TransactionId,
    /// In whose name the reference is unique.
    pub caller: String,
    /// Natural reference.
    pub reference: String,
    /// Kind.
    pub kind: String,
    /// Text for the statement.
    pub description: String,
    /// Booking date.
    pub booking_date: Date,
    /// Value date.
    pub value_date: Date,
    /// When it was recorded.
    pub recorded_at: UnixMicros,
    /// The transaction that it reverses.
    pub reverses: Option<TransactionId>,
}

const JOURNAL: &str = "id, caller, reference, kind, description, booking_date, value_date, \
     recorded_at, reverses";

fn stored(row: &QueryResult) -> Result<StoredTransaction, StoreError> {
    Ok(StoredTransaction {
        id: rows::id(row, "id")?,
        caller: rows::text(row, "caller")?,
        reference: rows::text(row, "reference")?,
        kind: rows::text(row, "kind")?,
        description: rows::text(row, "description")?,
        booking_date: rows::date(row, "booking_date")?,
        value_date: rows::date(row, "value_date")?,
        recorded_at: UnixMicros(rows::int(row, "recorded_at")?),
        reverses: rows::optional_id(row, "reverses")?,
    })
}

/// A journal transaction with its legs, conversions and the id of its reversal.
///
/// # Errors
/// Those of the database.
pub async fn transaction(
    connection: &impl ConnectionTrait,
    id: TransactionId,
) -> Result<Option<WholeTransaction>, StoreError> {
    let id = id.to_string();
    let query = format!("SELECT {JOURNAL} FROM journal WHERE id = $1");
    let Some(row) = sql::query_one(connection, query, [id.as_str().into()]).await? else {
        return Ok(None);
    };
    let stored = stored(&row)?;
    let query = "SELECT account_id, gl_code, currency, amount, counterparty FROM journal_legs \
                 WHERE transaction_id = $1 ORDER BY leg";
    let mut legs = Vec::new();
    for row in sql::query_all(connection, query, [id.as_str().into()]).await? {
        legs.push(StoredLeg {
            account: rows::optional_id(&row, "account_id")?,
            gl_code: rows::text(&row, "gl_code")?,
            amount: Money::new(rows::int(&row, "amount")?, rows::currency(&row, "currency")?),
            counterparty: rows::text(&row, "counterparty")?,
        });
    }
    let query = "SELECT id FROM journal WHERE reverses = $1";
    let reversal = sql::query_one(connection, query, [id.as_str().into()]).await?;
    let reversed_by = reversal.map(|row| rows::id(&row, "id")).transpose()?;
    let conversions = conversions(connection, &id).await?;
    Ok(Some(WholeTransaction { stored, legs, conversions, reversed_by }))
}

async fn conversions(
    connection: &impl ConnectionTrait,
    transaction: &str,
) -> Result<Vec<StoredConversion>, StoreError> {
    let query = "SELECT sold_currency, sold_amount, bought_currency, bought_amount, rate \
                 FROM journal_conversions WHERE transaction_id = $1 ORDER BY number";
    let found = sql::query_all(connection, query, [transaction.into()]).await?;
    let conversions = found.iter().map(|row| {
        let money = |amount, currency| -> Result<Money, StoreError> {
            Ok(Money::new(rows::int(row, amount)?, rows::currency(row, currency)?))
        };
        Ok(StoredConversion {
            sold: money("sold_amount", "sold_currency")?,
            bought: money("bought_amount", "bought_currency")?,
            rate: rows::text(row, "rate")?,
        })
    });
    conversions.collect()
}

/// Those of a caller's references that stand for a record.
///
/// # Errors
/// Those of the database.
pub async fn references_of(
    connection: &impl ConnectionTrait,
    caller: &str,
    references: &[&str],
) -> Result<BTreeSet<String>, StoreError> {
    if references.is_empty() {
        return Ok(BTreeSet::new());
    }
    let query = format!(
        "SELECT reference FROM ledger_references WHERE caller = $2 AND reference {}",
        among(Engine::of(connection), 1)
    );
    let found = sql::query_all(
        connection,
        query,
        [texts(Engine::of(connection), references), caller.into()],
    )
    .await?;
    found.iter().map(|row| rows::text(row, "reference")).collect()
}

/// What the legs of a journal transaction are on, for the proof: accounts of customers by their
/// ids, others by their GL codes, each once and sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sides {
    /// Sum of the debits by currency.
    pub debits: BTreeMap<String, Money>,
    /// What is debited.
    pub debited: BTreeSet<String>,
    /// What is credited.
    pub credited: BTreeSet<String>,
}

/// Journal transactions above an id, or the first ones, with what their legs are on.
///
/// # Errors
/// Those of the database.
pub async fn transactions_after(
    connection: &impl ConnectionTrait,
    after: Option<TransactionId>,
    limit: i64,
) -> Result<Vec<(StoredTransaction, Sides)>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let query = format!("SELECT {JOURNAL} FROM journal WHERE id > $1 ORDER BY id LIMIT $2");
    let mut page = Vec::new();
    for row in sql::query_all(connection, query, [after.into(), limit.into()]).await? {
        page.push((stored(&row)?, Sides::default()));
    }
    let (Some((first, _)), Some((last, _))) = (page.first(), page.last()) else {
        return Ok(page);
    };
    let query = "SELECT transaction_id, currency, amount, COALESCE(account_id, gl_code) AS target \
                 FROM journal_legs WHERE transaction_id >= $1 AND transaction_id <= $2";
    let values = [first.id.to_string().into(), last.id.to_string().into()];
    let mut found: BTreeMap<TransactionId, Sides> = BTreeMap::new();
    for row in sql::query_all(connection, query, values).await? {
        let id: TransactionId = rows::id(&row, "transaction_id")?;
        let minor = rows::int(&row, "amount")?;
        let currency = rows::currency(&row, "currency")?;
        let sides = found.entry(id).or_default();
        let target = rows::text(&row, "target")?;
        if minor > 0 {
            sides.credited.insert(target);
            continue;
        }
        sides.debited.insert(target);
        let beyond = |error| StoreError::Corrupt(format!("debits of {id}: {error}"));
        let debit = Money::new(minor, currency).checked_neg().map_err(beyond)?;
        let sum = match sides.debits.get(currency.code()) {
            Some(sum) => sum.checked_add(debit).map_err(beyond)?,
            None => debit,
        };
        sides.debits.insert(currency.code().to_owned(), sum);
    }
    for (transaction, sides) in &mut page {
        *sides = found.remove(&transaction.id).unwrap_or_default();
    }
    Ok(page)
}
