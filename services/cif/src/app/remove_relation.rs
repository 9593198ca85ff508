//! Ends a relation.

use florin_kernel::{CustomerId, RelationId};
use florin_proto::cif::v1::{Reason, RemoveRelationRequest, RemoveRelationResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, keyed::once_sealed};
use florin_store::Tx;
use tonic::{Response, Status};

use super::{Cif, not_found};
use crate::{
    grpc::convert,
    store::{customers, relations},
};

impl Cif {
    /// Removes a relation that starts from the customer. The audit keeps that it was there.
    ///
    /// # Errors
    /// CUSTOMER_NOT_FOUND, RELATION_NOT_FOUND.
    pub async fn remove_relation(
        &self,
        ctx: &CallContext,
        request: RemoveRelationRequest,
    ) -> Result<Response<RemoveRelationResponse>, Status> {
        let (customer, id) = convert::named_relation(&request).map_err(Error::from)?;
        let key = self.vault.key_of(ctx, &request)?;
        let work = async |tx: Tx| self.unrelate(&tx, ctx, customer, id).await;
        once_sealed(&self.db, ctx, &key, &self.vault, work).await
    }

    async fn unrelate(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        customer: CustomerId,
        id: RelationId,
    ) -> Result<RemoveRelationResponse, Failure> {
        if let Some(unknown) = customers::first_unknown(&**tx, &[customer]).await? {
            return Err(not_found(unknown).into());
        }
        if !relations::delete(tx, customer, id).await? {
            let text = "no such relation starts from the customer";
            return Err(Error::new(Reason::RelationNotFound, text).into());
        }
        let at = tx.now().await?;
        self.audit(tx, ctx, id.to_string(), at).await?;
        Ok(RemoveRelationResponse {})
    }
}
