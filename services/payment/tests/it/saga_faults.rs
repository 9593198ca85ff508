//! Faults of the saga: a crash at every point at which the work can stand still, neighbours that
//! fail, and what then has to be true.
//!
//! ```text
//! state          crash before and after its commit                 neighbour
//! (none)         every_point: accepted                             ACCOUNTS_AWAY
//! PROCESSING     every_point: paid, refused, cancelled             LEDGER_AWAY
//! POSTING        every_point: paid, refused                        LEDGER_AWAY, ANSWER_LOST
//! (refused)      every_point: refused                              VOID_AWAY, VOID_LOST, OVERTAKEN
//! COMPLETED      every_point: paid; refunded, reversed after it    ANSWER_LOST
//! FAILED         every_point: refused                              VOID_LOST
//! CANCELLED      every_point: cancelled                            -
//! order's date   every_point: ordered                              -
//! ```
//!
//! Payment takes no events (ADR 30), so none can be lost, doubled or come too early here; those
//! that it tells are counted in each row: one acceptance and one end a transfer, in this order.
//! Delivery itself is tested in `florin-events`, kills of whole processes with a proof of all
//! services in `tests/tests/it/crash.rs`.

use std::{
    task::Poll,
    time::{Duration, Instant},
};

use florin_kernel::Date;
use florin_payment::Turn;
use florin_proto::{
    account::v1::HolderRole,
    payment::v1::{
        CancelTransferRequest, CreateOrderRequest, LimitPeriod, LimitScope, OrderFrequency,
        RefundTransferRequest, ReverseTransferRequest, SetLimitRequest, TransferStatus,
    },
};

use crate::{
    bank::{Bank, customer, places, staff},
    ledger::Ledger,
};

/// Far more than anything here takes.
pub const LIMIT: Duration = Duration::from_secs(120);
/// More points than any work here has.
pub const MOST_POINTS: usize = 5_000;

