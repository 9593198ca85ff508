//! A crash at every point at which the work on a card payment can stand still, and neighbours
//! that fail.

use florin_proto::{
    account::v1::HolderRole,
    payment::v1::{AuthorisationDecision as Decision, LimitPeriod, LimitScope, SetLimitRequest},
};

use super::desk::Desk;
use crate::{
    bank::{Bank, staff},
    ledger::Ledger,
    saga_faults::{MOST_POINTS, crash_at},
};

/// With money for many, and a limit that counts all of it.
async fn rich() -> Vec<Desk> {
    let desks = Desk::each(|cards| {
        cards.shortfall_gl_code = "1400".into();
        cards.tolerance.percent = 100;
    })
    .await;
    for desk in &desks {
        desk.bank.put_account(1, 10_000_000, vec![(desk.bank.alice, HolderRole::Owner)]);
        let limit = SetLimitRequest {
            scope: LimitScope::Account.into(),
            subject: desk.bank.from.to_string(),
            period: LimitPeriod::Day.into(),
            amount: "1000000000".into(),
            currency: "EUR".into(),
        };
        desk.bank.payment.set_limit(&staff("SetLimit", "limit"), limit).await.unwrap();
    }
    desks
}

/// What is done by a call and by a worker after it, each crashed at every point, then asked for
/// again: every repeat is told one end.
macro_rules! at_every_point {
    ($desk:ident, $point:ident, $prepare:block, |$id:ident| $call:expr) => {
        for $point in 1..=MOST_POINTS {
            let $id = $prepare;
            let done = crash_at($point, $call).await.is_some();
            // The ledger is asked by a worker too, which is crashed at the same point.
            $desk.let_time_pass().await;
            let worker = $desk.bank.payment.clone();
            crash_at($point, worker.advance_due_authorisations()).await;
            $desk.finish().await;
            let _ = $call.await;
            $desk.finish().await;
            if done {
                break;
            }
            assert!($point < MOST_POINTS, "it has no end");
        }
        $desk.prove().await;
        check_limits(&$desk).await;
    };
}

async fn check_limits(desk: &Desk) {
    let counted = "SELECT CAST(COALESCE(SUM(amount - given_back), 0) AS BIGINT) \
                   FROM authorisation_operations WHERE kind IN (1, 2) AND decision = 2";
    assert_eq!(desk.used().await, desk.bank.count(counted).await);
    let kept = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM reservations";
    assert_eq!(desk.used().await, desk.bank.count(kept).await);
    let declined = "SELECT COUNT(*) FROM reservations AS r JOIN authorisation_operations AS o \
                    ON r.id = o.authorisation || '/' || o.number WHERE o.decision = 3";
    assert_eq!(desk.bank.count(declined).await, 0);
    let ended = "SELECT COUNT(*) FROM authorisations AS a WHERE status IN (4, 5, 6) \
                 AND (SELECT SUM(amount - given_back) FROM authorisation_operations AS o \
                 WHERE o.authorisation = a.id AND o.kind IN (1, 2) AND o.decision = 2) \
                 > a.captured";
    assert_eq!(desk.bank.count(ended).await, 0, "what is not captured is given back");
}

#[tokio::test]
async fn authorised_with_a_crash_at_every_point() {
    for desk in rich().await {
        let mut last = 0;
        at_every_point!(
            desk,
            point,
            {
                last = point;
                format!("a{point}")
            },
            |reference| desk.authorise(&reference, "1.00")
        );
        assert_eq!(desk.ids().await.len(), last);
    }
}

#[tokio::test]
async fn declined_with_a_crash_at_every_point() {
    for desk in rich().await {
        at_every_point!(desk, point, { format!("a{point}") }, |reference| {
            desk.authorise(&reference, "900000.00")
        });
        assert_eq!(desk.ledger().held(desk.bank.from), 0);
        assert_eq!(
            desk.bank.count("SELECT COUNT(*) FROM authorisations WHERE status <> 3").await,
            0
        );
    }
}

#[tokio::test]
async fn incremented_with_a_crash_at_every_point() {
    for desk in rich().await {
        at_every_point!(
            desk,
            point,
            { (desk.authorised(&format!("a{point}"), "1.00").await, format!("i{point}")) },
            |of| desk.increment(&of.0, &of.1, "1.00")
        );
    }
}

#[tokio::test]
async fn captured_with_a_crash_at_every_point() {
    for desk in rich().await {
        at_every_point!(
            desk,
            point,
            {
                let id = desk.authorised(&format!("a{point}"), "2.00").await;
                desk.increment(&id, &format!("i{point}"), "1.00").await.unwrap();
                (id, format!("c{point}"))
            },
            |of| desk.capture(&of.0, &of.1, "1.00", true)
        );
        assert_eq!(
            desk.bank.count("SELECT COUNT(*) FROM authorisations WHERE status <> 4").await,
            0
        );
    }
}

