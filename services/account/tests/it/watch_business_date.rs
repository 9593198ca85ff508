//! The age of the business date.

use florin_account::app::watch_business_date::{age_days, look};
use florin_kernel::{Date, UnixMicros, parse_date};
use florin_rpc::metrics::Gauge;

use crate::bench_ledger::each;

const DAY: i64 = 86_400_000_000;

/// Noon of the day so many days after the epoch.
fn noon(day: i64) -> UnixMicros {
    UnixMicros(day * DAY + DAY / 2)
}

#[test]
fn a_date_ages_with_the_clock_and_may_be_ahead_of_it() {
    let open: Date = parse_date("1970-01-11").unwrap();
    assert_eq!(age_days(open, noon(10)), 0);
    assert_eq!(age_days(open, noon(13)), 3);
    assert_eq!(age_days(open, noon(9)), -1);
    assert_eq!(age_days(parse_date("1970-01-01").unwrap(), noon(400)), 400);
}

#[tokio::test]
async fn the_gauge_is_the_age_of_the_open_date() {
    for bench in each().await {
        let age = Gauge::default();
        let open = look(&bench.db, &age, noon(0)).await.unwrap();
        let of_epoch = age.get();
        assert!(of_epoch < 0, "the books opened after the epoch");
        look(&bench.db, &age, noon(-of_epoch + 2)).await.unwrap();
        assert_eq!(age.get(), 2, "{open}");
    }
}
