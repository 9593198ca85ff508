//! Random commands against a model of a page: balances, holds and states must agree.

use std::collections::BTreeMap;

use florin_account::app::command::{Change, Command, Outcome};
use florin_kernel::AccountId;
use proptest::{collection::vec, prelude::*};

use crate::bench_ledger::{Bench, change, place, post, release, sqlite};

#[derive(Debug, Clone)]
enum Step {
    Transfer(usize, usize, i64),
    Deposit(usize, i64),
    Hold(usize, i64),
    Release(usize),
    Freeze(usize),
    Unfreeze(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_usize, 0..3_usize, 1..80_i64)
            .prop_map(|(from, to, minor)| Step::Transfer(from, to, minor)),
        (0..3_usize, 1..50_i64).prop_map(|(to, minor)| Step::Deposit(to, minor)),
        (0..3_usize, 1..50_i64).prop_map(|(on, minor)| Step::Hold(on, minor)),
        (0..8_usize).prop_map(Step::Release),
        (0..3_usize).prop_map(Step::Freeze),
        (0..3_usize).prop_map(Step::Unfreeze),
    ]
}

#[derive(Default)]
struct Model {
    posted: [i64; 3],
    frozen: [bool; 3],
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
            Step::Freeze(on) => !std::mem::replace(&mut self.frozen[on], true),
            Step::Unfreeze(on) => {
                self.frozen[on] = false;
                true
            }
        }
    }
}

fn commands(steps: &[Step], accounts: &[AccountId]) -> Vec<Command> {
    let mut placed = 0;
    let of = |at: &usize| accounts[*at];
    let made = steps.iter().enumerate().map(|(at, step)| match step {
        Step::Transfer(from, to, minor) => {
            post(&format!("t{at}"), &[(of(from), -minor), (of(to), *minor)])
        }
        Step::Deposit(to, minor) => post(&format!("d{at}"), &[(of(to), *minor)]),
        Step::Hold(on, minor) => {
            placed += 1;
            place(&format!("h{}", placed - 1), of(on), *minor)
        }
        Step::Release(number) => release(&format!("r{at}"), &format!("h{number}")),
        Step::Freeze(on) => change(of(on), Change::Freeze("x".into())),
        Step::Unfreeze(on) => change(of(on), Change::Unfreeze("x".into())),
    });
    made.collect()
}

async fn agree(bench: &Bench, steps: &[Step], batched: bool) {
    let mut accounts = Vec::new();
    for _ in 0..3 {
        accounts.push(bench.open(0).await);
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
        assert_eq!(allowed, !matches!(outcome, Outcome::Refused(_)), "{step:?}: {outcome:?}");
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
