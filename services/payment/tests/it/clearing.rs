//! Payments between banks: the scripted ledger at one side, the simulated network at the other.

mod inbound;
mod not_taken;
mod returns;
pub mod world;

use florin_iso20022::{Account, Message};
use florin_proto::{
    account::v1::FeeEvent,
    payment::v1::{AddBeneficiaryRequest, CreateTransferRequest, TransferStatus},
};
use florin_testkit::simulator::Action;
use tokio_util::sync::CancellationToken;

use self::world::{OTHER, World, credit, until};
use crate::{
    bank::{customer, iban, places},
    ledger::Ledger,
};

#[tokio::test]
async fn no_word_about_a_copy_gives_the_money_back_while_another_may_have_settled() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        let id = world.sent("10").await;
        world.send_again().await;
        let codes = [Some("DU01"), Some("DU02"), Some("DU03"), Some("DU04"), Some("DU05")];
        let more = [Some("AM05"), Some("DUPL"), Some("NARR"), Some("TM01"), None];
        for (number, code) in codes.into_iter().chain(more).enumerate() {
            world.reject(&format!("about-a-copy-{}", number.min(1)), code).await;
            assert_eq!(world.bank.status(&id).await, TransferStatus::Submitting, "{code:?}");
            assert_eq!(world.money(), (10_000, 1_000), "{code:?}");
        }
        world.network.network().release_answers();
        world.hear().await;
        assert_eq!(world.bank.status(&id).await, TransferStatus::Completed);
        assert_eq!(world.money(), (9_000, 0));
    }
}

#[tokio::test]
async fn a_duplicate_is_the_end_where_it_answers_the_question_about_the_only_copy() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Reject { code: "AM05".into() });
        let id = world.sent("10").await;
        assert!(world.worker.receive_next().await.unwrap());
        assert_eq!(world.bank.status(&id).await, TransferStatus::Submitting, "it is asked first");
        world.work().await;
        world.hear().await;
        assert_eq!(world.bank.status(&id).await, TransferStatus::Failed);
        assert_eq!(world.bank.get(&id).await.failure.unwrap().metadata["code"], "AM05");
        assert_eq!(world.money(), (10_000, 0));
    }
}

/// Amount and fee are set aside together, and taken by one journal transaction; a rejection gives
/// back both.
#[tokio::test]
async fn a_payment_to_another_bank_bears_its_fee_in_the_capture() {
    for place in places() {
        let world = World::open(place).await;
        world.bank.ledger.set_fee(world.bank.from, FeeEvent::Transfer, 50);
        world.rule(Action::Accept);
        let id = world.sent("10").await;
        assert_eq!(world.money(), (10_000, 1_050));
        world.hear().await;
        assert_eq!(world.bank.status(&id).await, TransferStatus::Completed);
        assert_eq!(world.money(), (8_950, 0));
        let posted = world.bank.ledger.posted();
        let one = posted.iter().find(|one| one.reference == format!("{id}/post")).unwrap();
        let told: Vec<_> = one.legs.iter().map(|leg| leg.amount.clone().unwrap().amount).collect();
        assert_eq!(told, ["10.00", "10.00", "0.50", "0.50"]);
        assert_eq!(world.bank.get(&id).await.fee.unwrap().amount, "0.50");
    }
    for place in places() {
        let world = World::open(place).await;
        world.bank.ledger.set_fee(world.bank.from, FeeEvent::Transfer, 50);
        world.rule(Action::Silent);
        let id = world.sent("10").await;
        world.reject("rejected", None).await;
        assert_eq!(world.bank.status(&id).await, TransferStatus::Failed);
        assert_eq!(world.money(), (10_000, 0));
    }
}

#[tokio::test]
async fn a_rejection_in_words_of_the_only_copy_is_the_end() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        let id = world.sent("10").await;
        world.reject("rejected", None).await;
        assert_eq!(world.bank.status(&id).await, TransferStatus::Failed);
        assert_eq!(world.money(), (10_000, 0));
    }
}

#[tokio::test]
async fn questions_wait_from_the_second_time_on_and_as_many_answers_as_copies_are_the_end() {
    let tries = ["AM05", "AC04"].map(|code| places().into_iter().map(move |place| (code, place)));
    for (code, place) in tries.into_iter().flatten() {
        let world = World::open(place).await;
        let asks = "SELECT CAST(asks AS TEXT) FROM clearing_out";
        world.rule(Action::Reject { code: code.into() });
        let id = world.sent("10").await;
        world.send_again().await;
        world.hear().await;
        assert_eq!(world.text(asks).await, "1", "asked at once");
        world.hear().await;
        world.hear().await;
        assert_eq!(world.text(asks).await, "1", "then it waits");
        assert_eq!(world.bank.status(&id).await, TransferStatus::Submitting);
        world.let_time_pass().await;
        world.work().await;
        world.hear().await;
        assert_eq!(world.text(asks).await, "2");
        // That there is another copy is no word about that one, however often it is said.
        let (end, held) = match code {
            "AC04" => (TransferStatus::Failed, 0),
            _ => (TransferStatus::Submitting, 1_000),
        };
        assert_eq!(world.bank.status(&id).await, end, "{code}");
        assert_eq!(world.money(), (10_000, held), "{code}");
    }
}

