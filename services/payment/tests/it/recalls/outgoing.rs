//! We ask another bank for what a customer of ours has paid.

use florin_iso20022::{Assignment, Message, PaymentNames, Reason, RecallAnswer};
use florin_kernel::Uetr;
use florin_proto::payment::v1::{GetRecallRequest, ListRecallsRequest, RecallReason, RecallStatus};
use florin_rpc::Error;
use florin_testkit::simulator::{Action, RecallAction, RecallRule, Return};

use super::{NOW, parsed, status};
use crate::{
    bank::{customer, places, reason, staff},
    clearing::world::World,
};

impl World {
    /// A completed transfer of Alice's, and the network's rule for its recall.
    async fn completed(&self, action: RecallAction) -> String {
        let id = self.sent("10").await;
        self.hear().await;
        self.network.network().add_recall_rule(RecallRule { times: None, action });
        id
    }

    /// Alice's recall of it, sent and answered as far as it is.
    async fn recalled(&self, transfer: &str) -> String {
        let asked = self.asks_for(transfer, "recall", RecallReason::Duplicate).await.unwrap();
        self.work().await;
        self.hear().await;
        asked.into_inner().recall.unwrap().recall_id
    }

    /// The other bank answers a case.
    async fn says_to(&self, case: &str, outcome: &str, code: Option<&str>, uetr: Option<Uetr>) {
        let answer = RecallAnswer {
            assignment: Assignment {
                id: parsed("an-answer"),
                assigner: None,
                assignee: None,
                created_at: NOW,
            },
            case: (!case.is_empty()).then(|| parsed(case)),
            outcome: parsed(outcome),
            status_id: None,
            original: None,
            names: PaymentNames { uetr, ..PaymentNames::default() },
            reason: code.map(|code| Reason::of(parsed(code))),
        };
        self.says(Message::RecallAnswer(answer));
        self.hear().await;
    }

    async fn uetr(&self) -> String {
        self.text("SELECT uetr FROM clearing_out").await
    }
}

#[tokio::test]
async fn the_other_bank_returns_the_money_and_the_recall_is_accepted() {
    for place in places() {
        let world = World::open(place).await;
        let id = world.completed(RecallAction::Return).await;
        assert_eq!(world.money(), (9_000, 0));
        let recall = world.recalled(&id).await;
        assert_eq!(world.money(), (10_000, 0));
        let recall = world.recall(&recall).await;
        assert_eq!((status(&recall), recall.answer.as_str()), (RecallStatus::Accepted, "FOCR"));
        assert_eq!(recall.transfer_id, id);
        let events = world.bank.events(&recall.recall_id).await;
        assert_eq!(events, [("recall_requested".into(), 1), ("recall_ended".into(), 2)]);
        world.nostro_is_right();
        let again = world.asks_for(&id, "again", RecallReason::Customer).await;
        let again = Error::from_status(&again.unwrap_err());
        assert_eq!(again.reason(), "TRANSFER_NOT_RECALLABLE");
        assert_eq!(again.metadata()["cause"], "RETURNED");
    }
}

#[tokio::test]
async fn a_rejection_ends_it_and_money_that_comes_later_is_credited_nevertheless() {
    for place in places() {
        let world = World::open(place).await;
        let id = world.completed(RecallAction::AnswerTwice { code: "NOAS".into() }).await;
        let recall = world.recalled(&id).await;
        let found = world.recall(&recall).await;
        assert_eq!((status(&found), found.answer.as_str()), (RecallStatus::Rejected, "NOAS"));
        assert_eq!((found.answers, found.last_cause.as_str()), (2, ""), "twice the same");
        // Against what was said before: nothing changes, and it is shown.
        for (outcome, code) in [("RJCR", Some("CUST")), ("CNCL", None)] {
            world.says_to(&found.case_id, outcome, code, None).await;
            let found = world.recall(&recall).await;
            assert_eq!((status(&found), found.answer.as_str()), (RecallStatus::Rejected, "NOAS"));
            assert!(found.last_cause.contains(outcome), "{found:?}");
        }
        let request = ListRecallsRequest { open_only: true, ..ListRecallsRequest::default() };
        let listed = world.bank.payment.list_recalls(&staff("ListRecalls", ""), request).await;
        assert_eq!(listed.unwrap().into_inner().recalls.len(), 1, "it is among what is open");
        let back = Return {
            uetr: world.uetr().await,
            code: "FOCR".into(),
            copies: 2,
            ..Return::default()
        };
        world.network.network().send_return(&back, NOW).unwrap();
        world.hear().await;
        assert_eq!(world.money(), (10_000, 0), "late, and once");
        assert_eq!(status(&world.recall(&recall).await), RecallStatus::Rejected);
        world.nostro_is_right();
    }
}

#[tokio::test]
async fn a_bank_that_looks_at_it_ends_nothing() {
    for place in places() {
        let world = World::open(place).await;
        let id = world.completed(RecallAction::Pending).await;
        let recall = world.recalled(&id).await;
        let found = world.recall(&recall).await;
        assert_eq!((status(&found), found.answer.as_str()), (RecallStatus::Sent, "PDCR"));
        let second = world.asks_for(&id, "second", RecallReason::Fraud).await;
        let second = Error::from_status(&second.unwrap_err());
        assert_eq!(second.metadata()["cause"], "RECALLED");
        assert_eq!(second.metadata()["recall_id"], recall);
        world.says_to(&found.case_id, "CNCL", None, None).await;
        assert_eq!(status(&world.recall(&recall).await), RecallStatus::Sent, "a word is no money");
        // Without a case it is found by the payment.
        let uetr = Some(parsed(&world.uetr().await));
        world.says_to("", "RJCR", Some("CUST"), uetr).await;
        let found = world.recall(&recall).await;
        assert_eq!((status(&found), found.answer.as_str()), (RecallStatus::Rejected, "CUST"));
    }
}

