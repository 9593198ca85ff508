//! Decisions of staff on a customer, with sealed reasons.

use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column},
};

use super::customers::Stored;

/// Records the decision that made this version of the customer.
pub(crate) async fn insert(
    tx: &Tx,
    stored: &Stored,
    outcome: String,
    reason: &str,
    actor: String,
) -> Result<(), StoreError> {
    let columns = [
        ("customer_id", Column::Text),
        ("version", Column::Int),
        ("outcome", Column::Text),
        ("reason_sealed", Column::Bytes),
        ("actor", Column::Text),
        ("at", Column::Int),
    ];
    let row = row! {
        "customer_id": stored.customer.id.to_string(),
        "version": stored.customer.version,
        "outcome": outcome,
        "reason_sealed": stored.seal_reason(reason)?,
        "actor": actor,
        "at": stored.customer.changed_at.0,
    };
    rows::insert_many(tx, "customer_decisions", &columns, vec![row]).await?;
    Ok(())
}
