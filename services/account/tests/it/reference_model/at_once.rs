//! The same steps by two committers at once, as two replicas have them: in which order is
//! chance, but what each was told is what is booked, and no account is ever overdrawn.

use std::collections::BTreeMap;

use super::{BTreeSet, Bench, Outcome, Run, Step, TransactionId, Work, open, settled, txn};
use crate::bench_ledger::committer;

/// A command of each step, with ids that are known before; no time goes by, and a transfer has
/// two sides.
fn plain(steps: Vec<Step>) -> Vec<Step> {
    let plain = settled(steps).into_iter().map(|step| match step {
        Step::Transfer(from, to, minor) if from == to => Step::Deposit(to, minor),
        Step::Hold(on, minor, _) => Step::Hold(on, minor, None),
        Step::Tick(_) => Step::Unfreeze(0),
        other => other,
    });
    plain.collect()
}

/// What a posting does to each account.
fn delta(step: &Step, holds: &[usize]) -> [i64; 5] {
    let mut delta = [0; 5];
    match *step {
        Step::Transfer(from, to, minor) => {
            delta[from] -= minor;
            delta[to] += minor;
        }
        Step::Deposit(to, minor) => delta[to] += minor,
        Step::Convert(from, to, euros) => {
            delta[from] -= euros;
            delta[to] += 25 * euros;
        }
        Step::Capture(number, minor, beyond, _) => delta[holds[number]] -= minor + beyond,
        _ => unreachable!("{step:?} is no posting"),
    }
    delta
}

/// What the outcomes say, put together.
#[derive(Default)]
struct Told {
    posted: [i64; 5],
    booked: BTreeMap<usize, TransactionId>,
    /// Postings that were booked by this attempt.
    made: BTreeSet<usize>,
    reversed: BTreeSet<usize>,
    voided: BTreeSet<usize>,
    /// By number: on which account, how much was placed, how much captured, whether it ended.
    holds: BTreeMap<usize, (usize, i64, i64, bool)>,
    captured: Vec<(usize, i64, bool)>,
    released: Vec<usize>,
}

impl Told {
    fn add(&mut self, run: &Run<'_>, at: usize, outcome: &Outcome) {
        let step = &run.steps[at];
        let first = if let Step::Again(first) = step { *first } else { at };
        match (step, outcome) {
            (_, Outcome::Refused(_) | Outcome::Rehearsed(_)) => {}
            (Step::Reverse(first), Outcome::Posted { replayed: false, .. }) => {
                assert!(self.reversed.insert(*first), "step {first} was reversed twice");
                self.enter(delta(&run.steps[*first], &run.holds), -1);
            }
            (Step::Void(first), Outcome::Voided { .. }) => drop(self.voided.insert(*first)),
            (Step::Void(first), Outcome::Posted { transaction, .. }) => {
                self.is_one(*first, *transaction);
            }
            (Step::Hold(on, minor, _), Outcome::Held { replayed: false, .. }) => {
                self.holds.insert(run.placed(at), (*on, *minor, 0, false));
            }
            (Step::Release(number), Outcome::Held { .. }) => self.released.push(*number),
            (_, Outcome::Posted { transaction, replayed, .. }) => {
                self.is_one(first, *transaction);
                if *replayed {
                    return;
                }
                assert!(self.made.insert(first), "step {first} was booked twice");
                self.enter(delta(&run.steps[first], &run.holds), 1);
                if let Step::Capture(number, minor, _, keep) = run.steps[first] {
                    self.captured.push((number, minor, keep));
                }
            }
            (Step::Freeze(_) | Step::Unfreeze(_) | Step::Close(_), Outcome::Account { .. }) => {}
            other => panic!("{other:?}"),
        }
    }

    fn enter(&mut self, delta: [i64; 5], sign: i64) {
        self.posted.iter_mut().zip(delta).for_each(|(posted, delta)| *posted += sign * delta);
    }

    fn is_one(&mut self, first: usize, transaction: TransactionId) {
        let known = *self.booked.entry(first).or_insert(transaction);
        assert_eq!(known, transaction, "two transactions under one reference");
    }

    /// What is held of each account by what was said; each hold was spent and ended once.
    fn held(&mut self) -> [i64; 5] {
        for (number, minor, keep) in std::mem::take(&mut self.captured) {
            let hold = self.holds.get_mut(&number).unwrap();
            hold.2 += minor;
            assert!(keep || !hold.3, "hold {number} ended twice");
            hold.3 |= !keep;
        }
        for number in std::mem::take(&mut self.released) {
            let hold = self.holds.get_mut(&number).unwrap();
            assert!(!hold.3, "hold {number} ended twice");
            hold.3 = true;
        }
        let mut held = [0; 5];
        for (number, (on, placed, captured, ended)) in &self.holds {
            assert!(captured <= placed, "hold {number} was captured beyond itself");
            held[*on] += if *ended { 0 } else { placed - captured };
        }
        held
    }
}

pub async fn agree(bench: &Bench, steps: Vec<Step>) {
    let (steps, accounts) = (plain(steps), open(bench).await);
    let mut run = Run::new(&steps, &accounts);
    // Who reverses names the id that the first attempt has: another attempt's is another.
    run.ids = (0..steps.len()).map(|at| (at, txn(&format!("s{at}")))).collect();
    let command = |at: usize| {
        let mut command = run.command(at, &steps[at]);
        if let Work::Post(post) = &mut command.work
            && steps[at].is_posting()
        {
            post.id = run.ids[&at];
        }
        command
    };
    let other = committer(&bench.db);
    let of =
        |half: usize| (0..steps.len()).filter(move |at| at % 2 == half).map(|at| (at, command(at)));
    let (left, right): (Vec<_>, Vec<_>) = (of(0).collect(), of(1).collect());
    // Not one after the other: each of a half is sent without waiting for the one before.
    let (left, right) = tokio::join!(
        futures_util::future::join_all(left.into_iter().map(async |(at, command)| {
            (at, bench.committer.submit(command, None).await.unwrap())
        })),
        futures_util::future::join_all(
            right
                .into_iter()
                .map(async |(at, command)| { (at, other.submit(command, None).await.unwrap()) })
        ),
    );
    let mut told = Told::default();
    for (at, outcome) in left.iter().chain(&right) {
        told.add(&run, *at, outcome);
    }
    for first in &told.voided {
        assert!(!told.booked.contains_key(first), "step {first} was voided and is booked");
    }
    let held = told.held();
    for (at, account) in accounts.iter().enumerate() {
        assert_eq!(bench.balance(*account).await, (told.posted[at], held[at]), "{steps:?}");
    }
    let overdrawn = "SELECT COUNT(*) FROM account_events WHERE posted_after < held_after";
    assert_eq!(florin_testkit::place::number(&bench.db, overdrawn).await.unwrap(), 0, "{steps:?}");
    bench.assert_clean().await;
}
