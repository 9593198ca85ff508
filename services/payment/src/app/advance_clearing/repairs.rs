//! What two persons have decided, carried out: with the approval where no ledger has to be asked,
//! else by a worker.
//!
//! ```text
//! SETTLE, REJECT  the stage that the network's answer would have led to; the workers do the rest
//! RETURN          a return of its own, committed with its bytes
//! CREDIT, BOOK    the money leaves suspense under the repair's own reference; refused, that is
//! OUT             voided, and people may decide anew
//! DISMISS         a note
//! ```
//!
//! Locks are taken in the order of all: what goes out, transfers, what came in, recalls, repairs.

use florin_kernel::UnixMicros;
use florin_proto::payment::v1::Reason;
use florin_rpc::Error;
use florin_runtime::Failure;
use florin_store::{
    StoreError, Tx,
    approval::{self, State},
};
use tokio::task::JoinSet;

use super::{
    ClearingWorker, Told, apply,
    incoming::{come_to, legs, request_of},
    locked_transfer, move_to, plain,
};
use crate::{
    app::{
        Payment,
        advance_transfers::later,
        decide_recall::answer,
        propose_repair::{REPAIR, Waiting},
    },
    domain::{
        Arrival, BY_RECALL, Event, RecallStage, Remedy, RepairStage, Stage, Status, Target,
        repair_reference,
    },
    grpc::convert::RepairDraft,
    store::{
        self, Incoming, Lease, Outgoing, Subject,
        recalls::{self, Recall},
        repairs::{self, Repair},
    },
    wire::asked_in,
};

/// What a step on a repair has found out.
enum Found {
    /// The ledger has booked it.
    Booked,
    /// It never will.
    Refused(String),
    /// Another attempt later.
    Wait(String),
    /// People have to look.
    Stuck(String),
}

impl Payment {
    /// Carries out what was approved, in the transaction of the approval.
    pub(in crate::app) async fn carry_out(
        &self,
        tx: &Tx,
        repair: &mut Repair,
        waiting: Waiting,
        (return_id, remedy): (&str, &Remedy),
        now: UnixMicros,
    ) -> Result<(), Failure> {
        let mut outcome = None;
        match (waiting, remedy) {
            (Waiting::Out(out), Remedy::Settle) => {
                outcome.clone_from(&out.contradiction);
                end(tx, out, (Stage::Settled, Event::Settled), now).await?;
            }
            (Waiting::Out(mut out), Remedy::Reject(code)) => {
                outcome.clone_from(&out.contradiction);
                out.answer = Some(code.clone());
                end(tx, out, (Stage::Rejected, Event::Rejected(code.clone())), now).await?;
            }
            (Waiting::In(mut came, _), Remedy::Return) => {
                self.return_again(tx, repair, &mut came, return_id, now).await?;
            }
            (Waiting::In(mut came, _), Remedy::Credit(..) | Remedy::BookOut(_)) => {
                came.repair = Some(repair.id);
                store::update_incoming(tx, &came).await?;
                repair.move_to(RepairStage::Executing, None, now);
                return Ok(());
            }
            (Waiting::Out(mut out), Remedy::Dismiss) => {
                outcome = out.contradiction.take();
                store::update_outgoing(tx, &out).await?;
            }
            (Waiting::Unread(unread), Remedy::Dismiss) => {
                store::dismiss_unread(tx, &unread.id, &repair.id.to_string()).await?;
            }
            (waiting @ (Waiting::Out(_) | Waiting::In(..) | Waiting::Unread(_)), remedy) => {
                waiting.must_take(remedy)?;
                let text = format!("repair {} is of another sort", repair.id);
                return Err(StoreError::Corrupt(text).into());
            }
        }
        repair.move_to(RepairStage::Done, outcome, now);
        Ok(())
    }

    async fn return_again(
        &self,
        tx: &Tx,
        repair: &Repair,
        came: &mut Incoming,
        return_id: &str,
        now: UnixMicros,
    ) -> Result<(), Failure> {
        let none = || StoreError::Corrupt("no clearing network is connected".to_owned());
        let worker = self.clearing_worker().ok_or_else(none)?;
        let is_recalled = recalls::taking(tx, &came.id).await?.is_some();
        let code = if is_recalled { Some(BY_RECALL.to_owned()) } else { came.reason.clone() };
        let subject = Subject::Repaired(repair.id, came.id.clone());
        let back = worker.going_back(return_id, came, code.as_deref(), subject, now)?;
        store::send(tx, &[back]).await?;
        come_to(came, Arrival::Returning, now);
        Ok(store::update_incoming(tx, came).await?)
    }
}

