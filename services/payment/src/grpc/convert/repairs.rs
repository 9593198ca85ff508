//! Repairs, from the wire.

use florin_kernel::{AccountId, ApprovalId, Violations, check_text, parse_date};
use florin_proto::payment::v1::{
    DecideRepairRequest, ListRepairsRequest, ProposeRepairRequest, RepairAction, RepairDecision,
};
use florin_store::approval::Verdict as Voice;

use super::{MOST_PAGE_SIZE, PAGE_SIZE};
use crate::domain::Remedy;

/// Characters of the name of what is repaired: longer than any that there is.
const MOST_NAME: usize = 160;
/// Characters of a reason.
const MOST_REASON: usize = 200;
/// Characters of the evidence.
const MOST_EVIDENCE: usize = 1_000;
/// Characters of the network's reference (Max35Text of ISO 20022).
const MOST_REFERENCE: usize = 35;
/// Characters of the code of a GL account, more than any has.
const MOST_GL_CODE: usize = 20;
/// With which a recall is answered whose money its customer keeps: the customer's decision.
const BY_CUSTOMER: &str = "CUST";

/// What somebody proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairDraft {
    /// What it is of.
    pub subject: String,
    /// What is to be done.
    pub remedy: Remedy,
    /// The request as it is kept, with what it left to the default.
    pub request: ProposeRepairRequest,
}

impl TryFrom<&ProposeRepairRequest> for RepairDraft {
    type Error = Violations;

    fn try_from(wire: &ProposeRepairRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let subject = violations.check("clearing_id", check_text(&wire.clearing_id, 1, MOST_NAME));
        violations.check("reason", check_text(&wire.reason, 1, MOST_REASON));
        violations.check("evidence", check_text(&wire.evidence, 1, MOST_EVIDENCE));
        let reference = check_text(&wire.network_reference, 0, MOST_REFERENCE);
        violations.check("network_reference", reference);
        if !wire.settlement_date.is_empty() {
            violations.check("settlement_date", parse_date(&wire.settlement_date));
        }
        let remedy = remedy(&mut violations, wire);
        refuse_the_rest(&mut violations, wire);
        let draft = subject.zip(remedy).map(|(subject, remedy)| {
            let mut request = wire.clone();
            if let Remedy::Credit(_, code) = &remedy {
                request.code.clone_from(code);
            }
            Self { subject, remedy, request }
        });
        violations.finish(draft)
    }
}

/// What is to be done; None where a field is broken.
fn remedy(violations: &mut Violations, wire: &ProposeRepairRequest) -> Option<Remedy> {
    match wire.action() {
        RepairAction::Unspecified => {
            violations.add("action", "REQUIRED", "must be what is to be done");
            None
        }
        RepairAction::Settle => Some(Remedy::Settle),
        RepairAction::Reject => code(violations, &wire.code).map(Remedy::Reject),
        RepairAction::Return => Some(Remedy::Return),
        RepairAction::Credit => {
            let account = violations.check("account_id", AccountId::parse(&wire.account_id));
            let given = if wire.code.is_empty() { BY_CUSTOMER } else { &wire.code };
            let code = code(violations, given);
            account.zip(code).map(|(account, code)| Remedy::Credit(account, code))
        }
        RepairAction::BookOut => {
            let code = violations.check("gl_code", check_text(&wire.gl_code, 1, MOST_GL_CODE));
            code.map(Remedy::BookOut)
        }
        RepairAction::Dismiss => Some(Remedy::Dismiss),
    }
}

/// A code of ISO 20022 (ExternalStatusReason1Code and its like).
fn code(violations: &mut Violations, text: &str) -> Option<String> {
    let is_one = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    if text.len() == 4 && text.bytes().all(is_one) {
        return Some(text.to_owned());
    }
    let rule = if text.is_empty() { "REQUIRED" } else { "MALFORMED_REASON" };
    violations.add("code", rule, "must be four upper-case letters or digits, as AC04");
    None
}

/// What is for another action is a mistake: somebody means something else than will be done.
fn refuse_the_rest(violations: &mut Violations, wire: &ProposeRepairRequest) {
    let action = wire.action();
    let of = |wanted: &[RepairAction]| wanted.contains(&action);
    let settles = of(&[RepairAction::Settle]);
    for (field, text, is_used) in [
        ("settlement_date", &wire.settlement_date, settles),
        ("network_reference", &wire.network_reference, settles),
        ("code", &wire.code, of(&[RepairAction::Reject, RepairAction::Credit])),
        ("account_id", &wire.account_id, of(&[RepairAction::Credit])),
        ("gl_code", &wire.gl_code, of(&[RepairAction::BookOut])),
    ] {
        if !is_used && !text.is_empty() && action != RepairAction::Unspecified {
            violations.add(field, "ONE_OF", "is for another action");
        }
    }
}

/// Reads a decision.
///
/// # Errors
/// Every rule that it breaks.
pub fn voice(wire: &DecideRepairRequest) -> Result<(ApprovalId, Voice, String), Violations> {
    let mut violations = Violations::new();
    let id = violations.check("approval_id", ApprovalId::parse(&wire.approval_id));
    let voice = match wire.decision() {
        RepairDecision::Unspecified => {
            violations.add("decision", "REQUIRED", "must be to approve or to reject");
            None
        }
        RepairDecision::Approve => Some(Voice::Approve),
        RepairDecision::Reject => Some(Voice::Reject),
    };
    let reason = violations.check("reason", check_text(&wire.reason, 1, MOST_REASON));
    let read = match (id, voice, reason) {
        (Some(id), Some(voice), Some(reason)) => Some((id, voice, reason)),
        _ => None,
    };
    violations.finish(read)
}

/// Reads the id of a repair.
///
/// # Errors
/// The rule that it breaks.
pub fn repair_id(text: &str) -> Result<ApprovalId, Violations> {
    let mut violations = Violations::new();
    let id = violations.check("approval_id", ApprovalId::parse(text));
    violations.finish(id)
}

/// Repairs on the page.
///
/// # Errors
/// A size out of its range.
pub fn repairs_page(wire: &ListRepairsRequest) -> Result<u32, Violations> {
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
