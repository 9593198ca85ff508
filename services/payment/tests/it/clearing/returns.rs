//! Returns: of what this bank has sent, and by it of what it was sent. Each ends with what the
//! network's report says of our money.

use florin_proto::payment::v1::{
    GetTransferRequest, ListTransfersRequest, Reconciliation, Transfer, TransferStatus,
};
use florin_testkit::simulator::{Action, Return, RuleOf};

use super::world::{NOW, OTHER, World, credit};
use crate::bank::{customer, iban, places};

/// A return of what went out last.
async fn back(world: &World, amount: Option<&str>) -> Return {
    Return {
        uetr: world.text("SELECT uetr FROM clearing_out WHERE kind = 1").await,
        code: "AC04".into(),
        amount: amount.map(str::to_owned),
        ..Return::default()
    }
}

impl World {
    /// A payment of Alice's that is done.
    async fn paid(&self, amount: &str) -> String {
        let id = self.sent(amount).await;
        self.hear().await;
        assert_eq!(self.bank.status(&id).await, TransferStatus::Completed);
        id
    }

    async fn comes_back(&self, order: &Return) {
        self.network.network().send_return(order, NOW).unwrap();
        self.hear().await;
    }

    /// The report of the cycle says what our books do, in each currency.
    async fn is_equal(&self) {
        for Reconciliation { differences, under_way, closing, booked, .. } in self.compared().await
        {
            assert_eq!((differences, under_way), (vec![], vec![]));
            assert_eq!(closing, booked);
        }
    }

    async fn stages(&self) -> Vec<String> {
        self.bank.texts("SELECT CAST(stage AS TEXT) FROM clearing_in ORDER BY created_at, id").await
    }

    async fn seen(&self, id: &str) -> Transfer {
        let ctx = customer(self.bank.alice, "GetTransfer", "");
        let request = GetTransferRequest { transfer_id: id.into() };
        let told = self.bank.payment.get_transfer(&ctx, request).await.unwrap().into_inner();
        let ctx = customer(self.bank.alice, "ListTransfers", "");
        let request = ListTransfersRequest {
            account_id: self.bank.from.to_string(),
            ..ListTransfersRequest::default()
        };
        let listed = self.bank.payment.list_transfers(&ctx, request).await.unwrap().into_inner();
        let transfer = told.transfer.unwrap();
        let same = listed.transfers.iter().find(|one| one.transfer_id == id).unwrap();
        assert_eq!(same.returned, transfer.returned);
        transfer
    }
}

const RECEIVED: &str = "1";
const RETURNING: &str = "3";
const DONE: &str = "4";
const KEPT: &str = "5";

#[tokio::test]
async fn a_returned_payment_is_traced_by_its_customer_whole_and_in_part() {
    for (amount, left) in [(None, 10_000), (Some("10.00"), 10_000), (Some("4.00"), 9_400)] {
        for place in places() {
            let world = World::open(place).await;
            let id = world.paid("10").await;
            assert_eq!(world.seen(&id).await.returned, None);
            let order = Return { copies: 2, ..back(&world, amount).await };
            world.comes_back(&order).await;
            assert_eq!(world.money(), (left, 0));
            let seen = world.seen(&id).await;
            assert_eq!(seen.status(), TransferStatus::Completed);
            let returned = seen.returned.unwrap();
            let wanted = amount.unwrap_or("10.00");
            assert_eq!(returned.amount.unwrap().amount, wanted);
            assert_eq!(returned.code, "AC04");
            assert!(returned.at.is_some());
            let events: Vec<_> = world.bank.events(&id).await;
            let kinds = ["transfer_accepted", "transfer_completed", "transfer_returned"];
            let kinds: Vec<_> =
                kinds.iter().zip(1..).map(|(kind, at)| ((*kind).into(), at)).collect();
            assert_eq!(events, kinds, "told once");
            let posted = world.bank.ledger.posted();
            let credit = posted.iter().find(|one| one.reference.ends_with("/credit")).unwrap();
            assert_eq!(
                (credit.correlation.as_str(), credit.kind.as_str()),
                (&*id, "transfer_returned")
            );
            assert!(credit.description.starts_with("Returned AC04"), "{credit:?}");
            assert!(credit.legs.iter().all(|leg| leg.counterparty == OTHER), "{credit:?}");
            world.is_equal().await;
        }
    }
}

#[tokio::test]
async fn more_than_went_out_and_another_currency_go_to_suspense_and_to_nobody() {
    for (amount, currency) in [(Some("10.01"), None), (None, Some("CZK"))] {
        for place in places() {
            let world = World::open(place).await;
            let id = world.paid("10").await;
            let order = back(&world, amount).await;
            let order = Return { currency: currency.map(str::to_owned), ..order };
            world.comes_back(&order).await;
            assert_eq!(world.money(), (9_000, 0));
            assert_eq!((world.posted("/credit"), world.posted("/suspense")), (0, 1));
            assert_eq!(world.stages().await, [KEPT], "what came back goes not back again");
            assert_eq!(world.seen(&id).await.returned, None);
            world.is_equal().await;
        }
    }
}

#[tokio::test]
async fn a_second_return_of_a_payment_goes_to_suspense_and_copies_do_nothing() {
    for place in places() {
        let world = World::open(place).await;
        let id = world.paid("10").await;
        let order = Return { copies: 2, ..back(&world, None).await };
        world.comes_back(&order).await;
        // Kept by a program that did not keep where it had gone: the same is the same.
        let old = "UPDATE clearing_in SET from_iban = NULL, description = ''";
        world.bank.execute(old).await;
        world.says_again().await;
        assert_eq!(world.stages().await, [DONE]);
        let second = Return { amount: Some("10.00".into()), code: "MD06".into(), ..order.clone() };
        world.comes_back(&second).await;
        world.says_again().await;
        assert_eq!(world.money(), (10_000, 0), "the customer has it once");
        assert_eq!((world.posted("/credit"), world.posted("/suspense")), (1, 1));
        let mut stages = world.stages().await;
        stages.sort();
        assert_eq!(stages, [DONE, KEPT]);
        assert_eq!(world.seen(&id).await.returned.unwrap().code, "AC04");
        world.is_equal().await;
    }
}

