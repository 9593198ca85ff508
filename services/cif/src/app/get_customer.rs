//! Returns one customer.

use florin_proto::cif::v1::{GetCustomerRequest, GetCustomerResponse};
use florin_rpc::{CallContext, Verb};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{Cif, not_found};
use crate::{grpc::convert, store::customers, wire};

impl Cif {
    /// Returns a customer; a customer sees only itself.
    ///
    /// # Errors
    /// CUSTOMER_NOT_FOUND.
    pub async fn get_customer(
        &self,
        ctx: &CallContext,
        request: GetCustomerRequest,
    ) -> Result<Response<GetCustomerResponse>, Status> {
        let id = convert::customer_id("customer_id", &request.customer_id)?;
        self.own_record(ctx, Verb::View, id)?;
        let found = customers::find(self.db.read(), &self.vault, id).await.map_err(internal)?;
        let customer = found.ok_or_else(|| not_found(id))?;
        Ok(Response::new(GetCustomerResponse { customer: Some(wire::customer(&customer)) }))
    }
}
