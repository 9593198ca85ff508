//! Verifies the whole ledger from one read-only snapshot: sums, folds, versions, hashes,
//! holds, references (DESIGN section 4, Proof).

mod interest;
mod seals;
mod statements;
mod told;

use std::{collections::BTreeMap, time::Duration};

use florin_proto::account::v1::{
    Breach, Notice, VerifyLedgerRequest, VerifyLedgerResponse, VerifyProgress, VerifySummary,
    verify_ledger_response::Part,
};
use florin_runtime::internal;
use florin_store::{Database, StoreError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

pub use self::seals::Kept;
use super::{STREAM_BUFFER, ledger::Ledger};
use crate::{
    domain::{account::Account, event::AccountEvent},
    store::{
        self, chain,
        verify::{self, Snapshot},
    },
};

/// Rows of one page.
const PAGE: i64 = 2_000;
/// Breaches of one statement that are named where the request gives no number.
const MOST_BREACHES: i64 = 100;
/// How often a verification that is at a long statement says so; its readers give up after a
/// minute of silence.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

type Out = mpsc::Sender<Result<VerifyLedgerResponse, Status>>;

/// What the verification says on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// How far a check is.
    Progress {
        /// The check.
        check: &'static str,
        /// Rows done.
        done: i64,
    },
    /// Something is wrong.
    Breach {
        /// The check that found it.
        check: &'static str,
        /// The record concerned.
        record: String,
        /// In words, with both values.
        description: String,
    },
    /// Nothing is wrong, and somebody should look.
    Notice {
        /// What found it.
        check: &'static str,
        /// The record concerned.
        record: String,
        /// In words.
        description: String,
    },
}

/// The end of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Accounts checked.
    pub accounts: i64,
    /// Events checked.
    pub events: i64,
    /// Journal transactions checked.
    pub transactions: i64,
    /// Breaches found.
    pub breaches: i64,
    /// Seals checked.
    pub seals: i64,
}

/// The fold of an account's events, as far as it was read.
#[derive(Debug, Default)]
struct Fold {
    version: i64,
    posted: i64,
    held: i64,
    hash: Vec<u8>,
}

impl Ledger {
    /// Verifies the whole ledger and streams breaches as they are found.
    #[must_use]
    pub fn verify_ledger(
        &self,
        request: VerifyLedgerRequest,
    ) -> ReceiverStream<Result<VerifyLedgerResponse, Status>> {
        let most = i64::from(request.most_breaches);
        let most = if most > 0 { most } else { MOST_BREACHES };
        let kept = request.seal.map(|seal| (seal.business_date, seal.hash));
        let (out, stream) = mpsc::channel(STREAM_BUFFER);
        let db = self.db.clone();
        let work = async move {
            let sink = out.clone();
            let report = async move |report| {
                let sent = sink.send(Ok(wire(report))).await;
                sent.map_err(|_| StoreError::Timeout("the reader of the verification left".into()))
            };
            let verified = tokio::select! {
                verified = verify_from(&db, most, kept, report) => verified,
                () = signs_of_life(&out) => return,
            };
            let last = match verified {
                Ok(summary) => Ok(wire_summary(summary)),
                Err(error) => Err(internal(error).into()),
            };
            // A reader that left needs no last word.
            drop(out.send(last).await);
        };
        tokio::spawn(work);
        ReceiverStream::new(stream)
    }
}

/// One statement may run for minutes: the reader hears that it is still at work. Ends where
/// the reader has left.
async fn signs_of_life(out: &Out) {
    loop {
        tokio::time::sleep(SIGN_OF_LIFE).await;
        let at_work = Report::Progress { check: "at_work", done: 0 };
        if out.send(Ok(wire(at_work))).await.is_err() {
            return;
        }
    }
}

fn wire(report: Report) -> VerifyLedgerResponse {
    let part = match report {
        Report::Progress { check, done } => {
            Part::Progress(VerifyProgress { check: check.to_owned(), done })
        }
        Report::Breach { check, record, description } => {
            Part::Breach(Breach { check: check.to_owned(), record, description })
        }
        Report::Notice { check, record, description } => {
            Part::Notice(Notice { check: check.to_owned(), record, description })
        }
    };
    VerifyLedgerResponse { part: Some(part) }
}

