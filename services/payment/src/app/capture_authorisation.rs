//! Books what a merchant presents.

use florin_proto::payment::v1::{CaptureAuthorisationRequest, CaptureAuthorisationResponse};
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
    /// Books what a merchant presents.
    ///
    /// # Errors
    /// Every violated field at once; `AUTHORISATION_NOT_FOUND`, `AUTHORISATION_STATE`,
    /// `AUTHORISATION_BUSY`, `CAPTURE_ABOVE_TOLERANCE`, `CURRENCY_MISMATCH`,
    /// `REFERENCE_REUSED`.
    pub async fn capture_authorisation(
        &self,
        ctx: &CallContext,
        request: CaptureAuthorisationRequest,
    ) -> Result<Response<CaptureAuthorisationResponse>, Status> {
        let until = self.answer_until();
        let draft = OperationDraft::try_from(&request).map_err(Error::invalid)?;
        let hash = keyed::fingerprint(&request);
        let follow = Follow {
            kind: OperationKind::Capture,
            draft: &draft,
            hash: &hash,
            last: request.r#final,
            score: Score::Passed,
            date: None,
            until,
        };
        let Answered { card, operation, replayed } = self.follow(ctx, &follow).await?;
        Ok(Response::new(CaptureAuthorisationResponse {
            authorisation: Some(wire_authorisation(&card)),
            operation: Some(wire_operation(&operation)),
            replayed,
        }))
    }
}
