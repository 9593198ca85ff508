//! Entries that come late: whatever the order of postings, value dates and ends of day, the
//! interest is that of one fold from scratch.

use std::collections::BTreeMap;

use florin_account::{
    app::command::{Outcome, Work},
    domain::{
        account::Rules,
        interest::{Point, Sides, fold},
    },
    store::{accruals, conditions},
};
use florin_kernel::{AccountId, Date};
use florin_store::sql;
use proptest::{collection::vec, prelude::*};

use crate::{
    bench_ledger::{Bench, each, post, sqlite},
    end_of_day::end_days,
    interest_world::{advance, open_with_overdraft, pay_interest, valued},
    periods::{close, closed, reopen},
};

const FIRST: Date = Date::constant(2026, 11, 21);

/// The net amount of each value date, as the table has it.
async fn turnover(bench: &Bench, account: AccountId) -> BTreeMap<Date, i128> {
    let query = "SELECT value_date, net FROM turnover WHERE account_id = $1";
    let mut found = BTreeMap::new();
    for row in sql::query_all(bench.db.read(), query, [account.to_string().into()]).await.unwrap() {
        let (day, net): (String, i64) =
            (row.try_get("", "value_date").unwrap(), row.try_get("", "net").unwrap());
        *found.entry(day.parse().unwrap()).or_default() += i128::from(net);
    }
    found
}

/// Folds an account from scratch and compares.
async fn assert_as_from_scratch(bench: &Bench, account: AccountId) {
    let accrual = accruals::of_account(bench.db.read(), account).await.unwrap().unwrap();
    let at = accrual.at.unwrap();
    let eur = "EUR".parse().unwrap();
    let all = conditions::all(bench.db.read()).await.unwrap();
    let conditions = &all[&("current".to_owned(), eur)];
    let mut turnover = turnover(bench, account).await;
    let later = turnover.split_off(&FIRST);
    let balance = turnover.values().sum::<i128>().try_into().unwrap();
    let start = Point { through: FIRST.yesterday().unwrap(), balance, accrued: Sides::default() };
    let (expected, _) = fold(start, &later, at.through, conditions, eur).unwrap();
    assert_eq!(at, expected);
    assert_eq!(accrual.booked, expected.accrued.rounded(eur).unwrap());
}

#[derive(Debug, Clone)]
enum Event {
    /// Posts on an account an amount, valued so many days after the business date.
    Post(usize, i64, i64),
    /// Closes the business date and opens one so many days later.
    Close(i64),
    /// Ends the days that were closed.
    End,
    /// New conditions from the business date on.
    Rate(u32),
    /// Another bank's entry: on an account an amount, booked so many days before the business
    /// date, whose end may be done, and valued so many days before that.
    Import(usize, i64, i64, i64),
    /// Closes the period up to so many days before the business date; refused where their ends
    /// are not done.
    ClosePeriod(i64),
    /// Opens the closed period again, from so many days before its last one.
    Reopen(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..2_usize, -90_000..90_000_i64, -70..5_i64)
            .prop_map(|(on, minor, days)| Event::Post(on, minor, days)),
        3 => (1..10_i64).prop_map(Event::Close),
        2 => Just(Event::End),
        1 => (0..20_u32).prop_map(Event::Rate),
        2 => (0..2_usize, -90_000..90_000_i64, 0..20_i64, 0..40_i64)
            .prop_map(|(on, minor, booked, valued)| Event::Import(on, minor, booked, valued)),
        1 => (1..15_i64).prop_map(Event::ClosePeriod),
        1 => (0..10_i64).prop_map(Event::Reopen),
    ]
}

/// What the events did, so that a run in which nothing was refused, or all, is seen.
#[derive(Debug, Default)]
struct Did {
    imported: usize,
    closed: usize,
    reopened: usize,
}

async fn run(bench: &Bench, events: &[Event]) -> Did {
    let mut did = Did::default();
    pay_interest(bench, "current", "2026-11-21", &[("0", "5"), ("100.00", "11.5")]).await;
    let accounts =
        [open_with_overdraft(bench, 1_000_000).await, open_with_overdraft(bench, 1_000_000).await];
    let mut today = FIRST;
    let mut rated = today;
    let after = |day: Date, days| day.checked_add(jiff::Span::new().days(days)).unwrap();
    for (at, event) in events.iter().enumerate() {
        match *event {
            Event::Post(on, minor, days) => {
                let minor = if minor == 0 { 1 } else { minor };
                let value = after(today, days).to_string();
                bench.run(valued(post(&format!("p{at}"), &[(accounts[on], minor)]), &value)).await;
            }
            Event::Close(days) => {
                let next = after(today, days);
                advance(bench, &today.to_string(), &next.to_string()).await;
                today = next;
            }
            Event::End => end_days(bench, 2).await,
            // One version a day.
            Event::Rate(rate) if rated < today => {
                rated = today;
                let rate = rate.to_string();
                pay_interest(bench, "current", &today.to_string(), &[("0", &rate)]).await;
            }
            Event::Rate(_) => {}
            Event::Import(on, minor, booked, valued_before) => {
                let minor = if minor == 0 { 1 } else { minor };
                let booking = after(today, -booked).max(FIRST);
                let value = after(booking, -valued_before).to_string();
                let mut entry = valued(post(&format!("i{at}"), &[(accounts[on], minor)]), &value);
                let Work::Post(work) = &mut entry.work else { unreachable!() };
                (work.booking_date, work.rules) = (Some(booking), Rules::Import);
                let booked = bench.run(entry).await;
                did.imported += usize::from(matches!(booked, Outcome::Posted { .. }));
            }
            Event::ClosePeriod(days) => {
                let through = after(today, -days).to_string();
                did.closed += usize::from(close(bench, &through).await.is_ok());
            }
            Event::Reopen(days) => {
                let through = closed(bench).await;
                if let Ok(last) = through.parse::<Date>() {
                    reopen(bench, &through, &after(last, -days).to_string()).await;
                    did.reopened += 1;
                }
            }
        }
    }
    // What was posted last is late for the day after it only.
    for _ in 0..2 {
        let next = after(today, 1);
        advance(bench, &today.to_string(), &next.to_string()).await;
        today = next;
        end_days(bench, 2).await;
    }
    for account in accounts {
        assert_as_from_scratch(bench, account).await;
    }
    bench.assert_clean().await;
    did
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn late_entries_in_any_order_accrue_as_one_fold_from_scratch(events in vec(event(), 1..40)) {
        wait(async { run(&sqlite().await, &events).await });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, ..ProptestConfig::default() })]

    #[test]
    fn late_entries_accrue_as_one_fold_from_scratch_on_postgresql(
        events in vec(event(), 20..40)
    ) {
        wait(async {
            let mut benches = each().await;
            if benches.len() > 1 {
                run(&benches.remove(1), &events).await;
            }
        });
    }
}

