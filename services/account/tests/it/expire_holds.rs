//! Holds whose time is over. No test waits for a clock: an account's own is moved.

use florin_account::{
    app::{command::Outcome, expire_holds::Look},
    domain::{hold::HoldStatus, refusal::Refusal},
    store::holds::holds_due,
};
use florin_kernel::UnixMicros;

use crate::{
    bench_ledger::{FAR, capture, each, expire, place, place_for, post, release},
    capture_holds::{hold, posted, refusal},
    desk::desk,
};

const SECOND: i64 = 1_000_000;

fn held(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Held { replayed: false, .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_expires_by_the_time_of_recording_and_only_where_it_was_placed_so() {
    for bench in each().await {
        let account = bench.open(100).await;
        bench.tick(account, FAR).await;
        bench.run(place("for ever", account, 10)).await;
        bench.run(place_for("later", account, 10, 2 * SECOND)).await;
        bench.run(place_for("over", account, 10, SECOND)).await;
        let early = bench.run(expire("over")).await;
        assert!(matches!(refusal(early), Refusal::HoldNotOpen { .. }));
        bench.tick(account, FAR + SECOND).await;
        for end in [capture("c", account, 10, &[("over", None, false)]), release("r", "over")] {
            assert!(matches!(refusal(bench.run(end).await), Refusal::HoldExpired { .. }));
        }
        for name in ["for ever", "later"] {
            let told = bench.run(expire(name)).await;
            assert!(matches!(refusal(told), Refusal::HoldNotOpen { .. }), "{name}");
        }
        assert!(held(&bench.run(expire("over")).await));
        assert_eq!(hold(&bench, "over").await, (HoldStatus::Expired, 0, 0));
        let again = bench.run(expire("over")).await;
        assert!(matches!(refusal(again), Refusal::HoldNotOpen { .. }));
        // The replay meets the hold that it made.
        let replay = bench.run(place_for("over", account, 10, SECOND)).await;
        let Outcome::Held { hold, replayed: true } = replay else { panic!("{replay:?}") };
        assert_eq!(hold.status, HoldStatus::Expired);
        assert_eq!(bench.balance(account).await, (100, 20));
        bench.assert_clean().await;
    }
}

/// A capture, the expiry and the clock that makes it due, all at once: whichever comes first
/// under the account's lock, the hold ends once.
#[tokio::test(flavor = "multi_thread")]
async fn capture_and_expiry_that_race_end_a_hold_once() {
    for bench in each().await {
        let account = bench.open(1_000).await;
        bench.tick(account, FAR).await;
        let (mut spent, mut now) = (0, FAR);
        for round in 0..20 {
            let (name, spend) = (format!("h{round}"), format!("s{round}"));
            bench.run(place_for(&name, account, 1, SECOND)).await;
            now += SECOND;
            let (captured, expired, ()) = tokio::join!(
                bench.run(capture(&spend, account, 1, &[(&name, None, false)])),
                bench.run(expire(&name)),
                bench.tick(account, now),
            );
            let (captured, expired) = (posted(&captured), held(&expired));
            assert!(!(captured && expired), "round {round}");
            spent += i64::from(captured);
            // The clock has been moved: what nobody ended is given back now, and nothing else.
            assert_eq!(held(&bench.run(expire(&name)).await), !captured && !expired);
            let (status, remaining, of_it) = hold(&bench, &name).await;
            let ended = if captured { HoldStatus::Captured } else { HoldStatus::Expired };
            assert_eq!((status, remaining, of_it), (ended, 0, i64::from(captured)));
        }
        assert_eq!(bench.balance(account).await, (1_000 - spent, 0));
        bench.assert_clean().await;
    }
}

/// A part was captured and the rest kept: time gives back the rest alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_hold_expires_beside_what_was_captured() {
    for bench in each().await {
        let account = bench.open(100).await;
        bench.tick(account, FAR).await;
        bench.run(place_for("h", account, 10, SECOND)).await;
        assert!(posted(&bench.run(capture("c", account, 4, &[("h", Some(4), true)])).await));
        bench.tick(account, FAR + SECOND).await;
        let late = bench.run(capture("c2", account, 4, &[("h", Some(4), true)])).await;
        assert!(matches!(refusal(late), Refusal::HoldExpired { .. }));
        assert!(held(&bench.run(expire("h")).await));
        assert_eq!(hold(&bench, "h").await, (HoldStatus::Expired, 0, 4));
        assert_eq!(bench.balance(account).await, (96, 0));
        bench.assert_clean().await;
    }
}

/// One account's clock is far ahead of the database's; the other's hold has its hour.
#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_a_neighbour_in_batch_or_transaction_ends_no_hold() {
    for bench in each().await {
        let (ahead, account) = (bench.open(100).await, bench.open(100).await);
        bench.tick(ahead, FAR).await;
        for name in ["a", "b", "c"] {
            bench.run(place_for(name, account, 10, 3_600 * SECOND)).await;
        }
        let together = vec![
            post("p", &[(ahead, -1)]),
            capture("c1", account, 10, &[("a", None, false)]),
            release("r", "b"),
            expire("c"),
        ];
        let told = bench.run_all(together).await;
        assert!(posted(&told[0]) && posted(&told[1]) && held(&told[2]), "{told:?}");
        assert!(matches!(told[3], Outcome::Refused(Refusal::HoldNotOpen { .. })), "{told:?}");
        // What is captured goes to the account that is ahead.
        let mut across = capture("c2", account, 10, &[("c", None, false)]);
        let to = post("legs", &[(account, -10), (ahead, 10)]);
        let (
            florin_account::app::command::Work::Post(one),
            florin_account::app::command::Work::Post(other),
        ) = (&mut across.work, to.work)
        else {
            unreachable!()
        };
        one.legs = other.legs;
        assert!(posted(&bench.run(across).await));
        assert_eq!(bench.balance(account).await, (80, 0));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweeper_gives_back_what_is_due_and_passes_by_what_is_not() {
    for bench in each().await {
        let (account, behind) = (bench.open(10_000).await, bench.open(10_000).await);
        for one in [account, behind] {
            bench.tick(one, FAR).await;
        }
        // More than a page that is due by the database's clock, and not by the account's.
        let placed = (0..520).map(|at| place_for(&format!("b{at}"), behind, 1, SECOND));
        bench.run_all(placed.collect()).await;
        let placed = (0..600).map(|at| place_for(&format!("h{at}"), account, 1, 2 * SECOND));
        bench.run_all(placed.collect()).await;
        bench.run(place("for ever", account, 1)).await;
        let desk = desk(&bench);
        let look = async |at| desk.expire_due(UnixMicros(at)).await.unwrap();
        assert_eq!(look(FAR).await, Look::default());
        bench.tick(account, FAR + 2 * SECOND).await;
        let first =
            holds_due(bench.db.read(), UnixMicros(FAR + 9 * SECOND), None, 1).await.unwrap();
        assert_eq!(first[0].over_for(UnixMicros(FAR + 9 * SECOND)), 8);
        let found = look(FAR + 9 * SECOND).await;
        assert_eq!(found, Look { due: 1_120, expired: 600 });
        assert_eq!(bench.balance(account).await, (10_000, 1));
        assert_eq!(bench.balance(behind).await, (10_000, 520));
        let again = look(FAR + 9 * SECOND).await;
        assert_eq!(again, Look { due: 520, expired: 0 });
        bench.tick(behind, FAR + SECOND).await;
        let last = look(FAR + SECOND).await;
        assert_eq!(last, Look { due: 520, expired: 520 });
        bench.assert_clean().await;
    }
}

/// Two replicas look at once: each hold is given back by one of them.
#[tokio::test(flavor = "multi_thread")]
async fn sweepers_that_run_side_by_side_give_back_once() {
    for bench in each().await {
        let account = bench.open(1_000).await;
        bench.tick(account, FAR).await;
        let placed = (0..200).map(|at| place_for(&format!("h{at}"), account, 1, SECOND));
        bench.run_all(placed.collect()).await;
        bench.tick(account, FAR + SECOND).await;
        let (one, other) = (desk(&bench), desk(&bench));
        let now = UnixMicros(FAR + SECOND);
        let (one, other) = tokio::join!(one.expire_due(now), other.expire_due(now));
        assert_eq!(one.unwrap().expired + other.unwrap().expired, 200);
        assert_eq!(bench.balance(account).await, (1_000, 0));
        bench.assert_clean().await;
    }
}
