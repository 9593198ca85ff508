//! Faults of payments between banks: a crash at every point of every step, neighbours that fail,
//! and what then has to be true.
//!
//! ```text
//! state                  crash at every point of its step       neighbour
//! NEW, HOLDING           paid, refused                          LEDGER_AWAY, ANSWER_LOST, VOID_*
//! SUBMITTING             paid, rejected, told twice, lost,      NETWORK_DOWN
//!                        silent (waits, seen, money on hold)
//! SETTLING               paid                                   LEDGER_AWAY, ANSWER_LOST
//! RELEASING              rejected                               LEDGER_AWAY, ANSWER_LOST
//! RECEIVED               credited, unknown                      LEDGER_AWAY, ANSWER_LOST, VOID_*
//! TO_SUSPENSE, RETURNING unknown                                LEDGER_AWAY, ANSWER_LOST
//! (back at the network)  returned                               LEDGER_AWAY, ANSWER_LOST
//! ```
//!
//! A step is all that a worker does from one claim to the next, or the taking of one message up
//! to its acknowledgement. After a crash the network's answers come again, or twice; what it is
//! sent comes twice, and is answered as a duplicate beside the first answer.

use std::time::{Duration, Instant};

use florin_kernel::UnixMicros;
use florin_proto::{
    account::v1::{HolderRole, leg},
    common::v1::Direction,
    money_of,
    payment::v1::{CreateTransferRequest, TransferStatus},
};
use florin_testkit::{
    Place,
    simulator::{Action, Credit, Return, Rule, RuleOf},
};

use crate::{
    bank::{iban, places},
    clearing::world::{OTHER, World},
    ledger::Ledger,
    saga_faults::crash_at,
};

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(240);
/// More points than any step here has, and more steps than any payment.
const MOST: usize = 1_000;
const NOW: UnixMicros = UnixMicros(1_795_288_260_000_000);

/// How a payment begins.
#[derive(Debug, Clone, Copy)]
enum Begin {
    /// One of Alice's to another bank, of so much.
    Pay(&'static str),
    /// One of another bank to the account of this number.
    Credit(u64),
    /// One of Alice's comes back.
    Return,
}

/// A payment, what the network does with it, and how it ends.
#[derive(Debug, Clone)]
struct Case {
    name: &'static str,
    begin: Begin,
    action: Option<Action>,
    /// Of Alice's transfers.
    end: TransferStatus,
    /// What each puts into Alice's account, in minor units.
    moves: i64,
    /// Ledger postings of each, by the end of their references.
    posts: &'static [&'static str],
}

fn cases() -> Vec<Case> {
    let case =
        |name, begin, action, end, moves, posts| Case { name, begin, action, end, moves, posts };
    let (paid, unpaid) = (TransferStatus::Completed, TransferStatus::Failed);
    let pay = Begin::Pay("1");
    let rejects = Action::Reject { code: "AC04".into() };
    vec![
        case("paid", pay, None, paid, -100, &["/post"][..]),
        case("refused", Begin::Pay("900000000"), None, unpaid, 0, &[]),
        case("rejected", pay, Some(rejects), unpaid, 0, &[]),
        case("told twice", pay, Some(Action::AnswerTwice), paid, -100, &["/post"]),
        case("lost", pay, Some(Action::Lose), paid, -100, &["/post"]),
        case("silent", pay, Some(Action::Silent), paid, -100, &["/post"]),
        case("credited", Begin::Credit(1), None, paid, 100, &["/credit"]),
        case("unknown", Begin::Credit(7), None, paid, 0, &["/suspense", "/returned"]),
        case("returned", Begin::Return, None, paid, 0, &["/post", "/credit"]),
    ]
}

/// A world whose Alice is rich, and what was begun in it.
struct Run {
    world: World,
    case: Case,
    begun: usize,
}

const RICH: i64 = 10_000_000;

impl Run {
    async fn of(place: Place, case: Case) -> Self {
        let world = World::open(place).await;
        let alice = vec![(world.bank.alice, HolderRole::Owner)];
        world.bank.put_account(1, RICH, alice);
        world.limited().await;
        Self { world, case, begun: 0 }
    }