#[tokio::test]
async fn an_answer_to_a_case_of_nobodys_changes_nothing_and_is_shown() {
    for place in places() {
        let world = World::open(place).await;
        let id = world.completed(RecallAction::Unknown).await;
        let recall = world.recalled(&id).await;
        assert_eq!(status(&world.recall(&recall).await), RecallStatus::Sent);
        let waiting = world.waiting().await;
        assert_eq!(waiting.len(), 1, "{waiting:?}");
        assert!(waiting[0].last_cause.contains("which is none"), "{waiting:?}");
    }
}

#[tokio::test]
async fn the_request_is_sent_until_the_network_has_it_ever_more_rarely_and_is_one() {
    for place in places() {
        let world = World::open(place).await;
        let id = world.completed(RecallAction::Silent).await;
        world.network.network().set_down(true);
        let asked = world.asks_for(&id, "recall", RecallReason::Customer).await.unwrap();
        let recall = asked.into_inner().recall.unwrap();
        let waits = "SELECT CAST(attempts AS TEXT) FROM recalls";
        for attempts in 1..4 {
            world.work().await;
            assert_eq!(status(&world.recall(&recall.recall_id).await), RecallStatus::Sending);
            assert_eq!(world.text(waits).await, attempts.to_string());
            world.work().await;
            assert_eq!(world.text(waits).await, attempts.to_string(), "it waits");
            world.let_recalls_be_due().await;
        }
        world.network.network().set_down(false);
        world.work().await;
        assert_eq!(status(&world.recall(&recall.recall_id).await), RecallStatus::Sent);
        // The bytes once more, as after an answer that was lost.
        world.bank.execute("UPDATE recalls SET stage = 8, due_at = 0").await;
        world.work().await;
        let shown = world.network.network().shown();
        assert_eq!(shown["recalls"].as_array().unwrap().len(), 1, "{shown}");
        assert_eq!(shown["recalls"][0]["received"], 2);
        assert_eq!(shown["recalls"][0]["code"], "CUST");
        // The same key is the same recall.
        let again = world.asks_for(&id, "recall", RecallReason::Customer).await.unwrap();
        assert_eq!(again.into_inner().recall.unwrap().recall_id, recall.recall_id);
        assert_eq!(world.recalls().await.len(), 1);
    }
}

#[tokio::test]
async fn only_who_may_pay_asks_back_what_another_bank_has_and_in_time() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        let id = world.sent("10").await;
        let cause = async |transfer: &str, why: RecallReason, key: &str| {
            let refused = world.asks_for(transfer, key, why).await.unwrap_err();
            let refused = Error::from_status(&refused);
            assert_eq!(refused.reason(), "TRANSFER_NOT_RECALLABLE");
            refused.metadata()["cause"].clone()
        };
        assert_eq!(cause(&id, RecallReason::Duplicate, "early").await, "NOT_COMPLETED");
        world.network.network().release_answers();
        world.hear().await;
        let here = world.bank.accepted("here", "1").await;
        world.bank.turn().await;
        assert_eq!(cause(&here, RecallReason::Duplicate, "here").await, "NOT_CROSS_BANK");
        let request = florin_proto::payment::v1::RecallTransferRequest {
            transfer_id: id.clone(),
            reason: RecallReason::Customer.into(),
            text: String::new(),
        };
        for other in [world.bank.bob, world.bank.carol] {
            let ctx = customer(other, "RecallTransfer", "other");
            let refused = world.bank.payment.recall_transfer(&ctx, request.clone()).await;
            assert_eq!(reason(refused), "TRANSFER_NOT_FOUND");
        }
        let wrong = florin_proto::payment::v1::RecallTransferRequest {
            reason: 0,
            text: "x".repeat(106),
            ..request.clone()
        };
        let ctx = customer(world.bank.alice, "RecallTransfer", "wrong");
        let refused = world.bank.payment.recall_transfer(&ctx, wrong).await;
        let fields = florin_testkit::place::violations(refused);
        assert_eq!(fields.len(), 2, "{fields:?}");
        // 30 days ago: late for a duplicate, early enough for fraud.
        let days = 30 * 86_400_000_000_i64;
        let change = format!("UPDATE clearing_out SET changed_at = changed_at - {days}");
        world.bank.execute(&change).await;
        assert_eq!(cause(&id, RecallReason::Duplicate, "late").await, "TOO_LATE");
        assert_eq!(cause(&id, RecallReason::Technical, "late-2").await, "TOO_LATE");
        let asked = world.asks_for(&id, "fraud", RecallReason::Fraud).await.unwrap();
        let recall = asked.into_inner().recall.unwrap();
        let get = GetRecallRequest { recall_id: recall.recall_id.clone() };
        let alice = customer(world.bank.alice, "GetRecall", "");
        let seen = world.bank.payment.get_recall(&alice, get.clone()).await.unwrap();
        assert_eq!(seen.into_inner().recall.unwrap().transfer_id, id);
        let bob = customer(world.bank.bob, "GetRecall", "");
        assert_eq!(reason(world.bank.payment.get_recall(&bob, get).await), "RECALL_NOT_FOUND");
    }
}
