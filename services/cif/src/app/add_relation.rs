//! Relates two customers.

use florin_kernel::{CustomerId, RelationId};
use florin_proto::{
    cif::v1::{AddRelationRequest, AddRelationResponse, Reason, Relation as WireRelation},
    timestamp,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, keyed::once_sealed};
use florin_store::{Tx, id_parts};
use tonic::{Response, Status};

use super::{Cif, not_found};
use crate::{
    domain::RelationKind,
    grpc::convert,
    store::{
        customers,
        relations::{self, Relation},
    },
    wire,
};

impl Cif {
    /// Adds a relation between two customers that exist.
    ///
    /// # Errors
    /// INVALID_REQUEST (also for a relation to oneself), CUSTOMER_NOT_FOUND, RELATION_EXISTS.
    pub async fn add_relation(
        &self,
        ctx: &CallContext,
        request: AddRelationRequest,
    ) -> Result<Response<AddRelationResponse>, Status> {
        let (from, kind, to) = convert::relation(&request).map_err(Error::from)?;
        let (millis, random) = id_parts();
        let id = RelationId::from_parts(millis, random);
        let key = self.vault.key_of(ctx, &request)?;
        let work = async |tx: Tx| self.relate(&tx, ctx, id, (from, kind, to)).await;
        once_sealed(&self.db, ctx, &key, &self.vault, work).await
    }

    async fn relate(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        id: RelationId,
        (customer, kind, other): (CustomerId, RelationKind, CustomerId),
    ) -> Result<AddRelationResponse, Failure> {
        if let Some(unknown) = customers::first_unknown(&**tx, &[customer, other]).await? {
            return Err(not_found(unknown).into());
        }
        let relation = Relation { id, customer, kind, other, added_at: tx.now().await? };
        if !relations::insert(tx, &relation).await? {
            let text = "the two customers are related in this way already";
            return Err(Error::new(Reason::RelationExists, text).into());
        }
        self.audit(tx, ctx, id.to_string(), relation.added_at).await?;
        Ok(AddRelationResponse { relation: Some(of(&relation)) })
    }
}

/// The relation on the wire.
pub(super) fn of(relation: &Relation) -> WireRelation {
    WireRelation {
        relation_id: relation.id.to_string(),
        customer_id: relation.customer.to_string(),
        kind: wire::relation_kind(relation.kind).into(),
        other_customer_id: relation.other.to_string(),
        added_at: Some(timestamp(relation.added_at)),
    }
}
