//! Finds customers over the blind index, by page.

use florin_proto::cif::v1::{FindCustomersRequest, FindCustomersResponse};
use florin_rpc::{CallContext, Error, page};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{Cif, cut};
use crate::{
    grpc::convert,
    store::{customers, indexes},
    wire,
};

const METHOD: &str = "cif.FindCustomers";
/// Sorts behind every id.
const LAST: &str = "cus_~";

impl Cif {
    /// Finds customers by exactly one value, newest first; for staff.
    ///
    /// # Errors
    /// INVALID_REQUEST, PAGE_TOKEN_INVALID.
    pub async fn find_customers(
        &self,
        _: &CallContext,
        request: FindCustomersRequest,
    ) -> Result<Response<FindCustomersResponse>, Status> {
        let (wanted, size) = convert::wanted(&request).map_err(Error::from)?;
        let entry = wanted.entry(&self.vault);
        // The keyed hash, so that a token tells nothing of the value that was looked for.
        let filter = entry.digest().as_bytes();
        let below = page::decode(METHOD, filter, &request.page_token)?;
        let below = below.as_deref().unwrap_or(LAST);
        let ids = indexes::find(self.db.read(), &entry, below, size + 1).await.map_err(internal)?;
        let (ids, last) = cut(ids, size);
        let found =
            customers::with_ids(self.db.read(), &self.vault, &ids).await.map_err(internal)?;
        Ok(Response::new(FindCustomersResponse {
            customers: found.iter().map(wire::customer).collect(),
            next_page_token: last
                .map(|last| page::encode(METHOD, filter, &last))
                .unwrap_or_default(),
        }))
    }
}
