//! Lists the relations of a customer, in both directions.

use florin_proto::cif::v1::{ListRelationsRequest, ListRelationsResponse};
use florin_rpc::{CallContext, Verb};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{Cif, add_relation, not_found};
use crate::{
    grpc::convert,
    store::{customers, relations},
};

/// Most relations of an answer.
const LIMIT: i64 = 200;

impl Cif {
    /// Lists relations, oldest first; a customer sees only its own.
    ///
    /// # Errors
    /// CUSTOMER_NOT_FOUND.
    pub async fn list_relations(
        &self,
        ctx: &CallContext,
        request: ListRelationsRequest,
    ) -> Result<Response<ListRelationsResponse>, Status> {
        let id = convert::customer_id("customer_id", &request.customer_id)?;
        self.own_record(ctx, Verb::View, id)?;
        let db = self.db.read();
        if customers::first_unknown(db, &[id]).await.map_err(internal)?.is_some() {
            return Err(not_found(id).into());
        }
        let found = relations::of_customer(db, id, LIMIT).await.map_err(internal)?;
        let relations = found.iter().map(add_relation::of).collect();
        Ok(Response::new(ListRelationsResponse { relations }))
    }
}
