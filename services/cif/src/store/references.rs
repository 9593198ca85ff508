//! Callers' references, which name one customer for ever.

use std::collections::{HashMap, HashSet};

use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column, among, texts},
    sql,
};

/// A reference as it is claimed.
pub(crate) struct Claim<'a> {
    pub(crate) reference: &'a str,
    pub(crate) customer_id: String,
    pub(crate) content_hash: [u8; 32],
}

/// What a reference names already.
pub(crate) struct Known {
    pub(crate) customer_id: String,
    pub(crate) content_hash: Vec<u8>,
}

/// Claims references of one caller; returns those that were new. None may stand twice.
pub(crate) async fn claim(
    tx: &Tx,
    caller: &str,
    mut claims: Vec<Claim<'_>>,
) -> Result<HashSet<String>, StoreError> {
    // Two writers that claim in one order do not deadlock.
    claims.sort_unstable_by(|left, right| left.reference.cmp(right.reference));
    let columns = [
        ("caller", Column::Text),
        ("reference", Column::Text),
        ("customer_id", Column::Text),
        ("content_hash", Column::Bytes),
    ];
    let row = |claim: &Claim<'_>| {
        row! {
            "caller": caller,
            "reference": claim.reference,
            "customer_id": claim.customer_id.as_str(),
            "content_hash": claim.content_hash.to_vec(),
        }
    };
    let rows = claims.iter().map(row).collect();
    let (table, conflict) = ("customer_references", ["caller", "reference"]);
    let new = rows::insert_new(tx, table, &columns, &conflict, rows, "reference").await?;
    Ok(new.into_iter().collect())
}

/// What references of one caller name.
pub(crate) async fn known(
    tx: &Tx,
    caller: &str,
    references: &[&str],
) -> Result<HashMap<String, Known>, StoreError> {
    let among = among(tx.engine(), 2);
    let query = format!(
        "SELECT reference, customer_id, content_hash FROM customer_references \
         WHERE caller = $1 AND reference {among}"
    );
    let found = sql::query_all(tx, query, [caller.into(), texts(tx.engine(), references)]).await?;
    found
        .iter()
        .map(|row| {
            let customer_id = row.try_get("", "customer_id")?;
            let content_hash = row.try_get("", "content_hash")?;
            Ok((row.try_get("", "reference")?, Known { customer_id, content_hash }))
        })
        .collect()
}

/// Gives references back that were claimed in this transaction.
pub(crate) async fn release(tx: &Tx, caller: &str, references: &[&str]) -> Result<(), StoreError> {
    if references.is_empty() {
        return Ok(());
    }
    let among = among(tx.engine(), 2);
    let delete = format!("DELETE FROM customer_references WHERE caller = $1 AND reference {among}");
    sql::execute(tx, delete, [caller.into(), texts(tx.engine(), references)]).await?;
    Ok(())
}
