//! Comparisons with the network's statements as the contract has them.

use florin_kernel::Money;
use florin_proto::{
    common::v1::Direction,
    payment::v1::{self as wire, NostroAmiss, NostroDifference},
    wire_money,
};

use crate::domain::{Amiss, Difference, Reconciliation};

/// A comparison.
#[must_use]
pub fn wire_reconciliation(one: &Reconciliation) -> wire::Reconciliation {
    wire::Reconciliation {
        account: one.series.clone(),
        statement_id: one.statement.clone(),
        closing: Some(wire_money(one.closing)),
        booked: Some(wire_money(one.booked)),
        differences: one.differences.iter().map(wire_difference).collect(),
        under_way: one.under_way.iter().map(wire_difference).collect(),
        untold: one.untold.iter().map(wire_difference).collect(),
    }
}

fn wire_difference(one: &Difference) -> NostroDifference {
    let (minor, currency) = (one.amount.minor(), one.amount.currency());
    let side = if minor < 0 { Direction::Debit } else { Direction::Credit };
    let amiss = match one.amiss {
        Amiss::NotBooked => NostroAmiss::NotBooked,
        Amiss::NotTold => NostroAmiss::NotTold,
        Amiss::BookedOtherwise => NostroAmiss::BookedOtherwise,
        Amiss::Gap => NostroAmiss::Gap,
        Amiss::Sum => NostroAmiss::Sum,
        Amiss::Total => NostroAmiss::Total,
    };
    NostroDifference {
        amiss: amiss.into(),
        side: side.into(),
        amount: Some(wire_money(Money::new(minor.saturating_abs(), currency))),
        uetr: one.uetr.clone(),
        of: one.of.clone(),
    }
}