    async fn begin(&mut self) {
        self.begun += 1;
        if let Some(action) = self.case.action.clone() {
            let of = RuleOf::Payment;
            let rule = Rule { of, iban: None, amount: None, times: Some(1), action };
            self.world.network.network().add_rule(rule);
        }
        match self.case.begin {
            Begin::Credit(to) => {
                let order = Credit {
                    iban: iban(to),
                    amount: "1.00".into(),
                    currency: "EUR".into(),
                    from_iban: None,
                    text: None,
                    uetr: None,
                    copies: 1,
                };
                self.world.network.network().send_credit(&order, NOW).unwrap();
            }
            Begin::Pay(amount) => self.pay(amount).await,
            Begin::Return => {
                self.pay("1").await;
                self.finish().await;
                let newest = "SELECT uetr FROM clearing_out ORDER BY created_at DESC, id DESC";
                let uetr = self.world.bank.texts(&format!("{newest} LIMIT 1")).await.concat();
                let order = Return { uetr, code: "AC04".into(), ..Return::default() };
                self.world.network.network().send_return(&order, NOW).unwrap();
            }
        }
    }

    async fn pay(&self, amount: &str) {
        let bank = &self.world.bank;
        let order = CreateTransferRequest { to: OTHER.into(), ..bank.order(amount) };
        bank.transfer(&format!("k{}", self.begun), order).await.unwrap();
    }

    /// A step of the worker, or a message of the network's; whether there was one.
    async fn advance(&self) -> bool {
        let worker = self.world.worker.clone();
        worker.step().await.unwrap() || worker.receive_next().await.unwrap()
    }

    /// Lets workers go on until nothing waits. What the network is silent about waits, seen by
    /// people and with the money on hold, until it speaks.
    async fn finish(&self) {
        let (start, world) = (Instant::now(), &self.world);
        loop {
            world.let_time_pass().await;
            world.hear().await;
            let waiting = world.waiting().await;
            if waiting.is_empty() {
                return;
            }
            assert!(start.elapsed() < LIMIT, "{}: {waiting:?}", self.case.name);
            if matches!(self.case.action, Some(Action::Silent)) {
                let submitting = "SELECT COUNT(*) FROM transfers WHERE status = 8";
                let waits = world.bank.count(submitting).await;
                assert_eq!(waiting.len(), usize::try_from(waits).unwrap());
                assert_eq!(world.bank.ledger.held(world.bank.from), waits * 100);
                world.network.network().release_answers();
            }
        }
    }

    /// States, events, the ledger, the network's books and the limits agree.
    async fn prove(&self) {
        let (Case { name, end, moves, posts, .. }, world) = (&self.case, &self.world);
        let bank = &world.bank;
        let begun = i64::try_from(self.begun).unwrap();
        assert_eq!(world.money(), (RICH + moves * begun, 0), "{name}");
        for posting in ["/post", "/credit", "/suspense", "/returned"] {
            let wanted = if posts.contains(&posting) { self.begun } else { 0 };
            assert_eq!(world.posted(posting), wanted, "{name} {posting}");
        }
        let is_paid = *end == TransferStatus::Completed;
        let kind = if is_paid { "transfer_completed" } else { "transfer_failed" };
        for id in bank.texts("SELECT id FROM transfers").await {
            assert_eq!(bank.status(&id).await, *end, "{name}");
            let mut events = vec![("transfer_accepted".into(), 1), (kind.into(), 2)];
            if matches!(self.case.begin, Begin::Return) {
                events.push(("transfer_returned".into(), 3));
            }
            assert_eq!(bank.events(&id).await, events, "{name}");
        }
        let paid = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM transfers \
                    WHERE status = 4 AND id IN (SELECT id FROM reservations)";
        assert_eq!(
            world.used().await,
            bank.count(paid).await,
            "{name}: limits count what was paid"
        );
        if posts.contains(&"/post") {
            assert_eq!(world.used().await, 100 * begun, "{name}: each is counted");
        }
        let known = world.network.network().shown();
        let at_network = known["balances"]["EUR"].as_i64().unwrap_or(0);
        assert_eq!(nostro(&bank.ledger), at_network, "{name}: the nostro and the network");
        assert_eq!(bank.texts("SELECT finding FROM clearing_unread").await, [""; 0]);
    }
}

