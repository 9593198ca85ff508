//! Lists conditions of interest with all their versions.

use florin_proto::account::v1::{ListInterestConditionsRequest, ListInterestConditionsResponse};
use florin_rpc::{CallContext, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger};
use crate::{
    grpc::convert,
    store::conditions::{self, VersionId},
    wire,
};

impl Ledger {
    /// Lists conditions by page, by product, currency and first day.
    ///
    /// # Errors
    /// INVALID_REQUEST, `PAGE_TOKEN_INVALID`.
    pub async fn list_interest_conditions(
        &self,
        ctx: &CallContext,
        request: ListInterestConditionsRequest,
    ) -> Result<Response<ListInterestConditionsResponse>, Status> {
        let size = convert::conditions_page(&request)?;
        let filter = request.product.as_str();
        let after = page::decode(ctx.method, filter.as_bytes(), &request.page_token)?;
        let after = after.unwrap_or_default();
        let mut found: Vec<_> =
            conditions::versions(self.db.read()).await.map_err(internal)?.into_iter().collect();
        found.retain(|(id, _)| (filter.is_empty() || id.0 == filter) && cursor(id) > after);
        let (found, next_page_token) = cut(ctx, filter, found, size, |(id, _)| cursor(id));
        let conditions =
            found.iter().map(|(id, terms)| wire::interest::conditions(id, terms)).collect();
        Ok(Response::new(ListInterestConditionsResponse { conditions, next_page_token }))
    }
}

/// Rises with the list: a code of a product has no character below the space.
fn cursor((product, currency, valid_from): &VersionId) -> String {
    format!("{product} {currency} {valid_from}")
}
