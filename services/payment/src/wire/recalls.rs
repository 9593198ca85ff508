//! Recalls as the contract has them.

use florin_proto::{
    payment::v1::{self as wire, RecallDirection, RecallStatus},
    timestamp, wire_money,
};

use super::Viewer;
use crate::{
    domain::{RecallStage, debit_reference},
    store::recalls::Recall,
};

/// A recall as somebody sees it: what is of the bank's own work is not for its customers.
#[must_use]
pub fn wire_recall(recall: &Recall, viewer: Viewer) -> wire::Recall {
    let mut wire = wire_recall_of(recall);
    if viewer == Viewer::Bank {
        wire.last_cause = recall.last_cause.clone().unwrap_or_default();
        wire.proposed = recall.approval.is_some();
    }
    wire
}

/// A recall as its events tell it.
#[must_use]
pub fn wire_recall_of(recall: &Recall) -> wire::Recall {
    let payment = recall.payment.clone().unwrap_or_default();
    let (transfer_id, clearing_id) =
        if recall.is_ours { (payment, String::new()) } else { (String::new(), payment) };
    let direction = if recall.is_ours { RecallDirection::Out } else { RecallDirection::In };
    wire::Recall {
        recall_id: recall.id.to_string(),
        direction: direction.into(),
        status: wire_stage(recall.stage).into(),
        case_id: recall.case_id.clone(),
        transfer_id,
        clearing_id,
        account_id: recall.account.map(|id| id.to_string()).unwrap_or_default(),
        amount: recall.amount.map(wire_money),
        uetr: recall.uetr.map(|uetr| uetr.to_string()).unwrap_or_default(),
        reason: recall.reason.clone(),
        answer: recall.answer.clone().unwrap_or_default(),
        answer_by: recall.answer_by.map(timestamp),
        proposed: false,
        answers: i32::try_from(recall.answers).unwrap_or(i32::MAX),
        created_at: Some(timestamp(recall.created_at)),
        changed_at: Some(timestamp(recall.changed_at)),
        last_cause: String::new(),
        // Only what people have accepted debits an account.
        debit_reference: match recall.approval {
            Some(_) if !recall.is_ours => debit_reference(recall.id),
            Some(_) | None => String::new(),
        },
        repaired_by: recall.repair.map(|id| id.to_string()).unwrap_or_default(),
    }
}

const fn wire_stage(stage: RecallStage) -> RecallStatus {
    match stage {
        RecallStage::Received => RecallStatus::Received,
        RecallStage::Waiting => RecallStatus::Waiting,
        RecallStage::Debiting => RecallStatus::Debiting,
        RecallStage::Returning => RecallStatus::Returning,
        RecallStage::Answering => RecallStatus::Answering,
        RecallStage::Accepted => RecallStatus::Accepted,
        RecallStage::Rejected => RecallStatus::Rejected,
        RecallStage::Sending => RecallStatus::Sending,
        RecallStage::Sent => RecallStatus::Sent,
    }
}