/// The same by hand, so that each of the rarer events is seen to have happened.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_into_days_that_have_ended_and_into_a_reopened_period_accrues_from_scratch() {
    let events = [
        Event::Post(0, 50_000, 0),
        Event::Post(1, -30_000, -3),
        Event::Close(4),
        Event::End,
        Event::Import(0, 25_000, 3, 2),
        Event::Close(3),
        Event::End,
        Event::ClosePeriod(4),
        // Refused: its booking date is in the closed period.
        Event::Import(0, 10_000, 6, 0),
        Event::Import(1, 70_000, 2, 0),
        Event::Reopen(1),
        Event::Import(1, -7_000, 4, 1),
        Event::Close(5),
        Event::ClosePeriod(9),
        Event::End,
        Event::Import(0, -9_999, 4, 3),
        Event::Reopen(0),
        Event::Post(0, 1_234, -8),
    ];
    for bench in each().await {
        let did = run(&bench, &events).await;
        assert_eq!((did.imported, did.closed, did.reopened), (4, 2, 2), "{did:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_entry_is_folded_at_the_end_of_its_booking_date_and_the_difference_booked() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let account = open_with_overdraft(&bench, 0).await;
        bench.run(post("in", &[(account, 100_000)])).await;
        let booked = async |reference: &str| {
            let query = "SELECT l.amount AS amount FROM journal_legs AS l \
                         JOIN journal AS j ON j.id = l.transaction_id \
                         WHERE j.reference = $1 AND l.gl_code = '2910'";
            let reference = format!("{account}/{reference}");
            let row = sql::query_one(bench.db.read(), query, [reference.into()]).await.unwrap();
            row.map(|row| row.try_get::<i64>("", "amount").unwrap())
        };
        for (closing, opening) in [
            ("2026-11-21", "2026-11-22"),
            ("2026-11-22", "2026-11-23"),
            ("2026-11-23", "2026-11-24"),
        ] {
            advance(&bench, closing, opening).await;
            end_days(&bench, 1).await;
        }
        assert_eq!(booked("accrual/2026-11-23").await, Some(10));
        // It was here three days ago already: three days more of 0.10, and today's 0.20.
        bench.run(valued(post("late", &[(account, 100_000)]), "2026-11-21")).await;
        advance(&bench, "2026-11-24", "2026-11-25").await;
        end_days(&bench, 1).await;
        assert_eq!(booked("accrual/2026-11-24").await, Some(50));
        // And away again, from before the first day on: what was booked is taken back.
        bench.run(valued(post("back", &[(account, -199_900)]), "2026-11-20")).await;
        advance(&bench, "2026-11-25", "2026-11-26").await;
        end_days(&bench, 1).await;
        // Overdrawn by 999.00 for three days would be the other side's; here by value date it is
        // 1,000.00 - 1,999.00 on the first day, and 1.00 from then on, 0.0001 a day.
        assert_as_from_scratch(&bench, account).await;
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_entry_of_before_the_last_capitalisation_is_paid_with_the_next() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let account = open_with_overdraft(&bench, 0).await;
        bench.run(post("in", &[(account, 100_000)])).await;
        advance(&bench, "2026-11-21", "2026-11-30").await;
        advance(&bench, "2026-11-30", "2026-12-01").await;
        end_days(&bench, 1).await;
        assert_eq!(bench.balance(account).await.0, 100_100, "ten days of 0.10");
        bench.run(valued(post("late", &[(account, 100_000)]), "2026-11-26")).await;
        let mut today: Date = "2026-12-01".parse().unwrap();
        while today < Date::constant(2026, 12, 31) {
            let next = today.checked_add(jiff::Span::new().days(10)).unwrap();
            advance(&bench, &today.to_string(), &next.to_string()).await;
            today = next;
        }
        advance(&bench, "2026-12-31", "2027-01-04").await;
        end_days(&bench, 1).await;
        // December's 31 days of 0.20 and five November days of 0.10 that came late; on what was
        // capitalised, 31 days of 0.0001.
        assert_eq!(bench.balance(account).await.0, 200_100 + 620 + 50);
        assert_as_from_scratch(&bench, account).await;
        bench.assert_clean().await;
    }
}