/// Ends a wait for the network, as its answer does.
async fn end(
    tx: &Tx,
    mut out: Outgoing,
    (stage, event): (Stage, Event),
    now: UnixMicros,
) -> Result<(), Failure> {
    // Bytes that are going out at this moment may be settled yet, and what is being given back
    // cannot be taken.
    if store::is_in_hand(tx, &out.id, now).await? {
        let text = "a worker has the payment at this moment";
        return Err(Error::new(Reason::ClearingBusy, text).into());
    }
    if out.stage == Stage::Unpaid {
        leaves_suspense_after_all(tx, &out, now).await?;
    }
    if let Some(transfer) = out.transfer() {
        let mut record = locked_transfer(tx, transfer).await?;
        let is_there = record.transfer.status() == Status::Releasing && stage == Stage::Rejected;
        if !is_there {
            apply(&mut record, event, now)?;
            store::update(tx, std::slice::from_ref(&record), Lease::GivenBack).await?;
        }
    }
    move_to(&mut out, stage, now);
    out.contradiction = None;
    Ok(store::update_outgoing(tx, &out).await?)
}

/// A return that was rejected and is settled: what was kept for people is on its way back.
async fn leaves_suspense_after_all(
    tx: &Tx,
    out: &Outgoing,
    now: UnixMicros,
) -> Result<(), Failure> {
    let came = match out.goes_back() {
        Some(came) => store::lock_incoming(tx, came).await?,
        None => None,
    };
    // Else people have ended it otherwise, or it goes back by another return.
    let kept = came.filter(|came| came.stage == Arrival::Kept && came.repair.is_none());
    let mut came = kept.ok_or_else(|| Waiting::Out(out.clone()).not_repairable())?;
    repairs::lapse(tx, &came.id, "its return was settled after all", now).await?;
    come_to(&mut came, Arrival::Returning, now);
    Ok(store::update_incoming(tx, &came).await?)
}

impl ClearingWorker {
    /// Takes the repairs of which the ledger has to be asked; whether there were any.
    pub(super) async fn take_repairs(
        &self,
        tasks: &mut JoinSet<Result<(), StoreError>>,
    ) -> Result<bool, StoreError> {
        let (token, due) = self
            .payment
            .db
            .write(async |tx: Tx| {
                let claiming = self.claiming(&tx).await?;
                repairs::claim(&tx, &claiming).await
            })
            .await?;
        let any = !due.is_empty();
        for one in due {
            let (worker, token) = (self.clone(), token.clone());
            tasks.spawn(async move { worker.book_repair(&one, &token).await });
        }
        Ok(any)
    }

    async fn book_repair(&self, repair: &Repair, token: &str) -> Result<(), StoreError> {
        let came = store::find_incoming(self.payment.db.read(), &repair.subject).await?;
        let (found, remedy) = match (self.approved(repair).await?, came) {
            (Ok(remedy), Some(came)) => {
                (self.leave_suspense(repair, &remedy, &came).await, Some(remedy))
            }
            (Ok(_), None) => (Found::Stuck("what it is of is not there".to_owned()), None),
            (Err(cause), _) => (Found::Stuck(cause), None),
        };
        self.keep_repair(repair, token, &found, remedy.as_ref()).await
    }

    /// What two persons have approved, as the first has proposed it; else why nothing is done.
    async fn approved(&self, repair: &Repair) -> Result<Result<Remedy, String>, StoreError> {
        let approval = match approval::get(self.payment.db.read(), &repair.id).await {
            Ok(approval) => approval,
            // What was changed since is never done, and people have to see it.
            Err(StoreError::Corrupt(cause)) => return Ok(Err(cause)),
            Err(error) => return Err(error),
        };
        let is_approved = |approval: &approval::Approval| {
            approval.state == State::Approved && approval.proposal.command == REPAIR
        };
        let Some(approval) = approval.filter(is_approved) else {
            return Ok(Err("no second person has approved it".to_owned()));
        };
        Ok(match asked_in(repair, &approval.proposal.payload) {
            Ok(asked) => match RepairDraft::try_from(&asked) {
                Ok(draft) => Ok(draft.remedy),
                Err(_) => Err("its proposal is none".to_owned()),
            },
            Err(error) => Err(error.to_string()),
        })
    }

