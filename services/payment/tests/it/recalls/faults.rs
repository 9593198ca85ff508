//! A crash at every point at which the work on a recall can stand still, and a ledger whose
//! answers are lost: one debit, one return, one answer.

use std::time::{Duration, Instant};

use florin_proto::{
    account::v1::HolderRole,
    payment::v1::{RecallDecision, RecallReason, RecallStatus},
};
use florin_testkit::simulator::{RecallAction, RecallRule};

use super::status;
use crate::{bank::places, clearing::world::World, saga_faults::crash_at};

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(240);
/// More points than any work here has.
const MOST_POINTS: usize = 5_000;

impl World {
    async fn with_much(place: florin_testkit::Place) -> Self {
        let world = Self::open(place).await;
        let alice = vec![(world.bank.alice, HolderRole::Owner)];
        world.bank.put_account(1, 10_000_000, alice);
        world
    }

    /// Works on until the recall has come so far.
    async fn until(&self, case: &str, wanted: RecallStatus) {
        let start = Instant::now();
        while status(&self.recall_of(case).await) != wanted {
            let found = self.recall_of(case).await;
            assert!(start.elapsed() < LIMIT, "{found:?} does not become {wanted:?}");
            self.let_recalls_be_due().await;
            self.hear().await;
        }
    }

    /// Each accepted recall has one debit and one return, each rejected one one answer.
    async fn is_whole(&self) {
        let recalls = self.recalls().await;
        let of = |wanted| recalls.iter().filter(|one| status(one) == wanted).count();
        let (accepted, rejected) = (of(RecallStatus::Accepted), of(RecallStatus::Rejected));
        assert_eq!(accepted + rejected, recalls.len(), "{recalls:?}");
        assert_eq!(self.posted("/debit"), accepted);
        assert_eq!(self.posted("/returned"), accepted);
        assert_eq!(self.returns(), accepted);
        let mut cases: Vec<_> = self.answers().into_iter().map(|(case, ..)| case).collect();
        cases.sort();
        cases.dedup();
        assert_eq!(cases.len(), rejected, "one answer a case");
        assert_eq!(self.answers().len(), rejected, "{:?}", self.answers());
        for recall in &recalls {
            let events = self.bank.events(&recall.recall_id).await;
            assert_eq!(events, [("recall_requested".into(), 1), ("recall_ended".into(), 2)]);
        }
        assert_eq!(self.bank.ledger.gl("9010"), 0, "nothing stays in suspense");
        self.nostro_is_right();
    }
}

/// A waiting recall of a payment of its own.
async fn waiting(world: &World, case: &str) -> String {
    let uetr = world.paid_in().await;
    world.asked_back(&uetr, case).await.recall_id
}

#[tokio::test]
async fn a_recall_that_comes_with_a_crash_at_every_point_waits_once_for_people() {
    for place in places() {
        let world = World::with_much(place).await;
        for point in 1..=MOST_POINTS {
            let case = format!("case-{point}");
            let uetr = world.paid_in().await;
            world.asks_back(&uetr, &case);
            let worker = world.worker.clone();
            let work = async move {
                assert!(worker.receive_next().await.unwrap());
                worker.turn().await.unwrap();
            };
            let done = crash_at(point, work).await.is_some();
            world.hear().await;
            world.until(&case, RecallStatus::Waiting).await;
            if done {
                break;
            }
            assert!(point < MOST_POINTS, "it has no end");
        }
        world.let_people_be_late().await;
        world.is_whole().await;
    }
}

#[tokio::test]
async fn accepted_with_a_crash_at_every_point_is_one_debit_and_one_return() {
    for place in places() {
        let world = World::with_much(place).await;
        for point in 1..=MOST_POINTS {
            let case = format!("case-{point}");
            let id = waiting(&world, &case).await;
            for name in ["eva", "ian"] {
                let key = format!("{name}{point}");
                world.decide(name, &key, &id, RecallDecision::Accept).await.unwrap();
            }
            let worker = world.worker.clone();
            let work = async move {
                // Debits, sends the return, hears of its end, books it.
                worker.turn().await.unwrap();
                worker.turn().await.unwrap();
                while worker.receive_next().await.unwrap() {}
                worker.turn().await.unwrap();
            };
            let done = crash_at(point, work).await.is_some();
            world.hear().await;
            world.until(&case, RecallStatus::Accepted).await;
            if done {
                break;
            }
            assert!(point < MOST_POINTS, "it has no end");
        }
        world.is_whole().await;
        assert_eq!(world.money(), (10_000_000, 0), "what came in went back");
    }
}

#[tokio::test]
async fn answered_with_a_crash_at_every_point_is_one_answer() {
    for place in places() {
        let world = World::with_much(place).await;
        for point in 1..=MOST_POINTS {
            let case = format!("case-{point}");
            let id = waiting(&world, &case).await;
            let (worker, payment) = (world.worker.clone(), &world);
            let key = format!("k{point}");
            let work = async {
                let no = RecallDecision::RejectCustomer;
                payment.decide("eva", &key, &id, no).await.unwrap();
                worker.turn().await.unwrap();
            };
            let done = crash_at(point, work).await.is_some();
            // The same key again, as a client does that has had no answer.
            world.decide("eva", &key, &id, RecallDecision::RejectCustomer).await.unwrap();
            world.until(&case, RecallStatus::Rejected).await;
            if done {
                break;
            }
            assert!(point < MOST_POINTS, "it has no end");
        }
        world.is_whole().await;
    }
}

