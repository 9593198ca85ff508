//! What the network says once people have ended a payment.

use florin_proto::payment::v1::{RepairAction, RepairStatus};
use florin_testkit::simulator::Action;

use super::{asks, reject, report, settle};
use crate::{bank::places, clearing::world::World};

#[tokio::test]
async fn what_the_network_says_against_people_is_shown_and_of_a_second_copy_it_is_nothing() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        world.sent("10").await;
        let out = world.out().await;
        world.repaired(settle(&out)).await;
        world.says(report(&out, "never", "RJCT", Some("NOOR")));
        world.hear().await;
        let shown = world.waiting().await;
        assert_eq!(shown[0].contradiction, "RJCT NOOR by never");
        let done = world.repaired(asks(&out, RepairAction::Dismiss)).await;
        assert_eq!(done.status(), RepairStatus::Done);
        assert_eq!(world.waiting().await, []);
        // Come again it is nothing new.
        world.says(report(&out, "never", "RJCT", Some("NOOR")));
        world.hear().await;
        assert_eq!(world.waiting().await, []);
        world.says(report(&out, "later", "RJCT", Some("NOOR")));
        world.hear().await;
        assert_eq!(world.waiting().await[0].contradiction, "RJCT NOOR by later");
    }
}

#[tokio::test]
async fn beside_the_copy_that_has_settled_each_other_one_may_be_rejected() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        world.sent("10").await;
        world.send_again().await;
        let out = world.out().await;
        for (by, status, code) in [("first", "ACSC", None), ("second", "RJCT", Some("TM01"))] {
            world.says(report(&out, by, status, code));
            world.hear().await;
            assert_eq!(world.waiting().await, [], "{by}");
        }
        world.says(report(&out, "third", "RJCT", Some("TM01")));
        world.hear().await;
        assert_eq!(world.waiting().await[0].contradiction, "RJCT TM01 by third");
    }
}

#[tokio::test]
async fn an_answer_under_the_message_id_of_another_is_heard() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        world.sent("10").await;
        world.send_again().await;
        let out = world.out().await;
        // Of one of two copies: no end.
        world.says(report(&out, "same", "RJCT", Some("TM01")));
        world.hear().await;
        let ended = world.repaired(reject(&out)).await;
        assert_eq!(ended.status(), RepairStatus::Done);
        for _ in 0..2 {
            world.says(report(&out, "same", "ACSC", None));
            world.hear().await;
            assert_eq!(world.waiting().await[0].contradiction, "ACSC by same");
        }
    }
}

#[tokio::test]
async fn a_rejection_that_was_told_before_people_settled_says_nothing_new() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(Action::Silent);
        world.sent("10").await;
        world.send_again().await;
        let out = world.out().await;
        world.says(report(&out, "told", "RJCT", Some("TM01")));
        world.hear().await;
        world.repaired(settle(&out)).await;
        world.says(report(&out, "told", "RJCT", Some("TM01")));
        world.hear().await;
        assert_eq!(world.waiting().await, []);
        assert_eq!(world.money(), (9_000, 0));
        world.says(report(&out, "other", "RJCT", Some("TM01")));
        world.hear().await;
        assert_eq!(world.waiting().await[0].contradiction, "RJCT TM01 by other");
    }
}