/// What the network owes this bank by its own books.
fn nostro(ledger: &Ledger) -> i64 {
    let legs = ledger.posted().into_iter().flat_map(|one| one.legs);
    let nostro = legs.filter(|leg| leg.target == Some(leg::Target::GlCode("1200".into())));
    nostro
        .map(|leg| {
            let amount = money_of(leg.amount.as_ref()).unwrap().minor();
            if leg.direction() == Direction::Debit { amount } else { -amount }
        })
        .sum()
}

async fn crash_everywhere(name: &str) {
    for place in places() {
        let case = cases().into_iter().find(|case| case.name == name).unwrap();
        let mut run = Run::of(place, case).await;
        // So many steps go well, and the next one does not.
        for before in 0..MOST {
            let mut has_step = true;
            for point in 1..=MOST {
                run.begin().await;
                for _ in 0..before {
                    run.advance().await;
                }
                let ended = crash_at(point, run.advance()).await;
                run.finish().await;
                if let Some(stepped) = ended {
                    has_step = stepped;
                    break;
                }
                assert!(point < MOST, "a step has no end");
            }
            if !has_step {
                break;
            }
            assert!(before < MOST, "a payment has no end");
        }
        run.prove().await;
    }
}

macro_rules! crashes {
    ($($test:ident: $name:literal;)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                crash_everywhere($name).await;
            }
        )*
    };
}

crashes! {
    paid_to_another_bank_with_a_crash_at_every_point: "paid";
    refused_with_a_crash_at_every_point: "refused";
    rejected_by_the_network_with_a_crash_at_every_point: "rejected";
    told_twice_by_the_network_with_a_crash_at_every_point: "told twice";
    lost_by_the_network_with_a_crash_at_every_point: "lost";
    kept_silent_about_with_a_crash_at_every_point: "silent";
    credited_from_another_bank_with_a_crash_at_every_point: "credited";
    sent_back_from_suspense_with_a_crash_at_every_point: "unknown";
    returned_by_another_bank_with_a_crash_at_every_point: "returned";
}

/// A neighbour that fails, and how it comes back.
struct Fault {
    name: &'static str,
    set: fn(&World, bool),
}

const NEIGHBOURS: [Fault; 5] = [
    Fault { name: "LEDGER_AWAY", set: |world, fails| world.bank.ledger.set_away(fails) },
    Fault { name: "ANSWER_LOST", set: |world, fails| world.bank.ledger.set_loses_answers(fails) },
    Fault { name: "VOID_AWAY", set: |world, fails| world.bank.ledger.set_voids_away(fails) },
    Fault { name: "VOID_LOST", set: |world, fails| world.bank.ledger.set_loses_voids(fails) },
    Fault { name: "NETWORK_DOWN", set: |world, fails| world.network.network().set_down(fails) },
];

#[tokio::test]
async fn a_neighbour_that_fails_after_any_step_delays_an_end_and_changes_none() {
    for case in cases() {
        for place in places() {
            let mut run = Run::of(place, case.clone()).await;
            for fault in &NEIGHBOURS {
                // The longest of them has fewer steps.
                for before in 0..8 {
                    run.begin().await;
                    for _ in 0..before {
                        run.advance().await;
                    }
                    (fault.set)(&run.world, true);
                    for _ in 0..2 {
                        run.world.let_time_pass().await;
                        run.world.work().await;
                        // A network that is down gives no message.
                        let _ = run.world.worker.receive_next().await;
                    }
                    (fault.set)(&run.world, false);
                    run.finish().await;
                }
                println!("{} {}", run.case.name, fault.name);
            }
            run.prove().await;
        }
    }
}

#[tokio::test]
async fn two_replicas_beside_each_other_do_everything_once() {
    for case in cases() {
        for place in places() {
            let mut run = Run::of(place, case.clone()).await;
            let other = run.world.bank.replica().await.clearing_worker().unwrap();
            for _ in 0..10 {
                run.begin().await;
            }
            let start = Instant::now();
            loop {
                assert!(start.elapsed() < LIMIT, "{}", run.case.name);
                run.world.let_time_pass().await;
                let mine = async { while run.advance().await {} };
                let theirs = async {
                    while other.turn().await.unwrap() || other.receive_next().await.unwrap() {}
                };
                tokio::join!(mine, theirs);
                if run.world.waiting().await.is_empty() {
                    break;
                }
                run.world.network.network().release_answers();
            }
            run.prove().await;
        }
    }
}
