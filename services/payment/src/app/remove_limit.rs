//! Removes a limit.

use florin_proto::payment::v1::{Reason, RemoveLimitRequest, RemoveLimitResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::Tx;
use tonic::{Response, Status};

use super::{
    Payment,
    set_limit::{Change, audit_limit},
};
use crate::{
    grpc::convert::limit_name,
    store::{self, limits::Standing},
};

impl Payment {
    /// Removes a limit; audited. It is counted further, should it be set again.
    ///
    /// # Errors
    /// Every violated field at once; `LIMIT_NOT_FOUND`.
    pub async fn remove_limit(
        &self,
        ctx: &CallContext,
        request: RemoveLimitRequest,
    ) -> Result<Response<RemoveLimitResponse>, Status> {
        let (subject, period, currency) = limit_name(&request).map_err(Error::invalid)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let before = match store::limits::lock(&tx, &subject, period, currency).await? {
                Standing::Set(maximum) => Some(maximum),
                Standing::Removed | Standing::Never => return Err(Failure::Refused(not_found())),
            };
            let now = tx.now().await?;
            store::limits::remove(&tx, &subject, period, currency, now).await?;
            let change = Change { before, after: None };
            audit_limit(&tx, ctx, (&subject, period, currency), change).await?;
            Ok(RemoveLimitResponse {})
        })
        .await
    }
}

fn not_found() -> Error {
    Error::new(Reason::LimitNotFound, "there is no such limit")
}
