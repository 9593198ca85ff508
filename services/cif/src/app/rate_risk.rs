//! Sets the risk rating.

use florin_kernel::CustomerId;
use florin_proto::cif::v1::{RateRiskRequest, RateRiskResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, keyed::once_sealed};
use florin_store::Tx;
use tonic::{Response, Status};

use super::Cif;
use crate::{
    domain::RiskRating,
    events,
    grpc::convert,
    store::{customers, decisions},
    wire,
};

impl Cif {
    /// Rates the risk of money laundering; the same rating again is a decision too.
    ///
    /// # Errors
    /// INVALID_REQUEST, CUSTOMER_NOT_FOUND.
    pub async fn rate_risk(
        &self,
        ctx: &CallContext,
        request: RateRiskRequest,
    ) -> Result<Response<RateRiskResponse>, Status> {
        let (id, rating, reason) = convert::risk_rating(&request).map_err(Error::from)?;
        let key = self.vault.key_of(ctx, &request)?;
        let work = async |tx: Tx| self.rate(&tx, ctx, id, rating, &reason).await;
        once_sealed(&self.db, ctx, &key, &self.vault, work).await
    }

    async fn rate(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        id: CustomerId,
        rating: RiskRating,
        reason: &str,
    ) -> Result<RateRiskResponse, Failure> {
        let mut stored = self.lock_live(tx, ctx, id).await?;
        stored.customer.risk_rating = rating;
        stored.customer.touch(tx.now().await?);
        customers::update(tx, &self.vault, &stored).await?;
        let (outcome, actor) = (format!("risk:{}", rating.name()), ctx.principal.scope_key());
        decisions::insert(tx, &stored, outcome, reason, actor).await?;
        let fact = events::risk_rated(ctx, &stored.customer);
        self.outbox.append(tx, vec![fact]).await?;
        self.audit(tx, ctx, id.to_string(), stored.customer.changed_at).await?;
        Ok(RateRiskResponse { customer: Some(wire::customer(&stored.customer)) })
    }
}