/// It is delivered at least once: come again after the question, it is no answer to it.
#[tokio::test]
async fn a_report_that_comes_again_answers_no_question() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        let id = world.sent("10").await;
        for _ in 0..3 {
            world.reject("first", Some("AM05")).await;
            world.let_time_pass().await;
            world.work().await;
            assert_eq!(world.bank.status(&id).await, TransferStatus::Submitting);
            assert_eq!(world.money(), (10_000, 1_000));
        }
        world.reject("second", Some("AM05")).await;
        assert_eq!(world.bank.status(&id).await, TransferStatus::Failed);
        assert_eq!(world.money(), (10_000, 0));
    }
}

#[tokio::test]
async fn payments_of_one_name_to_two_accounts_without_iban_both_go_back() {
    for place in places() {
        let world = World::open(place).await;
        let to = |number: &str, message: &str| {
            let mut came = credit(message, Some(9), "GIBACZPX", &iban(1), "20.00");
            came.creditor.account = Some(Account::Other(number.parse().unwrap()));
            Message::CreditTransfer(came)
        };
        for (number, message) in [("19-123", "A-1"), ("19-124", "A-2"), ("19-123", "A-3")] {
            world.says(to(number, message));
            world.hear().await;
            world.hear().await;
        }
        assert_eq!((world.posted("/suspense"), world.posted("/returned")), (2, 2));
        assert_eq!((world.money(), world.bank.ledger.gl("9010")), ((10_000, 0), 0));
        assert_eq!(world.waiting().await, []);
        // Of what came before the number was kept it is not known.
        world.bank.execute("UPDATE clearing_in SET account_number = NULL").await;
        world.says(to("19-123", "A-4"));
        world.hear().await;
        assert_eq!(world.posted("/suspense"), 2);
    }
}

#[tokio::test]
async fn what_never_reached_the_network_is_no_copy() {
    for place in places() {
        let world = World::open(place).await;
        world.network.network().set_down(true);
        let to = world.to_another_bank("10");
        let id = world.bank.transfer("out", to).await.unwrap().into_inner().transfer_id;
        for _ in 0..5 {
            world.work().await;
            world.let_time_pass().await;
        }
        let sends = "SELECT CAST(sends AS TEXT) FROM clearing_out";
        assert_eq!(world.text(sends).await, "0");
        assert_eq!(world.money(), (10_000, 1_000));
        world.network.network().set_down(false);
        world.rule(Action::Reject { code: "AC04".into() });
        world.work().await;
        world.hear().await;
        assert_eq!(world.text(sends).await, "1");
        assert_eq!(world.bank.status(&id).await, TransferStatus::Failed);
        assert_eq!(world.money(), (10_000, 0));
    }
}

#[tokio::test]
async fn what_the_network_loses_again_and_again_is_sent_ever_more_rarely() {
    for place in places() {
        let world = World::open(place).await;
        let sends = "SELECT CAST(sends AS TEXT) FROM clearing_out";
        world.rule(Action::Lose);
        world.sent("10").await;
        world.let_time_pass().await;
        world.work().await;
        world.hear().await;
        assert_eq!(world.text(sends).await, "2", "sent again at once");
        world.let_time_pass().await;
        world.work().await;
        world.hear().await;
        world.hear().await;
        assert_eq!(world.text(sends).await, "2", "then it waits");
        world.let_time_pass().await;
        world.work().await;
        assert_eq!(world.text(sends).await, "3");
        assert_eq!(world.money(), (10_000, 1_000));
    }
}

#[tokio::test]
async fn a_ledger_of_before_the_captures_leaves_nothing_set_aside() {
    for place in places() {
        let world = World::open(place).await;
        let id = world.sent("10").await;
        world.bank.ledger.set_ignores_captures(true);
        world.hear().await;
        assert_eq!(world.bank.status(&id).await, TransferStatus::Completed);
        assert_eq!(world.money(), (9_000, 0));
    }
}

#[tokio::test]
async fn a_debit_of_before_the_captures_is_found_by_a_ledger_that_knows_them() {
    for place in places() {
        let world = World::open(place).await;
        let id = world.sent("10").await;
        world.bank.ledger.set_ignores_captures(true);
        world.bank.ledger.set_loses_answers(true);
        world.hear().await;
        assert_eq!(world.bank.status(&id).await, TransferStatus::Settling);
        assert_eq!(world.money(), (9_000, 1_000), "taken, and set aside still");
        world.bank.ledger.set_ignores_captures(false);
        world.bank.ledger.set_loses_answers(false);
        world.let_time_pass().await;
        world.work().await;
        assert_eq!(world.bank.status(&id).await, TransferStatus::Completed);
        assert_eq!(world.money(), (9_000, 0));
        assert_eq!(world.bank.ledger.posted().len(), 1);
    }
}

