//! Domain -> wire.

pub mod bulks;

use florin_kernel::{Money, UnixMicros};
use florin_proto::{
    common::v1::{Party, Refusal},
    payment::v1::{self as wire, TransferKind, TransferStatus},
    timestamp, wire_money,
};

use crate::{
    domain::{
        Ended, Failure, Kind, Limit, Period, Relation, Route, Screening, Status, Step, Subject,
        Transfer,
    },
    store::{Comeback, Record, beneficiaries::Beneficiary},
};

/// As what somebody sees a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// Staff and machines: all of it.
    Bank,
    /// A holder of the account that pays.
    Debtor,
    /// A holder of the account that is paid.
    Creditor,
}

/// A transfer as clients see it. Before its end no event of the ledger is in the position, and
/// a read that waited for it would miss the payment.
#[must_use]
pub fn wire_transfer(record: &Record, viewer: Viewer) -> wire::Transfer {
    let mut wire = wire_of(&record.transfer);
    if record.transfer.status().is_end() {
        wire.position.clone_from(&record.position);
    }
    seen_by(wire, viewer)
}

/// A transfer as its events tell it: they are its position, so they carry none.
#[must_use]
pub fn wire_of(transfer: &Transfer) -> wire::Transfer {
    let order = transfer.order();
    let route = order.route();
    let party = |account: Option<_>, iban: Option<&florin_kernel::Iban>| {
        account.map(|id: florin_kernel::AccountId| Party {
            account_id: id.to_string(),
            iban: iban.map(|iban| iban.electronic().to_owned()).unwrap_or_default(),
            ..Party::default()
        })
    };
    let failure = match transfer.ended() {
        Ended::Unpaid(failure) => Some(refusal(failure, route)),
        Ended::NotYet | Ended::Paid(_) | Ended::Withdrawn => None,
    };
    let screening = transfer.screening().map_or(wire::Screening::Unspecified, wire_screening);
    wire::Transfer {
        transfer_id: transfer.id().to_string(),
        kind: wire_kind(route.kind()).into(),
        status: wire_status(transfer.status()).into(),
        debtor: party(route.debtor(), route.debtor_iban()),
        creditor: party(route.creditor(), route.creditor_iban()).or_else(|| of_other_bank(route)),
        amount: Some(wire_money(order.amount())),
        description: order.description().to_owned(),
        screening: screening.into(),
        failure,
        transaction_id: transaction_id(transfer),
        steps: transfer.steps().iter().map(wire_step).collect(),
        created_at: Some(timestamp(transfer.created_at())),
        position: String::new(),
        original_transfer_id: order
            .link()
            .map(|link| link.original.to_string())
            .unwrap_or_default(),
        relation: wire_relation(order.link().map(|link| link.relation)).into(),
        fee: order.fee().map(|fee| wire_money(fee.amount)),
        returned: None,
    }
}

/// What came back of a transfer.
#[must_use]
pub fn wire_comeback(back: &Comeback) -> wire::TransferReturn {
    wire::TransferReturn {
        amount: Some(wire_money(back.amount)),
        code: back.code.clone().unwrap_or_default(),
        at: Some(timestamp(back.at)),
    }
}

const fn wire_relation(relation: Option<Relation>) -> wire::TransferRelation {
    match relation {
        None => wire::TransferRelation::Unspecified,
        Some(Relation::Refund) => wire::TransferRelation::Refund,
        Some(Relation::Reversal) => wire::TransferRelation::Reversal,
    }
}

/// A limit as the contract has it, with what is used of it where that is known.
#[must_use]
pub fn wire_limit(limit: &Limit, set_at: UnixMicros, used: Option<Money>) -> wire::Limit {
    let (scope, subject) = match &limit.subject {
        Subject::Customer(id) => (wire::LimitScope::Customer, id.to_string()),
        Subject::Account(id) => (wire::LimitScope::Account, id.to_string()),
        Subject::Channel(name) => (wire::LimitScope::Channel, name.clone()),
    };
    let period = match limit.period {
        Period::Transfer => wire::LimitPeriod::Transfer,
        Period::Day => wire::LimitPeriod::Day,
        Period::Month => wire::LimitPeriod::Month,
    };
    let left = used.map(|used| {
        let left = limit.maximum.minor().saturating_sub(used.minor()).max(0);
        wire_money(Money::new(left, limit.maximum.currency()))
    });
    wire::Limit {
        scope: scope.into(),
        subject,
        period: period.into(),
        maximum: Some(wire_money(limit.maximum)),
        used: used.map(wire_money),
        left,
        set_at: Some(timestamp(set_at)),
    }
}

/// Who is paid at another bank.
fn of_other_bank(route: &Route) -> Option<Party> {
    let bic = route.other_bank()?.to_string();
    let iban = route.creditor_iban().map(|iban| iban.electronic().to_owned()).unwrap_or_default();
    Some(Party { iban, bic, ..Party::default() })
}

