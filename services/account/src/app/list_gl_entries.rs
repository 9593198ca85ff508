//! Lists the entries of a posting GL account in one currency.

use florin_proto::account::v1::{ListGlEntriesRequest, ListGlEntriesResponse};
use florin_rpc::{CallContext, Error, page};
use florin_runtime::internal;
use prost::Message as _;
use tonic::{Response, Status};

use super::{cut, ledger::Ledger};
use crate::{grpc::convert, store::gl_entries, wire};

impl Ledger {
    /// Lists them by page, by booking date; with the first page comes what was booked before.
    ///
    /// # Errors
    /// INVALID_REQUEST, `PAGE_TOKEN_INVALID`.
    pub async fn list_gl_entries(
        &self,
        ctx: &CallContext,
        request: ListGlEntriesRequest,
    ) -> Result<Response<ListGlEntriesResponse>, Status> {
        let (of, size) = convert::gl_entries(&request)?;
        let filter =
            ListGlEntriesRequest { page_size: 0, page_token: String::new(), ..request.clone() };
        let filter = rows_hex(&filter.encode_to_vec());
        let token = page::decode(ctx.method, filter.as_bytes(), &request.page_token)?;
        let after = token.as_deref().map(gl_entries::Cursor::parse).transpose();
        let after = after.map_err(Error::internal)?;
        let brought_forward = match &after {
            None => Some(gl_entries::before(self.db.read(), &of).await.map_err(internal)?),
            Some(_) => None,
        };
        let found = gl_entries::page(self.db.read(), &of, after.as_ref(), size + 1).await;
        let (found, next_page_token) =
            cut(ctx, &filter, found.map_err(internal)?, size, |one| one.cursor.to_string());
        let entries = found.into_iter().map(wire::gl_entry).collect();
        let brought_forward = brought_forward.map(florin_proto::wire_money);
        Ok(Response::new(ListGlEntriesResponse { entries, brought_forward, next_page_token }))
    }
}

/// Bytes as a text, for the filter of a page.
fn rows_hex(bytes: &[u8]) -> String {
    florin_store::rows::hex(bytes)
}
