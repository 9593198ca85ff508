//! Gives back what remains of an authorisation, or a part of it.

use florin_proto::payment::v1::{ReverseAuthorisationRequest, ReverseAuthorisationResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::keyed;
use tonic::{Response, Status};

use super::{
    Payment, authorise::Answered, follow_authorisation::Follow, score_authorisation::Score,
};
use crate::{
    domain::OperationKind,
    grpc::convert::OperationDraft,
    wire::{wire_authorisation, wire_operation},
};

impl Payment {
    /// Gives back what remains of an authorisation, or a part of it.
    ///
    /// # Errors
    /// Every violated field at once; `AUTHORISATION_NOT_FOUND`, `AUTHORISATION_STATE`,
    /// `AUTHORISATION_BUSY`, `REVERSAL_EXCEEDS_REMAINDER`, `CURRENCY_MISMATCH`,
    /// `REFERENCE_REUSED`.
    pub async fn reverse_authorisation(
        &self,
        ctx: &CallContext,
        request: ReverseAuthorisationRequest,
    ) -> Result<Response<ReverseAuthorisationResponse>, Status> {
        let until = self.answer_until();
        let draft = OperationDraft::try_from(&request).map_err(Error::invalid)?;
        let hash = keyed::fingerprint(&request);
        let follow = Follow {
            kind: OperationKind::Reverse,
            draft: &draft,
            hash: &hash,
            last: false,
            score: Score::Passed,
            date: None,
            until,
        };
        let Answered { card, operation, replayed } = self.follow(ctx, &follow).await?;
        Ok(Response::new(ReverseAuthorisationResponse {
            authorisation: Some(wire_authorisation(&card)),
            operation: Some(wire_operation(&operation)),
            replayed,
        }))
    }
}
