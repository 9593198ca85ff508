//! A crash at every point at which a repair can stand still, a ledger whose answers are lost, and
//! two replicas: what two persons decided is done once.

use std::time::{Duration, Instant};

use florin_proto::{
    account::v1::HolderRole,
    payment::v1::{CreateTransferRequest, ProposeRepairRequest, RepairStatus, TransferStatus},
};
use florin_testkit::{Place, simulator::Action};

use super::{APPROVE, decides, reject, settle, suspense::credit};
use crate::{
    bank::{places, until_decided},
    clearing::world::{OTHER, World},
    saga_faults::crash_at,
};

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(240);
/// More points than any work here has.
const MOST_POINTS: usize = 5_000;
const RICH: i64 = 10_000_000;

async fn rich(place: Place) -> World {
    let world = World::open(place).await;
    let alice = vec![(world.bank.alice, HolderRole::Owner)];
    world.bank.put_account(1, RICH, alice);
    world.limited().await;
    world
}

/// Pays 1.00, about which the network is silent; its message id.
async fn silent(world: &World, key: &str) -> String {
    let order = CreateTransferRequest { to: OTHER.into(), ..world.bank.order("1") };
    world.bank.transfer(key, order).await.unwrap();
    let start = Instant::now();
    let waits = "SELECT CAST(COUNT(*) AS TEXT) FROM clearing_out WHERE stage = 3 AND sent_at > 0";
    while world.text(waits).await != "1" {
        assert!(start.elapsed() < LIMIT, "{key} is not sent");
        world.let_time_pass().await;
        world.work().await;
    }
    world.out().await
}

/// What is proposed is approved with a crash at a point, and the same approval comes again; whether
/// the work had an end before that point.
async fn crashed(world: &World, point: usize, request: ProposeRepairRequest) -> (bool, String) {
    let (key, worker) = (format!("ian-{point}-{}", request.clearing_id), world.worker.clone());
    let id = world.proposed(request).await.approval_id;
    let work = async {
        world.decided("ian", &key, &id, APPROVE).await.unwrap();
        worker.turn().await.unwrap();
        worker.turn().await.unwrap();
    };
    let done = crash_at(point, work).await.is_some();
    until_decided(|| world.decided("ian", &key, &id, APPROVE)).await.unwrap();
    let start = Instant::now();
    while !world.waiting().await.is_empty() || !world.repairs(true).await.is_empty() {
        assert!(start.elapsed() < LIMIT, "point {point} has no end");
        world.let_time_pass().await;
        world.work().await;
    }
    assert_eq!(world.repair(&id).await.status(), RepairStatus::Done);
    assert_eq!(world.bank.events(&id).await, [("payment_repaired".into(), 1)]);
    (done, id)
}

#[tokio::test]
async fn ended_by_people_with_a_crash_at_every_point_is_ended_once() {
    for place in places() {
        let world = rich(place).await;
        let (mut paid, mut unpaid) = (0, 0);
        for (is_paid, action) in
            [(true, Action::Silent), (false, Action::SilentReject { code: "AC04".into() })]
        {
            world.network.network().clear_rules();
            world.rule(action);
            for point in 1..=MOST_POINTS {
                let out = silent(&world, &format!("{is_paid}-{point}")).await;
                let request = if is_paid { settle(&out) } else { reject(&out) };
                *(if is_paid { &mut paid } else { &mut unpaid }) += 1;
                if crashed(&world, point, request).await.0 {
                    break;
                }
                assert!(point < MOST_POINTS, "it has no end");
            }
        }
        assert_eq!(world.money(), (RICH - 100 * paid, 0));
        assert_eq!(i64::try_from(world.posted("/post")).unwrap(), paid);
        assert_eq!(world.used().await, 100 * paid, "limits count what was paid");
        for (status, count) in [(TransferStatus::Completed, paid), (TransferStatus::Failed, unpaid)]
        {
            let number = i32::from(status);
            let found = format!("SELECT COUNT(*) FROM transfers WHERE status = {number}");
            assert_eq!(world.bank.count(&found).await, count, "{status:?}");
        }
        // Late, the network says what people have found.
        world.network.network().release_answers();
        world.hear().await;
        assert_eq!(world.waiting().await, []);
        world.nostro_is_right();
    }
}

#[tokio::test]
async fn credited_by_people_with_a_crash_at_every_point_is_credited_once() {
    for place in places() {
        let world = rich(place).await;
        let mut credited = 0;
        for point in 1..=MOST_POINTS {
            let came = world.kept(&format!("rejected-{point}")).await;
            let to = world.bank.from.to_string();
            let (done, _) = crashed(&world, point, credit(&came, &to)).await;
            credited += 1;
            if done {
                break;
            }
            assert!(point < MOST_POINTS, "it has no end");
        }
        assert_eq!(world.money(), (RICH + 2_000 * credited, 0));
        assert_eq!(i64::try_from(world.posted("/repair")).unwrap(), credited);
        assert_eq!(world.bank.ledger.gl("9010"), 0, "nothing stays in suspense");
        world.nostro_is_right();
    }
}

#[tokio::test]
async fn a_proposal_at_every_point_and_asked_again_is_one() {
    for place in places() {
        let world = rich(place).await;
        world.rule(Action::Silent);
        let out = silent(&world, "only").await;
        for point in 1..=MOST_POINTS {
            let key = format!("p{point}");
            let work = world.proposes("eva", &key, settle(&out));
            let done = crash_at(point, work).await.is_some();
            let again = until_decided(|| world.proposes("eva", &key, settle(&out))).await.unwrap();
            let id = again.into_inner().repair.unwrap().approval_id;
            let open = world.repairs(true).await;
            assert_eq!(open.len(), 1, "{open:?}");
            assert_eq!(open[0].approval_id, id);
            world.decided("eva", &format!("w{point}"), &id, super::REJECT).await.unwrap();
            if done {
                break;
            }
            assert!(point < MOST_POINTS, "it has no end");
        }
        assert_eq!(world.money(), (RICH, 100));
    }
}

#[tokio::test]
async fn a_ledger_whose_answers_are_lost_and_two_replicas_credit_once() {
    for place in places() {
        let mut world = rich(place).await;
        let other = world.bank.replica().await;
        let elsewhere = other.clearing_worker().unwrap();
        let came = world.kept("rejected").await;
        let request = credit(&came, &world.bank.from.to_string());
        let id = world.proposed(request).await.approval_id;
        world.bank.ledger.set_loses_answers(true);
        decides(&other, "ian", "d", &id, APPROVE).await.unwrap();
        for _ in 0..3 {
            world.let_time_pass().await;
            let (here, there) = tokio::join!(world.worker.turn(), elsewhere.turn());
            here.unwrap();
            there.unwrap();
        }
        let repair = world.repair(&id).await;
        assert_eq!(repair.status(), RepairStatus::Executing);
        assert!(!repair.outcome.is_empty(), "what it waits for");
        world.bank.ledger.set_loses_answers(false);
        let start = Instant::now();
        while world.repair(&id).await.status() != RepairStatus::Done {
            assert!(start.elapsed() < LIMIT, "it does not end");
            world.let_time_pass().await;
            let (here, there) = tokio::join!(world.worker.turn(), elsewhere.turn());
            here.unwrap();
            there.unwrap();
        }
        assert_eq!((world.money(), world.posted("/repair")), ((RICH + 2_000, 0), 1));
        assert_eq!(world.bank.events(&id).await, [("payment_repaired".into(), 1)]);
    }
}