#[tokio::test]
async fn nothing_leaves_while_the_chart_lacks_an_account_of_the_clearing() {
    for place in places() {
        let world = World::open_with(place, |config| config.retry_least_ms = 1).await;
        world.bank.ledger.set_lacks_gl(true);
        let to = CreateTransferRequest { to: OTHER.into(), ..world.bank.order("10") };
        let id = world.bank.transfer("out", to).await.unwrap().into_inner().transfer_id;
        let end = CancellationToken::new();
        let running = tokio::spawn(world.worker.clone().run(end.clone()));
        for _ in 0..3 {
            Ledger::wait_for(&world.bank.ledger.asked_for_chart).await;
        }
        assert_eq!(world.bank.status(&id).await, TransferStatus::Processing);
        world.bank.ledger.set_lacks_gl(false);
        until(async || world.bank.status(&id).await == TransferStatus::Submitting).await;
        end.cancel();
        running.await.unwrap();
        assert_eq!(world.money(), (10_000, 1_000));
    }
}

#[tokio::test]
async fn what_is_under_way_ends_though_the_chart_lacks_an_account_of_the_clearing() {
    for place in places() {
        let world = World::open_with(place, |config| config.retry_least_ms = 1).await;
        world.rule(Action::Silent);
        let id = world.sent("10").await;
        world.rejected("rejected", None).await;
        world.bank.ledger.set_lacks_gl(true);
        let end = CancellationToken::new();
        let running = tokio::spawn(world.worker.clone().run(end.clone()));
        while world.worker.receive_next().await.unwrap() {}
        until(async || world.bank.status(&id).await == TransferStatus::Failed).await;
        end.cancel();
        running.await.unwrap();
        assert_eq!(world.money(), (10_000, 0));
    }
}

#[tokio::test]
async fn a_refusal_keeps_its_reason_where_the_answer_to_its_void_was_lost() {
    for place in places() {
        let world = World::open(place).await;
        world.bank.ledger.set_loses_voids(true);
        let to = CreateTransferRequest { to: OTHER.into(), ..world.bank.order("500") };
        let id = world.bank.transfer("out", to).await.unwrap().into_inner().transfer_id;
        world.work().await;
        world.bank.ledger.freeze(world.bank.to);
        let message = credit("A-1", Some(9), "GIBACZPX", &iban(2), "20.00");
        world.says(Message::CreditTransfer(message));
        world.hear().await;
        assert_eq!(world.bank.status(&id).await, TransferStatus::Holding);
        world.bank.ledger.set_loses_voids(false);
        world.let_time_pass().await;
        world.work().await;
        let failure = world.bank.get(&id).await.failure.unwrap();
        assert_eq!(failure.reason, "INSUFFICIENT_FUNDS");
        assert_eq!(world.text("SELECT reason FROM clearing_in").await, "AC06");
    }
}

#[tokio::test]
async fn a_message_longer_than_what_is_read_stops_nothing() {
    for place in places() {
        let world = World::open(place).await;
        let long = format!("<a>{}</a>", "b".repeat(florin_rpc::https::MOST_BYTES));
        world.network.network().send_raw(long);
        let message = credit("A-1", Some(9), "GIBACZPX", &iban(1), "20.00");
        world.says(Message::CreditTransfer(message));
        world.hear().await;
        assert_eq!(world.money(), (12_000, 0));
        let waiting = world.waiting().await;
        assert_eq!(waiting.len(), 1);
        let cause = "set aside: message 1 of the network is longer than";
        assert!(waiting[0].last_cause.starts_with(cause), "{waiting:?}");
    }
}

#[tokio::test]
async fn a_beneficiary_at_another_bank_is_paid_through_the_network() {
    for place in places() {
        let world = World::open(place).await;
        let bank = &world.bank;
        let ctx = customer(bank.alice, "AddBeneficiary", "ben");
        let (customer_id, label) = (bank.alice.to_string(), "landlord".to_owned());
        let request = AddBeneficiaryRequest { customer_id, iban: OTHER.into(), label };
        let added = bank.payment.add_beneficiary(&ctx, request).await.unwrap().into_inner();
        let to = added.beneficiary.unwrap().beneficiary_id;
        let order = CreateTransferRequest { to, ..bank.order("10") };
        let id = bank.transfer("out", order).await.unwrap().into_inner().transfer_id;
        world.work().await;
        world.hear().await;
        assert_eq!(bank.status(&id).await, TransferStatus::Completed);
        assert_eq!(world.money(), (9_000, 0));
    }
}
