//! Lists customers, newest first.

use florin_proto::cif::v1::{ListCustomersRequest, ListCustomersResponse};
use florin_rpc::{CallContext, Error, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{Cif, cut};
use crate::{domain::KycStatus, grpc::convert, store::customers, wire};

const METHOD: &str = "cif.ListCustomers";

impl Cif {
    /// Lists customers by page; for staff.
    ///
    /// # Errors
    /// INVALID_REQUEST, PAGE_TOKEN_INVALID.
    pub async fn list_customers(
        &self,
        _: &CallContext,
        request: ListCustomersRequest,
    ) -> Result<Response<ListCustomersResponse>, Status> {
        let (size, status) = convert::customers_page(&request).map_err(Error::from)?;
        let filter = status.map_or("", KycStatus::name).as_bytes();
        let before = page::decode(METHOD, filter, &request.page_token)?;
        let found = customers::page(self.db.read(), &self.vault, status, before, size + 1)
            .await
            .map_err(internal)?;
        let (found, last) = cut(found, size);
        let next_page_token = last
            .map(|customer| page::encode(METHOD, filter, &customer.id.to_string()))
            .unwrap_or_default();
        let customers = found.iter().map(wire::customer).collect();
        Ok(Response::new(ListCustomersResponse { customers, next_page_token }))
    }
}
