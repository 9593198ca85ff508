//! Who changed what. Written in the transaction of the change; for money the journal
//! transaction is that record.

use florin_kernel::UnixMicros;

use crate::{
    StoreError, Tx, row,
    rows::{self, Column},
};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who acted: the principal's key, never a customer's name.
    pub actor: String,
    /// For whom, where somebody acts for another.
    pub on_behalf_of: Option<String>,
    /// The RPC.
    pub method: String,
    /// The record that changed.
    pub reference: String,
    /// When, by the database's clock.
    pub at: UnixMicros,
}

/// Records a change.
///
/// # Errors
/// Those of the database.
pub async fn record(tx: &Tx, entry: Entry) -> Result<(), StoreError> {
    record_many(tx, vec![entry]).await
}

/// Records changes, in their order.
///
/// # Errors
/// Those of the database.
pub async fn record_many(tx: &Tx, entries: Vec<Entry>) -> Result<(), StoreError> {
    let columns = [
        ("actor", Column::Text),
        ("on_behalf_of", Column::Text),
        ("method", Column::Text),
        ("reference", Column::Text),
        ("at", Column::Int),
    ];
    let entries = entries
        .into_iter()
        .map(|entry| {
            row! {
                "actor": entry.actor,
                "on_behalf_of": entry.on_behalf_of,
                "method": entry.method,
                "reference": entry.reference,
                "at": entry.at.0,
            }
        })
        .collect();
    rows::insert_many(tx, "audit", &columns, entries).await?;
    Ok(())
}
