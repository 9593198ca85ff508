//! What other banks send.

use florin_iso20022::{CreditTransfer, Message};
use florin_testkit::simulator::Action;

use super::world::{World, credit};
use crate::bank::{iban, places};

#[tokio::test]
async fn another_payment_under_a_name_that_is_taken_goes_to_suspense_and_back() {
    for place in places() {
        let world = World::open(place).await;
        let to = |number: u64| iban(number);
        let first = credit("A-1", Some(9), "GIBACZPX", &to(1), "20.00");
        let other = credit("A-2", Some(9), "GIBACZPX", &to(2), "5.00");
        for message in [&first, &other, &first, &other] {
            world.says(Message::CreditTransfer(message.clone()));
            world.hear().await;
        }
        // Once to the customer, once to suspense, and back from there.
        world.hear().await;
        assert_eq!(world.money(), (12_000, 0));
        assert_eq!(world.bank.ledger.balance(world.bank.to), 0);
        let posted = ["/credit", "/suspense", "/returned"].map(|end| world.posted(end));
        assert_eq!(posted, [1, 1, 1]);
        assert_eq!(world.waiting().await, []);
    }
}

#[tokio::test]
async fn of_three_payments_under_one_name_that_differ_in_their_text_none_is_lost() {
    for place in places() {
        let world = World::open(place).await;
        let with = |text: &str| CreditTransfer {
            remittance: Some(text.parse().unwrap()),
            ..credit("A-1", Some(9), "GIBACZPX", &iban(1), "20.00")
        };
        for text in ["one", "two", "three", "three", "two", "one", "four"] {
            world.says(Message::CreditTransfer(with(text)));
            world.hear().await;
        }
        world.hear().await;
        // Once to the customer; three to suspense, and back from there.
        assert_eq!(world.money(), (12_000, 0));
        let posted = ["/credit", "/suspense", "/returned"].map(|end| world.posted(end));
        assert_eq!(posted, [1, 3, 3]);
        assert_eq!(world.waiting().await, []);
    }
}

#[tokio::test]
async fn payments_of_two_banks_without_uetr_are_two_whatever_their_message_ids() {
    for place in places() {
        let world = World::open(place).await;
        for bank in ["GIBACZPX", "KOMBCZPP", "GIBACZPX"] {
            let message = credit("MSG-1", None, bank, &iban(1), "20.00");
            world.says(Message::CreditTransfer(message));
            world.hear().await;
        }
        assert_eq!(world.money(), (14_000, 0));
        assert_eq!(world.posted("/credit"), 2);
    }
}

#[tokio::test]
async fn money_to_an_iban_that_does_not_check_goes_to_suspense_and_back() {
    for place in places() {
        let world = World::open(place).await;
        let message = credit("A-1", Some(9), "GIBACZPX", "NL91ABNA0417164300", "20.00");
        let document = String::from_utf8(Message::CreditTransfer(message).write()).unwrap();
        let document = document.replace("NL91ABNA0417164300", "NL92ABNA0417164300");
        world.network.network().send_raw(document);
        world.hear().await;
        world.hear().await;
        assert_eq!(world.posted("/suspense"), 1);
        assert_eq!(world.posted("/returned"), 1);
        assert_eq!(world.text("SELECT reason FROM clearing_in").await, "AC01");
    }
}

#[tokio::test]
async fn what_cannot_be_read_waits_for_people_and_stops_nothing() {
    for place in places() {
        let world = World::open(place).await;
        let message = credit("A-1", Some(9), "GIBACZPX", &iban(1), "20.00");
        let document = String::from_utf8(Message::CreditTransfer(message.clone()).write()).unwrap();
        let two = document.replace("<NbOfTxs>1<", "<NbOfTxs>2<");
        let long = format!("<a{}/>", "b".repeat(2_000));
        for unread in ["<a\0b/>", "no XML at all", long.as_str(), two.as_str()] {
            world.network.network().send_raw(unread.to_owned());
        }
        world.says(Message::CreditTransfer(message));
        world.hear().await;
        assert_eq!(world.money(), (12_000, 0), "what can be read is taken");
        let waiting = world.waiting().await;
        assert_eq!(waiting.len(), 4, "{waiting:?}");
        for one in &waiting {
            assert!(one.last_cause.starts_with("unreadable: "), "{one:?}");
            assert!(!one.last_cause.contains('\0') && one.last_cause.len() < 1_000, "{one:?}");
        }
        let kept = "SELECT COUNT(*) FROM clearing_unread WHERE LENGTH(document) > 0";
        assert_eq!(world.bank.count(kept).await, 4);
    }
}

