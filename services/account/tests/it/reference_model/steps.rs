//! What happens to the ledger, at random.

use proptest::prelude::*;

/// A step. Steps about another name it by its number; references are "s" and the number.
#[derive(Debug, Clone)]
pub enum Step {
    Transfer(usize, usize, i64),
    Deposit(usize, i64),
    /// From an account in euros to one in crowns.
    Convert(usize, usize, i64),
    /// Hold, amount captured, what is debited beyond it (or less), whether the rest is kept.
    Capture(usize, i64, i64, bool),
    /// On which account, how much, for how many seconds or for ever.
    Hold(usize, i64, Option<i64>),
    Release(usize),
    /// The sweeper looks at a hold.
    Expire(usize),
    /// So many seconds go by.
    Tick(i64),
    Freeze(usize),
    Unfreeze(usize),
    Close(usize),
    /// The same request as an earlier posting's.
    Again(usize),
    /// An earlier posting is undone.
    Reverse(usize),
    /// Nothing more is to be posted under the reference of a posting, earlier or later.
    Void(usize),
    /// A posting that is not booked.
    Try(Box<Step>),
}

impl Step {
    pub const fn is_posting(&self) -> bool {
        matches!(
            self,
            Self::Transfer(..) | Self::Deposit(..) | Self::Convert(..) | Self::Capture(..)
        )
    }
}

pub fn step() -> impl Strategy<Value = Step> {
    let any_step = 0..64_usize;
    prop_oneof![
        9 => posting(),
        2 => posting().prop_map(|step| Step::Try(Box::new(step))),
        5 => (0..3_usize, 1..50_i64, proptest::option::of(1..4_i64))
            .prop_map(|(on, minor, seconds)| Step::Hold(on, minor, seconds)),
        1 => (0..5_usize).prop_map(Step::Release),
        3 => (0..5_usize).prop_map(Step::Expire),
        2 => (1..3_i64).prop_map(Step::Tick),
        1 => (0..5_usize).prop_map(Step::Freeze),
        4 => (0..5_usize).prop_map(Step::Unfreeze),
        1 => (0..5_usize).prop_map(Step::Close),
        2 => any_step.clone().prop_map(Step::Again),
        3 => any_step.clone().prop_map(Step::Reverse),
        1 => any_step.prop_map(Step::Void),
    ]
}

fn posting() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..3_usize, 0..3_usize, 1..80_i64)
            .prop_map(|(from, to, minor)| Step::Transfer(from, to, minor)),
        2 => (0..3_usize, 1..50_i64).prop_map(|(to, minor)| Step::Deposit(to, minor)),
        1 => (0..3_usize, 3..5_usize, 1..40_i64)
            .prop_map(|(from, to, euros)| Step::Convert(from, to, euros)),
        3 => (0..5_usize, 1..40_i64, -2..6_i64, any::<bool>()).prop_map(
            |(hold, minor, beyond, keep)| Step::Capture(hold, minor, beyond.max(1 - minor), keep)
        ),
    ]
}

/// The steps, after some money is paid in, with those that name another made to name a posting:
/// one before them, but for a void, which may come first.
pub fn settled(steps: Vec<Step>) -> Vec<Step> {
    let first = (0..3).map(|on| Step::Deposit(on, 90));
    let steps: Vec<Step> = first.chain(steps).collect();
    let of = |(at, step): (usize, &Step)| step.is_posting().then_some(at);
    let postings: Vec<usize> = steps.iter().enumerate().filter_map(of).collect();
    let before = |at: usize| postings.iter().take_while(|one| **one < at).count();
    let named = |number: usize, among: &[usize]| among.get(number % among.len().max(1)).copied();
    let settled = steps.iter().enumerate().map(|(at, step)| {
        let made = match *step {
            Step::Again(number) => named(number, &postings[..before(at)]).map(Step::Again),
            Step::Reverse(number) => named(number, &postings[..before(at)]).map(Step::Reverse),
            Step::Void(number) => named(number, &postings).map(Step::Void),
            _ => Some(step.clone()),
        };
        made.unwrap_or(Step::Tick(0))
    });
    settled.collect()
}