#[tokio::test]
async fn captured_short_with_a_crash_at_every_point() {
    for desk in rich().await {
        at_every_point!(
            desk,
            point,
            {
                desk.bank.put_account(1, 10_000, vec![(desk.bank.alice, HolderRole::Owner)]);
                let id = desk.authorised(&format!("a{point}"), "2.00").await;
                // Nothing is left beside what is held.
                desk.bank.put_account(1, 200, Vec::new());
                (id, format!("c{point}"))
            },
            |of| desk.capture(&of.0, &of.1, "3.00", true)
        );
        let other = "SELECT COUNT(*) FROM authorisation_operations \
                     WHERE kind = 3 AND (decision <> 2 OR shortfall <> 100)";
        assert_eq!(desk.bank.count(other).await, 0);
    }
}

#[tokio::test]
async fn reversed_in_part_with_a_crash_at_every_point() {
    for desk in rich().await {
        at_every_point!(
            desk,
            point,
            {
                let id = desk.authorised(&format!("a{point}"), "2.00").await;
                desk.increment(&id, &format!("i{point}"), "1.00").await.unwrap();
                (id, format!("r{point}"))
            },
            |of| desk.reverse(&of.0, &of.1, Some("1.50"))
        );
        let other = "SELECT COUNT(*) FROM authorisations WHERE holds <> '1:150'";
        assert_eq!(desk.bank.count(other).await, 0);
    }
}

#[tokio::test]
async fn expired_with_a_crash_at_every_point() {
    for desk in rich().await {
        at_every_point!(
            desk,
            point,
            {
                let id = desk.authorised(&format!("a{point}"), "2.00").await;
                desk.pass_time_of(&id).await;
            },
            |_none| desk.bank.payment.advance_due_authorisations()
        );
        assert_eq!(
            desk.bank.count("SELECT COUNT(*) FROM authorisations WHERE status <> 6").await,
            0
        );
        assert_eq!(desk.ledger().held(desk.bank.from), 0);
    }
}

/// A neighbour that fails, and how it comes back.
type Fault = (&'static str, fn(&Bank, bool));

const FAULTS: [Fault; 6] = [
    ("HOLDS_AWAY", |bank, on| bank.ledger.set_holds_away(on)),
    ("HOLDS_LOST", |bank, on| bank.ledger.set_loses_holds(on)),
    ("LEDGER_AWAY", |bank, on| bank.ledger.set_away(on)),
    ("ANSWER_LOST", |bank, on| bank.ledger.set_loses_answers(on)),
    ("VOIDS_AWAY", |bank, on| bank.ledger.set_voids_away(on)),
    ("VOIDS_LOST", |bank, on| bank.ledger.set_loses_voids(on)),
];

#[tokio::test]
async fn a_neighbour_that_fails_delays_an_end_and_doubles_nothing() {
    for (name, set) in FAULTS {
        for desk in rich().await {
            let open = desk.authorised("open", "5.00").await;
            let poor = desk.authorised("poor", "5.00").await;
            let back = desk.authorised("back", "5.00").await;
            set(&desk.bank, true);
            let calls = async {
                let _ = tokio::join!(
                    desk.authorise("rich", "1.00"),
                    desk.authorise("too much", "900000.00"),
                    desk.capture(&open, "c1", "2.00", false),
                    desk.capture(&poor, "c2", "6.00", true),
                    desk.reverse(&back, "r1", Some("1.00")),
                );
            };
            let work = async {
                for _ in 0..3 {
                    desk.let_time_pass().await;
                    desk.bank.payment.advance_due_authorisations().await.unwrap();
                }
                set(&desk.bank, false);
                desk.finish().await;
            };
            // Who asked is answered by then, or hears of it when it has come to its end.
            tokio::join!(calls, work);
            desk.finish().await;
            let rich = desk.authorise("rich", "1.00").await.unwrap().operation.unwrap();
            assert_eq!(rich.decision(), Decision::Approved, "{name}");
            let poor = desk.authorise("too much", "900000.00").await.unwrap().operation.unwrap();
            assert_eq!(poor.decision(), Decision::Declined, "{name}");
            desk.prove().await;
            check_limits(&desk).await;
        }
    }
}

#[tokio::test]
async fn a_second_replica_that_works_on_the_same_holds_and_debits_once() {
    for mut desk in rich().await {
        let other = desk.bank.replica().await;
        let id = desk.authorised("a1", "5.00").await;
        Ledger::close(&desk.ledger().before);
        let capture = desk.capture(&id, "c1", "5.00", true);
        let beside = async {
            Ledger::wait_for(&desk.ledger().arrived).await;
            // The first stands still in its call, and its lease ends.
            desk.let_time_pass().await;
            let work = other.advance_due_authorisations();
            let open = async {
                Ledger::wait_for(&desk.ledger().arrived).await;
                Ledger::open(&desk.ledger().before);
            };
            let (worked, ()) = tokio::join!(work, open);
            worked.unwrap();
        };
        let (captured, ()) = tokio::join!(capture, beside);
        assert_eq!(captured.unwrap().operation.unwrap().decision(), Decision::Approved);
        assert_eq!(desk.ledger().posted().len(), 1);
        desk.finish().await;
        desk.prove().await;
    }
}