#[tokio::test]
async fn a_message_that_fails_by_its_own_is_set_aside_after_five_times() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        world.sent("10").await;
        let out = world.text("SELECT id FROM clearing_out").await;
        let uetr = world.text("SELECT uetr FROM clearing_out").await;
        world.bank.execute("UPDATE clearing_out SET uetr = 'none'").await;
        world.network.network().release_answers();
        let message = credit("A-1", Some(9), "GIBACZPX", &iban(2), "20.00");
        world.says(Message::CreditTransfer(message));
        for _ in 0..4 {
            assert!(world.worker.receive_next().await.unwrap_err().contains(&out));
        }
        assert!(world.worker.receive_next().await.unwrap(), "set aside");
        world.hear().await;
        assert_eq!(world.bank.ledger.balance(world.bank.to), 2_000);
        world.bank.execute(&format!("UPDATE clearing_out SET uetr = '{uetr}'")).await;
        let waiting = world.waiting().await;
        let aside = waiting.iter().filter(|one| one.last_cause.starts_with("set aside: "));
        assert_eq!(aside.count(), 1, "{waiting:?}");
    }
}

#[tokio::test]
async fn what_was_credited_does_not_go_back_when_its_account_is_not_found_again() {
    for place in places() {
        let world = World::open(place).await;
        let message = credit("A-1", Some(9), "GIBACZPX", &iban(1), "20.00");
        world.bank.ledger.set_loses_answers(true);
        world.says(Message::CreditTransfer(message));
        world.hear().await;
        world.bank.ledger.set_loses_answers(false);
        world.bank.ledger.hide_iban(world.bank.from);
        world.let_time_pass().await;
        world.work().await;
        assert_eq!(world.money(), (12_000, 0));
        assert_eq!((world.posted("/credit"), world.posted("/suspense")), (1, 0));
        assert_eq!(world.waiting().await, []);
    }
}

#[tokio::test]
async fn what_is_not_creditable_can_never_be_credited() {
    for place in places() {
        let world = World::open(place).await;
        let message = credit("A-1", Some(9), "GIBACZPX", &iban(7), "20.00");
        world.says(Message::CreditTransfer(message));
        world.hear().await;
        world.hear().await;
        let voids = world.bank.ledger.voids();
        assert_eq!(voids.len(), 1, "{voids:?}");
        assert!(voids[0].0.ends_with("/credit") && voids[0].1 == "ACCOUNT_NOT_FOUND", "{voids:?}");
        assert_eq!((world.posted("/suspense"), world.posted("/returned")), (1, 1));
    }
}

#[tokio::test]
async fn money_comes_in_later_where_the_bank_itself_could_not_book_it() {
    for place in places() {
        let world = World::open(place).await;
        world.bank.ledger.set_lacks_gl(true);
        let message = credit("A-1", Some(9), "GIBACZPX", &iban(1), "20.00");
        world.says(Message::CreditTransfer(message));
        world.hear().await;
        let waiting = world.waiting().await;
        assert_eq!(waiting.len(), 1);
        assert!(waiting[0].last_cause.contains("GL_ACCOUNT_NOT_FOUND"), "{waiting:?}");
        assert_eq!(world.bank.ledger.voids(), []);
        world.bank.ledger.set_lacks_gl(false);
        world.let_time_pass().await;
        world.work().await;
        assert_eq!(world.money(), (12_000, 0));
        assert_eq!(world.posted("/suspense"), 0);
    }
}
