//! Blind indexes: keyed hashes of what customers are looked up by.

use std::collections::{BTreeSet, HashSet};

use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column, Row},
    sql,
};
use sea_orm::ConnectionTrait;

use crate::{
    domain::{Contact, Customer, Identification, Party, field},
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
    /// The entry of an e-mail address.
    pub(crate) fn email(vault: &Vault, address: &str) -> Self {
        Self::of(vault, Indexed::Email, &field::normalised_email(address))
    }

    /// The entry of a telephone number.
    pub(crate) fn phone(vault: &Vault, number: &str) -> Self {
        Self::of(vault, Indexed::Phone, number)
    }

    /// The entry of a number that an authority gave.
    pub(crate) fn identification(vault: &Vault, one: &Identification) -> Self {
        Self::of(vault, Indexed::Identification, &one.normalised())
    }

    fn of(vault: &Vault, indexed: Indexed, normalised: &str) -> Self {
        Self { kind: indexed.name(), digest: vault.index(indexed, normalised) }
    }

    /// What tells nobody which value it is of, without the key.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    fn row(&self, customer: &str) -> Row {
        row! {"kind": self.kind, "digest": self.digest.as_str(), "customer_id": customer}
    }
}

/// The entries that no two customers share.
pub(crate) fn identifiers(vault: &Vault, party: Option<&Party>) -> BTreeSet<Entry> {
    let all = party.map(Party::identifications).unwrap_or_default();
    all.iter().map(|one| Entry::identification(vault, one)).collect()
}

fn contacts(vault: &Vault, contact: &Contact) -> Vec<Entry> {
    let email = (!contact.email.is_empty()).then(|| Entry::email(vault, &contact.email));
    let phone = (!contact.phone.is_empty()).then(|| Entry::phone(vault, &contact.phone));
    email.into_iter().chain(phone).collect()
}

/// Claims identifiers for customers; returns the digests of those that were free. No entry
/// may stand twice.
pub(crate) async fn claim_identifiers(
    tx: &Tx,
    mut wanted: Vec<(Entry, String)>,
) -> Result<HashSet<String>, StoreError> {
    // Two writers that claim in one order do not deadlock.
    wanted.sort_unstable();
    let rows = wanted.iter().map(|(entry, customer)| entry.row(customer)).collect();
    let conflict = ["kind", "digest"];
    let table = "customer_identifiers";
    let new = rows::insert_new(tx, table, &COLUMNS, &conflict, rows, "digest").await?;
    Ok(new.into_iter().collect())
}

/// Gives identifiers back.
pub(crate) async fn release_identifiers(tx: &Tx, entries: &[Entry]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let digests: Vec<&str> = entries.iter().map(Entry::digest).collect();
    let among = rows::among(tx.engine(), 2);
    let delete = format!("DELETE FROM customer_identifiers WHERE kind = $1 AND digest {among}");
    let kind = Indexed::Identification.name();
    sql::execute(tx, delete, [kind.into(), rows::texts(tx.engine(), &digests)]).await?;
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

/// The ids of at most `limit` customers with this entry, newest first, below an id.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    entry: &Entry,
    below: &str,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let query = "SELECT customer_id FROM customer_contacts \
                 WHERE kind = $1 AND digest = $2 AND customer_id < $3 \
                 UNION ALL \
                 SELECT customer_id FROM customer_identifiers \
                 WHERE kind = $1 AND digest = $2 AND customer_id < $3 \
                 ORDER BY customer_id DESC LIMIT $4";
    let values = [entry.kind.into(), entry.digest.clone().into(), below.into(), limit.into()];
    let found = sql::query_all(connection, query, values).await?;
    found.iter().map(|row| Ok(row.try_get("", "customer_id")?)).collect()
}
