//! Returns an authorisation; lists those of an account.

use florin_proto::payment::v1::{
    GetAuthorisationRequest, GetAuthorisationResponse, ListAuthorisationsRequest,
    ListAuthorisationsResponse,
};
use florin_rpc::{CallContext, Error, page};
use florin_runtime::internal;
use prost::Message;
use tonic::{Response, Status};

use super::Payment;
use crate::{
    grpc::convert::{authorisation_id, authorisations_page},
    store::authorisations,
    wire::{wire_authorisation, wire_operation},
};

impl Payment {
    /// Returns an authorisation with its operations.
    ///
    /// # Errors
    /// `AUTHORISATION_NOT_FOUND`.
    pub async fn get_authorisation(
        &self,
        _: &CallContext,
        request: GetAuthorisationRequest,
    ) -> Result<Response<GetAuthorisationResponse>, Status> {
        let id = authorisation_id(&request.authorisation_id).map_err(Error::invalid)?;
        let card = self.card(id).await?;
        let operations = authorisations::operations(self.db.read(), id).await.map_err(internal)?;
        Ok(Response::new(GetAuthorisationResponse {
            authorisation: Some(wire_authorisation(&card)),
            operations: operations.iter().map(wire_operation).collect(),
        }))
    }

    /// Lists the authorisations of an account, newest first.
    ///
    /// # Errors
    /// Every violated field at once; `PAGE_TOKEN_INVALID`.
    pub async fn list_authorisations(
        &self,
        ctx: &CallContext,
        request: ListAuthorisationsRequest,
    ) -> Result<Response<ListAuthorisationsResponse>, Status> {
        let (account, size) = authorisations_page(&request).map_err(Error::invalid)?;
        let filter = ListAuthorisationsRequest {
            page_size: 0,
            page_token: String::new(),
            ..request.clone()
        }
        .encode_to_vec();
        let before = page::decode(ctx.method, &filter, &request.page_token)?
            .map(|cursor| cursor.parse())
            .transpose()
            .map_err(|error| Error::internal(format!("cursor of our own page token: {error}")))?;
        let limit = u64::from(size).saturating_add(1);
        let cards = authorisations::list(self.db.read(), account, before, limit).await;
        let mut cards = cards.map_err(internal)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = cards.len() > size;
        cards.truncate(size);
        let next_page_token = match cards.last() {
            Some(last) if more => {
                page::encode(ctx.method, &filter, &last.authorisation.id.to_string())
            }
            Some(_) | None => String::new(),
        };
        let authorisations = cards.iter().map(wire_authorisation).collect();
        Ok(Response::new(ListAuthorisationsResponse { authorisations, next_page_token }))
    }
}