fn wire_summary(summary: Summary) -> VerifyLedgerResponse {
    let Summary { accounts, events, transactions, breaches, seals } = summary;
    let summary = VerifySummary { accounts, events, transactions, breaches, seals };
    VerifyLedgerResponse { part: Some(Part::Summary(summary)) }
}

/// The checks of one statement each.
fn statements() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let own = verify::STATEMENTS.iter();
    own.chain(verify::interest::STATEMENTS)
        .chain(store::seals::STATEMENTS)
        .chain(store::statements::verify::STATEMENTS)
}

/// Runs every check; `report` is given each breach as it is found.
///
/// # Errors
/// Those of the database, and what `report` returns to end the run early.
pub async fn verify<F>(db: &Database, most: i64, report: F) -> Result<Summary, StoreError>
where
    F: AsyncFnMut(Report) -> Result<(), StoreError>,
{
    verify_from(db, most, None, report).await
}

/// As [`verify`], the chain of seals from one that was kept outside.
///
/// # Errors
/// As [`verify`].
pub async fn verify_from<F>(
    db: &Database,
    most: i64,
    kept: Option<Kept>,
    mut report: F,
) -> Result<Summary, StoreError>
where
    F: AsyncFnMut(Report) -> Result<(), StoreError>,
{
    let snapshot = db.snapshot().await?;
    verify::join_whole_tables(&snapshot).await?;
    let mut summary = Summary::default();
    for (check, statement) in statements() {
        let found = verify::findings(&snapshot, statement, most).await?;
        for (record, description) in found {
            summary.breaches += 1;
            report(Report::Breach { check, record, description }).await?;
        }
        report(Report::Progress { check, done: 0 }).await?;
    }
    summary.transactions = verify::count_journal(&snapshot).await?;
    for aside in store::set_aside::page(&snapshot, "", most).await? {
        let (record, day) = (aside.account.to_string(), aside.closed);
        let description =
            format!("stands aside since the {} of {day}: {}", aside.step, aside.cause);
        report(Report::Notice { check: "set_aside", record, description }).await?;
    }
    told::check(&snapshot, most, &mut summary, &mut report).await?;
    interest::check(&snapshot, &mut summary, &mut report).await?;
    seals::check(&snapshot, kept.as_ref(), &mut summary, &mut report).await?;
    statements::check(&snapshot, &mut summary, &mut report).await?;
    folds(&snapshot, &mut summary, &mut report).await?;
    snapshot.rollback().await?;
    Ok(summary)
}

/// Reads accounts and events side by side, both in the order of the account's id.
async fn folds<F>(
    snapshot: &Snapshot,
    summary: &mut Summary,
    report: &mut F,
) -> Result<(), StoreError>
where
    F: AsyncFnMut(Report) -> Result<(), StoreError>,
{
    let held = verify::held_by_account(snapshot).await?;
    let turnover = verify::turnover_by_account(snapshot).await?;
    let mut folds: BTreeMap<String, Fold> = BTreeMap::new();
    let mut at = (String::new(), 0_i64);
    let mut last_account = String::new();
    loop {
        let page = verify::events_after(snapshot, (&at.0, at.1), PAGE).await?;
        let Some(end) = page.last() else { break };
        at = (end.account.clone(), end.version);
        for row in page {
            let fold = folds.entry(row.account.clone()).or_default();
            let found = match row.event {
                Ok((event, hash)) => fold.apply(&event, &hash),
                Err(unreadable) => vec![("hash", unreadable)],
            };
            for (check, description) in found {
                summary.breaches += 1;
                let record = format!("{} version {}", row.account, row.version);
                report(Report::Breach { check, record, description }).await?;
            }
            summary.events += 1;
        }
        // Every account below the page's last one has all its events in the folds.
        let complete = folds.split_off(&at.0);
        let done = std::mem::replace(&mut folds, complete);
        compare(
            snapshot,
            (&mut last_account, Some(&at.0)),
            done,
            (&held, &turnover),
            summary,
            report,
        )
        .await?;
        report(Report::Progress { check: "fold", done: summary.events }).await?;
    }
    compare(snapshot, (&mut last_account, None), folds, (&held, &turnover), summary, report).await
}

