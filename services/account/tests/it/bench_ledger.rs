//! A ledger on a scratch database, driven by commands.

use std::time::Duration;

use florin_account::{
    app::{
        batch::LedgerBatch,
        command::{
            Actor, Capture, Change, Command, Expire, Open, Outcome, Place as Hold, Post, Reference,
            Release, Reverse, Void, Work,
        },
        verify_ledger::{self, Report, Summary},
    },
    domain::{
        account::{Holder, HolderRole, Rules},
        conversion::{Conversion, POSITION_GL, Rate},
        posting::{Leg, Legs, Target},
    },
    store::{self, chain, chart},
};
use florin_events::Outbox;
use florin_kernel::{AccountId, BankIdentity, CustomerId, Date, HoldId, Money, TransactionId};
use florin_store::{
    Database, Engine, Tx,
    commit::{Committer, Limits},
    id_parts,
};
use florin_testkit::{Place, places};
use tokio_util::sync::CancellationToken;

/// The year 2100, in microseconds: an account whose last event was recorded then is recorded by
/// that instant until a test moves it, whatever time it is.
pub const FAR: i64 = 4_102_444_800_000_000;

pub struct Bench {
    pub db: Database,
    pub committer: Committer<LedgerBatch>,
    _place: Place,
}

/// A ledger on each engine that is to be had.
pub async fn each() -> Vec<Bench> {
    let mut benches = Vec::new();
    for place in places("account").unwrap() {
        benches.push(start(place).await);
    }
    benches
}

pub async fn sqlite() -> Bench {
    start(places("account").unwrap().remove(0)).await
}

async fn start(place: Place) -> Bench {
    let db = place.database(store::MIGRATIONS).await.unwrap();
    let today = Date::constant(2026, 11, 21);
    db.write(async |tx: Tx| chart::open_books(&tx, today).await).await.unwrap();
    Bench { committer: committer(&db), db, _place: place }
}

/// What commits on a ledger; another one is another replica's.
pub fn committer(db: &Database) -> Committer<LedgerBatch> {
    let bank = BankIdentity::new("CZ", "8899").unwrap();
    let batch = LedgerBatch { outbox: Outbox::new("account"), bank };
    let shutdown = CancellationToken::new();
    let committers = match db.engine() {
        Engine::Sqlite => 1,
        Engine::Postgres => 2,
    };
    // A machine that stands still is no batch that takes too long, and no lock that is held.
    let limits = Limits { time_limit: Duration::from_secs(600), ..Limits::default() };
    Committer::start(db.clone(), batch, limits, committers, shutdown)
}

pub fn eur(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().unwrap())
}

/// The parts of an id of its own for each name of up to seven letters, in their order.
fn parts(name: &str) -> (u64, [u8; 10]) {
    let mut bytes = [0; 10];
    bytes[3..][..name.len()].copy_from_slice(name.as_bytes());
    (1, bytes)
}

/// The account of a name.
pub fn acc(name: &str) -> AccountId {
    let (millis, random) = parts(name);
    AccountId::from_parts(millis, random)
}

/// The customer of a name.
pub fn cus(name: &str) -> CustomerId {
    let (millis, random) = parts(name);
    CustomerId::from_parts(millis, random)
}

/// The journal transaction of a name.
pub fn txn(name: &str) -> TransactionId {
    let (millis, random) = parts(name);
    TransactionId::from_parts(millis, random)
}

