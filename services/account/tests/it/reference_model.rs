//! Random commands against a model of a page: balances, holds and states must agree. Accounts 0
//! to 2 are in euros, 3 and 4 in crowns.

use std::collections::BTreeMap;

use florin_account::app::{
    command::{Change, Command, Outcome},
    rehearse,
};
use florin_kernel::AccountId;
use proptest::{collection::vec, prelude::*};

use crate::bench_ledger::{Bench, capture, change, convert, money, place, post, release, sqlite};

#[derive(Debug, Clone)]
enum Step {
    Transfer(usize, usize, i64),
    Deposit(usize, i64),
    Hold(usize, i64),
    Release(usize),
    /// Hold, amount captured, what is debited beyond it (or less), whether the rest is kept.
    Capture(usize, i64, i64, bool),
    /// From an account in euros to one in crowns.
    Convert(usize, usize, i64),
    Freeze(usize),
    Unfreeze(usize),
    /// A posting that is not booked.
    Try(Box<Step>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => posting(),
        2 => posting().prop_map(|step| Step::Try(Box::new(step))),
        1 => (0..3_usize, 1..50_i64).prop_map(|(on, minor)| Step::Hold(on, minor)),
        1 => (0..8_usize).prop_map(Step::Release),
        1 => (0..5_usize).prop_map(Step::Freeze),
        1 => (0..5_usize).prop_map(Step::Unfreeze),
    ]
}

fn posting() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_usize, 0..3_usize, 1..80_i64)
            .prop_map(|(from, to, minor)| Step::Transfer(from, to, minor)),
        (0..3_usize, 1..50_i64).prop_map(|(to, minor)| Step::Deposit(to, minor)),
        (0..3_usize, 3..5_usize, 1..40_i64)
            .prop_map(|(from, to, euros)| Step::Convert(from, to, euros)),
        (0..8_usize, 1..40_i64, -3..6_i64, any::<bool>()).prop_map(
            |(hold, minor, beyond, keep)| Step::Capture(hold, minor, beyond.max(1 - minor), keep)
        ),
    ]
}

#[derive(Debug, Clone, Default)]
struct Model {
    posted: [i64; 5],
    frozen: [bool; 5],
    holds: BTreeMap<usize, (usize, i64)>,
    placed: usize,
}

impl Model {
    fn held(&self, on: usize) -> i64 {
        self.holds.values().filter(|(account, _)| *account == on).map(|(_, minor)| minor).sum()
    }

    /// Applies a step and tells whether it is allowed.
    fn apply(&mut self, step: &Step) -> bool {
        match *step {
            Step::Transfer(from, to, minor) => {
                let net = if from == to { 0 } else { minor };
                let covered = net == 0 || self.posted[from] - self.held(from) >= net;
                if self.frozen[from] || self.frozen[to] || !covered {
                    return false;
                }
                self.posted[from] -= minor;
                self.posted[to] += minor;
                true
            }
            Step::Deposit(to, minor) => {
                if !self.frozen[to] {
                    self.posted[to] += minor;
                }
                !self.frozen[to]
            }
            Step::Convert(from, to, euros) => {
                let covered = self.posted[from] - self.held(from) >= euros;
                let allowed = covered && !self.frozen[from] && !self.frozen[to];
                if allowed {
                    self.posted[from] -= euros;
                    self.posted[to] += 25 * euros;
                }
                allowed
            }
            Step::Try(ref step) => self.clone().apply(step),
            Step::Hold(on, minor) => {
                let number = self.placed;
                self.placed += 1;
                let allowed = !self.frozen[on] && self.posted[on] - self.held(on) >= minor;
                if allowed {
                    self.holds.insert(number, (on, minor));
                }
                allowed
            }
            Step::Release(number) => self.holds.remove(&number).is_some(),
            Step::Capture(number, minor, beyond, keep) => {
                let Some(&(on, remaining)) = self.holds.get(&number) else { return false };
                let free = self.posted[on] - self.held(on);
                let given_back = if keep { 0 } else { remaining - minor };
                let refused = minor > remaining
                    || beyond < 0
                    || (self.frozen[on] && beyond > 0)
                    || (beyond > 0 && free < beyond);
                if refused {
                    return false;
                }
                self.posted[on] -= minor + beyond;
                match remaining - minor - given_back {
                    0 => drop(self.holds.remove(&number)),
                    left => drop(self.holds.insert(number, (on, left))),
                }
                true
            }
            Step::Freeze(on) => !std::mem::replace(&mut self.frozen[on], true),
            Step::Unfreeze(on) => {
                self.frozen[on] = false;
                true
            }
        }
    }
}

fn commands(steps: &[Step], accounts: &[AccountId]) -> Vec<Command> {
    // Which account each hold is meant for, placed or not.
    let on: Vec<usize> = steps
        .iter()
        .filter_map(|step| if let Step::Hold(on, _) = step { Some(*on) } else { None })
        .collect();
    let mut placed = 0;
    let made = steps.iter().enumerate().map(|(at, step)| {
        let made = command(at, step, accounts, &on, placed);
        placed += usize::from(matches!(step, Step::Hold(..)));
        made
    });
    made.collect()
}

fn command(at: usize, step: &Step, accounts: &[AccountId], on: &[usize], placed: usize) -> Command {
    let of = |at: &usize| accounts[*at];
    match step {
        Step::Transfer(from, to, minor) => {
            post(&format!("t{at}"), &[(of(from), -minor), (of(to), *minor)])
        }
        Step::Deposit(to, minor) => post(&format!("d{at}"), &[(of(to), *minor)]),
        Step::Convert(from, to, euros) => convert(&format!("x{at}"), of(from), of(to), *euros),
        Step::Hold(on, minor) => place(&format!("h{placed}"), of(on), *minor),
        Step::Release(number) => release(&format!("r{at}"), &format!("h{number}")),
        Step::Capture(number, minor, beyond, keep) => {
            let account = accounts[on.get(*number).copied().unwrap_or_default()];
            let hold = format!("h{number}");
            capture(&format!("c{at}"), account, minor + beyond, &[(&hold, Some(*minor), *keep)])
        }
        Step::Freeze(on) => change(of(on), Change::Freeze("x".into())),
        Step::Unfreeze(on) => change(of(on), Change::Unfreeze("x".into())),
        Step::Try(step) => rehearse::command(vec![command(at, step, accounts, on, placed)]),
    }
}

fn refused(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Rehearsed(parts) => refused(&parts[0]),
        other => matches!(other, Outcome::Refused(_)),
    }
}

async fn agree(bench: &Bench, steps: &[Step], batched: bool) {
    let mut accounts = Vec::new();
    for at in 0..5 {
        let currency = if at < 3 { "EUR" } else { "CZK" };
        accounts.push(bench.open_account("current", money(0, currency)).await);
    }
    let commands = commands(steps, &accounts);
    let mut outcomes = Vec::new();
    if batched {
        outcomes = bench.run_all(commands).await;
    } else {
        for command in commands {
            outcomes.push(bench.run(command).await);
        }
    }
    let mut model = Model::default();
    for (step, outcome) in steps.iter().zip(&outcomes) {
        let allowed = model.apply(step);
        assert_eq!(allowed, !refused(outcome), "{step:?}: {outcome:?}");
    }
    for (at, account) in accounts.into_iter().enumerate() {
        assert_eq!(bench.balance(account).await, (model.posted[at], model.held(at)), "{steps:?}");
    }
    bench.assert_clean().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn random_commands_agree_with_the_model(steps in vec(step(), 1..30), batched: bool) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let bench = sqlite().await;
            agree(&bench, &steps, batched).await;
        });
    }
}
