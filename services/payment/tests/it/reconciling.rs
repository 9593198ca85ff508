//! The network's statements against the nostro account of the scripted ledger.

use std::sync::atomic::{AtomicI64, Ordering};

use florin_iso20022::{Account, Balance, Message, Statement};
use florin_kernel::{Date, Money, UnixMicros};
use florin_proto::{
    common::v1::Direction,
    payment::v1::{NostroAmiss, ReconcileClearingRequest, Reconciliation},
};
use florin_testkit::simulator::{
    Action, AskBack, Credit, RecallAction, RecallRule, Rule, RuleOf, Unseen,
};

use crate::{
    bank::{iban, places, staff},
    clearing::world::World,
    saga_faults::crash_at,
};

const NOW: UnixMicros = UnixMicros(1_795_288_260_000_000);

/// A later moment at each call: what is made at one moment is of one cycle.
fn next_cycle() -> UnixMicros {
    static CYCLES: AtomicI64 = AtomicI64::new(1);
    NOW.plus_micros(CYCLES.fetch_add(1, Ordering::Relaxed))
}
const UETR: &str = "8a562c67-ca16-48ba-b074-65581be6f011";

impl World {
    async fn reconciled(&self) -> Vec<Reconciliation> {
        let ctx = staff("ReconcileClearing", "");
        let answer = self.bank.payment.reconcile_clearing(&ctx, ReconcileClearingRequest {});
        answer.await.unwrap().into_inner().reconciliations
    }

    /// Ends the cycle, and compares what the network says of it, in each currency.
    pub async fn compared(&self) -> Vec<Reconciliation> {
        self.network.network().close_cycle(next_cycle()).unwrap();
        self.hear().await;
        self.reconciled().await
    }

    /// The same in the only one.
    async fn closed(&self) -> Reconciliation {
        let found = self.compared().await;
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().unwrap()
    }

    fn comes_in(&self, to: &str, amount: &str, copies: u8) -> String {
        let credit = Credit {
            iban: to.to_owned(),
            amount: amount.to_owned(),
            currency: "EUR".to_owned(),
            from_iban: None,
            text: None,
            uetr: None,
            copies,
        };
        self.network.network().send_credit(&credit, NOW).unwrap().to_string()
    }

    async fn pays_out(&self, key: &str, amount: &str) {
        let to = florin_proto::payment::v1::CreateTransferRequest {
            to: "CZ6508000000192000145399".into(),
            ..self.bank.order(amount)
        };
        self.bank.transfer(key, to).await.unwrap();
        self.work().await;
        self.hear().await;
    }
}

/// What is told: what is amiss, side, amount, UETR.
fn told(
    found: &[florin_proto::payment::v1::NostroDifference],
) -> Vec<(NostroAmiss, Direction, String, String)> {
    let one = |one: &florin_proto::payment::v1::NostroDifference| {
        let amount = one.amount.as_ref().unwrap().amount.clone();
        (one.amiss(), one.side(), amount, one.uetr.clone())
    };
    found.iter().map(one).collect()
}

fn is_equal(found: &Reconciliation, amount: &str) {
    assert_eq!((told(&found.differences), told(&found.under_way)), (vec![], vec![]), "{found:?}");
    assert_eq!(found.closing.as_ref().unwrap().amount, amount);
    assert_eq!(found.booked, found.closing);
}

#[tokio::test]
async fn the_nostro_is_what_the_network_says_after_rejects_returns_duplicates_and_recalls() {
    for place in places() {
        let world = World::open(place).await;
        assert_eq!(world.reconciled().await, []);
        world.pays_out("out-1", "10").await;
        let reject = Action::Reject { code: "AC04".into() };
        let of = RuleOf::Payment;
        let rule = |action| Rule { of, iban: None, amount: None, times: Some(1), action };
        world.network.network().add_rule(rule(reject));
        world.pays_out("out-2", "11").await;
        world.network.network().add_rule(rule(Action::AnswerTwice));
        world.pays_out("out-3", "12").await;
        world.comes_in(&iban(1), "20.00", 2);
        // To nobody: it goes to suspense and back.
        world.comes_in(&iban(77), "3.00", 1);
        world.hear().await;
        world.hear().await;
        is_equal(&world.closed().await, "-2.00");

        // Another cycle: a recall in each direction.
        let uetr = world.comes_in(&iban(1), "7.00", 1);
        world.hear().await;
        let case = Some("case".to_owned());
        let order = AskBack { uetr, code: "DUPL".into(), case, ..AskBack::default() };
        world.network.network().send_recall(&order, NOW).unwrap();
        world.hear().await;
        world.accept_all().await;
        let back = RecallRule { times: None, action: RecallAction::Return };
        world.network.network().add_recall_rule(back);
        world.ask_back_all().await;
        is_equal(&world.closed().await, "20.00");
        // A cycle in which nothing happened.
        is_equal(&world.closed().await, "20.00");
        let equal = "SELECT COUNT(*) FROM clearing_statements WHERE state = 2";
        assert_eq!(world.bank.count(equal).await, 3);
    }
}