fn fresh_transaction() -> TransactionId {
    let (millis, random) = id_parts();
    TransactionId::from_parts(millis, random)
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

pub fn money(minor: i64, currency: &str) -> Money {
    Money::new(minor, currency.parse().unwrap())
}

/// Sells euros of one account for crowns of another, 25 crowns a euro.
pub fn convert(text: &str, from: AccountId, to: AccountId, euros: i64) -> Command {
    let (sold, bought) = (eur(euros), money(25 * euros, "CZK"));
    let position = Target::Gl(POSITION_GL.into());
    let leg = |target, amount: Money, sign| {
        let amount = Money::new(sign * amount.minor(), amount.currency());
        Leg { target, amount, counterparty: String::new() }
    };
    let legs = vec![
        leg(Target::Account(from), sold, -1),
        leg(position.clone(), sold, 1),
        leg(position, bought, -1),
        leg(Target::Account(to), bought, 1),
    ];
    let mut command = post(text, &[(from, -euros)]);
    let Work::Post(post) = &mut command.work else { unreachable!() };
    post.legs = Legs::new(legs).unwrap();
    post.conversions = vec![Conversion::new(sold, bought, Rate::parse("25").unwrap()).unwrap()];
    post.reference = reference(text, &["convert", &format!("{from} {to} {euros}")]);
    command
}

/// A transaction of customer legs (account, minor) and a cash leg that balances them.
pub fn post(text: &str, legs: &[(AccountId, i64)]) -> Command {
    let sum: i64 = legs.iter().map(|(_, minor)| minor).sum();
    let mut all: Vec<Leg> = legs.iter().map(|(account, minor)| leg(*account, *minor)).collect();
    if sum != 0 {
        let target = Target::Gl("1010".into());
        all.push(Leg { target, amount: eur(-sum), counterparty: String::new() });
    }
    command(Work::Post(Post {
        reference: reference(text, &[&format!("{legs:?}")]),
        id: fresh_transaction(),
        kind: "transfer".into(),
        description: "test".into(),
        legs: Legs::new(all).unwrap(),
        captures: Vec::new(),
        conversions: Vec::new(),
        booking_date: None,
        value_date: None,
        rules: Rules::Today,
        correlation: text.into(),
        initiator: "{}".into(),
    }))
}

fn leg(account: AccountId, minor: i64) -> Leg {
    let target = Target::Account(account);
    Leg { target, amount: eur(minor), counterparty: "x".into() }
}

pub fn reverse(text: &str, original: TransactionId) -> Command {
    command(Work::Reverse(Reverse {
        reference: reference(text, &["reverse", &original.to_string()]),
        id: fresh_transaction(),
        original,
        description: "mistake".into(),
        initiator: "{}".into(),
    }))
}

pub fn place(text: &str, account: AccountId, minor: i64) -> Command {
    let (millis, random) = id_parts();
    command(Work::Place(Hold {
        reference: reference(text, &["hold", &account.to_string(), &minor.to_string()]),
        id: HoldId::from_parts(millis, random),
        account,
        amount: eur(minor),
        expires_after: None,
        correlation: text.into(),
        initiator: "{}".into(),
    }))
}

/// A hold that is given back by time, so many microseconds after it was placed.
pub fn place_for(text: &str, account: AccountId, minor: i64, micros: i64) -> Command {
    let mut command = place(text, account, minor);
    let Work::Place(hold) = &mut command.work else { unreachable!() };
    hold.expires_after = Some(micros);
    command
}

/// A debit in cash that holds pay for: (hold, amount or all, whether the rest is kept).
pub fn capture(
    text: &str,
    account: AccountId,
    debit: i64,
    captures: &[(&str, Option<i64>, bool)],
) -> Command {
    let mut command = post(text, &[(account, -debit)]);
    let Work::Post(post) = &mut command.work else { unreachable!() };
    post.reference = reference(text, &[&format!("{account} {debit} {captures:?}")]);
    let made = captures.iter().map(|(hold, minor, keep_rest)| Capture {
        hold_reference: (*hold).into(),
        amount: minor.map(eur),
        keep_rest: *keep_rest,
    });
    post.captures = made.collect();
    command
}

pub fn expire(hold: &str) -> Command {
    command(Work::Expire(Expire { caller: "payment".into(), reference: hold.into() }))
}

pub fn release(text: &str, hold: &str) -> Command {
    command(Work::Release(Release {
        reference: reference(text, &["release", hold]),
        hold_reference: hold.into(),
        amount: None,
        correlation: text.into(),
    }))
}

pub fn release_part(text: &str, hold: &str, minor: i64) -> Command {
    let amount = Money::new(minor, "EUR".parse().unwrap());
    command(Work::Release(Release {
        reference: reference(text, &["release", hold, &amount.to_string()]),
        hold_reference: hold.into(),
        amount: Some(amount),
        correlation: text.into(),
    }))
}

pub fn void(text: &str, cause: &str) -> Command {
    let reference = Reference { fingerprint: cause.into(), ..reference(text, &[]) };
    command(Work::Void(Void { reference }))
}

pub fn change(account: AccountId, change: Change) -> Command {
    command(Work::Change { account, change })
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
    pub async fn open(&self, minor: i64) -> AccountId {
        let account = self.open_with_limit(0).await;
        if minor > 0 {
            let paid = self.run(post(&format!("{account}/in"), &[(account, minor)])).await;
            assert!(matches!(paid, Outcome::Posted { replayed: false, .. }), "{paid:?}");
        }
        account
    }

    /// Sets the clock of an account: what is recorded of it is recorded at that instant, as long
    /// as the database's clock is not there yet.
    pub async fn tick(&self, account: AccountId, at: i64) {
        let query = "UPDATE accounts SET last_recorded_at = $2 WHERE id = $1 \
                     AND last_recorded_at <= $2";
        let tick = async |tx: Tx| {
            let values = [account.to_string().into(), at.into()];
            florin_store::sql::execute(&tx, query, values).await
        };
        assert_eq!(self.db.write(tick).await.unwrap(), 1);
    }

    /// Opens an account that may go so far below zero.
    pub async fn open_with_limit(&self, minor: i64) -> AccountId {
        self.open_account("current", eur(minor)).await
    }

    /// Opens an account of a product in the currency of its overdraft limit.
    pub async fn open_account(&self, product: &str, limit: Money) -> AccountId {
        let (millis, random) = id_parts();
        let account = AccountId::from_parts(millis, random);
        let customer = CustomerId::from_parts(millis, random);
        let holder = Holder { customer, role: HolderRole::Owner };
        let opened = self
            .run(command(Work::Open(Open {
                reference: None,
                id: account,
                product: product.into(),
                control_gl: if product == "savings" { "2020" } else { "2010" }.into(),
                overdraft_limit: limit,
                holders: vec![holder],
                opened_on: None,
                historical: false,
            })))
            .await;
        assert!(matches!(opened, Outcome::Account { .. }), "{opened:?}");
        account
    }

    /// Posted and held.
    pub async fn balance(&self, account: AccountId) -> (i64, i64) {
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
