//! Records the outcome of a KYC check.

use florin_events::position;
use florin_kernel::CustomerId;
use florin_proto::cif::v1::{DecideKycRequest, DecideKycResponse, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, keyed::once_sealed};
use florin_store::Tx;
use tonic::{Response, Status};

use super::Cif;
use crate::{
    domain::KycStatus,
    events,
    grpc::convert,
    store::{customers, decisions},
    wire,
};

impl Cif {
    /// Verifies or rejects a customer.
    ///
    /// # Errors
    /// INVALID_REQUEST, CUSTOMER_NOT_FOUND, KYC_STATUS_REFUSES.
    pub async fn decide_kyc(
        &self,
        ctx: &CallContext,
        request: DecideKycRequest,
    ) -> Result<Response<DecideKycResponse>, Status> {
        let (id, decision, reason) = convert::kyc_decision(&request).map_err(Error::from)?;
        let key = self.vault.key_of(ctx, &request)?;
        let work = async |tx: Tx| self.decide(&tx, ctx, id, decision, &reason).await;
        once_sealed(&self.db, ctx, &key, &self.vault, work).await
    }

    async fn decide(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        id: CustomerId,
        decision: KycStatus,
        reason: &str,
    ) -> Result<DecideKycResponse, Failure> {
        let mut stored = self.lock_live(tx, ctx, id).await?;
        let decided = stored.customer.kyc_status.decide(decision);
        stored.customer.kyc_status = decided.map_err(|refused| {
            Error::new(Reason::KycStatusRefuses, refused.to_string())
                .with("kyc_status", wire::kyc_status(refused.status).as_str_name())
        })?;
        stored.customer.touch(tx.now().await?);
        customers::update(tx, &self.vault, &stored).await?;
        let (outcome, actor) = (format!("kyc:{}", decision.name()), ctx.principal.scope_key());
        decisions::insert(tx, &stored, outcome, reason, actor).await?;
        let fact = events::kyc_decided(ctx, &stored.customer);
        let events = self.outbox.append(tx, vec![fact]).await?;
        self.audit(tx, ctx, id.to_string(), stored.customer.changed_at).await?;
        Ok(DecideKycResponse {
            customer: Some(wire::customer(&stored.customer)),
            position: position::encode(&events),
        })
    }
}
