//! Writing facts into generations. Everything here may be repeated, and come in any order.

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::CustomerId;
use florin_store::{
    StoreError, Tx,
    rows::{self, Column},
    sql,
};
use serde_json::{Value, json};

use crate::domain::{Entry, Holders, fold};

const ENTRY: &[(&str, Column)] = &[
    ("generation", Column::Int),
    ("account_id", Column::Text),
    ("account_version", Column::Int),
    ("sort_key", Column::Text),
    ("transaction_id", Column::Text),
    ("booking_date", Column::Text),
    ("value_date", Column::Text),
    ("direction", Column::Text),
    ("minor", Column::Int),
    ("currency", Column::Text),
    ("posted_after", Column::Int),
    ("kind", Column::Text),
    ("description", Column::Text),
    ("counterparty", Column::Text),
    ("folded_counterparty", Column::Text),
    ("recorded_at", Column::Int),
];
const WORD: &[(&str, Column)] = &[
    ("generation", Column::Int),
    ("account_id", Column::Text),
    ("sort_key", Column::Text),
    ("word", Column::Text),
];
const ACCOUNT: &[(&str, Column)] =
    &[("generation", Column::Int), ("account_id", Column::Text), ("version", Column::Int)];
const HOLDER: &[(&str, Column)] = &[
    ("generation", Column::Int),
    ("account_id", Column::Text),
    ("customer_id", Column::Text),
    ("role", Column::Text),
];
const CUSTOMER: &[(&str, Column)] = &[("generation", Column::Int), ("customer_id", Column::Text)];

/// What a batch of events says.
#[derive(Debug, Default)]
pub struct Facts {
    /// Debits and credits.
    pub entries: Vec<Entry>,
    /// Holders of accounts.
    pub holders: Vec<Holders>,
    /// Customers.
    pub customers: BTreeSet<CustomerId>,
}

impl Facts {
    /// Adds what other events say.
    pub fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
        self.holders.extend(other.holders);
        self.customers.extend(other.customers);
    }
}

/// Writes facts into the generations.
///
/// # Errors
/// Those of the database.
pub async fn write(tx: &Tx, generations: &[i64], facts: &Facts) -> Result<(), StoreError> {
    for generation in generations {
        write_customers(tx, *generation, &facts.customers).await?;
        write_holders(tx, *generation, &facts.holders).await?;
        write_entries(tx, *generation, &facts.entries).await?;
    }
    Ok(())
}

async fn write_customers(
    tx: &Tx,
    generation: i64,
    customers: &BTreeSet<CustomerId>,
) -> Result<(), StoreError> {
    let new_rows = customers
        .iter()
        .map(|id| json!({"generation": generation, "customer_id": id.to_string()}))
        .collect();
    let key = &["generation", "customer_id"];
    rows::insert_new(tx, "customers", CUSTOMER, key, new_rows, "customer_id").await?;
    Ok(())
}

/// The greater version wins, in the batch and against what is stored.
async fn write_holders(tx: &Tx, generation: i64, told: &[Holders]) -> Result<(), StoreError> {
    let mut latest: BTreeMap<String, &Holders> = BTreeMap::new();
    for holders in told {
        let kept = latest.entry(holders.account_id.to_string()).or_insert(holders);
        if holders.version > kept.version {
            *kept = holders;
        }
    }
    if latest.is_empty() {
        return Ok(());
    }
    let stored = lock_versions(tx, generation, latest.keys().cloned().collect()).await?;
    latest.retain(|account, holders| {
        stored.get(account).is_none_or(|version| holders.version > *version)
    });
    let versions = latest
        .iter()
        .map(|(account, holders)| account_row(generation, account, holders.version))
        .collect();
    let key = [("generation", Column::Int), ("account_id", Column::Text)];
    rows::update_many(tx, "accounts", &key, &[("version", Column::Int)], versions).await?;
    let accounts: Vec<_> = latest.keys().collect();
    let delete = format!(
        "DELETE FROM holders WHERE generation = $1 AND account_id {}",
        rows::among(tx.engine(), 2),
    );
    sql::execute(tx, delete, [generation.into(), rows::texts(&accounts)]).await?;
    let new_rows = latest.values().flat_map(|holders| holder_rows(generation, holders)).collect();
    rows::insert_many(tx, "holders", HOLDER, new_rows).await?;
    Ok(())
}