/// Polls the work so often, then drops it where it stands: a crash. None where it came to that.
pub async fn crash_at<F: Future>(point: usize, work: F) -> Option<F::Output> {
    let mut work = Box::pin(work);
    let mut left = point;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// Lets workers go on until every transfer has ended.
async fn finish(bank: &Bank) {
    let start = Instant::now();
    let open = "SELECT COUNT(*) FROM transfers WHERE due_at IS NOT NULL";
    while bank.count(open).await > 0 {
        assert!(start.elapsed() < LIMIT, "a transfer does not end");
        bank.let_time_pass().await;
        bank.turn().await;
    }
}

/// A transfer's state, its events, the ledger's postings and voids agree: each COMPLETED has one
/// posting, each FAILED one void and no posting, each CANCELLED neither; and money was neither
/// made nor lost.
async fn prove(bank: &Bank) {
    let total = bank.ledger.balance(bank.from) + bank.ledger.balance(bank.to);
    assert_eq!(total, bank.ledger.funds(), "money was made or lost");
    let posted: Vec<_> = bank.ledger.posted().into_iter().map(|one| one.reference).collect();
    let voids: Vec<_> = bank.ledger.voids().into_iter().map(|(reference, _)| reference).collect();
    let ids = bank.texts("SELECT id FROM transfers ORDER BY id").await;
    for id in &ids {
        let reference = format!("{id}/post");
        let in_ledger = (posted.contains(&reference), voids.contains(&reference));
        let status = bank.status(id).await;
        let ends = [
            (TransferStatus::Completed, (true, false), "transfer_completed"),
            (TransferStatus::Failed, (false, true), "transfer_failed"),
            (TransferStatus::Cancelled, (false, false), "transfer_cancelled"),
        ];
        let end = ends.into_iter().find(|(end, _, _)| *end == status);
        let (_, expected, end) = end.unwrap_or_else(|| panic!("{id} is {status:?}"));
        assert_eq!(in_ledger, expected, "{id}");
        assert_eq!(bank.events(id).await, [("transfer_accepted".into(), 1), (end.into(), 2)]);
    }
    let known = |reference: &String| ids.iter().any(|id| reference == &format!("{id}/post"));
    assert!(posted.iter().chain(&voids).all(known), "the ledger knows what payment does not");
    let used = "SELECT CAST(COALESCE(SUM(used), 0) AS BIGINT) FROM limit_usage";
    let counted = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM transfers \
                   WHERE status = 4 AND id IN (SELECT id FROM reservations) \
                   AND 'account/' || debtor_account IN (SELECT subject FROM limits)";
    assert_eq!(bank.count(used).await, bank.count(counted).await, "limits count what was paid");
}

/// What is done, and with it crashed, at every point; `$work` is one such future.
macro_rules! at_every_point {
    ($bank:ident, $point:ident, $prepare:block, |$prepared:ident| $work:expr) => {
        for $point in 1..=MOST_POINTS {
            let $prepared = $prepare;
            let done = crash_at($point, $work).await.is_some();
            finish(&$bank).await;
            // How often the work is polled tells nothing: a machine that stands still for a while
            // finds the answers ready.
            if done {
                break;
            }
            assert!($point < MOST_POINTS, "it has no end");
        }
        prove(&$bank).await;
    };
}

/// A bank with money for many, and a limit that counts all of it.
async fn rich(place: florin_testkit::Place) -> Bank {
    let bank = Bank::open(place).await;
    let alice = vec![(bank.alice, HolderRole::Owner)];
    bank.put_account(1, 10_000_000, alice);
    let limit = SetLimitRequest {
        scope: LimitScope::Account.into(),
        subject: bank.from.to_string(),
        period: LimitPeriod::Day.into(),
        amount: "1000000000".into(),
        currency: "EUR".into(),
    };
    bank.payment.set_limit(&staff("SetLimit", "limit"), limit).await.unwrap();
    bank
}

#[tokio::test]
async fn accepted_at_every_point_and_asked_again_is_one_transfer() {
    for place in places() {
        let bank = rich(place).await;
        let mut last = 0;
        at_every_point!(
            bank,
            point,
            {
                last = point;
                format!("k{point}")
            },
            |key| bank.transfer(&key, bank.order("1"))
        );
        // Whatever became of the first call, the second finds it or does it.
        for point in 1..=last {
            bank.accepted(&format!("k{point}"), "1").await;
        }
        let transfers = bank.count("SELECT COUNT(*) FROM transfers").await;
        assert_eq!(usize::try_from(transfers).unwrap(), last);
        finish(&bank).await;
        prove(&bank).await;
    }
}

#[tokio::test]
async fn paid_with_a_crash_at_every_point() {
    for place in places() {
        let bank = rich(place).await;
        at_every_point!(bank, point, { bank.accepted(&format!("k{point}"), "1").await }, |_id| {
            let worker = bank.payment.worker();
            async move { worker.turn().await.unwrap() }
        });
        let unpaid = "SELECT COUNT(*) FROM transfers WHERE status <> 4";
        assert_eq!(bank.count(unpaid).await, 0);
    }
}

#[tokio::test]
async fn refused_with_a_crash_at_every_point() {
    for place in places() {
        let bank = rich(place).await;
        at_every_point!(
            bank,
            point,
            { bank.accepted(&format!("k{point}"), "900000000").await },
            |_id| {
                let worker = bank.payment.worker();
                async move { worker.turn().await.unwrap() }
            }
        );
        let unfailed = "SELECT COUNT(*) FROM transfers WHERE status <> 5 \
                        OR failure_reason <> 'INSUFFICIENT_FUNDS'";
        assert_eq!(bank.count(unfailed).await, 0);
    }
}

#[tokio::test]
async fn cancelled_with_a_crash_at_every_point() {
    for place in places() {
        let bank = rich(place).await;
        at_every_point!(bank, point, { bank.accepted(&format!("k{point}"), "1").await }, |id| {
            let ctx = customer(bank.alice, "CancelTransfer", &format!("c{point}"));
            let request = CancelTransferRequest { transfer_id: id };
            let payment = bank.payment.clone();
            async move { payment.cancel_transfer(&ctx, request).await.unwrap() }
        });
    }
}

#[tokio::test]
async fn refunded_and_reversed_with_a_crash_at_every_point() {
    for place in places() {
        let bank = rich(place).await;
        for reverses in [false, true] {
            let paid = async |point: usize| {
                let id = bank.accepted(&format!("k{point}{reverses}"), "1").await;
                finish(&bank).await;
                let key = format!("r{point}");
                if reverses {
                    let request =
                        ReverseTransferRequest { transfer_id: id, description: String::new() };
                    let ctx = staff("ReverseTransfer", &key);
                    bank.payment.reverse_transfer(&ctx, request).await.unwrap();
                } else {
                    let request = RefundTransferRequest {
                        transfer_id: id,
                        amount: "1".into(),
                        currency: "EUR".into(),
                        description: String::new(),
                    };
                    let ctx = staff("RefundTransfer", &key);
                    bank.payment.refund_transfer(&ctx, request).await.unwrap();
                }
            };
            at_every_point!(bank, point, { paid(point).await }, |_none| {
                let worker = bank.payment.worker();
                async move { worker.turn().await.unwrap() }
            });
            assert_eq!(bank.ledger.balance(bank.to), 0, "all of it went back");
        }
    }
}

#[tokio::test]
async fn an_orders_date_run_with_a_crash_at_every_point_is_one_transfer() {
    for place in places() {
        let bank = rich(place).await;
        let today = Date::constant(2027, 1, 4);
        let mut orders = 0;
        at_every_point!(
            bank,
            point,
            {
                let request = CreateOrderRequest {
                    from: bank.from.to_string(),
                    to: bank.to.to_string(),
                    amount: "1".into(),
                    currency: "EUR".into(),
                    frequency: OrderFrequency::Once.into(),
                    first_on: "2027-01-04".into(),
                    ..CreateOrderRequest::default()
                };
                let ctx = customer(bank.alice, "CreateOrder", &format!("o{point}"));
                bank.payment.create_order(&ctx, request).await.unwrap();
                orders += 1;
            },
            |_none| bank.payment.run_orders_of(today)
        );
        bank.payment.run_orders_of(today).await.unwrap();
        finish(&bank).await;
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, orders);
        prove(&bank).await;
    }
}

