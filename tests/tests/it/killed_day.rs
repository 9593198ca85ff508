//! kill -9 in the midst of the end of a business date, at each of its steps, while customers pay:
//! interest, fees, statements and seals are those of a twin bank that nobody killed.

mod books;
mod twin;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use florin_kernel::Date;
use florin_testkit::Bank;

use self::{
    books::{STEPS, Step},
    twin::{Day, Twin},
};

/// Whoever ends the dates has this long for one, on a machine that is shared by many.
pub const WITHIN: Duration = Duration::from_secs(180);
/// Business dates that are closed at least: the ends of February and March and what is between.
const LEAST: usize = 5;
/// And at most, where a kill came too late for its step.
const MOST: usize = 14;

/// Where a kill is meant to come: in a step, once so many accounts have it.
struct Target {
    step: &'static Step,
    accounts: i64,
}

/// The kills of a business date's end: in every step at the end of a month, in the first and the
/// last one on other days. Later in the step each time.
fn targets(number: usize, day: &Day, missed: &BTreeSet<&'static str>) -> Vec<Target> {
    let month_ends = day.through == day.through.last_of_month();
    let accounts = i64::try_from(number).unwrap_or(0) * 40;
    let wanted = |step: &&'static Step| {
        let has_work = month_ends || !step.monthly;
        let plain = month_ends || (number.is_multiple_of(2) == (step.name == "accrual"));
        has_work && if number < LEAST { plain } else { missed.contains(step.name) }
    };
    let target = |step: &'static Step| Target { step, accounts };
    STEPS.iter().filter(wanted).map(target).collect()
}

/// A bank that is killed, and where that was.
struct Killed {
    twin: Twin,
    /// How many accounts had a step when its run was killed.
    hits: BTreeMap<&'static str, Vec<i64>>,
    kills: usize,
}

impl Killed {
    /// Closes a business date and kills what ends it, again and again.
    async fn close(&mut self, day: &Day, targets: &[Target]) -> Result<()> {
        self.twin.open(day).await?;
        for target in targets {
            self.kill(day, target).await?;
        }
        self.twin.settle(day).await
    }

    /// Kills the process that ends the date (and every third time the one that pays) when the
    /// step is so far, or when it was missed; notes where the end of day was left; starts it again.
    async fn kill(&mut self, day: &Day, target: &Target) -> Result<()> {
        let until = Instant::now() + WITHIN;
        let (books, rest) = (self.twin.books.clone(), self.twin.anna.rest.clone());
        let bank = &mut self.twin.bank;
        let victims: &[&str] = match bank.mode {
            florin_testkit::bank::Mode::Embedded => &["up"],
            florin_testkit::bank::Mode::Distributed if self.kills % 3 == 2 => {
                &["account", "payment"]
            }
            florin_testkit::bank::Mode::Distributed => &["account"],
        };
        let work = async {
            loop {
                let state = books.state(day, target.step).await?;
                if state.finished || (state.begun && state.done >= target.accounts) {
                    break;
                }
                ensure!(Instant::now() < until, "{} of {} does not come", target.step.name, day);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            for victim in victims {
                bank.kill(victim)?;
            }
            // Nobody writes any more: this is what the kill has left.
            let left = books.left(day).await?;
            books.pass_lease().await?;
            for victim in victims {
                bank.start(victim).await?;
            }
            Ok(left)
        };
        let (left, paid) = tokio::join!(work, twin::pay(&rest, &self.twin.due));
        self.twin.accepted(paid);
        if let Some((step, done)) = left? {
            self.hits.entry(step).or_default().push(done);
        }
        self.kills += 1;
        self.twin.connect().await
    }

    fn missed(&self) -> BTreeSet<&'static str> {
        let hit = |step: &&Step| !self.hits.contains_key(step.name);
        STEPS.iter().filter(hit).map(|step| step.name).collect()
    }
}

/// The same days at a bank that is killed and at one that is not.
async fn compare(bank: Bank, twin: Bank) -> Result<()> {
    let (first, twin) = tokio::try_join!(Twin::new(bank), Twin::new(twin))?;
    let mut killed = Killed { twin: first, hits: BTreeMap::new(), kills: 0 };
    let mut twin = twin;
    let mut closed = twin.today;
    let mut kept = String::new();
    for number in 0..MOST {
        if number >= LEAST && killed.missed().is_empty() {
            break;
        }
        let day = Day::new(number, closed)?;
        let targets = targets(number, &day, &killed.missed());
        let undisturbed = async {
            twin.open(&day).await?;
            twin.settle(&day).await
        };
        tokio::try_join!(killed.close(&day, &targets), undisturbed)?;
        if number == LEAST / 2 {
            kept = killed.twin.seal(&day).await?;
        }
        closed = day.opened;
    }
    println!("{} kills, accounts done when they came: {:?}", killed.kills, killed.hits);
    // Where each kill came cannot be enforced; that most steps were met must be.
    ensure!(killed.hits.len() >= 3, "kills met {:?} alone", killed.hits);
    let partly = |done: &i64| (1..i64::try_from(twin::QUIET).unwrap_or(0)).contains(done);
    ensure!(killed.hits.values().flatten().any(partly), "no step was left half done");
    finish(killed, twin, closed, &kept).await
}

/// A last date with nobody paying; then everything is the same, and the proof is clean.
async fn finish(killed: Killed, mut twin: Twin, closed: Date, kept: &str) -> Result<()> {
    let mut other = killed.twin;
    let day = Day::new(MOST, closed)?;
    for bank in [&mut other, &mut twin] {
        bank.be_quiet().await?;
        bank.open(&day).await?;
        bank.settle(&day).await?;
    }
    let (found, expected) = (other.dump().await?, twin.dump().await?);
    for (kind, count) in [("accrual/", 1_000), ("capitalisation/", 300), ("/fee/", 600)] {
        let booked = expected.iter().filter(|row| row.contains(kind)).count();
        ensure!(booked >= count, "{kind}: only {booked} rows");
    }
    for row in &found {
        ensure!(expected.contains(row), "only the killed bank has: {row}");
    }
    for row in &expected {
        ensure!(found.contains(row), "only the twin has: {row}");
    }
    ensure!(found.len() == expected.len(), "{} rows, the twin {}", found.len(), expected.len());
    for account in ["anna", "boris", "quiet1", "quiet7"] {
        ensure!(other.told(account).await? == twin.told(account).await?, "{account}");
    }
    twin.bank.prove().await?;
    let (clean, report) = other.bank.run(&["prove", "--seal", kept]).await?;
    ensure!(clean, "the proof with the seal {kept}:\n{report}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_of_day_killed_with_9_at_each_step_ends_as_if_it_was_not_embedded() -> Result<()> {
    let first = Bank::embedded_with(&twin::SETTINGS).await?;
    compare(first, Bank::embedded_with(&twin::SETTINGS).await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_of_day_killed_with_9_at_each_step_ends_as_if_it_was_not_distributed() -> Result<()>
{
    match Bank::distributed_with(&twin::SETTINGS).await? {
        Some(bank) => compare(bank, Bank::embedded_with(&twin::SETTINGS).await?).await,
        None => Ok(()),
    }
}
