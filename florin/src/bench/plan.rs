//! Which transfer is the n-th: fixed by the seed, so that a run can be repeated.

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use florin_kernel::{Currency, Money};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use rand_distr::{Distribution as _, Zipf};
use serde::Serialize;

use crate::bench::{Work, figures::Settings};

/// Largest amount in minor units; the smallest is 1.
const MOST_MINOR: i64 = 999;
/// Keeps the streams of neighbouring seeds apart (the golden ratio in 64 bits).
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// How the load is spread over the accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// Each account as often as any other.
    Uniform,
    /// The account of rank r as often as 1 / r to the power of the exponent.
    Zipf,
    /// The first account in every transfer: it pays the even ones and is paid the odd ones.
    Hot,
}

enum Choice {
    Uniform,
    Zipf(Zipf<f64>),
    Hot,
}

/// What a run sends.
pub struct Plan {
    accounts: Vec<String>,
    choice: Choice,
    currency: Currency,
    seed: u64,
    /// What each reference begins with. Postings and transfers of one name are two runs.
    prefix: String,
}

/// One transfer between two accounts of the bank.
#[derive(Debug, PartialEq, Eq)]
pub struct Order<'p> {
    /// Account that pays.
    pub from: &'p str,
    /// Account that is paid.
    pub to: &'p str,
    /// How much.
    pub amount: Money,
}

impl Plan {
    /// A plan over two accounts or more.
    ///
    /// # Errors
    /// The exponent of the Zipf distribution is below zero.
    pub fn new(settings: &Settings, accounts: Vec<String>, currency: Currency) -> Result<Self> {
        let choice = match settings.spread {
            Spread::Uniform => Choice::Uniform,
            Spread::Hot => Choice::Hot,
            Spread::Zipf => {
                let exponent = settings.zipf_exponent.context("a Zipf spread has an exponent")?;
                Choice::Zipf(Zipf::new(f64::from(settings.accounts), exponent)?)
            }
        };
        let kind = match settings.work {
            Work::Posting => "posting",
            Work::Transfer => "transfer",
            Work::Authorisation => "authorisation",
            Work::Echo => "echo",
        };
        let prefix = format!("bench/{}/{kind}/", settings.run);
        Ok(Self { accounts, choice, currency, seed: settings.seed, prefix })
    }

    /// The n-th transfer.
    pub fn order(&self, number: u64) -> Order<'_> {
        let mut random = StdRng::seed_from_u64(self.seed.wrapping_mul(STRIDE) ^ number);
        let count = self.accounts.len();
        let (from, to) = match &self.choice {
            Choice::Uniform => (random.random_range(0..count), random.random_range(0..count)),
            Choice::Zipf(zipf) => (
                rank(zipf.sample(&mut random)).min(count) - 1,
                rank(zipf.sample(&mut random)).min(count) - 1,
            ),
            Choice::Hot => {
                let other = random.random_range(1..count);
                if number.is_multiple_of(2) { (0, other) } else { (other, 0) }
            }
        };
        let to = if to == from { (to + 1) % count } else { to };
        let amount = Money::new(random.random_range(1..=MOST_MINOR), self.currency);
        let id = |at: usize| self.accounts.get(at).map_or("", String::as_str);
        Order { from: id(from), to: id(to), amount }
    }

    /// The reference or idempotency key of the n-th transfer.
    pub fn reference(&self, number: u64) -> String {
        format!("{}{number}", self.prefix)
    }

    /// Which transfer of this run a reference or key belongs to; none for another's.
    pub fn number(&self, reference: &str) -> Option<usize> {
        reference.strip_prefix(self.prefix.as_str())?.parse().ok()
    }
}

/// The distribution gives whole numbers from 1 on as floats.
#[expect(clippy::as_conversions, reason = "whole, positive, at most the number of accounts")]
const fn rank(sample: f64) -> usize {
    let rank = sample as usize;
    if rank == 0 { 1 } else { rank }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn plan(choice: Choice) -> Plan {
        let accounts = (0..100).map(|at| format!("acc_{at}")).collect();
        let currency = "EUR".parse().unwrap();
        Plan { accounts, choice, currency, seed: 7, prefix: "bench/r1/transfer/".to_owned() }
    }

    fn uses(plan: &Plan) -> HashMap<&str, u32> {
        let mut uses = HashMap::new();
        for order in (0..10_000).map(|number| plan.order(number)) {
            assert_ne!(order.from, order.to);
            assert!(!order.from.is_empty() && !order.to.is_empty());
            *uses.entry(order.from).or_default() += 1;
            *uses.entry(order.to).or_default() += 1;
        }
        uses
    }

    #[test]
    fn spreads_as_it_says() {
        let even = plan(Choice::Uniform);
        assert!(uses(&even).values().all(|count| (100..300).contains(count)));
        let skewed = plan(Choice::Zipf(Zipf::new(100.0, 0.99).unwrap()));
        let skewed = uses(&skewed);
        assert!(skewed["acc_0"] > 10 * skewed["acc_50"], "{skewed:?}");
        let hot = plan(Choice::Hot);
        assert_eq!(uses(&hot)["acc_0"], 10_000);
    }

    #[test]
    fn the_same_seed_sends_the_same() {
        let (one, other) = (plan(Choice::Uniform), plan(Choice::Uniform));
        assert_eq!(one.order(4_711), other.order(4_711));
        let other = Plan { seed: 8, ..other };
        let differ = (0..100).filter(|number| one.order(*number) != other.order(*number));
        assert!(differ.count() > 90);
    }

    #[test]
    fn knows_its_own_references_again() {
        let plan = plan(Choice::Uniform);
        assert_eq!(plan.number(&plan.reference(12)), Some(12));
        for other in ["bench/r2/transfer/12", "bench/r1/posting/12", "bench/r1/transfer/", "12"] {
            assert_eq!(plan.number(other), None, "{other}");
        }
    }
}
