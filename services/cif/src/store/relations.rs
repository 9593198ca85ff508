//! Relations' rows.

use florin_kernel::{CustomerId, RelationId, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Column},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::corrupt;
use crate::domain::RelationKind;

/// A relation between two customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) id: RelationId,
    pub(crate) customer: CustomerId,
    pub(crate) kind: RelationKind,
    pub(crate) other: CustomerId,
    pub(crate) added_at: UnixMicros,
}

/// Inserts a relation; false where it exists.
pub(crate) async fn insert(tx: &Tx, relation: &Relation) -> Result<bool, StoreError> {
    let columns = [
        ("id", Column::Text),
        ("customer_id", Column::Text),
        ("kind", Column::Text),
        ("other_customer_id", Column::Text),
        ("pair", Column::Text),
        ("added_at", Column::Int),
    ];
    let row = row! {
        "id": relation.id.to_string(),
        "customer_id": relation.customer.to_string(),
        "kind": relation.kind.name(),
        "other_customer_id": relation.other.to_string(),
        "pair": relation.kind.pair(relation.customer, relation.other),
        "added_at": relation.added_at.0,
    };
    let new = rows::insert_new(tx, "relations", &columns, &["pair"], vec![row], "id").await?;
    Ok(!new.is_empty())
}

/// Deletes a relation that starts from the customer; false where there is none.
pub(crate) async fn delete(
    tx: &Tx,
    customer: CustomerId,
    id: RelationId,
) -> Result<bool, StoreError> {
    let delete = "DELETE FROM relations WHERE id = $1 AND customer_id = $2";
    let values = [id.to_string().into(), customer.to_string().into()];
    Ok(sql::execute(tx, delete, values).await? == 1)
}

/// At most `limit` relations of a customer in both directions, oldest first, above an id.
pub(crate) async fn of_customer(
    connection: &impl ConnectionTrait,
    customer: CustomerId,
    above: &str,
    limit: i64,
) -> Result<Vec<Relation>, StoreError> {
    let query = "SELECT id, customer_id, kind, other_customer_id, added_at FROM relations \
                 WHERE customer_id = $1 AND id > $2 \
                 UNION ALL \
                 SELECT id, customer_id, kind, other_customer_id, added_at FROM relations \
                 WHERE other_customer_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    let values = [customer.to_string().into(), above.into(), limit.into()];
    sql::query_all(connection, query, values).await?.iter().map(read).collect()
}

fn read(row: &QueryResult) -> Result<Relation, StoreError> {
    let text = |column: &str| row.try_get::<String>("", column);
    let customer = |column: &str| -> Result<CustomerId, StoreError> {
        let id = text(column)?;
        CustomerId::parse(&id).map_err(|_| corrupt(column, &id))
    };
    let (id, kind) = (text("id")?, text("kind")?);
    let known = RelationKind::ALL.into_iter().find(|known| known.name() == kind);
    Ok(Relation {
        id: RelationId::parse(&id).map_err(|_| corrupt("id", &id))?,
        customer: customer("customer_id")?,
        kind: known.ok_or_else(|| corrupt("kind", &kind))?,
        other: customer("other_customer_id")?,
        added_at: UnixMicros(row.try_get("", "added_at")?),
    })
}
