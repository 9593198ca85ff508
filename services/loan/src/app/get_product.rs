//! Returns a version of a product; lists products.

use florin_kernel::Date;
use florin_proto::loan::v1::{
    GetProductRequest, GetProductResponse, ListProductsRequest, ListProductsResponse, Reason,
};
use florin_rpc::{CallContext, Error, page};
use florin_runtime::internal;
use florin_store::StoreError;
use prost::Message as _;
use tonic::{Response, Status};

use super::{Lending, create_product_version::wire_version, loaded::Version, reads::violation};
use crate::{
    grpc::convert::{page_size, product_code},
    store::products::{self, StoredVersion},
};

impl Lending {
    /// Returns a version of a product.
    ///
    /// # Errors
    /// Every violated field; `PRODUCT_NOT_FOUND`.
    pub async fn get_product(
        &self,
        ctx: &CallContext,
        request: GetProductRequest,
    ) -> Result<Response<GetProductResponse>, Status> {
        let code = product_code("code", &request.code).map_err(Error::invalid)?;
        if request.version < 0 {
            return Err(violation("version", "OUT_OF_RANGE", "must not be below zero").into());
        }
        let found = if request.version > 0 {
            let version = i64::from(request.version);
            products::find(self.db.read(), &code, version).await.map_err(internal)?
        } else {
            let today = self.books.today(ctx).await?;
            let held = products::holding(self.db.read(), &code, today).await.map_err(internal)?;
            match held {
                Some(held) => Some(held),
                None => products::find(self.db.read(), &code, 1).await.map_err(internal)?,
            }
        };
        let found = found.ok_or_else(|| product_not_found(&code))?;
        let version = Some(wire_version(&found).map_err(internal)?);
        Ok(Response::new(GetProductResponse { version }))
    }

    /// Lists the newest version of each product, or all of one.
    ///
    /// # Errors
    /// Every violated field; `PAGE_TOKEN_INVALID`.
    pub async fn list_products(
        &self,
        ctx: &CallContext,
        request: ListProductsRequest,
    ) -> Result<Response<ListProductsResponse>, Status> {
        let size = page_size(request.page_size).map_err(Error::invalid)?;
        let code = if request.code.is_empty() {
            String::new()
        } else {
            product_code("code", &request.code).map_err(Error::invalid)?
        };
        let filter = ListProductsRequest { code: code.clone(), ..Default::default() };
        let filter = filter.encode_to_vec();
        let after = page::decode(ctx.method, &filter, &request.page_token)?.unwrap_or_default();
        let limit = size.saturating_add(1);
        let found = products::page(self.db.read(), &code, &after, limit).await;
        let mut found = found.map_err(internal)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = found.len() > size;
        found.truncate(size);
        let cursor = |last: &StoredVersion| match code.as_str() {
            "" => last.code.clone(),
            _ => last.version.to_string(),
        };
        let next_page_token = match found.last() {
            Some(last) if more => page::encode(ctx.method, &filter, &cursor(last)),
            Some(_) | None => String::new(),
        };
        let versions = found.iter().map(wire_version).collect::<Result<_, StoreError>>();
        let versions = versions.map_err(internal)?;
        Ok(Response::new(ListProductsResponse { versions, next_page_token }))
    }

    /// The version of a product by which loans are applied for on a day.
    ///
    /// # Errors
    /// `PRODUCT_NOT_FOUND`.
    pub(super) async fn product_on(&self, code: &str, on: Date) -> Result<Version, Error> {
        let held = products::holding(self.db.read(), code, on).await.map_err(internal)?;
        let held = held.ok_or_else(|| product_not_found(code))?;
        Version::of(&held).map_err(internal)
    }
}

fn product_not_found(code: &str) -> Error {
    Error::new(Reason::ProductNotFound, format!("there is no product {code}, or not yet"))
}
