//! A worker carries out what two persons have approved, and nothing else.

use florin_proto::payment::v1::RepairStatus;

use super::{APPROVE, REJECT, suspense::credit};
use crate::{bank::places, clearing::world::World};

#[tokio::test]
async fn a_proposal_that_was_changed_after_its_approval_is_not_carried_out() {
    for place in places() {
        let world = World::open(place).await;
        let came = world.kept("rejected").await;
        let other = world.proposed(credit(&came, &world.bank.to.to_string())).await.approval_id;
        world.decided("eva", "w", &other, REJECT).await.unwrap();
        let id = world.proposed(credit(&came, &world.bank.from.to_string())).await.approval_id;
        world.decided("ian", "d", &id, APPROVE).await.unwrap();
        let change = format!(
            "UPDATE approvals SET payload = (SELECT payload FROM approvals WHERE id = '{other}') \
             WHERE id = '{id}'"
        );
        world.bank.execute(&change).await;
        world.work().await;
        let repair = world.repair(&id).await;
        assert_eq!(repair.status(), RepairStatus::Executing, "people have to look");
        assert!(repair.outcome.contains("changed"), "{}", repair.outcome);
        assert_eq!(world.posted("/repair"), 0);
        assert_eq!((world.money(), world.bank.ledger.balance(world.bank.to)), ((10_000, 0), 0));
    }
}

#[tokio::test]
async fn what_no_second_person_has_approved_is_not_carried_out() {
    for place in places() {
        let world = World::open(place).await;
        let came = world.kept("rejected").await;
        let id = world.proposed(credit(&came, &world.bank.to.to_string())).await.approval_id;
        let change = format!("UPDATE repairs SET stage = 2, due_at = 0 WHERE id = '{id}'");
        world.bank.execute(&change).await;
        world.work().await;
        let repair = world.repair(&id).await;
        assert_eq!(repair.status(), RepairStatus::Executing);
        assert!(repair.outcome.contains("second person"), "{}", repair.outcome);
        assert_eq!((world.posted("/repair"), world.bank.ledger.balance(world.bank.to)), (0, 0));
    }
}
