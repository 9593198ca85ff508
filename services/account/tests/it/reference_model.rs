//! Random commands against a model of a page: balances, holds and states must agree, one by one
//! and in batches. Accounts 0 to 2 are in euros, 3 and 4 in crowns.

mod at_once;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use florin_account::app::{
    command::{Change, Command, Outcome, Work},
    rehearse,
};
use florin_kernel::{AccountId, TransactionId};
use proptest::{collection::vec, prelude::*};

use self::steps::{Step, settled, step};
use crate::bench_ledger::{
    Bench, FAR, capture, change, convert, each, expire, money, place, place_for, post, release,
    reverse, sqlite, txn, void,
};

const SECOND: i64 = 1_000_000;

#[derive(Debug, Clone, Copy)]
struct Hold {
    on: usize,
    remaining: i64,
    /// From which second on it may not be captured any more.
    until: Option<i64>,
}

/// What a posting did: to each account, and which ones it touched.
#[derive(Debug, Clone)]
struct Booked {
    delta: [i64; 5],
    touched: Vec<usize>,
}

#[derive(Debug, Clone, Default)]
struct Model {
    posted: [i64; 5],
    frozen: [bool; 5],
    closed: [bool; 5],
    holds: BTreeMap<usize, Hold>,
    placed: usize,
    second: i64,
    /// By the step that asked first.
    booked: BTreeMap<usize, Booked>,
    reversed: BTreeSet<usize>,
    voided: BTreeSet<usize>,
}

impl Model {
    fn held(&self, on: usize) -> i64 {
        self.holds.values().filter(|hold| hold.on == on).map(|hold| hold.remaining).sum()
    }

    fn covers(&self, on: usize, minor: i64) -> bool {
        minor <= 0 || self.posted[on] - self.held(on) >= minor
    }

    fn open(&self, on: usize) -> bool {
        !self.frozen[on] && !self.closed[on]
    }

    /// The hold, where it is open and its time is not over.
    fn live(&self, number: usize) -> Option<Hold> {
        let hold = self.holds.get(&number).copied();
        hold.filter(|hold| hold.until.is_none_or(|until| self.second < until))
    }

    /// Posts a step under its reference: once, and never after it was voided.
    fn post(&mut self, at: usize, step: &Step) -> bool {
        if self.booked.contains_key(&at) {
            return true;
        }
        let before = self.posted;
        if self.voided.contains(&at) || !self.enter(step) {
            return false;
        }
        let mut delta = self.posted;
        delta.iter_mut().zip(before).for_each(|(after, before)| *after -= before);
        let touched = match *step {
            Step::Transfer(from, to, _) | Step::Convert(from, to, _) => vec![from, to],
            Step::Deposit(to, _) => vec![to],
            _ => (0..5).filter(|on| delta[*on] != 0).collect(),
        };
        self.booked.insert(at, Booked { delta, touched });
        true
    }

    /// Enters what a posting asks for, where it is allowed.
    fn enter(&mut self, step: &Step) -> bool {
        match *step {
            Step::Transfer(from, to, minor) => {
                let net = if from == to { 0 } else { minor };
                if !self.open(from) || !self.open(to) || !self.covers(from, net) {
                    return false;
                }
                self.posted[from] -= minor;
                self.posted[to] += minor;
                true
            }
            Step::Deposit(to, minor) => {
                if self.open(to) {
                    self.posted[to] += minor;
                }
                self.open(to)
            }
            Step::Convert(from, to, euros) => {
                let allowed = self.covers(from, euros) && self.open(from) && self.open(to);
                if allowed {
                    self.posted[from] -= euros;
                    self.posted[to] += 25 * euros;
                }
                allowed
            }
            Step::Capture(number, minor, beyond, keep) => {
                let Some(Hold { on, remaining, .. }) = self.live(number) else { return false };
                let refused = minor > remaining
                    || beyond < 0
                    || (self.frozen[on] && beyond > 0)
                    || !self.covers(on, beyond);
                if refused {
                    return false;
                }
                self.posted[on] -= minor + beyond;
                let left = if keep { remaining - minor } else { 0 };
                match self.holds.get_mut(&number) {
                    Some(hold) if left > 0 => hold.remaining = left,
                    _ => drop(self.holds.remove(&number)),
                }
                true
            }
            _ => unreachable!("{step:?} is no posting"),
        }
    }