/// A neighbour that fails, how it comes back, and how a transfer ends that there are funds for,
/// and one that there are none for.
struct Fault {
    name: &'static str,
    fail: fn(&Ledger, &Bank),
    mend: fn(&Ledger),
    rich: TransferStatus,
    poor: TransferStatus,
}

const PAID: TransferStatus = TransferStatus::Completed;
const UNPAID: TransferStatus = TransferStatus::Failed;

const NEIGHBOURS: [Fault; 6] = [
    Fault {
        name: "ACCOUNTS_AWAY",
        fail: |ledger, _| ledger.set_reads_fail(true),
        mend: |ledger| ledger.set_reads_fail(false),
        rich: PAID,
        poor: UNPAID,
    },
    Fault {
        name: "LEDGER_AWAY",
        fail: |ledger, _| ledger.set_away(true),
        mend: |ledger| ledger.set_away(false),
        rich: PAID,
        poor: UNPAID,
    },
    Fault {
        name: "ANSWER_LOST",
        fail: |ledger, _| ledger.set_loses_answers(true),
        mend: |ledger| ledger.set_loses_answers(false),
        rich: PAID,
        poor: UNPAID,
    },
    Fault {
        name: "VOID_AWAY",
        fail: |ledger, _| ledger.set_voids_away(true),
        mend: |ledger| ledger.set_voids_away(false),
        rich: PAID,
        poor: UNPAID,
    },
    Fault {
        name: "VOID_LOST",
        fail: |ledger, _| ledger.set_loses_voids(true),
        mend: |ledger| ledger.set_loses_voids(false),
        rich: PAID,
        poor: UNPAID,
    },
    Fault {
        name: "OVERTAKEN",
        fail: |ledger, bank| ledger.set_overtaken(bank.from, 1_000_000),
        mend: |_| (),
        rich: PAID,
        poor: PAID,
    },
];

#[tokio::test]
async fn a_neighbour_that_fails_delays_an_end_and_changes_none() {
    for fault in &NEIGHBOURS {
        for place in places() {
            let bank = Bank::open(place).await;
            let (rich, poor) =
                (bank.accepted("rich", "1").await, bank.accepted("poor", "500").await);
            (fault.fail)(&bank.ledger, &bank);
            for _ in 0..3 {
                bank.turn().await;
                bank.let_time_pass().await;
            }
            (fault.mend)(&bank.ledger);
            finish(&bank).await;
            assert_eq!(bank.status(&rich).await, fault.rich, "{}", fault.name);
            assert_eq!(bank.status(&poor).await, fault.poor, "{}", fault.name);
            assert_eq!(bank.turn().await, Turn::Idle);
            prove(&bank).await;
        }
    }
}
