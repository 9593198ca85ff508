//! Decides whether a closed period is opened again: the second of two persons.

use florin_kernel::{ApprovalId, Person};
use florin_proto::account::v1::{
    DecideReopeningRequest, DecideReopeningResponse, ProposeReopeningRequest, Reason,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{
    Tx,
    approval::{self, Approval, Decision, State, Verdict},
};
use prost::Message as _;
use tonic::{Response, Status};

use super::{
    ledger::{self, Ledger},
    propose_reopening::{REOPEN, person, unchanged},
};
use crate::{grpc::convert, store::chart, wire};

impl Ledger {
    /// Decides a proposal, under the caller's key; an approval is carried out with it.
    ///
    /// # Errors
    /// INVALID_REQUEST, `NO_PERSON`, and why it cannot be decided.
    pub async fn decide_reopening(
        &self,
        ctx: &CallContext,
        request: DecideReopeningRequest,
    ) -> Result<Response<DecideReopeningResponse>, Status> {
        let (id, verdict) = convert::decision(&request)?;
        let checker = person(ctx)?;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let approval = decide(&tx, &id, &checker, verdict).await?;
            if approval.state == State::Approved {
                reopen(&tx, &approval).await?;
            }
            let reference = format!("{id}/{:?}", approval.state).to_lowercase();
            ledger::record_audit(&tx, ctx, &reference).await?;
            let reopening = Some(wire::reopening(&approval)?);
            Ok::<_, Failure>(DecideReopeningResponse { reopening })
        })
        .await
    }
}

async fn decide(
    tx: &Tx,
    id: &ApprovalId,
    checker: &Person,
    verdict: Verdict,
) -> Result<Approval, Failure> {
    let (reason, text) = match approval::decide(tx, id, checker, verdict).await? {
        Decision::Decided(approval) if approval.proposal.command == REOPEN => return Ok(approval),
        Decision::Decided(_) | Decision::NotFound => (Reason::ApprovalNotFound, "does not exist"),
        Decision::OwnProposal => (Reason::OwnProposal, "is approved by another person"),
        Decision::Expired => (Reason::ApprovalExpired, "has expired"),
        Decision::AlreadyDecided(_) => (Reason::AlreadyDecided, "was decided before"),
    };
    let error = Error::new(reason, format!("proposal {id} {text}"));
    Err(error.with("approval_id", id.to_string()).into())
}

/// Opens the period under the exclusive lock of the books, as it was closed.
async fn reopen(tx: &Tx, approval: &Approval) -> Result<(), Failure> {
    let request = ProposeReopeningRequest::decode(approval.proposal.payload.as_slice())
        .map_err(|error| Error::internal(format!("{}: {error}", approval.proposal.id)))?;
    let (closed, open_from) = convert::reopening(&request)?;
    let books = chart::books_alone(tx).await?;
    unchanged(books, closed)?;
    // It may have been opened and closed again since: that is another decision.
    if !chart::is_of_this_period(tx, &approval.proposal.id).await? {
        let text = format!("the period closed through {closed} is not the one that was meant");
        let changed = Error::new(Reason::PeriodChanged, text);
        return Err(changed.with("closed_through", closed.to_string()).into());
    }
    Ok(chart::set_closed_through(tx, open_from.yesterday().ok()).await?)
}
