//! Lists loans.

use florin_proto::loan::v1::{ListLoansRequest, ListLoansResponse};
use florin_rpc::{CallContext, Error, page};
use florin_runtime::internal;
use florin_store::StoreError;
use prost::Message as _;
use tonic::{Response, Status};

use super::{Lending, loaded::load};
use crate::{grpc::convert::loans_query, store::loans, wire::wire_loan};

impl Lending {
    /// Lists loans, newest first; a customer its own.
    ///
    /// # Errors
    /// Every violated field; `NOT_OWN_CUSTOMER`, `PAGE_TOKEN_INVALID`.
    pub async fn list_loans(
        &self,
        ctx: &CallContext,
        request: ListLoansRequest,
    ) -> Result<Response<ListLoansResponse>, Status> {
        let (named, state, size) = loans_query(&request).map_err(Error::invalid)?;
        if named.is_some() {
            ctx.own_field(&request.customer_id)?;
        }
        let own = ctx.principal.customer.filter(|_| ctx.principal.is_customer());
        if ctx.principal.is_customer() && own.is_none() {
            return Ok(Response::new(ListLoansResponse::default()));
        }
        let customer = own.or(named);
        let filter =
            ListLoansRequest { page_size: 0, page_token: String::new(), ..request.clone() }
                .encode_to_vec();
        let before = page::decode(ctx.method, &filter, &request.page_token)?
            .map(|cursor| cursor.parse())
            .transpose()
            .map_err(|error| Error::internal(format!("cursor of our own page token: {error}")))?;
        let limit = size.saturating_add(1);
        let view = self.db.snapshot().await.map_err(internal)?;
        let found = loans::list(&view, (customer, state), before, limit).await;
        let mut found = found.map_err(internal)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = found.len() > size;
        found.truncate(size);
        let next_page_token = match found.last() {
            Some(last) if more => page::encode(ctx.method, &filter, &last.id.to_string()),
            Some(_) | None => String::new(),
        };
        let loaded = load(&view, found).await.map_err(internal)?;
        let loans = loaded.iter().map(|one| wire_loan(&one.record, one.loan.reasons()));
        let loans = loans.collect::<Result<_, StoreError>>().map_err(internal)?;
        Ok(Response::new(ListLoansResponse { loans, next_page_token }))
    }
}
