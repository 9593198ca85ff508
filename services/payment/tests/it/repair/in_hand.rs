//! What a worker has in its hands, though others have made it due again meanwhile.

use florin_proto::payment::v1::{ClearingRetry, RetryClearingRequest, TransferStatus};
use tokio::net::TcpListener;

use super::{APPROVE, reject};
use crate::{
    bank::{places, reason, staff},
    clearing::world::World,
};

#[tokio::test]
async fn while_a_worker_sends_nothing_is_ended_though_people_have_made_it_due_again() {
    for place in places() {
        // A network that takes the connection, and says nothing.
        let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("localhost:{}", deaf.local_addr().unwrap().port());
        let world =
            World::open_with(place, |config| config.clearing.address.clone_from(&address)).await;
        let to = world.to_another_bank("10");
        let transfer = world.bank.transfer("out", to).await.unwrap().into_inner().transfer_id;
        let worker = world.worker.clone();
        let sending = tokio::spawn(async move { while worker.turn().await.unwrap() {} });
        let _connection = deaf.accept().await.unwrap();
        let out = world.out().await;
        let id = world.proposed(reject(&out)).await.approval_id;
        assert_eq!(reason(world.decided("ian", "d1", &id, APPROVE).await), "CLEARING_BUSY");
        let request = RetryClearingRequest {
            clearing_id: out,
            action: ClearingRetry::Send.into(),
            reason: "once more".into(),
        };
        let ctx = staff("RetryClearing", "again");
        world.bank.payment.retry_clearing(&ctx, request).await.unwrap();
        let leased = "SELECT COUNT(*) FROM clearing_out WHERE lease_until IS NOT NULL";
        assert_eq!(world.bank.count(leased).await, 0, "the lease is given back");
        assert_eq!(reason(world.decided("ian", "d2", &id, APPROVE).await), "CLEARING_BUSY");
        // The time of that worker is over.
        sending.abort();
        world.let_time_pass().await;
        world.decided("ian", "d3", &id, APPROVE).await.unwrap();
        world.work().await;
        assert_eq!(world.bank.status(&transfer).await, TransferStatus::Failed);
        assert_eq!(world.money(), (10_000, 0));
    }
}

#[tokio::test]
async fn what_a_worker_has_done_with_is_in_nobodys_hands() {
    for place in places() {
        let world = World::open(place).await;
        world.rule(florin_testkit::simulator::Action::Silent);
        let to = world.to_another_bank("10");
        world.bank.transfer("out", to).await.unwrap();
        world.work().await;
        let held = "SELECT COUNT(*) FROM clearing_out WHERE in_hand_until IS NOT NULL";
        assert_eq!(world.bank.count(held).await, 0);
        let id = world.proposed(reject(&world.out().await)).await.approval_id;
        world.decided("ian", "d", &id, APPROVE).await.unwrap();
    }
}