#[tokio::test]
async fn what_the_network_settles_and_we_never_see_is_named_until_somebody_has_booked_it() {
    for place in places() {
        let world = World::open(place).await;
        world.comes_in(&iban(1), "20.00", 1);
        world.hear().await;
        for (takes, uetr) in [(true, Some(UETR.to_owned())), (false, None)] {
            let order = Unseen { amount: "5.00".into(), currency: "EUR".into(), takes, uetr };
            world.network.network().settle_unseen(&order, NOW).unwrap();
        }
        let found = world.closed().await;
        let amiss = NostroAmiss::NotBooked;
        let five = "5.00".to_owned();
        assert_eq!(
            told(&found.differences),
            [
                (amiss, Direction::Debit, five.clone(), UETR.to_owned()),
                (amiss, Direction::Credit, five, String::new())
            ]
        );
        assert_eq!(told(&found.under_way), []);
        assert_eq!(found.closing.as_ref().unwrap().amount, "20.00");
        // They stay in the next cycle too.
        let next = world.closed().await;
        assert_eq!(next.differences, found.differences);
        let state = "SELECT differences FROM clearing_statements ORDER BY number DESC LIMIT 1";
        assert_eq!(world.bank.count(state).await, 2);
        for (one, minor) in found.differences.iter().zip([-500, 500]) {
            world.bank.ledger.book_by_hand(&format!("nostro/{}", one.of), "1200", minor);
        }
        is_equal(&world.reconciled().await[0], "20.00");
    }
}

#[tokio::test]
async fn what_is_under_way_is_no_difference_and_ends_by_itself() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        world.sent("10").await;
        let found = world.closed().await;
        assert_eq!(told(&found.differences), []);
        let under_way = told(&found.under_way);
        assert_eq!(under_way.len(), 1, "{found:?}");
        assert_eq!(under_way[0].0, NostroAmiss::NotBooked);
        assert_eq!(under_way[0].1, Direction::Debit);
        world.network.network().release_answers();
        world.hear().await;
        is_equal(&world.reconciled().await[0], "-10.00");
        // Booked after the cycle has ended.
        world.comes_in(&iban(1), "4.00", 1);
        world.hear().await;
        world.bank.execute("UPDATE clearing_statements SET state = 1").await;
        let found = &world.reconciled().await[0];
        assert_eq!(told(&found.differences), []);
        assert_eq!(told(&found.under_way)[0].0, NostroAmiss::NotTold);
        is_equal(&world.closed().await, "-6.00");
    }
}

#[tokio::test]
async fn what_our_books_alone_have_is_named() {
    for place in places() {
        let world = World::open(place).await;
        let uetr = world.comes_in(&iban(1), "20.00", 1);
        world.hear().await;
        is_equal(&world.closed().await, "20.00");
        world.bank.ledger.book_by_hand("by mistake", "1200", 300);
        let found = world.closed().await;
        let amiss = NostroAmiss::NotTold;
        let wanted = (amiss, Direction::Credit, "3.00".to_owned(), String::new());
        assert_eq!(told(&found.differences), [wanted]);
        assert_eq!(found.differences[0].of, "client: by mistake");
        world.bank.ledger.forget("by mistake");
        is_equal(&world.reconciled().await[0], "20.00");
        // A payment of ours that a whole cycle has not told of.
        world.comes_in(&iban(1), "1.00", 1);
        world.hear().await;
        let known = "DELETE FROM clearing_entries WHERE statement IN (SELECT statement FROM \
                     clearing_entries WHERE amount = 2000)";
        world.bank.execute(known).await;
        let received = "UPDATE clearing_statements SET received_at = 4000000000000000";
        world.bank.execute(received).await;
        let found = world.closed().await;
        let names: Vec<_> =
            told(&found.differences).into_iter().map(|one| (one.0, one.3)).collect();
        assert!(names.contains(&(amiss, uetr)), "{found:?}");
    }
}