/// Leaves out the id of an account that is another's, and what another pays for the transfer. Who
/// named the other by its id has it.
#[must_use]
pub fn seen_by(mut transfer: wire::Transfer, viewer: Viewer) -> wire::Transfer {
    if viewer == Viewer::Creditor {
        transfer.fee = None;
    }
    let other = match viewer {
        Viewer::Bank => None,
        Viewer::Debtor => transfer
            .creditor
            .as_mut()
            .filter(|one| !one.iban.is_empty() && !one.account_id.is_empty()),
        Viewer::Creditor => transfer.debtor.as_mut(),
    };
    let Some(Party { account_id, iban, .. }) = other else { return transfer };
    let hidden = std::mem::take(account_id);
    if let Some(failure) = &mut transfer.failure {
        failure.message = failure.message.replace(&hidden, iban);
        failure.metadata.retain(|_, fact| *fact != hidden);
    }
    transfer
}

/// A failure with the ledger's facts, and the side of the account at fault.
fn refusal(failure: &Failure, route: &Route) -> Refusal {
    let at_fault = |account: Option<florin_kernel::AccountId>| {
        account.is_some_and(|id| failure.facts.get("account_id") == Some(&id.to_string()))
    };
    let side = if at_fault(route.debtor()) {
        Some("debtor")
    } else if at_fault(route.creditor()) {
        Some("creditor")
    } else {
        None
    };
    let side = side.map(|side| ("side".to_owned(), side.to_owned()));
    Refusal {
        reason: failure.reason.clone(),
        domain: failure.domain.clone(),
        message: failure.message.clone(),
        metadata: failure.facts.clone().into_iter().chain(side).collect(),
        violations: Vec::new(),
    }
}

/// How the work on a transfer stands.
#[must_use]
pub fn wire_work(record: &Record) -> wire::TransferWork {
    wire::TransferWork {
        attempts: i32::try_from(record.attempts).unwrap_or(i32::MAX),
        last_cause: record.last_cause.clone().unwrap_or_default(),
        next_attempt_at: record.due_at.map(timestamp),
    }
}

/// A state as the contract has it.
#[must_use]
pub const fn wire_status(status: Status) -> TransferStatus {
    match status {
        Status::Processing => TransferStatus::Processing,
        Status::Posting => TransferStatus::Posting,
        Status::Completed => TransferStatus::Completed,
        Status::Failed => TransferStatus::Failed,
        Status::Cancelled => TransferStatus::Cancelled,
        Status::Holding => TransferStatus::Holding,
        Status::Submitting => TransferStatus::Submitting,
        Status::Settling => TransferStatus::Settling,
        Status::Releasing => TransferStatus::Releasing,
    }
}

const fn wire_kind(kind: Kind) -> TransferKind {
    match kind {
        Kind::Transfer => TransferKind::Transfer,
        Kind::CashDeposit => TransferKind::CashDeposit,
        Kind::CashWithdrawal => TransferKind::CashWithdrawal,
    }
}

const fn wire_screening(screening: Screening) -> wire::Screening {
    match screening {
        Screening::NotScreened => wire::Screening::NotScreened,
    }
}

/// Steps that were stored earlier carry the result of the scoring as the reason of POSTING.
fn wire_step(step: &Step) -> wire::TransferStep {
    let reason = match step.status {
        Status::Failed | Status::Releasing => step.reason.clone(),
        Status::Processing
        | Status::Posting
        | Status::Completed
        | Status::Cancelled
        | Status::Holding
        | Status::Submitting
        | Status::Settling => String::new(),
    };
    wire::TransferStep {
        status: wire_status(step.status).into(),
        at: Some(timestamp(step.at)),
        reason,
    }
}

fn transaction_id(transfer: &Transfer) -> String {
    match transfer.ended() {
        Ended::Paid(transaction) => transaction.to_string(),
        Ended::NotYet | Ended::Unpaid(_) | Ended::Withdrawn => String::new(),
    }
}

/// A beneficiary as the contract has it.
#[must_use]
pub fn wire_beneficiary(one: &Beneficiary) -> wire::Beneficiary {
    wire::Beneficiary {
        beneficiary_id: one.id.to_string(),
        iban: one.iban.electronic().to_owned(),
        label: one.label.clone(),
        added_at: Some(timestamp(one.added_at)),
    }
}

mod authorisations;
mod clearing;
mod exports;
mod orders;
mod recalls;
mod reconciling;
mod repairs;

pub use authorisations::{wire_authorisation, wire_authorisation_export, wire_operation};
pub use clearing::{stage_in, stage_out, wire_incoming, wire_outgoing, wire_unread};
pub use exports::{wire_counter, wire_export, wire_finding};
pub use orders::{wire_order, wire_run};
pub use recalls::{wire_recall, wire_recall_of};
pub use reconciling::wire_reconciliation;
pub use repairs::{asked_in, asked_of, wire_repair, wire_repair_stage};

#[cfg(test)]
mod tests;
