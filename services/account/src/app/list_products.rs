//! Lists the products that accounts are opened with, by code.

use florin_proto::account::v1::{ListProductsRequest, ListProductsResponse};
use florin_rpc::{CallContext, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger};
use crate::{grpc::convert, store::chart, wire};

impl Ledger {
    /// Lists products by page.
    ///
    /// # Errors
    /// INVALID_REQUEST, `PAGE_TOKEN_INVALID`.
    pub async fn list_products(
        &self,
        ctx: &CallContext,
        request: ListProductsRequest,
    ) -> Result<Response<ListProductsResponse>, Status> {
        let size = convert::page(request.page_size)?;
        let after = page::decode(ctx.method, b"", &request.page_token)?.unwrap_or_default();
        let mut found = chart::products(self.db.read()).await.map_err(internal)?;
        found.retain(|product| product.code > after);
        let (found, next_page_token) = cut(ctx, "", found, size, |product| product.code.clone());
        let products = found.into_iter().map(wire::product).collect();
        Ok(Response::new(ListProductsResponse { products, next_page_token }))
    }
}