#[tokio::test]
async fn a_posting_that_is_gone_or_doubled_is_named() {
    for place in places() {
        let world = World::open(place).await;
        let uetr = world.comes_in(&iban(1), "20.00", 1);
        world.hear().await;
        world.bank.ledger.forget(&format!("simulator/{uetr}/credit"));
        let found = world.closed().await;
        let wanted = (NostroAmiss::NotBooked, Direction::Credit, "20.00".to_owned(), uetr.clone());
        assert_eq!(told(&found.differences), [wanted]);
        for end in ["credit", "suspense"] {
            world.bank.ledger.book_by_hand(&format!("simulator/{uetr}/{end}"), "1200", 2_000);
            world.bank.ledger.is_payments(&format!("simulator/{uetr}/{end}"));
        }
        let found = &world.reconciled().await[0];
        let amiss: Vec<_> = told(&found.differences).into_iter().map(|one| one.0).collect();
        assert!(amiss.contains(&NostroAmiss::BookedOtherwise), "{found:?}");
    }
}

fn statement(id: &str, opening: &str, closing: &str) -> Message {
    let balance = |kind: &str, amount: &str| Balance {
        kind: kind.parse().unwrap(),
        amount: Money::parse("EUR", amount).unwrap(),
        date: Date::constant(2026, 11, 21),
    };
    Message::Statement(Statement {
        message_id: id.parse().unwrap(),
        created_at: NOW,
        id: id.parse().unwrap(),
        account: Account::Other("FLORCZPP-EUR".parse().unwrap()),
        balances: vec![balance("OPBD", opening), balance("CLBD", closing)],
        entries: Vec::new(),
    })
}

#[tokio::test]
async fn a_statement_that_is_missing_is_told_and_one_that_comes_again_is_one() {
    for place in places() {
        let world = World::open(place).await;
        for (id, opening, closing) in [("1", "0", "0"), ("1", "0", "0"), ("3", "5.00", "5.00")] {
            world.says(statement(id, opening, closing));
        }
        world.hear().await;
        assert_eq!(world.bank.count("SELECT COUNT(*) FROM clearing_statements").await, 2);
        let found = &world.reconciled().await[0];
        let five = || "5.00".to_owned();
        let told = told(&found.differences);
        assert_eq!(told[0], (NostroAmiss::Gap, Direction::Credit, five(), String::new()));
        assert_eq!(told[1], (NostroAmiss::Total, Direction::Debit, five(), String::new()));
        world.says(statement("1", "0", "7.00"));
        world.hear().await;
        let waiting = world.waiting().await;
        let shown = waiting.iter().filter(|one| one.last_cause.contains("something else"));
        assert_eq!(shown.count(), 1, "{waiting:?}");
        world.says(statement("4", "5.00", "6.00"));
        world.hear().await;
        let found = &world.reconciled().await[0];
        let sum = (NostroAmiss::Sum, Direction::Credit, "1.00".to_owned(), String::new());
        assert!(self::told(&found.differences).contains(&sum), "{found:?}");
    }
}

#[tokio::test]
async fn what_the_next_part_of_a_cycle_tells_is_under_way() {
    for place in places() {
        let world = World::open(place).await;
        world.comes_in(&iban(1), "20.00", 1);
        world.hear().await;
        for part in ["1/0", "1/1"] {
            world.says(statement(part, "0", "0"));
        }
        world.hear().await;
        // Long after the money was booked.
        let received = "UPDATE clearing_statements SET received_at = 4000000000000000";
        world.bank.execute(received).await;
        let found = &world.reconciled().await[0];
        assert!(found.differences.is_empty(), "{found:?}");
        assert_eq!(told(&found.under_way)[0].0, NostroAmiss::NotTold);
    }
}

#[tokio::test]
async fn compared_with_a_crash_at_every_point_and_by_two_at_once_it_is_equal() {
    for place in places() {
        let mut world = World::open(place).await;
        for amount in ["1.00", "1.00", "2.00"] {
            world.comes_in(&iban(1), amount, 1);
        }
        world.hear().await;
        world.network.network().close_cycle(next_cycle()).unwrap();
        world.hear().await;
        for point in 1..5_000 {
            let ctx = staff("ReconcileClearing", "");
            let work = world.bank.payment.reconcile_clearing(&ctx, ReconcileClearingRequest {});
            if crash_at(point, work).await.is_some() {
                break;
            }
        }
        is_equal(&world.reconciled().await[0], "4.00");
        world.comes_in(&iban(1), "1.00", 1);
        world.pays_out("out", "2").await;
        world.network.network().close_cycle(next_cycle()).unwrap();
        world.hear().await;
        let other = world.bank.replica().await;
        let ctx = staff("ReconcileClearing", "");
        let there = other.reconcile_clearing(&ctx, ReconcileClearingRequest {});
        let (_, there) = tokio::join!(world.reconciled(), there);
        there.unwrap();
        is_equal(&world.reconciled().await[0], "3.00");
    }
}
