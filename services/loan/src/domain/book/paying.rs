//! Paying claims, and the days that they are past due.

use florin_kernel::{Date, DayCount};

use super::Claim;
use crate::domain::{allocation::Component, period::Basis};

/// Pays the oldest instalment; charges that are past due count with it.
pub(super) fn pay_oldest(claims: &mut [Claim], order: &[Component], left: &mut i64) {
    let open = |claim: &Claim| claim.is_scheduled() && claim.open().total() > 0;
    let oldest = claims.iter().position(open);
    for component in order {
        for (index, claim) in claims.iter_mut().enumerate() {
            if Some(index) == oldest || claim.is_charge() {
                pay_by_claim(std::slice::from_mut(claim), &[*component], left);
            }
        }
    }
}

/// Pays claims one after the other, each in an order.
pub(super) fn pay_by_claim(claims: &mut [Claim], order: &[Component], left: &mut i64) {
    for claim in claims {
        for component in order {
            let part = claim.open().of(*component).min(*left).max(0);
            claim.paid.add(*component, part);
            *left = left.saturating_sub(part);
        }
    }
}

/// Penalty interest counts actual days: months of 30 do not add up.
pub(super) const fn penalty_basis(basis: Basis) -> Basis {
    match basis {
        Basis::Thirty360 | Basis::Act360 => Basis::Act360,
        Basis::Act364 | Basis::Act365F | Basis::ActAct => basis,
    }
}

/// Days of the calendar between two dates; zero where the second is not after the first.
pub(super) fn days(from: Date, until: Date) -> i64 {
    DayCount::Act360.year_fraction(from, until).map_or(0, |part| part.numerator)
}
