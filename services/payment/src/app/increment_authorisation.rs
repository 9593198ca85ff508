//! Raises the authorised amount.

use std::time::Instant;

use florin_kernel::Date;
use florin_proto::payment::v1::{IncrementAuthorisationRequest, IncrementAuthorisationResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::keyed;
use tonic::{Response, Status};

use super::{
    Payment,
    authorise::Answered,
    follow_authorisation::Follow,
    score_authorisation::{Score, ScoreRequest},
};
use crate::{
    domain::{Authorisation, OperationKind},
    grpc::convert::OperationDraft,
    wire::{wire_authorisation, wire_operation},
};

impl Payment {
    /// Raises the authorised amount.
    ///
    /// # Errors
    /// Every violated field at once; `AUTHORISATION_NOT_FOUND`, `AUTHORISATION_STATE`,
    /// `AUTHORISATION_BUSY`, `TOO_MANY_INCREMENTS`, `CURRENCY_MISMATCH`,
    /// `REFERENCE_REUSED`.
    pub async fn increment_authorisation(
        &self,
        ctx: &CallContext,
        request: IncrementAuthorisationRequest,
    ) -> Result<Response<IncrementAuthorisationResponse>, Status> {
        let until = self.answer_until();
        let draft = OperationDraft::try_from(&request).map_err(Error::invalid)?;
        let hash = keyed::fingerprint(&request);
        let card = self.card(draft.id).await?;
        let one = &card.authorisation;
        // A repeat is told what was decided; it is neither scored nor waits for a date.
        let asked = (OperationKind::Increment, hash.as_slice());
        let before = self.seen_before(&one.network, &draft.reference, asked).await?;
        let (score, date) = match before {
            Some(_) => (Score::Passed, None),
            None => self.ask_for_increment(ctx, one, &draft, until).await,
        };
        let follow = Follow {
            kind: OperationKind::Increment,
            draft: &draft,
            hash: &hash,
            last: false,
            score,
            date,
            until,
        };
        let Answered { card, operation, replayed } = self.follow(ctx, &follow).await?;
        Ok(Response::new(IncrementAuthorisationResponse {
            authorisation: Some(wire_authorisation(&card)),
            operation: Some(wire_operation(&operation)),
            replayed,
        }))
    }

    async fn ask_for_increment(
        &self,
        ctx: &CallContext,
        one: &Authorisation,
        draft: &OperationDraft,
        until: Instant,
    ) -> (Score, Option<Date>) {
        let today = tokio::time::timeout_at(until.into(), self.books.today(ctx)).await;
        let date = today.ok().and_then(Result::ok).or_else(|| self.books.known());
        let more = draft.amount.map_or(0, |amount| amount.minor());
        let request = ScoreRequest {
            account: one.account,
            amount: one.money(one.authorised.saturating_add(more)),
            mcc: one.merchant.mcc.clone(),
        };
        (self.score(&request, until).await, date)
    }
}
