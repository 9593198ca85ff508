//! Sets a limit.

use florin_proto::payment::v1::{SetLimitRequest, SetLimitResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{StoreError, Tx, audit};
use tonic::{Response, Status};

use super::Payment;
use crate::{domain::Subject, grpc::convert::limit, store, wire::wire_limit};

impl Payment {
    /// Sets a limit, in place of the one before; audited.
    ///
    /// # Errors
    /// Every violated field at once.
    pub async fn set_limit(
        &self,
        ctx: &CallContext,
        request: SetLimitRequest,
    ) -> Result<Response<SetLimitResponse>, Status> {
        let limit = limit(&request).map_err(Error::invalid)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let now = tx.now().await?;
            store::limits::set(&tx, &limit, now).await?;
            audit_limit(&tx, ctx, &limit.subject).await?;
            Ok::<_, Failure>(SetLimitResponse { limit: Some(wire_limit(&limit, now, None)) })
        })
        .await
    }
}

/// Records who changed the limits of a subject.
pub(super) async fn audit_limit(
    tx: &Tx,
    ctx: &CallContext,
    subject: &Subject,
) -> Result<(), StoreError> {
    let on_behalf_of = match subject {
        Subject::Customer(id) => Some(id.to_string()),
        Subject::Account(_) | Subject::Channel(_) => None,
    };
    let entry = audit::Entry {
        actor: ctx.principal.scope_key(),
        on_behalf_of,
        method: ctx.method.to_owned(),
        reference: format!("limit/{}", subject.key()),
        at: tx.now().await?,
    };
    audit::record(tx, entry).await
}
