//! Tells other services how customers stand.

use florin_proto::cif::v1::{GetStandingsRequest, GetStandingsResponse, Standing};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::Cif;
use crate::{grpc::convert, store::customers, wire};

impl Cif {
    /// Returns status and rating of each customer that exists; nothing personal. Another
    /// service asks on behalf of whoever called it, so a customer's token is fine here.
    ///
    /// # Errors
    /// INVALID_REQUEST.
    pub async fn get_standings(
        &self,
        _: &CallContext,
        request: GetStandingsRequest,
    ) -> Result<Response<GetStandingsResponse>, Status> {
        convert::standings(&request).map_err(Error::from)?;
        let found =
            customers::standings(self.db.read(), &request.customer_ids).await.map_err(internal)?;
        let standing = |one: customers::Standing| Standing {
            customer_id: one.id,
            kyc_status: wire::kyc_status(one.kyc_status).into(),
            risk_rating: wire::risk_rating(one.risk_rating).into(),
        };
        let standings = found.into_iter().map(standing).collect();
        Ok(Response::new(GetStandingsResponse { standings }))
    }
}
