//! Schedules and what they cost.

use florin_kernel::{Currency, Date, Money};
use florin_proto::{
    loan::v1::{LoanCost, Schedule, ScheduleLine},
    wire_money,
};

use crate::domain::{
    apr::{Cost, Flows, actuarial, effective},
    plan::{Line, LineKind, Plan},
};

/// The schedule of a plan; `until` is the day from which another held.
#[must_use]
pub fn wire_schedule(plan: &Plan, until: Option<Date>) -> Schedule {
    let currency = plan.terms().currency;
    Schedule {
        currency: currency.code().to_owned(),
        lines: plan.schedule().iter().map(|line| wire_line(line, currency)).collect(),
        until: until.map(|date| date.to_string()).unwrap_or_default(),
    }
}

fn wire_line(line: &Line, currency: Currency) -> ScheduleLine {
    let amount = |minor: i64| Money::new(minor, currency).amount();
    ScheduleLine {
        number: i32::try_from(line.number).unwrap_or(i32::MAX),
        down_payment: line.kind == LineKind::DownPayment,
        from: line.from.to_string(),
        due: line.due.to_string(),
        days: i32::try_from(line.days()).unwrap_or(i32::MAX),
        principal: amount(line.principal),
        interest: amount(line.interest),
        fee: amount(line.fee),
        instalment: amount(line.total()),
        total: amount(line.due_amount()),
        balance: amount(line.balance),
    }
}

/// What a plan costs; None where an amount leaves the range.
#[must_use]
pub fn wire_cost(plan: &Plan) -> Option<LoanCost> {
    let currency = plan.terms().currency;
    let money = |minor: i64| Some(wire_money(Money::new(minor, currency)));
    let cost = Cost::of(plan)?;
    let flows = Flows::of(plan)?;
    let kept = plan.lent().checked_add(cost.total)?.checked_sub(cost.payable)?;
    let (by_directive, by_regulation) = (effective(&flows), actuarial(&flows));
    let absent = by_directive.as_ref().err().or(by_regulation.as_ref().err());
    Some(LoanCost {
        interest: money(cost.interest),
        fees: money(cost.fees),
        total_cost: money(cost.total),
        total_payable: money(cost.payable),
        received: money(plan.lent().checked_sub(kept)?),
        apr_absent: absent.map(ToString::to_string).unwrap_or_default(),
        apr_percent: by_directive.map(|rate| rate.to_string()).unwrap_or_default(),
        apr_actuarial_percent: by_regulation.map(|rate| rate.to_string()).unwrap_or_default(),
    })
}
