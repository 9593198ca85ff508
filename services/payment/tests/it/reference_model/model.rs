//! What customers and the desk ask for at random, and what must become of it.

use std::collections::BTreeMap;

use florin_kernel::Date;
use florin_proto::payment::v1::TransferStatus;
use proptest::prelude::*;

/// What the order pays each week, minor units.
pub const RENT: i64 = 300;

#[derive(Debug, Clone)]
pub enum Step {
    /// Alice pays Bob.
    Pay(i64),
    /// Bob pays Alice.
    Spend(i64),
    /// A part of an earlier payment goes back.
    Refund(usize, i64),
    /// An earlier payment is undone.
    Reverse(usize),
    /// Alice cancels an earlier payment.
    Cancel(usize),
    /// An earlier request that was taken comes again.
    Again(usize),
    /// The ledger is asked to book what waits.
    Book,
    /// What Alice's account may pay a day.
    Limit(i64),
    /// So many days later.
    Later(i64),
}

pub fn step() -> impl Strategy<Value = Step> {
    let earlier = 0..32_usize;
    prop_oneof![
        5 => (1..4_000_i64).prop_map(Step::Pay),
        2 => (1..3_000_i64).prop_map(Step::Spend),
        5 => (earlier.clone(), 1..1_500_i64).prop_map(|(of, minor)| Step::Refund(of, minor)),
        3 => earlier.clone().prop_map(Step::Reverse),
        2 => earlier.clone().prop_map(Step::Cancel),
        3 => earlier.prop_map(Step::Again),
        6 => Just(Step::Book),
        1 => (0..12_000_i64).prop_map(Step::Limit),
        2 => (1..9_i64).prop_map(Step::Later),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Counts for the limit of this day.
    Pay(Date),
    Spend,
    Refund(usize),
    Reversal(usize),
}

#[derive(Debug, Clone, Copy)]
pub struct Transfer {
    pub kind: Kind,
    /// From Alice to Bob; the other way where it is negative.
    pub minor: i64,
    pub status: TransferStatus,
}

impl Transfer {
    fn ended_unpaid(&self) -> bool {
        matches!(self.status, TransferStatus::Failed | TransferStatus::Cancelled)
    }
}

pub struct Model {
    pub today: Date,
    pub limit: i64,
    pub used: BTreeMap<Date, i64>,
    pub transfers: Vec<Transfer>,
    /// The next date of the order.
    pub rent_on: Date,
}

impl Model {
    pub fn used(&self) -> i64 {
        self.used.get(&self.today).copied().unwrap_or_default()
    }

    /// Whether a payment of Alice's is within her limit; then it counts.
    pub fn pay(&mut self, minor: i64) -> bool {
        let within = self.used() + minor <= self.limit;
        if within {
            *self.used.entry(self.today).or_default() += minor;
            self.take(Kind::Pay(self.today), minor);
        }
        within
    }

    pub fn take(&mut self, kind: Kind, minor: i64) {
        self.transfers.push(Transfer { kind, minor, status: TransferStatus::Processing });
    }

    /// Whether something of a payment may go back now, whole or a part.
    pub fn give_back(&mut self, of: usize, part: Option<i64>) -> bool {
        let original = self.transfers[of];
        let payment = matches!(original.kind, Kind::Pay(_) | Kind::Spend);
        let standing = self.transfers.iter().filter(|one| !one.ended_unpaid());
        let (mut refunded, mut reversed) = (0, false);
        for one in standing {
            refunded += if one.kind == Kind::Refund(of) { one.minor.abs() } else { 0 };
            reversed |= one.kind == Kind::Reversal(of);
        }
        if !payment || original.status != TransferStatus::Completed || reversed {
            return false;
        }
        let (kind, minor) = match part {
            Some(minor) => (Kind::Refund(of), minor),
            None => (Kind::Reversal(of), original.minor.abs()),
        };
        let allowed = match part {
            Some(minor) => refunded + minor <= original.minor.abs(),
            None => refunded == 0,
        };
        if allowed {
            self.take(kind, -original.minor.signum() * minor);
        }
        allowed
    }

    /// What ended is written down; what ended unpaid is given back to the limit of its day.
    pub fn end(&mut self, at: usize, status: TransferStatus) {
        let one = &mut self.transfers[at];
        let before = std::mem::replace(&mut one.status, status);
        assert_eq!(before, TransferStatus::Processing, "{at} ended before");
        if let (Kind::Pay(day), true) = (one.kind, one.ended_unpaid()) {
            *self.used.entry(day).or_default() -= one.minor;
        }
    }

    pub fn balances(&self) -> (i64, i64) {
        let paid = self.transfers.iter().filter(|one| one.status == TransferStatus::Completed);
        let moved: i64 = paid.map(|one| one.minor).sum();
        (10_000 - moved, moved)
    }
}