/// The stored versions of accounts, which are added where absent, at version 0.
async fn lock_versions(
    tx: &Tx,
    generation: i64,
    accounts: Vec<String>,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let new_rows = accounts.iter().map(|account| account_row(generation, account, 0)).collect();
    let key = &["generation", "account_id"];
    rows::insert_new(tx, "accounts", ACCOUNT, key, new_rows, "account_id").await?;
    let query = format!(
        "SELECT account_id, version FROM accounts WHERE generation = $1 AND account_id {} \
         ORDER BY account_id{}",
        rows::among(tx.engine(), 2),
        tx.engine().for_update(),
    );
    let found = sql::query_all(tx, query, [generation.into(), rows::texts(&accounts)]).await?;
    found
        .iter()
        .map(|row| Ok((row.try_get("", "account_id")?, row.try_get("", "version")?)))
        .collect()
}

fn account_row(generation: i64, account: &str, version: i64) -> Value {
    json!({"generation": generation, "account_id": account, "version": version})
}

/// A customer named twice keeps the greater part.
fn holder_rows(generation: i64, told: &Holders) -> Vec<Value> {
    let mut parts = BTreeMap::new();
    for holder in &told.holders {
        let kept = parts.entry(holder.customer_id).or_insert(holder.part);
        *kept = (*kept).min(holder.part);
    }
    let row = |(customer, part): (CustomerId, crate::domain::HolderPart)| {
        json!({
            "generation": generation,
            "account_id": told.account_id.to_string(),
            "customer_id": customer.to_string(),
            "role": part.name(),
        })
    };
    parts.into_iter().map(row).collect()
}

async fn write_entries(tx: &Tx, generation: i64, told: &[Entry]) -> Result<(), StoreError> {
    let mut sorted: Vec<_> = told.iter().collect();
    sorted.sort_unstable_by_key(|entry| (entry.account_id, entry.account_version));
    let new_rows = sorted.iter().map(|entry| entry_row(generation, entry)).collect();
    let key = &["generation", "account_id", "account_version"];
    rows::insert_new(tx, "entries", ENTRY, key, new_rows, "account_version").await?;
    let mut words = Vec::new();
    for entry in sorted {
        let (account, sort_key) = (entry.account_id.to_string(), entry.sort_key());
        words.extend(entry.words().into_iter().map(|word| {
            json!({
                "generation": generation,
                "account_id": account,
                "sort_key": sort_key,
                "word": word,
            })
        }));
    }
    let key = &["generation", "account_id", "sort_key", "word"];
    rows::insert_new(tx, "entry_words", WORD, key, words, "generation").await?;
    Ok(())
}

fn entry_row(generation: i64, entry: &Entry) -> Value {
    json!({
        "generation": generation,
        "account_id": entry.account_id.to_string(),
        "account_version": entry.account_version,
        "sort_key": entry.sort_key(),
        "transaction_id": entry.transaction_id.to_string(),
        "booking_date": entry.booking_date.to_string(),
        "value_date": entry.value_date.to_string(),
        "direction": entry.direction.name(),
        "minor": entry.amount.minor(),
        "currency": entry.amount.currency().code(),
        "posted_after": entry.posted_after.minor(),
        "kind": entry.kind,
        "description": entry.description,
        "counterparty": entry.counterparty,
        "folded_counterparty": fold::fold(&entry.counterparty),
        "recorded_at": entry.recorded_at.0,
    })
}
