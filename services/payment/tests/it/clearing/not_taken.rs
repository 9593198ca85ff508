//! What the network refuses to take.

use florin_testkit::simulator::Action;

use super::world::World;
use crate::bank::places;

#[tokio::test]
async fn a_payment_that_was_refused_as_unreadable_and_then_rejected_ends_by_one_answer() {
    for place in places() {
        let world = World::open(place).await;
        world.network.network().send_raw("no XML at all".to_owned());
        world.hear().await;
        world.rule(Action::Silent);
        world.network.network().set_down(true);
        let to = world.to_another_bank("10");
        world.bank.transfer("out", to).await.unwrap();
        world.work().await;
        world.network.network().set_down(false);
        // For one attempt the bytes are such that the network refuses them.
        let swap = "UPDATE clearing_out SET document = (SELECT document FROM clearing_unread)";
        let keep = "INSERT INTO clearing_log (id, received_at, finding, document) \
                    SELECT 'kept', 0, '', document FROM clearing_out";
        world.bank.execute(keep).await;
        world.bank.execute(swap).await;
        world.let_time_pass().await;
        world.work().await;
        let back = "UPDATE clearing_out SET document = \
                    (SELECT document FROM clearing_log WHERE id = 'kept')";
        world.bank.execute(back).await;
        world.let_time_pass().await;
        world.work().await;
        assert_eq!(world.text("SELECT CAST(sends AS TEXT) FROM clearing_out").await, "1");
        world.reject("rejected", Some("AC04")).await;
        assert_eq!(world.money(), (10_000, 0), "the only copy was rejected");
    }
}
