//! Balances as of each of the three dates, against a fold made here.

use florin_account::{
    app::command::{Outcome, Work},
    domain::account::Rules,
    store::entries,
};
use florin_kernel::{Date, UnixMicros};

use crate::bench_ledger::{each, post};

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn balances_as_of_booking_and_value_dates_are_the_folds_up_to_them() {
    // (booking, value, amount): valued before and after they are booked.
    let entries_made = [
        ("2026-03-01", "2026-03-01", 1_000),
        ("2026-03-05", "2026-02-20", 70),
        ("2026-03-05", "2026-04-01", -300),
        ("2026-06-30", "2026-03-01", 11),
    ];
    for bench in each().await {
        let account = bench.open(0).await;
        for (at, (booking, value, minor)) in entries_made.iter().enumerate() {
            let mut command = post(&format!("h{at}"), &[(account, *minor)]);
            if let Work::Post(work) = &mut command.work {
                work.booking_date = Some(day(booking));
                work.value_date = Some(day(value));
                work.rules = Rules::Import;
            }
            let outcome = bench.run(command).await;
            assert!(matches!(outcome, Outcome::Posted { .. }), "{outcome:?}");
        }
        for on in
            ["2026-02-19", "2026-02-20", "2026-03-01", "2026-03-05", "2026-04-01", "2026-12-31"]
        {
            let fold = |by: fn(&(&str, &str, i64)) -> Date| -> i64 {
                let within = entries_made.iter().filter(|entry| by(entry) <= day(on));
                within.map(|(_, _, minor)| minor).sum()
            };
            let booked = entries::as_booked(bench.db.read(), account, day(on)).await.unwrap();
            let valued = entries::as_valued(bench.db.read(), account, day(on)).await.unwrap();
            assert_eq!(booked, fold(|entry| day(entry.0)), "booked by {on}");
            assert_eq!(valued, fold(|entry| day(entry.1)), "valued by {on}");
        }
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_balance_as_of_each_recording_is_that_after_its_event() {
    for bench in each().await {
        let account = bench.open(100).await;
        for at in 0..20 {
            bench.run(post(&format!("p{at}"), &[(account, 7)])).await;
        }
        let page = entries::page(bench.db.read(), account, i64::MAX, 100).await.unwrap();
        assert_eq!(page.len(), 21);
        let times = page.iter().map(|row| row.event.recorded_at);
        let instants = times.flat_map(|at| [at.0 - 1, at.0, at.0 + 1]).map(UnixMicros);
        for at in instants {
            // Newest first.
            let last = page.iter().find(|one| one.event.recorded_at <= at);
            // The account's opening is no entry, and nothing was before it.
            let expected = last.map(|one| (one.event.posted_after, one.event.version));
            let found = entries::as_recorded(bench.db.read(), account, at).await.unwrap();
            assert_eq!((found.0, found.2), expected.unwrap_or((0, found.2)), "{at:?}");
            assert!(expected.is_some() || found.2 <= 1);
        }
        let before = entries::as_recorded(bench.db.read(), account, UnixMicros(0)).await.unwrap();
        assert_eq!(before, (0, 0, 0));
    }
}