type Totals<'a> = (&'a BTreeMap<String, i64>, &'a BTreeMap<String, i64>);

/// Compares the accounts from `last` up to, but not including, `end` with their folds.
async fn compare<F>(
    snapshot: &Snapshot,
    (last, end): (&mut String, Option<&str>),
    mut folds: BTreeMap<String, Fold>,
    (held, turnover): Totals<'_>,
    summary: &mut Summary,
    report: &mut F,
) -> Result<(), StoreError>
where
    F: AsyncFnMut(Report) -> Result<(), StoreError>,
{
    loop {
        let page = verify::accounts_after(snapshot, last, PAGE).await?;
        let before_end = |id: &str| end.is_none_or(|end| id < end);
        let within: Vec<_> = page.into_iter().take_while(|(id, _)| before_end(id)).collect();
        let Some((final_id, _)) = within.last() else { break };
        last.clone_from(final_id);
        for (id, account) in within {
            summary.accounts += 1;
            let fold = folds.remove(&id).unwrap_or_default();
            let totals = [held, turnover].map(|of| of.get(&id).copied().unwrap_or(0));
            let found = match account {
                Ok((account, hash)) => fold.differences(&account, &hash, totals),
                Err(unreadable) => vec![("projection", unreadable)],
            };
            for (check, description) in found {
                summary.breaches += 1;
                report(Report::Breach { check, record: id.clone(), description }).await?;
            }
        }
    }
    for record in folds.into_keys() {
        summary.breaches += 1;
        let description = "events without an account".to_owned();
        report(Report::Breach { check: "projection", record, description }).await?;
    }
    Ok(())
}

type Breaches = Vec<(&'static str, String)>;

impl Fold {
    /// Adds an event and tells what is wrong with it.
    fn apply(&mut self, event: &AccountEvent, hash: &[u8]) -> Breaches {
        let mut breaches = Breaches::new();
        if event.version != self.version + 1 {
            let description = format!("version {} follows {}", event.version, self.version);
            breaches.push(("version", description));
        }
        let posted = self.posted.saturating_add(event.delta);
        let held = self.held.saturating_add(event.held_delta);
        if (posted, held) != (event.posted_after, event.held_after) {
            breaches.push((
                "fold",
                format!(
                    "the fold gives posted {posted} and held {held}, the event says {} and {}",
                    event.posted_after, event.held_after
                ),
            ));
        }
        let previous =
            if self.hash.is_empty() { chain::GENESIS.as_slice() } else { self.hash.as_slice() };
        if chain::link(previous, event) != hash {
            breaches.push(("hash", "its hash is not that of its content and predecessor".into()));
        }
        self.version = event.version;
        self.posted = posted;
        self.held = held;
        self.hash = hash.to_vec();
        breaches
    }

    /// Tells where the account's row is not the fold of its events.
    fn differences(self, account: &Account, hash: &[u8], [held, turnover]: [i64; 2]) -> Breaches {
        let mut breaches = Breaches::new();
        let pairs = [
            ("projection", "posted", account.posted, self.posted),
            ("projection", "held", account.held, self.held),
            ("version", "version", account.version, self.version),
            ("holds", "sum of the open holds", held, self.held),
            ("turnover", "sum of the value-dated turnover", turnover, self.posted),
        ];
        for (check, what, stored, folded) in pairs {
            if stored != folded {
                let text = format!("{what} is {stored}, the fold of the events gives {folded}");
                breaches.push((check, text));
            }
        }
        if hash != self.hash {
            breaches.push(("hash", "the account's last hash is not that of its last event".into()));
        }
        breaches
    }
}
