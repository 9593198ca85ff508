//! Orders as the contract has them.

use florin_proto::{payment::v1 as wire, timestamp, wire_money};

use crate::{
    domain::{Frequency, HolidayRule, OrderStatus},
    store::orders::{OrderRun, StandingOrder},
};

/// An order as the contract has it.
#[must_use]
pub fn wire_order(one: &StandingOrder) -> wire::Order {
    let (order, standing) = (&one.order, &one.standing);
    let route = order.route();
    let id = |id: Option<florin_kernel::AccountId>| id.map(|id| id.to_string()).unwrap_or_default();
    let to = match route.creditor_iban() {
        Some(iban) => iban.electronic().to_owned(),
        None => id(route.creditor()),
    };
    let status = match standing.status {
        OrderStatus::Active => wire::OrderStatus::Active,
        OrderStatus::Suspended => wire::OrderStatus::Suspended,
        OrderStatus::Ended => wire::OrderStatus::Ended,
        OrderStatus::Cancelled => wire::OrderStatus::Cancelled,
    };
    let frequency = match standing.schedule.frequency {
        Frequency::Once => wire::OrderFrequency::Once,
        Frequency::Weekly => wire::OrderFrequency::Weekly,
        Frequency::Monthly => wire::OrderFrequency::Monthly,
        Frequency::Daily => wire::OrderFrequency::Daily,
    };
    let holiday_rule = match standing.schedule.holiday_rule {
        HolidayRule::Following => wire::OrderHolidayRule::Following,
        HolidayRule::ModifiedFollowing => wire::OrderHolidayRule::ModifiedFollowing,
        HolidayRule::Preceding => wire::OrderHolidayRule::Preceding,
    };
    let date = |date: Option<florin_kernel::Date>| date.map(|one| one.to_string());
    let to_come = match standing.status {
        OrderStatus::Active | OrderStatus::Suspended => standing.next_on(),
        OrderStatus::Ended | OrderStatus::Cancelled => None,
    };
    wire::Order {
        order_id: one.id.to_string(),
        status: status.into(),
        from: id(route.debtor()),
        to,
        amount: Some(wire_money(order.amount())),
        description: order.description().to_owned(),
        frequency: frequency.into(),
        every: i32::try_from(standing.schedule.every).unwrap_or(i32::MAX),
        first_on: standing.schedule.first_on.to_string(),
        last_on: date(standing.schedule.last_on).unwrap_or_default(),
        retries: i32::try_from(standing.retries).unwrap_or(i32::MAX),
        next_on: date(to_come).unwrap_or_default(),
        created_at: Some(timestamp(one.created_at)),
        holiday_rule: holiday_rule.into(),
    }
}

/// A run of an order as the contract has it.
#[must_use]
pub fn wire_run(run: &OrderRun) -> wire::OrderRun {
    wire::OrderRun {
        date: run.date.to_string(),
        attempt: i32::try_from(run.attempt).unwrap_or(i32::MAX),
        transfer_id: run.transfer.map(|id| id.to_string()).unwrap_or_default(),
        reason: run.reason.clone().unwrap_or_default(),
        at: Some(timestamp(run.at)),
    }
}
