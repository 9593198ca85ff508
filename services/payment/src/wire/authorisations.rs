//! Authorisations as the contract has them.

use florin_proto::{
    common::v1::Refusal,
    payment::v1::{
        self as wire, AuthorisationCapture, AuthorisationHold, ExportAuthorisationsResponse,
    },
    timestamp, wire_money,
};

use crate::{
    domain::{
        AuthorisationStatus, Decider, Decision, Failure, Operation, OperationKind,
        card_hold_reference,
    },
    store::authorisations::Card,
};

/// An authorisation as clients and events have it.
#[must_use]
pub fn wire_authorisation(card: &Card) -> wire::Authorisation {
    let one = &card.authorisation;
    let money = |minor| Some(wire_money(one.money(minor)));
    let merchant = wire::Merchant {
        merchant_id: one.merchant.id.clone(),
        name: one.merchant.name.clone(),
        mcc: one.merchant.mcc.clone(),
        country: one.merchant.country.clone(),
    };
    wire::Authorisation {
        authorisation_id: one.id.to_string(),
        status: wire_authorisation_status(one.status).into(),
        account_id: one.account.to_string(),
        network: one.network.clone(),
        network_reference: one.network_reference.clone(),
        merchant: Some(merchant),
        authorised: money(one.authorised),
        captured: money(one.captured),
        held: money(one.held()),
        unheld: money(one.remainder().saturating_sub(one.held()).max(0)),
        expire_time: Some(timestamp(one.expires_at)),
        in_doubt: one.pending.is_some(),
        created_at: Some(timestamp(one.created_at)),
        changed_at: Some(timestamp(one.changed_at)),
    }
}

const fn wire_authorisation_status(status: AuthorisationStatus) -> wire::AuthorisationStatus {
    match status {
        AuthorisationStatus::Pending => wire::AuthorisationStatus::Pending,
        AuthorisationStatus::Authorised => wire::AuthorisationStatus::Authorised,
        AuthorisationStatus::Declined => wire::AuthorisationStatus::Declined,
        AuthorisationStatus::Captured => wire::AuthorisationStatus::Captured,
        AuthorisationStatus::Reversed => wire::AuthorisationStatus::Reversed,
        AuthorisationStatus::Expired => wire::AuthorisationStatus::Expired,
    }
}

/// An operation as clients and events have it.
#[must_use]
pub fn wire_operation(one: &Operation) -> wire::AuthorisationOperation {
    let kind = match one.kind {
        OperationKind::Authorise => wire::AuthorisationOperationKind::Authorise,
        OperationKind::Increment => wire::AuthorisationOperationKind::Increment,
        OperationKind::Capture => wire::AuthorisationOperationKind::Capture,
        OperationKind::Reverse => wire::AuthorisationOperationKind::Reverse,
        OperationKind::Expire => wire::AuthorisationOperationKind::Expire,
    };
    let decision = match one.decision {
        Decision::Pending => wire::AuthorisationDecision::Pending,
        Decision::Approved => wire::AuthorisationDecision::Approved,
        Decision::Declined => wire::AuthorisationDecision::Declined,
    };
    let decided_by = match one.decided_by {
        None => wire::AuthorisationDecider::Unspecified,
        Some(Decider::Ledger) => wire::AuthorisationDecider::Ledger,
        Some(Decider::Limit) => wire::AuthorisationDecider::Limit,
        Some(Decider::Score) => wire::AuthorisationDecider::Score,
        Some(Decider::StandIn) => wire::AuthorisationDecider::StandIn,
    };
    let ours = one.kind == OperationKind::Expire;
    let shortfall = florin_kernel::Money::new(one.shortfall, one.amount.currency());
    wire::AuthorisationOperation {
        number: i32::try_from(one.number).unwrap_or(i32::MAX),
        kind: kind.into(),
        reference: if ours { String::new() } else { one.reference.clone() },
        amount: Some(wire_money(one.amount)),
        r#final: one.last,
        decision: decision.into(),
        decided_by: decided_by.into(),
        refusal: one.failure.as_ref().map(wire_failure),
        score_reasons: one.score.clone(),
        transaction_id: one.transaction.map(|id| id.to_string()).unwrap_or_default(),
        shortfall: (one.shortfall > 0).then(|| wire_money(shortfall)),
        created_at: Some(timestamp(one.created_at)),
        decided_at: one.decided_at.map(timestamp),
    }
}

fn wire_failure(failure: &Failure) -> Refusal {
    Refusal {
        reason: failure.reason.clone(),
        domain: failure.domain.clone(),
        message: failure.message.clone(),
        metadata: failure.facts.clone().into_iter().collect(),
        violations: Vec::new(),
    }
}

/// An authorisation with what the ledger should have of it.
#[must_use]
pub fn wire_authorisation_export(
    card: &Card,
    operations: &[&Operation],
) -> ExportAuthorisationsResponse {
    let one = &card.authorisation;
    let holds = one.holds.iter().map(|hold| AuthorisationHold {
        reference: card_hold_reference(one.id, hold.number),
        remaining: Some(wire_money(one.money(hold.remaining))),
    });
    let captures = operations.iter().filter_map(|operation| {
        let transaction = operation.transaction?;
        let reference = if operation.shortfall > 0 {
            operation.shortfall_reference()
        } else {
            operation.capture_reference()
        };
        Some(AuthorisationCapture {
            reference,
            amount: Some(wire_money(operation.amount)),
            transaction_id: transaction.to_string(),
        })
    });
    let pending = operations.iter().find(|operation| Some(operation.number) == one.pending);
    let open = pending.map(|operation| match operation.kind {
        OperationKind::Authorise | OperationKind::Increment => vec![operation.hold_reference()],
        OperationKind::Capture => {
            vec![operation.capture_reference(), operation.shortfall_reference()]
        }
        OperationKind::Reverse | OperationKind::Expire => Vec::new(),
    });
    let void = operations.iter().flat_map(|operation| match operation.kind {
        OperationKind::Authorise | OperationKind::Increment => vec![operation.hold_reference()],
        OperationKind::Capture => {
            vec![operation.capture_reference(), operation.shortfall_reference()]
        }
        OperationKind::Reverse | OperationKind::Expire => Vec::new(),
    });
    ExportAuthorisationsResponse {
        authorisation: Some(wire_authorisation(card)),
        holds: holds.collect(),
        captures: captures.collect(),
        open_references: open.unwrap_or_default(),
        attempts: i32::try_from(card.attempts).unwrap_or(i32::MAX),
        last_cause: card.last_cause.clone().unwrap_or_default(),
        reference: operations.first().map(|first| first.reference.clone()).unwrap_or_default(),
        void_references: void.collect(),
        open_amount: pending.map(|operation| wire_money(operation.amount)),
    }
}
