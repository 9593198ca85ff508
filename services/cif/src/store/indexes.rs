//! Blind indexes: keyed hashes of what customers are looked up by.

use std::collections::HashSet;

use florin_store::{
    StoreError, Tx,
    rows::{self, Column},
    sql,
};
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::{
    domain::{Contact, Customer, Party, field},
    vault::{Indexed, Vault},
};

const COLUMNS: [(&str, Column); 3] =
    [("kind", Column::Text), ("digest", Column::Text), ("customer_id", Column::Text)];

/// One entry of an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry {
    kind: &'static str,
    digest: String,
}

impl Entry {
    /// The entry of a value that somebody looks for.
    pub(crate) fn of(vault: &Vault, indexed: Indexed, value: &str) -> Self {
        let normalised = match indexed {
            Indexed::Email => field::normalised_email(value),
            Indexed::Phone => value.to_owned(),
            Indexed::NationalId | Indexed::RegistrationNumber => {
                field::normalised_identifier(value)
            }
        };
        Self { kind: indexed.name(), digest: vault.index(indexed, &normalised) }
    }

    fn row(&self, customer: &str) -> serde_json::Value {
        json!({"kind": self.kind, "digest": self.digest, "customer_id": customer})
    }
}

/// The entry that no two customers share, where the party has one.
pub(crate) fn identifier(vault: &Vault, party: Option<&Party>) -> Option<Entry> {
    match party? {
        Party::Person(person) if person.national_id.is_empty() => None,
        Party::Person(person) => Some(Entry::of(vault, Indexed::NationalId, &person.national_id)),
        Party::Organisation(organisation) => {
            let number = &organisation.registration_number;
            Some(Entry::of(vault, Indexed::RegistrationNumber, number))
        }
    }
}

fn contacts(vault: &Vault, contact: &Contact) -> Vec<Entry> {
    let fields = [(Indexed::Email, &contact.email), (Indexed::Phone, &contact.phone)];
    let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
    given.map(|(indexed, value)| Entry::of(vault, indexed, value)).collect()
}

/// Claims identifiers for customers; returns those that were free. No entry may stand twice.
pub(crate) async fn claim_identifiers(
    tx: &Tx,
    mut wanted: Vec<(Entry, String)>,
) -> Result<HashSet<String>, StoreError> {
    // Two writers that claim in one order do not deadlock.
    wanted.sort_unstable();
    let rows = wanted.iter().map(|(entry, customer)| entry.row(customer)).collect();
    let conflict = ["kind", "digest"];
    let table = "customer_identifiers";
    let new = rows::insert_new(tx, table, &COLUMNS, &conflict, rows, "customer_id").await?;
    Ok(new.into_iter().collect())
}

/// Gives an identifier back.
pub(crate) async fn release_identifier(tx: &Tx, entry: &Entry) -> Result<(), StoreError> {
    let delete = "DELETE FROM customer_identifiers WHERE kind = $1 AND digest = $2";
    sql::execute(tx, delete, [entry.kind.into(), entry.digest.clone().into()]).await?;
    Ok(())
}

/// Indexes the contacts of fresh customers.
pub(crate) async fn insert_contacts(
    tx: &Tx,
    vault: &Vault,
    customers: &[Customer],
) -> Result<(), StoreError> {
    let rows = customers.iter().flat_map(|customer| {
        let id = customer.id.to_string();
        contacts(vault, &customer.contact).into_iter().map(move |entry| entry.row(&id))
    });
    rows::insert_many(tx, "customer_contacts", &COLUMNS, rows.collect()).await?;
    Ok(())
}

/// Indexes the contacts of a changed customer anew.
pub(crate) async fn replace_contacts(
    tx: &Tx,
    vault: &Vault,
    customer: &Customer,
) -> Result<(), StoreError> {
    let delete = "DELETE FROM customer_contacts WHERE customer_id = $1";
    sql::execute(tx, delete, [customer.id.to_string().into()]).await?;
    insert_contacts(tx, vault, std::slice::from_ref(customer)).await
}

/// The ids of at most `limit` customers with this entry.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    entry: &Entry,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let query = "SELECT customer_id FROM customer_contacts WHERE kind = $1 AND digest = $2 \
                 UNION ALL \
                 SELECT customer_id FROM customer_identifiers WHERE kind = $1 AND digest = $2 \
                 ORDER BY customer_id DESC LIMIT $3";
    let values = [entry.kind.into(), entry.digest.clone().into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(|row| Ok(row.try_get("", "customer_id")?)).collect()
}
