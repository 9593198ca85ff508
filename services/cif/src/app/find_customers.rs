//! Finds customers over the blind index.

use florin_proto::cif::v1::{FindCustomersRequest, FindCustomersResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::Cif;
use crate::{
    grpc::convert,
    store::{
        customers,
        indexes::{self, Entry},
    },
    wire,
};

/// Most customers that are found.
const LIMIT: i64 = 50;

impl Cif {
    /// Finds customers by exactly one value; for staff.
    ///
    /// # Errors
    /// INVALID_REQUEST.
    pub async fn find_customers(
        &self,
        _: &CallContext,
        request: FindCustomersRequest,
    ) -> Result<Response<FindCustomersResponse>, Status> {
        let (indexed, value) = convert::wanted(&request).map_err(Error::from)?;
        let entry = Entry::of(&self.vault, indexed, &value);
        let ids = indexes::find(self.db.read(), &entry, LIMIT).await.map_err(internal)?;
        let found =
            customers::with_ids(self.db.read(), &self.vault, &ids).await.map_err(internal)?;
        let customers = found.iter().map(wire::customer).collect();
        Ok(Response::new(FindCustomersResponse { customers }))
    }
}
