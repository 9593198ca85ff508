//! Repairs as the contract has them.

use florin_proto::{
    payment::v1::{self as wire, ProposeRepairRequest, RepairAction, RepairStatus},
    timestamp, wire_money,
};
use florin_store::StoreError;
use prost::Message as _;

use crate::{
    domain::{RepairStage, repair_reference},
    store::repairs::{Decided, Repair},
};

/// A repair.
///
/// # Errors
/// `Corrupt` where its payload is none.
pub fn wire_repair(decided: &Decided) -> Result<wire::Repair, StoreError> {
    let repair = &decided.repair;
    let asked = asked_of(decided)?;
    let action = asked.action();
    let is_booked = matches!(action, RepairAction::Credit | RepairAction::BookOut);
    Ok(wire::Repair {
        approval_id: repair.id.to_string(),
        clearing_id: repair.subject.clone(),
        transfer_id: repair.transfer.map(|id| id.to_string()).unwrap_or_default(),
        action: action.into(),
        status: wire_repair_stage(repair.stage).into(),
        amount: repair.amount.map(wire_money),
        code: asked.code,
        account_id: asked.account_id,
        gl_code: asked.gl_code,
        settlement_date: asked.settlement_date,
        network_reference: asked.network_reference,
        reason: asked.reason,
        evidence: asked.evidence,
        maker: decided.maker.to_string(),
        checker: decided.checker.as_ref().map(ToString::to_string).unwrap_or_default(),
        propose_time: Some(timestamp(decided.proposed_at)),
        expire_time: Some(timestamp(decided.expires_at)),
        decide_time: decided.decided_at.map(timestamp),
        changed_at: Some(timestamp(repair.changed_at)),
        outcome: repair.outcome.clone().unwrap_or_default(),
        posting_reference: if is_booked { repair_reference(repair.id) } else { String::new() },
    })
}

/// What was asked for.
///
/// # Errors
/// `Corrupt` where the payload is none, or of another action than the repair.
pub fn asked_of(decided: &Decided) -> Result<ProposeRepairRequest, StoreError> {
    asked_in(&decided.repair, &decided.payload)
}

/// What was asked for by this payload.
///
/// # Errors
/// `Corrupt` where it is none, or of another action or subject than the repair.
pub fn asked_in(repair: &Repair, payload: &[u8]) -> Result<ProposeRepairRequest, StoreError> {
    let asked = ProposeRepairRequest::decode(payload)
        .map_err(|error| StoreError::Corrupt(format!("repair {}: {error}", repair.id)))?;
    if i64::from(asked.action) != repair.action || asked.clearing_id != repair.subject {
        let text = format!("repair {} is another than its proposal", repair.id);
        return Err(StoreError::Corrupt(text));
    }
    Ok(asked)
}

/// The stage of a repair.
#[must_use]
pub const fn wire_repair_stage(stage: RepairStage) -> RepairStatus {
    match stage {
        RepairStage::Proposed => RepairStatus::Proposed,
        RepairStage::Executing => RepairStatus::Executing,
        RepairStage::Done => RepairStatus::Done,
        RepairStage::Rejected => RepairStatus::Rejected,
        RepairStage::Lapsed => RepairStatus::Lapsed,
        RepairStage::Failed => RepairStatus::Failed,
    }
}
