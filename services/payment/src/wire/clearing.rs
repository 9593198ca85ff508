//! What is between this bank and the clearing network, as operators see it.

use florin_proto::{
    payment::v1::{ClearingDirection, ClearingStage, ExportClearingResponse},
    timestamp, wire_money,
};

use crate::{
    domain::{Arrival, Stage},
    store::{Incoming, Outgoing, Subject, Unread},
};

/// Something on its way to the network. What the ledger has of a payment is the transfer's.
#[must_use]
pub fn wire_outgoing(out: &Outgoing) -> ExportClearingResponse {
    let (direction, transfer_id, booked) = match &out.subject {
        Subject::Payment(id) => (ClearingDirection::Out, id.to_string(), None),
        Subject::Return(came) | Subject::Recalled(came) | Subject::Repaired(_, came) => {
            (ClearingDirection::ReturnOut, String::new(), Some(format!("{came}/returned")))
        }
    };
    let (posted, open) = match out.stage {
        Stage::Done => (booked, None),
        Stage::Settled => (None, booked),
        Stage::New | Stage::Holding | Stage::Submitting | Stage::Rejected | Stage::Unpaid => {
            (None, None)
        }
    };
    ExportClearingResponse {
        clearing_id: out.id.clone(),
        direction: direction.into(),
        stage: stage_out(out.stage).into(),
        amount: Some(wire_money(out.amount)),
        uetr: out.uetr.map(|uetr| uetr.to_string()).unwrap_or_default(),
        transfer_id,
        posted_references: posted.into_iter().collect(),
        open_references: open.into_iter().collect(),
        void_references: Vec::new(),
        changed_at: Some(timestamp(out.changed_at)),
        attempts: i32::try_from(out.attempts).unwrap_or(i32::MAX),
        asks: i32::try_from(out.asks).unwrap_or(i32::MAX),
        last_cause: out.last_cause.clone().unwrap_or_default(),
        contradiction: out.contradiction.clone().unwrap_or_default(),
    }
}

/// Something that came from the network.
#[must_use]
pub fn wire_incoming(came: &Incoming) -> ExportClearingResponse {
    let credit = format!("{}/credit", came.id);
    let suspense = format!("{}/suspense", came.id);
    // What ended by way of suspense has the reason for which it went back; a return comes with
    // a reason of its own.
    let sent_back = !came.is_return && came.reason.is_some();
    let taken = !came.is_return && came.reason.is_none();
    let (posted, open, void) = match came.stage {
        Arrival::Received => (vec![], vec![credit], vec![]),
        Arrival::ToSuspense => (vec![], vec![suspense], vec![credit]),
        // Credited, and taken back for a recall, whose debit is the recall's.
        Arrival::Returning | Arrival::Kept if taken => (vec![credit], vec![], vec![suspense]),
        Arrival::Returning | Arrival::Kept => (vec![suspense], vec![], vec![credit]),
        // Out of suspense by a repair, whose posting is the repair's.
        Arrival::Done if came.repair.is_some() && !taken => (vec![suspense], vec![], vec![credit]),
        Arrival::Done if sent_back => (vec![suspense], vec![], vec![credit]),
        Arrival::Done => (vec![credit], vec![], vec![suspense]),
    };
    let direction =
        if came.is_return { ClearingDirection::ReturnIn } else { ClearingDirection::In };
    ExportClearingResponse {
        clearing_id: came.id.clone(),
        direction: direction.into(),
        stage: stage_in(came.stage).into(),
        amount: Some(wire_money(came.amount)),
        uetr: came.uetr.map(|uetr| uetr.to_string()).unwrap_or_default(),
        transfer_id: came.transfer.map(|id| id.to_string()).unwrap_or_default(),
        posted_references: posted,
        open_references: open,
        void_references: void,
        changed_at: Some(timestamp(came.changed_at)),
        attempts: i32::try_from(came.attempts).unwrap_or(i32::MAX),
        asks: 0,
        last_cause: came.last_cause.clone().unwrap_or_default(),
        contradiction: String::new(),
    }
}

/// A message of the network that could not be taken: it may be about money, and waits for people.
#[must_use]
pub fn wire_unread(unread: &Unread) -> ExportClearingResponse {
    let stage = if unread.repair.is_some() { ClearingStage::Done } else { ClearingStage::Kept };
    ExportClearingResponse {
        clearing_id: unread.id.clone(),
        direction: ClearingDirection::In.into(),
        stage: stage.into(),
        changed_at: Some(timestamp(unread.received_at)),
        last_cause: unread.finding.clone(),
        ..ExportClearingResponse::default()
    }
}

/// The stage of what goes out.
#[must_use]
pub const fn stage_out(stage: Stage) -> ClearingStage {
    match stage {
        Stage::New => ClearingStage::New,
        Stage::Holding => ClearingStage::Holding,
        Stage::Submitting => ClearingStage::Submitting,
        Stage::Settled => ClearingStage::Settled,
        Stage::Rejected => ClearingStage::Rejected,
        Stage::Done => ClearingStage::Done,
        Stage::Unpaid => ClearingStage::Unpaid,
    }
}

/// The stage of what came in.
#[must_use]
pub const fn stage_in(stage: Arrival) -> ClearingStage {
    match stage {
        Arrival::Received => ClearingStage::Received,
        Arrival::ToSuspense => ClearingStage::ToSuspense,
        Arrival::Returning => ClearingStage::Returning,
        Arrival::Done => ClearingStage::Done,
        Arrival::Kept => ClearingStage::Kept,
    }
}
