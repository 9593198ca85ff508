//! Decides a proposed repair: the second of two persons.

use florin_kernel::{ApprovalId, Person, UnixMicros};
use florin_proto::payment::v1::{DecideRepairRequest, DecideRepairResponse, Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{
    Tx,
    approval::{self, Decision, Verdict as Voice},
};
use tonic::{Response, Status};

use super::{
    Payment, events,
    get_repair::repair_not_found,
    propose_repair::{Waiting, gone, person, record_audit},
};
use crate::{
    clearing::fresh_id,
    domain::RepairStage,
    grpc::convert::{RepairDraft, voice},
    store::repairs::{self, Repair},
    wire::{asked_of, wire_repair, wire_repair_stage},
};

impl Payment {
    /// Decides it under the lock of what it is of, which so is decided between the network's
    /// answer and people. What is approved is carried out with it, or by a worker where the ledger
    /// has to be asked.
    ///
    /// # Errors
    /// Every violated field; `REPAIR_NOT_FOUND`, `REPAIR_NOT_OPEN`, `NOT_REPAIRABLE`,
    /// `CLEARING_BUSY`, `OWN_PROPOSAL`, `NO_PERSON`, `CLEARING_NOT_CONNECTED`.
    pub async fn decide_repair(
        &self,
        ctx: &CallContext,
        request: DecideRepairRequest,
    ) -> Result<Response<DecideRepairResponse>, Status> {
        let (id, voice, reason) = voice(&request).map_err(Error::invalid)?;
        let checker = person(ctx)?;
        self.connected()?;
        // Of one value in every run of the transaction.
        let return_id = fresh_id();
        once(&self.db, ctx, &request, async |tx: Tx| {
            let found = repairs::find(&tx, id).await?.ok_or_else(|| repair_not_found(id))?;
            // What it is of first, as everywhere.
            let waiting = Waiting::locked(&tx, &found.repair.subject).await?;
            let repair = repairs::lock(&tx, id).await?;
            let mut repair = repair.ok_or_else(|| repair_not_found(id))?;
            if repair.stage != RepairStage::Proposed {
                return Err(not_open(&repair, "was decided or has lapsed").into());
            }
            let now = tx.now().await?;
            speak(&tx, &repair, &checker, voice).await?;
            match voice {
                Voice::Approve => {
                    let draft =
                        RepairDraft::try_from(&asked_of(&found)?).map_err(Error::invalid)?;
                    let waiting = waiting.ok_or_else(|| gone(id))?;
                    waiting.must_take(&draft.remedy)?;
                    let way = (return_id.as_str(), &draft.remedy);
                    self.carry_out(&tx, &mut repair, waiting, way, now).await?;
                }
                Voice::Reject => repair.move_to(RepairStage::Rejected, Some(reason.clone()), now),
            }
            repairs::update_repair(&tx, &repair).await?;
            let what = match voice {
                Voice::Approve => "approved",
                Voice::Reject => "rejected",
            };
            let what = format!("{id} of {}/{what}", repair.subject);
            record_audit(&tx, ctx, &what, &reason).await?;
            let repair = Some(self.tell_repair(&tx, id, now).await?);
            Ok::<_, Failure>(DecideRepairResponse { repair })
        })
        .await
    }

    /// The repair as it is now, with its event where it is done.
    pub(super) async fn tell_repair(
        &self,
        tx: &Tx,
        id: ApprovalId,
        now: UnixMicros,
    ) -> Result<florin_proto::payment::v1::Repair, florin_store::StoreError> {
        let told = repairs::find(tx, id).await?.ok_or_else(|| gone(id))?;
        let wire = wire_repair(&told)?;
        if told.repair.stage == RepairStage::Done {
            let event = events::payment_repaired(&told.repair, wire.clone(), now);
            self.outbox.append(tx, vec![event]).await?;
        }
        Ok(wire)
    }
}

async fn speak(tx: &Tx, repair: &Repair, checker: &Person, voice: Voice) -> Result<(), Failure> {
    match approval::decide(tx, &repair.id, checker, voice).await? {
        Decision::Decided(_) => Ok(()),
        Decision::OwnProposal => {
            let text = format!("repair {} is approved by another person", repair.id);
            Err(Error::new(Reason::OwnProposal, text).into())
        }
        Decision::Expired => Err(not_open(repair, "has expired").into()),
        Decision::NotFound => Err(gone(repair.id).into()),
        Decision::AlreadyDecided(_) => Err(not_open(repair, "was decided before").into()),
    }
}

fn not_open(repair: &Repair, text: &str) -> Error {
    let status = wire_repair_stage(repair.stage).as_str_name();
    let text = format!("repair {} {text}", repair.id);
    Error::new(Reason::RepairNotOpen, text).with("status", status)
}
