//! A ledger on a scratch database, driven by commands.

use florin_account::{
    app::{
        batch::LedgerBatch,
        command::{
            Actor, Change, Command, Open, Outcome, Place, Post, Reference, Release, Reverse, Work,
        },
        verify_ledger::{self, Report, Summary},
    },
    domain::{
        account::{Holder, HolderRole, Rules},
        posting::{Leg, Legs, Target},
    },
    store::{self, chain, chart},
};
use florin_events::Outbox;
use florin_kernel::{BankIdentity, Date, Money};
use florin_store::{
    Database, DatabaseOptions, Tx,
    commit::{Committer, Limits},
};
use tokio_util::sync::CancellationToken;

/// Environment variable with the URL of a PostgreSQL server.
const POSTGRES_URL: &str = "FLORIN_TEST_POSTGRES_URL";

pub struct Bench {
    pub db: Database,
    pub committer: Committer<LedgerBatch>,
    _dir: tempfile::TempDir,
}

#[expect(clippy::disallowed_methods, reason = "the test run speaks to tests by environment")]
fn postgres() -> Option<String> {
    std::env::var(POSTGRES_URL).ok()
}

/// A ledger on each engine that is to be had.
pub async fn each() -> Vec<Bench> {
    let mut benches = vec![sqlite().await];
    match postgres() {
        Some(url) => benches.push(on_postgres(url).await),
        None => println!("skipped on PostgreSQL: {POSTGRES_URL} is not set"),
    }
    benches
}

pub async fn sqlite() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let mut options = DatabaseOptions::sqlite(&dir.path().join("account.db"));
    options.synchronous_off = true;
    start(options, dir, 1).await
}

async fn on_postgres(url: String) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let (millis, random) = florin_store::id_parts();
    let options = DatabaseOptions {
        url,
        schema: format!("account_{millis}_{}", u16::from_be_bytes([random[0], random[1]])),
        max_connections: 4,
        ..DatabaseOptions::default()
    };
    start(options, dir, 2).await
}

async fn start(options: DatabaseOptions, dir: tempfile::TempDir, committers: usize) -> Bench {
    let db = Database::connect(&options, store::MIGRATIONS).await.unwrap();
    let today = Date::constant(2026, 11, 21);
    db.write(async |tx: Tx| chart::open_books(&tx, today).await).await.unwrap();
    let bank = BankIdentity::new("CZ", "8899").unwrap();
    let batch = LedgerBatch { outbox: Outbox::new("account"), bank };
    let shutdown = CancellationToken::new();
    let committer = Committer::start(db.clone(), batch, Limits::default(), committers, shutdown);
    Bench { db, committer, _dir: dir }
}

pub fn eur(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().unwrap())
}

fn id(prefix: &str) -> String {
    let (millis, random) = florin_store::id_parts();
    florin_kernel::AccountId::from_parts(millis, random).to_string().replace("acc", prefix)
}

pub fn reference(text: &str, content: &[&str]) -> Reference {
    Reference {
        caller: "payment".into(),
        text: text.into(),
        fingerprint: chain::fingerprint(content),
    }
}

pub fn command(work: Work) -> Command {
    Command { work, key: None, actor: Actor::default() }
}

/// A transaction of customer legs (account, minor) and a cash leg that balances them.
pub fn post(text: &str, legs: &[(&str, i64)]) -> Command {
    let sum: i64 = legs.iter().map(|(_, minor)| minor).sum();
    let mut all: Vec<Leg> = legs.iter().map(|(account, minor)| leg(account, *minor)).collect();
    if sum != 0 {
        let target = Target::Gl("1010".into());
        all.push(Leg { target, amount: eur(-sum), counterparty: String::new() });
    }
    command(Work::Post(Post {
        reference: reference(text, &[&format!("{legs:?}")]),
        id: id("txn"),
        kind: "transfer".into(),
        description: "test".into(),
        legs: Legs::new(all).unwrap(),
        booking_date: None,
        value_date: None,
        rules: Rules::Today,
        correlation: text.into(),
        initiator: "{}".into(),
    }))
}

fn leg(account: &str, minor: i64) -> Leg {
    let target = Target::Account(account.into());
    Leg { target, amount: eur(minor), counterparty: "x".into() }
}

pub fn reverse(text: &str, original: &str) -> Command {
    command(Work::Reverse(Reverse {
        reference: reference(text, &["reverse", original]),
        id: id("txn"),
        original: original.into(),
        description: "mistake".into(),
        initiator: "{}".into(),
    }))
}

pub fn place(text: &str, account: &str, minor: i64) -> Command {
    command(Work::Place(Place {
        reference: reference(text, &["hold", account, &minor.to_string()]),
        id: id("hld"),
        account: account.into(),
        amount: eur(minor),
        correlation: text.into(),
        initiator: "{}".into(),
    }))
}

pub fn release(text: &str, hold: &str) -> Command {
    command(Work::Release(Release {
        reference: reference(text, &["release", hold]),
        hold_reference: hold.into(),
        correlation: text.into(),
    }))
}

pub fn change(account: &str, change: Change) -> Command {
    command(Work::Change { account: account.into(), change })
}

impl Bench {
    pub async fn run(&self, command: Command) -> Outcome {
        self.committer.submit(command, None).await.unwrap()
    }

    pub async fn run_all(&self, commands: Vec<Command>) -> Vec<Outcome> {
        let outcomes = self.committer.submit_many(commands, None).await.unwrap();
        outcomes.into_iter().map(Result::unwrap).collect()
    }

    /// Opens an account and pays money in.
    pub async fn open(&self, minor: i64) -> String {
        let account = id("acc");
        let holder = Holder { customer: id("cus"), role: HolderRole::Owner };
        let opened = self
            .run(command(Work::Open(Open {
                reference: None,
                id: account.clone(),
                product: "current".into(),
                control_gl: "2010".into(),
                overdraft_limit: eur(0),
                holders: vec![holder],
                opened_on: None,
                historical: false,
            })))
            .await;
        assert!(matches!(opened, Outcome::Account { .. }), "{opened:?}");
        if minor > 0 {
            let paid = self.run(post(&format!("{account}/in"), &[(&account, minor)])).await;
            assert!(matches!(paid, Outcome::Posted { replayed: false, .. }), "{paid:?}");
        }
        account
    }

    /// Posted and held.
    pub async fn balance(&self, account: &str) -> (i64, i64) {
        let found = store::records::account(self.db.read(), account).await.unwrap();
        let (account, _) = found.unwrap();
        (account.posted, account.held)
    }

    pub async fn verify(&self) -> (Summary, Vec<String>) {
        let mut breaches = Vec::new();
        let summary = verify_ledger::verify(&self.db, 100, async |report| {
            if let Report::Breach { check, record, description } = report {
                breaches.push(format!("{check} {record}: {description}"));
            }
            Ok(())
        })
        .await
        .unwrap();
        (summary, breaches)
    }

    pub async fn assert_clean(&self) -> Summary {
        let (summary, breaches) = self.verify().await;
        assert!(breaches.is_empty(), "{breaches:#?}");
        assert_eq!(summary.breaches, 0);
        summary
    }
}
