//! Lists which control account sums which product.

use florin_proto::account::v1::{ListControlMappingsRequest, ListControlMappingsResponse};
use florin_rpc::CallContext;
use florin_runtime::internal;
use tonic::{Response, Status};

use super::ledger::Ledger;
use crate::{store::chart, wire};

impl Ledger {
    /// Returns all mappings.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn list_control_mappings(
        &self,
        _: &CallContext,
        _: ListControlMappingsRequest,
    ) -> Result<Response<ListControlMappingsResponse>, Status> {
        let (_, controls) = chart::mapped(self.db.read()).await.map_err(internal)?;
        let mappings = controls.iter();
        let mappings = mappings.map(|(product, of, code)| wire::mapping(product, of, code));
        Ok(Response::new(ListControlMappingsResponse { mappings: mappings.collect() }))
    }
}
