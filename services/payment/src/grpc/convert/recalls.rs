//! Recalls, from the wire.

use florin_kernel::{RecallId, TransferId, Violations, check_text};
use florin_proto::payment::v1::{
    DecideRecallRequest, ListRecallsRequest, RecallDecision, RecallReason as WireReason,
    RecallTransferRequest,
};

use super::{MOST_PAGE_SIZE, PAGE_SIZE};
use crate::domain::RecallReason;

/// Characters of the words for the other bank (`AddtlInf` of camt.056).
const MOST_TEXT: usize = 105;
/// Characters of the reason for the audit.
const MOST_REASON: usize = 200;

/// What somebody asks for with a recall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecallDraft {
    /// The transfer that is asked back.
    pub transfer: TransferId,
    /// Why.
    pub reason: RecallReason,
    /// In words for the other bank; may be empty.
    pub text: String,
}

impl TryFrom<&RecallTransferRequest> for RecallDraft {
    type Error = Violations;

    fn try_from(wire: &RecallTransferRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let transfer = violations.check("transfer_id", TransferId::parse(&wire.transfer_id));
        let reason = match wire.reason() {
            WireReason::Unspecified => {
                violations.add("reason", "UNKNOWN_VALUE", "must be a reason of a recall");
                None
            }
            WireReason::Duplicate => Some(RecallReason::Duplicate),
            WireReason::Technical => Some(RecallReason::Technical),
            WireReason::Fraud => Some(RecallReason::Fraud),
            WireReason::Customer => Some(RecallReason::Customer),
        };
        let text = violations.check("text", check_text(wire.text.trim(), 0, MOST_TEXT));
        // What XML cannot hold is refused here, not when the bytes are made.
        let text = text.filter(|text| {
            let holds = text.is_empty() || text.parse::<florin_iso20022::Text<105>>().is_ok();
            if !holds {
                violations.add(
                    "text",
                    "CONTROL_CHARACTER",
                    "must have only characters that XML has",
                );
            }
            holds
        });
        let draft = match (transfer, reason, text) {
            (Some(transfer), Some(reason), Some(text)) => Some(Self { transfer, reason, text }),
            _ => None,
        };
        violations.finish(draft)
    }
}

/// What somebody says to a recall of another bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The money goes back.
    Accept,
    /// It stays, under this code.
    Reject(&'static str),
}

/// Reads a decision.
///
/// # Errors
/// Every rule that it breaks.
pub fn verdict(wire: &DecideRecallRequest) -> Result<(RecallId, Verdict, String), Violations> {
    let mut violations = Violations::new();
    let id = violations.check("recall_id", RecallId::parse(&wire.recall_id));
    let verdict = match wire.decision() {
        RecallDecision::Unspecified => {
            violations.add("decision", "UNKNOWN_VALUE", "must be to accept or to reject");
            None
        }
        RecallDecision::Accept => Some(Verdict::Accept),
        RecallDecision::RejectCustomer => Some(Verdict::Reject("CUST")),
        RecallDecision::RejectLegal => Some(Verdict::Reject("LEGL")),
    };
    let reason = violations.check("reason", check_text(&wire.reason, 1, MOST_REASON));
    let read = match (id, verdict, reason) {
        (Some(id), Some(verdict), Some(reason)) => Some((id, verdict, reason)),
        _ => None,
    };
    violations.finish(read)
}

/// Reads the id of a recall.
///
/// # Errors
/// The rule that it breaks.
pub fn recall_id(text: &str) -> Result<RecallId, Violations> {
    let mut violations = Violations::new();
    let id = violations.check("recall_id", RecallId::parse(text));
    violations.finish(id)
}

/// Recalls on the page.
///
/// # Errors
/// A size out of its range.
pub fn recalls_page(wire: &ListRecallsRequest) -> Result<u32, Violations> {
    let mut violations = Violations::new();
    let size = match u32::try_from(wire.page_size) {
        Ok(0) => Some(PAGE_SIZE),
        Ok(size) if size <= MOST_PAGE_SIZE => Some(size),
        Ok(_) | Err(_) => {
            violations.add("page_size", "OUT_OF_RANGE", "must be 1 to 200, or 0 for 50");
            None
        }
    };
    violations.finish(size)
}
