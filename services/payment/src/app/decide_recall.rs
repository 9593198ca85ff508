//! Decides another bank's recall of what a customer of ours was credited.

use florin_kernel::{ApprovalId, Person, RecallId, UnixMicros};
use florin_proto::payment::v1::{DecideRecallRequest, DecideRecallResponse, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{
    StoreError, Tx,
    approval::{self, Decision, Proposal, Verdict as Voice},
    audit, id_parts,
};
use prost::Message as _;
use tonic::{Response, Status};

use super::{Payment, get_recall::recall_not_found};
use crate::{
    clearing::Network,
    domain::RecallStage,
    grpc::convert::{Verdict, verdict},
    store::{self, recalls::Recall},
    wire::{Viewer, wire_recall},
};

/// The command of these proposals.
const ACCEPT: &str = "florin.payment.v1.AcceptRecall";

impl Payment {
    /// Decides it under its lock, which is decided between people and the deadline. To accept is
    /// the proposal of the first person, and the act of the second.
    ///
    /// # Errors
    /// Every violated field at once; `RECALL_NOT_FOUND`, `RECALL_NOT_WAITING`, `OWN_PROPOSAL`,
    /// `NO_PERSON`, `CLEARING_NOT_CONNECTED`.
    pub async fn decide_recall(
        &self,
        ctx: &CallContext,
        request: DecideRecallRequest,
    ) -> Result<Response<DecideRecallResponse>, Status> {
        let (id, verdict, reason) = verdict(&request).map_err(Error::invalid)?;
        let none = || Error::new(Reason::NoPerson, "this takes persons, and a program asks");
        let person = ctx.principal.person().ok_or_else(none)?;
        let network = self.connected()?;
        let (millis, random) = id_parts();
        let deciding = Deciding {
            person,
            network,
            proposal: ApprovalId::from_parts(millis, random),
            payload: request.encode_to_vec(),
        };
        once(&self.db, ctx, &request, async |tx: Tx| {
            let mut recall = locked(&tx, id, verdict).await?;
            let now = tx.now().await?;
            let what = match verdict {
                Verdict::Accept => accept(&tx, &deciding, &mut recall, now).await?,
                Verdict::Reject(code) => {
                    reject(&tx, &deciding, &mut recall, code, now).await?;
                    code
                }
            };
            store::recalls::update_recall(&tx, &recall).await?;
            let entry = audit::Entry {
                actor: ctx.principal.scope_key(),
                on_behalf_of: None,
                method: ctx.method.to_owned(),
                reference: format!("{id}/{what}: {reason}"),
                at: now,
            };
            audit::record(&tx, entry).await?;
            let recall = Some(wire_recall(&recall, Viewer::Bank));
            Ok::<_, Failure>(DecideRecallResponse { recall })
        })
        .await
    }
}

/// Who decides, and with what.
struct Deciding<'a> {
    person: Person,
    network: &'a Network,
    /// The id of the proposal, where it is one.
    proposal: ApprovalId,
    payload: Vec<u8>,
}

/// The recall and its payment, locked, where people are asked. What nobody can find the payment
/// of can be rejected, too.
async fn locked(tx: &Tx, id: RecallId, verdict: Verdict) -> Result<Recall, Failure> {
    let found = store::recalls::find(tx, id).await?.filter(|recall| !recall.is_ours);
    let found = found.ok_or_else(|| recall_not_found(id))?;
    // The payment first, as everywhere.
    let came = match &found.payment {
        Some(payment) => store::lock_incoming(tx, payment).await?,
        None => None,
    };
    // What people have ended goes back no more.
    let is_ended = came.is_some_and(|came| came.repair.is_some());
    let recall = store::recalls::lock(tx, id).await?.ok_or_else(|| recall_not_found(id))?;
    let taken = match &recall.payment {
        Some(payment) => store::recalls::taking(tx, payment).await?,
        None => None,
    };
    let waits = match verdict {
        Verdict::Accept => recall.stage == RecallStage::Waiting && !is_ended,
        Verdict::Reject(_) => {
            matches!(recall.stage, RecallStage::Waiting | RecallStage::Received)
        }
    };
    if !waits || taken.is_some() {
        let status = wire_recall(&recall, Viewer::Bank).status().as_str_name();
        let text = format!("recall {id} waits for no decision");
        return Err(Error::new(Reason::RecallNotWaiting, text).with("status", status).into());
    }
    Ok(recall)
}

/// What the audit says of it.
async fn accept(
    tx: &Tx,
    deciding: &Deciding<'_>,
    recall: &mut Recall,
    now: UnixMicros,
) -> Result<&'static str, Failure> {
    let Some(proposed) = &recall.approval else {
        let expires_at = recall.answer_by.unwrap_or(now);
        let proposal = Proposal {
            id: deciding.proposal,
            command: ACCEPT.to_owned(),
            payload: deciding.payload.clone(),
            maker: deciding.person.clone(),
            expires_at,
        };
        approval::propose(tx, &proposal).await?;
        recall.approval = Some(deciding.proposal.to_string());
        return Ok("proposed");
    };
    match approval::decide(tx, &proposal_of(recall, proposed)?, &deciding.person, Voice::Approve)
        .await?
    {
        Decision::Decided(_) => {
            recall.move_to(RecallStage::Debiting, now);
            Ok("accepted")
        }
        Decision::OwnProposal => {
            let text = format!("recall {} is accepted by another person", recall.id);
            Err(Error::new(Reason::OwnProposal, text).into())
        }
        // Its time is the recall's own, which a worker ends.
        Decision::Expired | Decision::NotFound | Decision::AlreadyDecided(_) => {
            let status = wire_recall(recall, Viewer::Bank).status().as_str_name();
            let text = format!("the time to accept recall {} is over", recall.id);
            Err(Error::new(Reason::RecallNotWaiting, text).with("status", status).into())
        }
    }
}

async fn reject(
    tx: &Tx,
    deciding: &Deciding<'_>,
    recall: &mut Recall,
    code: &str,
    now: UnixMicros,
) -> Result<(), Failure> {
    if let Some(proposed) = recall.approval.take() {
        let id = proposal_of(recall, &proposed)?;
        approval::decide(tx, &id, &deciding.person, Voice::Reject).await?;
    }
    Ok(answer(deciding.network, recall, code, now)?)
}

fn proposal_of(recall: &Recall, text: &str) -> Result<ApprovalId, StoreError> {
    ApprovalId::parse(text)
        .map_err(|error| StoreError::Corrupt(format!("the proposal of {}: {error}", recall.id)))
}

/// Has a recall answered in the negative: the exact bytes are kept with it before they are sent.
pub(super) fn answer(
    network: &Network,
    recall: &mut Recall,
    code: &str,
    now: UnixMicros,
) -> Result<(), StoreError> {
    let document = network.refusal_of(recall.id, &recall.request, code, now);
    let document =
        document.map_err(|cause| StoreError::Corrupt(format!("recall {}: {cause}", recall.id)))?;
    recall.document = Some(document);
    recall.answer = Some(code.to_owned());
    recall.move_to(RecallStage::Answering, now);
    Ok(())
}
