//! Lists the relations of a customer, in both directions, by page.

use florin_proto::cif::v1::{ListRelationsRequest, ListRelationsResponse};
use florin_rpc::{CallContext, Error, Verb, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{Cif, add_relation, cut, not_found};
use crate::{
    grpc::convert,
    store::{customers, relations},
};

const METHOD: &str = "cif.ListRelations";

impl Cif {
    /// Lists relations, oldest first; a customer sees only its own.
    ///
    /// # Errors
    /// INVALID_REQUEST, PAGE_TOKEN_INVALID, CUSTOMER_NOT_FOUND.
    pub async fn list_relations(
        &self,
        ctx: &CallContext,
        request: ListRelationsRequest,
    ) -> Result<Response<ListRelationsResponse>, Status> {
        let (id, size) = convert::relations_page(&request).map_err(Error::from)?;
        self.own_record(ctx, Verb::View, id)?;
        let db = self.db.read();
        if customers::first_unknown(db, &[id]).await.map_err(internal)?.is_some() {
            return Err(not_found(id).into());
        }
        let filter = id.to_string();
        let above = page::decode(METHOD, filter.as_bytes(), &request.page_token)?;
        let above = above.unwrap_or_default();
        let found = relations::of_customer(db, id, &above, size + 1).await.map_err(internal)?;
        let (found, last) = cut(found, size);
        let last = last.map(|relation| relation.id.to_string());
        Ok(Response::new(ListRelationsResponse {
            relations: found.iter().map(add_relation::of).collect(),
            next_page_token: last
                .map(|last| page::encode(METHOD, filter.as_bytes(), &last))
                .unwrap_or_default(),
        }))
    }
}