#[tokio::test]
async fn a_return_before_the_answer_waits_for_it() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Late);
        let id = world.sent("10").await;
        let order = back(&world, None).await;
        world.comes_back(&order).await;
        assert_eq!(world.money(), (10_000, 1_000), "set aside, and not yet back");
        assert_eq!((world.posted("/post"), world.posted("/credit")), (0, 0));
        assert_eq!(world.stages().await, [RECEIVED]);
        world.network.network().release_answers();
        world.hear().await;
        world.let_time_pass().await;
        world.work().await;
        assert_eq!(world.money(), (10_000, 0));
        assert_eq!((world.posted("/post"), world.posted("/credit")), (1, 1));
        assert!(world.seen(&id).await.returned.is_some());
        world.is_equal().await;
    }
}

#[tokio::test]
async fn a_return_of_what_has_failed_goes_to_suspense_and_the_report_names_what_it_is_of() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        let id = world.sent("10").await;
        // It says that it has rejected what it has settled.
        world.reject("wrong-answer", Some("AC04")).await;
        assert_eq!(world.bank.status(&id).await, TransferStatus::Failed);
        assert_eq!(world.money(), (10_000, 0));
        let order = back(&world, None).await;
        world.comes_back(&order).await;
        assert_eq!(world.money(), (10_000, 0), "nobody has that twice");
        assert_eq!((world.posted("/credit"), world.posted("/suspense")), (0, 1));
        assert_eq!(world.seen(&id).await.returned, None);
        let found = world.compared().await;
        let told: Vec<_> = found.iter().flat_map(|one| &one.differences).collect();
        assert_eq!(told.len(), 1, "{found:?}");
        assert_eq!(told[0].amount.as_ref().unwrap().amount, "10.00");
        assert_eq!(told[0].uetr, order.uetr);
    }
}

/// Money to nobody has come in and goes back, with the network doing so about the return.
async fn going_back(place: florin_testkit::Place, action: Action) -> World {
    let world = World::open(place).await;
    world.rule_of(RuleOf::Return, action);
    let uetr = {
        let order = florin_testkit::simulator::Credit {
            iban: iban(7),
            amount: "20.00".into(),
            currency: "EUR".into(),
            from_iban: None,
            text: None,
            uetr: None,
            copies: 1,
        };
        world.network.network().send_credit(&order, NOW).unwrap()
    };
    world.hear().await;
    world.hear().await;
    assert_eq!(world.text("SELECT DISTINCT uetr FROM clearing_out").await, uetr.to_string());
    world
}

#[tokio::test]
async fn a_return_of_ours_that_is_rejected_stays_in_suspense_for_people() {
    for place in places() {
        let world = going_back(place, Action::Reject { code: "AC04".into() }).await;
        assert_eq!(world.stages().await, [KEPT]);
        assert_eq!((world.posted("/suspense"), world.posted("/returned")), (1, 0));
        assert_eq!(world.waiting().await.len(), 1);
        world.is_equal().await;
    }
}

#[tokio::test]
async fn a_return_of_ours_waits_for_its_answer_however_long_it_is_asked_for() {
    for action in [Action::Silent, Action::Late] {
        for place in places() {
            let world = going_back(place, action.clone()).await;
            for _ in 0..3 {
                world.let_time_pass().await;
                world.hear().await;
            }
            assert_eq!(world.stages().await, [RETURNING], "{action:?}");
            assert_eq!((world.posted("/suspense"), world.posted("/returned")), (1, 0));
            let asks = world.text("SELECT CAST(asks AS TEXT) FROM clearing_out").await;
            assert!(asks.parse::<u32>().unwrap() >= 2, "{asks}");
            // No bytes go out twice for want of an answer: the question is what is repeated.
            assert_eq!(world.text("SELECT CAST(sends AS TEXT) FROM clearing_out").await, "1");
            world.network.network().release_answers();
            world.hear().await;
            assert_eq!(world.stages().await, [DONE]);
            assert_eq!((world.posted("/suspense"), world.posted("/returned")), (1, 1));
            assert_eq!(world.waiting().await, []);
            world.is_equal().await;
        }
    }
}

#[tokio::test]
async fn a_return_of_ours_that_was_lost_goes_out_again_and_settles_once() {
    for place in places() {
        let world = World::open(place).await;
        let times = Some(1);
        let of = RuleOf::Return;
        let rule = florin_testkit::simulator::Rule {
            of,
            iban: None,
            amount: None,
            times,
            action: Action::Lose,
        };
        world.network.network().add_rule(rule);
        let message = credit("A-1", Some(9), "GIBACZPX", &iban(7), "20.00");
        world.says(florin_iso20022::Message::CreditTransfer(message));
        world.hear().await;
        assert_eq!(world.stages().await, [RETURNING]);
        assert_eq!(world.network.network().shown()["payments"].as_array().unwrap().len(), 0);
        for _ in 0..3 {
            world.let_time_pass().await;
            world.hear().await;
        }
        assert_eq!(world.stages().await, [DONE]);
        assert_eq!(world.posted("/returned"), 1);
        assert_eq!(world.network.network().shown()["payments"].as_array().unwrap().len(), 1);
    }
}
