//! What our books have at the network, and no statement tells of for too long.

use florin_proto::payment::v1::{NostroAmiss, ReconcileClearingRequest, Reconciliation};

use crate::{
    bank::{places, staff},
    clearing::world::World,
};

impl World {
    async fn told_on(&self, business_date: &str) -> Vec<Reconciliation> {
        self.bank.ledger.set_business_date(business_date);
        let ctx = staff("ReconcileClearing", "");
        let answer = self.bank.payment.reconcile_clearing(&ctx, ReconcileClearingRequest {}).await;
        let answer = answer.unwrap().into_inner();
        assert_eq!(answer.suspense_gl_code, "9010");
        answer.reconciliations
    }

    fn age(&self) -> i64 {
        let name = "florin_payment_statement_age_seconds{role=\"payment\"} ";
        let metrics = self.bank.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| {
            panic!("{metrics}");
        });
        line.parse().unwrap()
    }
}

/// The booking date of the scripted ledger is Saturday, the 21st: Wednesday is its third business
/// day, Thursday its fourth.
const WEDNESDAY: &str = "2026-11-25";
const THURSDAY: &str = "2026-11-26";

#[tokio::test]
async fn what_no_statement_tells_of_for_more_business_days_than_it_may_is_named() {
    for place in places() {
        let world = World::open(place).await;
        world.sent("10").await;
        world.hear().await;
        assert_eq!(world.compared().await.len(), 1);
        let to = world.to_another_bank("4");
        world.bank.transfer("second", to).await.unwrap();
        world.work().await;
        world.hear().await;
        let found = world.told_on(WEDNESDAY).await;
        assert_eq!((found[0].under_way.len(), found[0].untold.len()), (1, 0), "{found:?}");
        let found = world.told_on(THURSDAY).await;
        assert_eq!((found[0].under_way.len(), found[0].differences.len()), (0, 0), "{found:?}");
        let [untold] = found[0].untold.as_slice() else { panic!("{found:?}") };
        assert_eq!(untold.amiss(), NostroAmiss::NotTold);
        assert_eq!(untold.amount.as_ref().unwrap().amount, "4.00");
        // The statement comes after all.
        let found = world.compared().await;
        assert_eq!((found[0].under_way.len(), found[0].untold.len()), (0, 0), "{found:?}");
        assert_eq!(found[0].closing, found[0].booked);
    }
}

#[tokio::test]
async fn what_is_booked_where_no_statement_has_ever_come_is_named_too() {
    for place in places() {
        let world = World::open(place).await;
        world.sent("10").await;
        world.hear().await;
        assert_eq!(world.told_on(WEDNESDAY).await, []);
        let found = world.told_on(THURSDAY).await;
        assert_eq!(found.len(), 1);
        assert!(found[0].statement_id.contains("no statement in EUR"), "{found:?}");
        assert_eq!(found[0].untold.len(), 1);
        assert_eq!(found[0].booked.as_ref().unwrap().amount, "-10.00");
        assert_eq!(found[0].differences, []);
    }
}

#[tokio::test]
async fn the_age_of_the_last_statement_is_measured_from_the_first_message_on() {
    const HOUR: i64 = 3_600_000_000;
    for place in places() {
        let world = World::open(place).await;
        world.bank.payment.reconcile_due().await.unwrap();
        assert_eq!(world.age(), 0, "nothing is to be told of");
        world.sent("10").await;
        world.hear().await;
        let back = |table: &str, column: &str, hours: i64| {
            format!("UPDATE {table} SET {column} = {column} - {}", hours * HOUR)
        };
        world.bank.execute(&back("clearing_out", "created_at", 5)).await;
        world.bank.payment.reconcile_due().await.unwrap();
        assert!(world.age() >= 5 * 3_600, "{}", world.age());
        world.compared().await;
        world.bank.execute(&back("clearing_statements", "received_at", 2)).await;
        world.bank.payment.reconcile_due().await.unwrap();
        assert!((2 * 3_600..5 * 3_600).contains(&world.age()), "{}", world.age());
    }
}
