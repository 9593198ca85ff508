//! Steps: the events of the domain as they are stored and shown.

use florin_kernel::{Currency, Date, Money, Rate, parse_date};
use florin_proto::{
    loan::v1::{BeyondDue, LoanStep, LoanStepKind, NewTerms},
    money_of, wire_money,
};

use crate::domain::{
    book::Beyond,
    event::Event,
    plan::Effect,
    product::Product,
    terms::{Grace, Terms, Wanted},
};

/// The step of an event that counts by a business date; number and time come with its recording.
#[must_use]
pub fn step_of(event: &Event, currency: Currency, on: Date) -> LoanStep {
    let money = |minor: i64| Some(wire_money(Money::new(minor, currency)));
    let step = |kind: LoanStepKind| LoanStep {
        kind: kind.into(),
        on: on.to_string(),
        reference: event.reference().unwrap_or_default().to_owned(),
        ..LoanStep::default()
    };
    match event {
        Event::Endorsed { by, amount } => {
            LoanStep { by: by.clone(), amount: money(*amount), ..step(LoanStepKind::Endorsed) }
        }
        Event::Approved { by, amount } => {
            LoanStep { by: by.clone(), amount: money(*amount), ..step(LoanStepKind::Approved) }
        }
        Event::Rejected { by, reasons } => {
            LoanStep { by: by.clone(), reasons: reasons.clone(), ..step(LoanStepKind::Rejected) }
        }
        Event::Accepted => step(LoanStepKind::Accepted),
        Event::Cancelled { reason } => {
            LoanStep { reasons: vec![reason.clone()], ..step(LoanStepKind::Cancelled) }
        }
        Event::Disbursed { amount, .. } => {
            LoanStep { amount: money(*amount), ..step(LoanStepKind::Disbursed) }
        }
        Event::Repaid { amount, returned, beyond, .. } => LoanStep {
            amount: money(*amount),
            returned: money(*returned),
            beyond: wire_beyond(*beyond).into(),
            ..step(LoanStepKind::Repaid)
        },
        Event::Reversed { repayment, .. } => {
            LoanStep { repayment: repayment.clone(), ..step(LoanStepKind::Reversed) }
        }
        Event::Restructured { terms, first_due, .. } => LoanStep {
            terms: Some(new_terms(terms, *first_due)),
            ..step(LoanStepKind::Restructured)
        },
        Event::WrittenOff { maker, checker, .. } => LoanStep {
            by: maker.clone(),
            checker: checker.clone(),
            ..step(LoanStepKind::WrittenOff)
        },
        Event::Recovered { amount, .. } => {
            LoanStep { amount: money(*amount), ..step(LoanStepKind::Recovered) }
        }
    }
}

/// The event of a step; None of the application, which a loan begins with.
///
/// # Errors
/// Names what is no part of a step.
pub fn event_of(step: &LoanStep, product: &Product) -> Result<Option<Event>, &'static str> {
    let on = parse_date(&step.on).map_err(|_| "date")?;
    let amount = || money_of(step.amount.as_ref()).map(Money::minor).map_err(|_| "amount");
    let reference = step.reference.clone();
    Ok(Some(match step.kind() {
        LoanStepKind::Unspecified => return Err("kind"),
        LoanStepKind::Applied => return Ok(None),
        LoanStepKind::Endorsed => Event::Endorsed { by: step.by.clone(), amount: amount()? },
        LoanStepKind::Approved => Event::Approved { by: step.by.clone(), amount: amount()? },
        LoanStepKind::Rejected => {
            Event::Rejected { by: step.by.clone(), reasons: step.reasons.clone() }
        }
        LoanStepKind::Accepted => Event::Accepted,
        LoanStepKind::Cancelled => {
            Event::Cancelled { reason: step.reasons.first().cloned().unwrap_or_default() }
        }
        LoanStepKind::Disbursed => Event::Disbursed { reference, on, amount: amount()? },
        LoanStepKind::Repaid => Event::Repaid {
            reference,
            on,
            amount: amount()?,
            returned: money_of(step.returned.as_ref()).map_err(|_| "returned")?.minor(),
            beyond: beyond_of(step.beyond()).ok_or("beyond")?,
        },
        LoanStepKind::Reversed => Event::Reversed { reference, repayment: step.repayment.clone() },
        LoanStepKind::Restructured => {
            let (terms, first_due) = terms_of(step, product).ok_or("terms")?;
            Event::Restructured { reference, on, terms, first_due }
        }
        LoanStepKind::WrittenOff => Event::WrittenOff {
            reference,
            on,
            maker: step.by.clone(),
            checker: step.checker.clone(),
        },
        LoanStepKind::Recovered => Event::Recovered { reference, on, amount: amount()? },
    }))
}

const fn wire_beyond(beyond: Beyond) -> BeyondDue {
    match beyond {
        Beyond::Ahead => BeyondDue::Ahead,
        Beyond::Early(Effect::Shorten) => BeyondDue::Shorten,
        Beyond::Early(Effect::Lower) => BeyondDue::Lower,
    }
}

const fn beyond_of(wire: BeyondDue) -> Option<Beyond> {
    match wire {
        BeyondDue::Unspecified => None,
        BeyondDue::Ahead => Some(Beyond::Ahead),
        BeyondDue::Shorten => Some(Beyond::Early(Effect::Shorten)),
        BeyondDue::Lower => Some(Beyond::Early(Effect::Lower)),
    }
}

/// What of the terms is not the product's.
fn new_terms(terms: &Terms, first_due: Option<Date>) -> NewTerms {
    let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    NewTerms {
        rate: terms.rate.to_string(),
        instalments: number(terms.instalments),
        grace_principal: number(terms.grace.principal),
        grace_interest: number(terms.grace.interest),
        interest_free: number(terms.grace.free),
        first_due: first_due.map(|date| date.to_string()).unwrap_or_default(),
    }
}

fn terms_of(step: &LoanStep, product: &Product) -> Option<(Terms, Option<Date>)> {
    let wire = step.terms.as_ref()?;
    let number = |count: i32| u32::try_from(count).ok();
    let grace = Grace {
        principal: number(wire.grace_principal)?,
        interest: number(wire.grace_interest)?,
        free: number(wire.interest_free)?,
    };
    let wanted = product.wanted(wire.rate.parse::<Rate>().ok()?, number(wire.instalments)?);
    let terms = Terms::new(Wanted { grace, ..wanted }).ok()?.without_down_payment();
    let first_due = match wire.first_due.as_str() {
        "" => None,
        text => Some(parse_date(text).ok()?),
    };
    Some((terms, first_due))
}

#[cfg(test)]
mod tests;