    /// A function of what is kept: a repeat asks the same.
    async fn leave_suspense(&self, repair: &Repair, remedy: &Remedy, came: &Incoming) -> Found {
        let target = match remedy {
            Remedy::Credit(account, _) => Target::Account(*account),
            Remedy::BookOut(code) => Target::Gl(code.clone()),
            Remedy::Settle | Remedy::Reject(_) | Remedy::Return | Remedy::Dismiss => {
                return Found::Stuck("nothing is booked by it".to_owned());
            }
        };
        let suspense = Target::Gl(self.network.config.suspense_gl_code.clone());
        let shown = came.from_iban.as_deref().unwrap_or_default();
        let posting = legs("transfer_repaired", came.amount, suspense, target, shown);
        let reference = repair_reference(repair.id);
        let said = match self.payment.post(request_of(&reference, &posting, came)).await {
            Told::Done(_) => return Found::Booked,
            Told::Unclear(cause) => return Found::Wait(cause),
            Told::Reused(cause) => return Found::Stuck(cause),
            Told::Refused(failure) => format!("{}: {}", failure.reason, failure.message),
            // What people have proposed is no request of the ledger's: they propose anew.
            Told::Stuck(cause) => cause,
        };
        let reason = said.split(':').next().unwrap_or_default();
        match self.payment.void(&reference, reason).await {
            Told::Done(()) => Found::Refused(said),
            // An earlier call has posted it: the next one finds it.
            Told::Refused(failure) => Found::Wait(failure.message),
            Told::Unclear(cause) => Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
        }
    }

    /// Writes what a step has found out, where the row is still this worker's.
    async fn keep_repair(
        &self,
        repair: &Repair,
        token: &str,
        found: &Found,
        remedy: Option<&Remedy>,
    ) -> Result<(), StoreError> {
        self.payment
            .db
            .write(async |tx: Tx| {
                let came = store::lock_incoming(&tx, &repair.subject).await?;
                let taken = recalls::taking(&tx, &repair.subject).await?;
                let recall = match taken.filter(|one| one.stage == RecallStage::Returning) {
                    Some(taken) => recalls::lock(&tx, taken.id).await?,
                    None => None,
                };
                let row = repairs::lock(&tx, repair.id).await?;
                let ours = |row: &Repair| row.lease_token.as_deref() == Some(token);
                let (Some(mut row), Some(mut came)) = (row.filter(ours), came) else {
                    return Ok(());
                };
                let now = tx.now().await?;
                let attempts = row.attempts.saturating_add(1);
                let config = &self.payment.config;
                match found {
                    Found::Booked => {
                        come_to(&mut came, Arrival::Done, now);
                        store::update_incoming(&tx, &came).await?;
                        if let (Some(recall), Some(remedy)) = (recall, remedy) {
                            self.end_recall_by(&tx, recall, &row, remedy, now).await?;
                        }
                        row.move_to(RepairStage::Done, None, now);
                    }
                    Found::Refused(said) => {
                        tracing::error!(repair = %row.id, said, "the ledger refused a repair");
                        came.repair = None;
                        store::update_incoming(&tx, &came).await?;
                        row.move_to(RepairStage::Failed, Some(plain(said)), now);
                    }
                    Found::Wait(cause) => {
                        row.outcome = Some(plain(cause));
                        row.due_at = Some(later(now, config.backoff(attempts)));
                        row.attempts = attempts;
                    }
                    Found::Stuck(cause) => {
                        tracing::error!(repair = %row.id, %cause, "a repair is stuck");
                        row.outcome = Some(plain(cause));
                        row.due_at = Some(later(now, config.backoff_stuck(attempts)));
                        row.attempts = attempts;
                    }
                }
                repairs::update_repair(&tx, &row).await?;
                if row.stage == RepairStage::Done {
                    self.payment.tell_repair(&tx, row.id, now).await?;
                }
                Ok(())
            })
            .await
    }

    /// The recall that had taken what people have ended: answered in the negative where the money
    /// is a customer's again, else it went back by another way.
    async fn end_recall_by(
        &self,
        tx: &Tx,
        mut recall: Recall,
        repair: &Repair,
        remedy: &Remedy,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        recall.repair = Some(repair.id);
        if let Remedy::Credit(_, code) = remedy {
            answer(&self.network, &mut recall, code, now)?;
        } else {
            recall.answer = Some(BY_RECALL.to_owned());
            self.end_recall(tx, &mut recall, RecallStage::Accepted, now).await?;
        }
        recalls::update_recall(tx, &recall).await
    }
}