#[tokio::test]
async fn refused_by_the_ledger_with_a_crash_at_every_point_is_one_answer_and_no_debit() {
    for place in places() {
        let world = World::with_much(place).await;
        for point in 1..=MOST_POINTS {
            let case = format!("case-{point}");
            let id = waiting(&world, &case).await;
            for name in ["eva", "ian"] {
                let key = format!("{name}{point}");
                world.decide(name, &key, &id, RecallDecision::Accept).await.unwrap();
            }
            let rich = world.money().0;
            world.bank.ledger.set_balance(world.bank.from, 1);
            let worker = world.worker.clone();
            let work = async move {
                worker.turn().await.unwrap();
                worker.turn().await.unwrap();
            };
            let done = crash_at(point, work).await.is_some();
            world.until(&case, RecallStatus::Rejected).await;
            world.bank.ledger.set_balance(world.bank.from, rich);
            if done {
                break;
            }
            assert!(point < MOST_POINTS, "it has no end");
        }
        world.is_whole().await;
        assert!(world.answers().iter().all(|(_, _, code, _)| code == "AM04"));
    }
}

#[tokio::test]
async fn asked_for_with_a_crash_at_every_point_is_one_recall_and_the_money_comes_once() {
    for place in places() {
        let world = World::with_much(place).await;
        let rule = RecallRule { times: None, action: RecallAction::Return };
        world.network.network().add_recall_rule(rule);
        let mut last = 0;
        for point in 1..=MOST_POINTS {
            last = point;
            let order = florin_proto::payment::v1::CreateTransferRequest {
                to: "CZ6508000000192000145399".into(),
                ..world.bank.order("1")
            };
            let paid = world.bank.transfer(&format!("p{point}"), order).await.unwrap();
            let id = paid.into_inner().transfer_id;
            world.work().await;
            world.hear().await;
            let key = format!("r{point}");
            let (worker, place) = (world.worker.clone(), &world);
            let work = async {
                place.asks_for(&id, &key, RecallReason::Duplicate).await.unwrap();
                worker.turn().await.unwrap();
                while worker.receive_next().await.unwrap() {}
                worker.turn().await.unwrap();
            };
            let done = crash_at(point, work).await.is_some();
            let asked = world.asks_for(&id, &key, RecallReason::Duplicate).await.unwrap();
            let case = asked.into_inner().recall.unwrap().case_id;
            world.until(&case, RecallStatus::Accepted).await;
            if done {
                break;
            }
            assert!(point < MOST_POINTS, "it has no end");
        }
        assert_eq!(world.recalls().await.len(), last);
        assert_eq!(world.money(), (10_000_000, 0), "all of it came back, once");
        world.nostro_is_right();
    }
}

#[tokio::test]
async fn a_ledger_whose_answers_are_lost_debits_once() {
    for place in places() {
        let world = World::with_much(place).await;
        let id = waiting(&world, "case").await;
        let ledger = &world.bank.ledger;
        type Change = fn(&World);
        let faults: [(Change, Change); 2] = [
            (
                |world| world.bank.ledger.set_loses_answers(true),
                |world| world.bank.ledger.set_loses_answers(false),
            ),
            (|world| world.bank.ledger.set_away(true), |world| world.bank.ledger.set_away(false)),
        ];
        for (fail, mend) in faults {
            fail(&world);
            if status(&world.recall(&id).await) == RecallStatus::Waiting {
                world.accepted(&id).await;
            }
            for _ in 0..2 {
                world.let_recalls_be_due().await;
                world.work().await;
            }
            assert_eq!(status(&world.recall(&id).await), RecallStatus::Debiting);
            mend(&world);
        }
        world.until("case", RecallStatus::Accepted).await;
        assert_eq!(ledger.balance(world.bank.from), 10_000_000);
        world.is_whole().await;
    }
}

#[tokio::test]
async fn two_replicas_at_once_debit_and_answer_once() {
    for place in places() {
        let mut world = World::with_much(place).await;
        let other = world.bank.replica().await.clearing_worker().unwrap();
        for number in 0..4 {
            let case = format!("case-{number}");
            let id = waiting(&world, &case).await;
            let decision =
                if number % 2 == 0 { RecallDecision::Accept } else { RecallDecision::RejectLegal };
            for name in ["eva", "ian"] {
                let key = format!("{name}{number}");
                drop(world.decide(name, &key, &id, decision).await);
            }
        }
        let start = Instant::now();
        while !world
            .recalls()
            .await
            .iter()
            .all(|one| matches!(status(one), RecallStatus::Accepted | RecallStatus::Rejected))
        {
            assert!(start.elapsed() < LIMIT, "{:?}", world.recalls().await);
            // Leases end while both are at work, as on machines that stand still.
            world.let_recalls_be_due().await;
            let (here, there) = tokio::join!(world.worker.turn(), other.turn());
            here.unwrap();
            there.unwrap();
            let (here, there) = tokio::join!(world.worker.receive_next(), other.receive_next());
            here.unwrap();
            there.unwrap();
        }
        assert_eq!((world.posted("/debit"), world.returns()), (2, 2));
        assert_eq!(world.posted("/returned"), 2);
        assert_eq!(world.answers().len(), 2, "{:?}", world.answers());
        world.nostro_is_right();
    }
}