    /// Undoes a posting whole: once, and where the money still is.
    fn reverse(&mut self, first: usize) -> bool {
        let Some(Booked { delta, touched }) = self.booked.get(&first).cloned() else {
            return false;
        };
        let covered = (0..5).all(|on| self.covers(on, delta[on]));
        if !covered || !touched.iter().all(|on| self.open(*on)) || !self.reversed.insert(first) {
            return false;
        }
        self.posted.iter_mut().zip(delta).for_each(|(posted, delta)| *posted -= delta);
        true
    }

    /// Applies the step of this number and tells whether it is allowed.
    fn apply(&mut self, at: usize, steps: &[Step]) -> bool {
        match steps[at] {
            ref posting if posting.is_posting() => self.post(at, posting),
            Step::Again(first) => self.post(first, &steps[first]),
            Step::Reverse(first) => self.reverse(first),
            Step::Void(first) => {
                // What was booked stays, and the answer says so.
                if !self.booked.contains_key(&first) {
                    self.voided.insert(first);
                }
                true
            }
            Step::Try(ref step) => self.clone().enter(step),
            Step::Hold(on, minor, seconds) => {
                let number = self.placed;
                self.placed += 1;
                let allowed = self.open(on) && self.covers(on, minor);
                if allowed {
                    let until = seconds.map(|seconds| self.second + seconds);
                    self.holds.insert(number, Hold { on, remaining: minor, until });
                }
                allowed
            }
            Step::Release(number) => {
                self.live(number).is_some() && self.holds.remove(&number).is_some()
            }
            Step::Expire(number) => {
                let over = self.holds.contains_key(&number) && self.live(number).is_none();
                over && self.holds.remove(&number).is_some()
            }
            Step::Tick(seconds) => {
                self.second += seconds;
                true
            }
            Step::Freeze(on) => {
                let allowed = self.open(on);
                self.frozen[on] |= allowed;
                allowed
            }
            Step::Unfreeze(on) => {
                self.frozen[on] = false;
                !self.closed[on]
            }
            Step::Close(on) => {
                let allowed = self.open(on) && self.posted[on] == 0 && self.held(on) == 0;
                self.closed[on] |= allowed;
                allowed
            }
            ref other => unreachable!("{other:?}"),
        }
    }
}

/// What a run knows besides the steps: the accounts, on which of them each hold is meant to be,
/// and the ids that postings got.
struct Run<'a> {
    steps: &'a [Step],
    accounts: &'a [AccountId],
    holds: Vec<usize>,
    ids: BTreeMap<usize, TransactionId>,
}

impl<'a> Run<'a> {
    fn new(steps: &'a [Step], accounts: &'a [AccountId]) -> Self {
        let of = |step: &Step| if let Step::Hold(on, ..) = step { Some(*on) } else { None };
        let holds = steps.iter().filter_map(of).collect();
        Self { steps, accounts, holds, ids: BTreeMap::new() }
    }

    /// How many holds were asked for before a step.
    fn placed(&self, at: usize) -> usize {
        self.steps[..at].iter().filter(|step| matches!(step, Step::Hold(..))).count()
    }

    fn command(&self, at: usize, step: &Step) -> Command {
        let of = |at: &usize| self.accounts[*at];
        let text = format!("s{at}");
        match step {
            Step::Transfer(from, to, minor) => post(&text, &[(of(from), -minor), (of(to), *minor)]),
            Step::Deposit(to, minor) => post(&text, &[(of(to), *minor)]),
            Step::Convert(from, to, euros) => convert(&text, of(from), of(to), *euros),
            Step::Capture(number, minor, beyond, keep) => {
                let on = self.holds.get(*number).copied().unwrap_or_default();
                let hold = format!("h{number}");
                capture(&text, of(&on), minor + beyond, &[(&hold, Some(*minor), *keep)])
            }
            // The same request under an id of its own, as each attempt has.
            Step::Again(first) => self.command(*first, &self.steps[*first]),
            Step::Reverse(first) => {
                let original = self.ids.get(first).copied();
                reverse(&format!("v{at}"), original.unwrap_or_else(|| txn("nothing")))
            }
            Step::Void(first) => void(&format!("s{first}"), "CANCELLED"),
            Step::Try(step) => rehearse::command(vec![self.command(at, step)]),
            Step::Hold(on, minor, seconds) => {
                let text = format!("h{}", self.placed(at));
                match seconds {
                    None => place(&text, of(on), *minor),
                    Some(seconds) => place_for(&text, of(on), *minor, seconds * SECOND),
                }
            }
            Step::Release(number) => release(&format!("r{at}"), &format!("h{number}")),
            Step::Expire(number) => expire(&format!("h{number}")),
            Step::Freeze(on) => change(of(on), Change::Freeze("x".into())),
            Step::Unfreeze(on) => change(of(on), Change::Unfreeze("x".into())),
            Step::Close(on) => change(of(on), Change::Close("x".into())),
            Step::Tick(_) => unreachable!("the clock is moved beside the ledger"),
        }
    }

