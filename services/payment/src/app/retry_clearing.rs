//! Has what waits for the network's answer sent again or asked about.

use florin_kernel::{Violations, check_text};
use florin_proto::payment::v1::{
    ClearingRetry, Reason, RetryClearingRequest, RetryClearingResponse,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{Tx, audit};
use tonic::{Response, Status};

use super::Payment;
use crate::{domain::Stage, store};

/// Characters of the reason for the audit.
const MOST_REASON: usize = 200;

impl Payment {
    /// Makes what waits due at once, by a question or by the same bytes. The audit keeps who
    /// wanted it and why. It decides nothing.
    ///
    /// # Errors
    /// Every violated field; `CLEARING_NOT_FOUND`, `CLEARING_NOT_WAITING`.
    pub async fn retry_clearing(
        &self,
        ctx: &CallContext,
        request: RetryClearingRequest,
    ) -> Result<Response<RetryClearingResponse>, Status> {
        let mut violations = Violations::new();
        let id = violations.check("clearing_id", check_text(&request.clearing_id, 1, 35));
        let reason = violations.check("reason", check_text(&request.reason, 1, MOST_REASON));
        let action = request.action();
        if action == ClearingRetry::Unspecified {
            violations.add("action", "UNKNOWN_VALUE", "must be to ask or to send");
        }
        let ready = id.zip(reason);
        let (id, reason) = violations.finish(ready).map_err(Error::invalid)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            self.make_due(&tx, ctx, &id, action, &reason).await
        })
        .await
    }

    async fn make_due(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        id: &str,
        action: ClearingRetry,
        reason: &str,
    ) -> Result<RetryClearingResponse, Failure> {
        let row = store::lock_outgoing(tx, id).await?;
        let mut row = row.ok_or_else(|| {
            Error::new(Reason::ClearingNotFound, "nothing goes out under this message id")
        })?;
        if row.stage != Stage::Submitting {
            let text = "it waits for no answer of the network";
            return Err(Error::new(Reason::ClearingNotWaiting, text).into());
        }
        let now = tx.now().await?;
        let what = match action {
            ClearingRetry::Send => {
                row.sent_at = None;
                "send"
            }
            ClearingRetry::Ask | ClearingRetry::Unspecified => {
                row.sent_at = row.sent_at.or(Some(now));
                "ask"
            }
        };
        row.due_at = Some(now);
        store::update_outgoing(tx, &row).await?;
        let entry = audit::Entry {
            actor: ctx.principal.scope_key(),
            on_behalf_of: None,
            method: ctx.method.to_owned(),
            reference: format!("{id}/{what}: {reason}"),
            at: now,
        };
        audit::record(tx, entry).await?;
        Ok(RetryClearingResponse {})
    }
}
