//! Proposes that what a loan owes be given up: the first of two persons.

use florin_kernel::{ApprovalId, LoanId};
use florin_proto::{
    loan::v1::{ProposeWriteOffRequest, ProposeWriteOffResponse, WriteOff, WriteOffStatus},
    timestamp,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{
    StoreError, Tx,
    approval::{self, Approval, Proposal, State},
    id_parts,
};
use prost::Message as _;
use tonic::{Response, Status};

use super::{
    Lending,
    keep::{person, record_audit},
    servicing,
};
use crate::{domain::refusal::Refusal, grpc::convert::servicing::WriteOffDraft};

/// The command of these proposals.
pub(super) const WRITE_OFF: &str = "florin.loan.v1.WriteOff";
/// How long a proposal waits for the second person: seven days, in microseconds.
const WAITS_MICROS: i64 = 7 * 86_400 * 1_000_000;

impl Lending {
    /// Proposes it, under the caller's key and the loan's lock. Nothing moves.
    ///
    /// # Errors
    /// Every violated field; `LOAN_NOT_FOUND`, `LOAN_STATE`, `PERSON_REQUIRED`.
    pub async fn propose_write_off(
        &self,
        ctx: &CallContext,
        request: ProposeWriteOffRequest,
    ) -> Result<Response<ProposeWriteOffResponse>, Status> {
        let draft = WriteOffDraft::try_from(&request).map_err(Error::invalid)?;
        let maker = person(ctx)?;
        let (millis, random) = id_parts();
        let id = ApprovalId::from_parts(millis, random);
        once(&self.db, ctx, &request, async |tx: Tx| {
            let loaded = self.locked(&tx, ctx, draft.loan).await?;
            let state = loaded.loan.state();
            if !state.is_running() {
                let refusal = Refusal::NotAllowed { state, verb: "written off" };
                return Err(servicing::refused(&loaded, refusal).into());
            }
            let proposal = Proposal {
                id,
                command: WRITE_OFF.to_owned(),
                payload: request.encode_to_vec(),
                maker: maker.clone(),
                expires_at: tx.now().await?.plus_micros(WAITS_MICROS),
            };
            let approval = approval::propose(&tx, &proposal).await?;
            let what = format!("{id}/proposed: {}", draft.reason);
            record_audit(&tx, ctx, &loaded, &what).await?;
            let write_off = Some(wire_write_off(&approval)?);
            Ok::<_, Failure>(ProposeWriteOffResponse { write_off })
        })
        .await
    }
}

/// What was proposed.
pub(super) fn proposed(approval: &Approval) -> Result<(LoanId, String), StoreError> {
    let id = &approval.proposal.id;
    let corrupt = || StoreError::Corrupt(format!("{id} proposes no write-off"));
    let request = ProposeWriteOffRequest::decode(approval.proposal.payload.as_slice());
    let request = request.map_err(|_| corrupt())?;
    Ok((request.loan_id.parse().map_err(|_| corrupt())?, request.reason))
}

/// A proposal as the contract has it.
pub(super) fn wire_write_off(approval: &Approval) -> Result<WriteOff, StoreError> {
    let (loan, reason) = proposed(approval)?;
    let status = match approval.state {
        State::Proposed => WriteOffStatus::Proposed,
        State::Approved => WriteOffStatus::Approved,
        State::Rejected => WriteOffStatus::Rejected,
    };
    Ok(WriteOff {
        approval_id: approval.proposal.id.to_string(),
        loan_id: loan.to_string(),
        reason,
        status: status.into(),
        proposed_at: Some(timestamp(approval.proposed_at)),
        expires_at: Some(timestamp(approval.proposal.expires_at)),
    })
}