    /// Runs what has gathered as one batch.
    async fn flush(&mut self, bench: &Bench, gathered: &mut Vec<usize>) -> Vec<(usize, Outcome)> {
        let numbers = std::mem::take(gathered);
        let commands = numbers.iter().map(|at| self.command(*at, &self.steps[*at])).collect();
        let outcomes = bench.run_all(commands).await;
        for (at, outcome) in numbers.iter().zip(&outcomes) {
            let first = match self.steps[*at] {
                Step::Again(first) => first,
                _ => *at,
            };
            if let Outcome::Posted { transaction, .. } = outcome {
                self.ids.entry(first).or_insert(*transaction);
            }
        }
        numbers.into_iter().zip(outcomes).collect()
    }
}

fn refused(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Rehearsed(parts) => refused(&parts[0]),
        other => matches!(other, Outcome::Refused(_)),
    }
}

async fn open(bench: &Bench) -> Vec<AccountId> {
    let mut accounts = Vec::new();
    for at in 0..5 {
        let currency = if at < 3 { "EUR" } else { "CZK" };
        accounts.push(bench.open_account("current", money(0, currency)).await);
    }
    accounts
}

async fn tick(bench: &Bench, accounts: &[AccountId], second: i64) {
    for account in accounts {
        bench.tick(*account, FAR + second * SECOND).await;
    }
}

async fn agree(bench: &Bench, steps: Vec<Step>, batched: bool) {
    let (steps, accounts) = (settled(steps), open(bench).await);
    let mut run = Run::new(&steps, &accounts);
    let (mut second, mut gathered, mut outcomes) = (0, Vec::new(), BTreeMap::new());
    tick(bench, &accounts, second).await;
    for (at, step) in steps.iter().enumerate() {
        // Only who has the answer of a posting knows what to reverse.
        if !batched || matches!(step, Step::Tick(_) | Step::Reverse(_)) {
            outcomes.extend(run.flush(bench, &mut gathered).await);
        }
        match step {
            Step::Tick(seconds) => {
                second += seconds;
                tick(bench, &accounts, second).await;
            }
            _ => gathered.push(at),
        }
    }
    outcomes.extend(run.flush(bench, &mut gathered).await);
    let mut model = Model::default();
    for (at, step) in steps.iter().enumerate() {
        let allowed = model.apply(at, &steps);
        let outcome = outcomes.get(&at);
        let told = outcome.is_none_or(|outcome| !refused(outcome));
        assert_eq!(allowed, told, "step {at}, {step:?}: {outcome:?} of {steps:?}");
    }
    for (at, account) in accounts.into_iter().enumerate() {
        assert_eq!(bench.balance(account).await, (model.posted[at], model.held(at)), "{steps:?}");
    }
    bench.assert_clean().await;
}

/// The last of the ledgers that are to be had: PostgreSQL, where the run has one.
async fn postgres() -> Option<Bench> {
    let mut benches = each().await;
    if benches.len() > 1 { benches.pop() } else { None }
}

fn wait<F: Future<Output = ()>>(work: F) {
    tokio::runtime::Runtime::new().unwrap().block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn random_commands_agree_with_the_model(steps in vec(step(), 1..45), batched: bool) {
        wait(async { agree(&sqlite().await, steps, batched).await });
    }

    #[test]
    fn two_committers_at_once_book_what_they_say(steps in vec(step(), 8..45)) {
        wait(async { at_once::agree(&sqlite().await, steps).await });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn random_commands_agree_with_the_model_on_postgresql(
        steps in vec(step(), 30..60), batched: bool
    ) {
        wait(async {
            if let Some(bench) = postgres().await {
                agree(&bench, steps, batched).await;
            }
        });
    }

    #[test]
    fn two_committers_at_once_book_what_they_say_on_postgresql(steps in vec(step(), 30..60)) {
        wait(async {
            if let Some(bench) = postgres().await {
                at_once::agree(&bench, steps).await;
            }
        });
    }
}
