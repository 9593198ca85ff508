//! Loans and their movements.

use florin_kernel::Money;
use florin_proto::{
    common::v1::Refusal,
    loan::v1::{
        self as wire, Loan, LoanStatus, LoanTerms, MovementKind as WireKind, MovementStatus,
        Recommendation as WireRecommendation, ScoreFactor,
    },
    timestamp, wire_money,
};
use florin_store::StoreError;
use prost::Message as _;

use crate::{
    domain::{
        loan::State,
        movement::{Failure, Movement, MovementKind, MovementState},
        score::{Recommendation, Score},
    },
    store::loans::Record,
};

/// A loan as it is told, without its movements.
///
/// # Errors
/// `Corrupt` where its score is none.
pub fn wire_loan(record: &Record, reasons: &[String]) -> Result<Loan, StoreError> {
    let score = wire::Score::decode(record.score.as_slice());
    let score =
        score.map_err(|error| StoreError::Corrupt(format!("score of {}: {error}", record.id)))?;
    let after = |moved: bool, minor: i64| moved.then(|| wire_money(record.money(minor)));
    let lent = record.disbursed > 0;
    Ok(Loan {
        loan_id: record.id.to_string(),
        customer_id: record.customer.to_string(),
        account_id: record.account.to_string(),
        product: record.product.clone(),
        product_version: i32::try_from(record.product_version).unwrap_or(i32::MAX),
        status: wire_state(record.state).into(),
        requested: Some(wire_terms(record)),
        score: Some(score),
        approved: after(record.approved > 0, record.approved),
        disbursed: after(lent, record.disbursed),
        outstanding: after(lent, record.outstanding),
        reasons: reasons.to_vec(),
        movements: Vec::new(),
        version: record.version,
        created_at: Some(timestamp(record.created_at)),
        changed_at: Some(timestamp(record.changed_at)),
        endorsed: record.endorsed,
        next_due: record.next_due.clone().unwrap_or_default(),
    })
}

/// What was asked for.
fn wire_terms(record: &Record) -> LoanTerms {
    LoanTerms {
        principal: Some(wire_money(record.money(record.requested))),
        rate: record.rate.clone(),
        instalments: i32::try_from(record.instalments).unwrap_or(i32::MAX),
        disbursed_on: record.disbursed_on.clone(),
        first_due: record.first_due.clone(),
    }
}

/// A state as the contract has it.
#[must_use]
pub const fn wire_state(state: State) -> LoanStatus {
    match state {
        State::Applied => LoanStatus::Applied,
        State::Approved => LoanStatus::Approved,
        State::Rejected => LoanStatus::Rejected,
        State::Accepted => LoanStatus::Accepted,
        State::Cancelled => LoanStatus::Cancelled,
        State::Active => LoanStatus::Active,
        State::Restructured => LoanStatus::Restructured,
        State::Closed => LoanStatus::Closed,
        State::WrittenOff => LoanStatus::WrittenOff,
    }
}

/// A movement as the contract has it.
#[must_use]
pub fn wire_movement(one: &Movement) -> wire::Movement {
    wire::Movement {
        reference: one.reference.clone(),
        loan_id: one.loan.to_string(),
        kind: match one.kind {
            MovementKind::Disbursement => WireKind::Disbursement,
            MovementKind::Repayment => WireKind::Repayment,
            MovementKind::Reversal => WireKind::Reversal,
            MovementKind::WriteOff => WireKind::WriteOff,
            MovementKind::Recovery => WireKind::Recovery,
        }
        .into(),
        status: match one.state {
            MovementState::Pending => MovementStatus::Pending,
            MovementState::Undoing => MovementStatus::Undoing,
            MovementState::Done => MovementStatus::Done,
            MovementState::Failed => MovementStatus::Failed,
            MovementState::Undone => MovementStatus::Undone,
        }
        .into(),
        amount: Some(wire_money(one.amount)),
        on: one.on.to_string(),
        failure: one.failure.as_ref().map(refusal),
        transaction_id: one.transaction.map(|id| id.to_string()).unwrap_or_default(),
        created_at: Some(timestamp(one.created_at)),
        changed_at: Some(timestamp(one.changed_at)),
    }
}

fn refusal(failure: &Failure) -> Refusal {
    Refusal {
        reason: failure.reason.clone(),
        domain: failure.domain.clone(),
        message: failure.message.clone(),
        metadata: failure.facts.clone(),
        violations: Vec::new(),
    }
}

/// A score as the contract has it, with what the loan takes a month.
#[must_use]
pub fn wire_score(score: &Score, monthly: Money) -> wire::Score {
    let number = |points: i64| i32::try_from(points).unwrap_or(i32::MAX);
    wire::Score {
        points: number(score.points),
        recommendation: match score.recommendation {
            Recommendation::Approve => WireRecommendation::Approve,
            Recommendation::Review => WireRecommendation::Review,
            Recommendation::Reject => WireRecommendation::Reject,
        }
        .into(),
        factors: score
            .factors
            .iter()
            .map(|factor| ScoreFactor {
                factor: factor.name.to_owned(),
                points: number(factor.points),
                most: number(factor.most),
                explanation: factor.explanation.clone(),
            })
            .collect(),
        debt_percent: score.debt.map(|rate| rate.to_string()).unwrap_or_default(),
        monthly_instalment: Some(wire_money(monthly)),
    }
}
