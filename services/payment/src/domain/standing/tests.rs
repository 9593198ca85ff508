use super::*;

fn day(month: i8, day: i8) -> Date {
    Date::constant(2026, month, day)
}

fn schedule(frequency: Frequency, every: i64, first_on: Date) -> Schedule {
    Schedule { frequency, every, first_on, last_on: None, holiday_rule: HolidayRule::Following }
}

/// The dates paid when these business dates are opened and every attempt ends as `last`.
fn paid(standing: &mut Standing, days: &[Date], last: Last) -> Vec<(Date, i64, Date)> {
    let mut paid = Vec::new();
    for today in days {
        for _ in 0..100 {
            if standing.run_on().is_none_or(|run_on| run_on > *today) {
                break;
            }
            if let Step::Pay { date, attempt } =
                standing.step(Opened { on: *today, next: None }, last)
            {
                paid.push((date, attempt, *today));
            }
        }
        assert!(standing.run_on().is_none_or(|run_on| run_on > *today), "it comes to an end");
    }
    paid
}

#[test]
fn months_are_reckoned_from_the_first_date_and_keep_its_day() {
    let monthly = schedule(Frequency::Monthly, 1, day(1, 31));
    let dates: Vec<_> = (0..4).filter_map(|number| monthly.date(number)).collect();
    assert_eq!(dates, [day(1, 31), day(2, 28), day(3, 31), day(4, 30)]);
    let fortnightly = schedule(Frequency::Weekly, 2, day(1, 5));
    assert_eq!(fortnightly.date(3), Some(day(2, 16)));
    let once = schedule(Frequency::Once, 1, day(1, 5));
    assert_eq!((once.date(0), once.date(1)), (Some(day(1, 5)), None));
    let ends = Schedule { last_on: Some(day(2, 28)), ..monthly };
    assert_eq!((ends.date(1), ends.date(2)), (Some(day(2, 28)), None));
    assert_eq!(monthly.date(i64::MAX), None);
}

#[test]
fn a_date_on_which_the_bank_is_closed_is_done_on_the_next_business_date() {
    // The 3rd is a Saturday; the bank opens Friday and Monday.
    let mut standing = Standing::new(schedule(Frequency::Monthly, 1, day(1, 3)), 0);
    let days = [day(1, 2), day(1, 5), day(1, 6)];
    assert_eq!(paid(&mut standing, &days, Last::Settled), [(day(1, 3), 1, day(1, 5))]);
    assert_eq!(standing.next_on(), Some(day(2, 3)));
}

#[test]
fn dates_that_nobody_opened_are_all_made_up_for() {
    let mut standing = Standing::new(schedule(Frequency::Weekly, 1, day(1, 5)), 0);
    let late = day(1, 27);
    let dates = [day(1, 5), day(1, 12), day(1, 19), day(1, 26)].map(|date| (date, 1, late));
    assert_eq!(paid(&mut standing, &[late, day(1, 28)], Last::Unpaid), dates);
}

#[test]
fn what_failed_is_tried_again_on_later_business_dates_and_not_beyond_the_next_date() {
    let mut standing = Standing::new(schedule(Frequency::Monthly, 1, day(1, 5)), 2);
    let days: Vec<_> = (5..=9).map(|number| day(1, number)).collect();
    assert_eq!(
        paid(&mut standing, &days, Last::Unpaid),
        [(day(1, 5), 1, day(1, 5)), (day(1, 5), 2, day(1, 6)), (day(1, 5), 3, day(1, 7))]
    );
    let mut weekly = Standing::new(schedule(Frequency::Weekly, 1, day(1, 5)), 5);
    assert_eq!(
        paid(&mut weekly, &[day(1, 5), day(1, 12)], Last::Unpaid),
        [(day(1, 5), 1, day(1, 5)), (day(1, 12), 1, day(1, 12))]
    );
}

#[test]
fn what_is_paid_is_not_tried_again_and_what_waits_is_waited_for() {
    let mut standing = Standing::new(schedule(Frequency::Once, 1, day(1, 5)), 3);
    assert_eq!(paid(&mut standing, &[day(1, 5)], Last::Waits).len(), 1);
    assert_eq!(paid(&mut standing, &[day(1, 6), day(1, 7)], Last::Waits), []);
    assert_eq!(standing.status, OrderStatus::Active, "its transfer has not ended");
    assert_eq!(paid(&mut standing, &[day(1, 8)], Last::Settled), []);
    assert_eq!((standing.status, standing.run_on()), (OrderStatus::Ended, None));
}

#[test]
fn an_order_skips_suspends_resumes_and_ends() {
    let mut standing = Standing::new(schedule(Frequency::Weekly, 1, day(1, 5)), 0);
    assert_eq!(standing.skip(day(1, 5)), Ok(()));
    // Skipped, or paid, already: the one after stays.
    assert!(standing.skip(day(1, 5)).is_err());
    standing.suspend().expect("active");
    assert!(standing.suspend().is_err());
    assert_eq!(standing.run_on(), None);
    assert_eq!(paid(&mut standing, &[day(1, 12), day(1, 19)], Last::Settled), []);
    assert_eq!(standing.resume(day(1, 19)), Ok(vec![day(1, 12), day(1, 19)]));
    assert!(standing.resume(day(1, 19)).is_err());
    assert_eq!(standing.next_on(), Some(day(1, 26)));
    standing.cancel().expect("active");
    let refused = OrderState { status: OrderStatus::Cancelled, what: "cancelled" };
    assert_eq!(standing.cancel(), Err(refused));
    assert_eq!(refused.to_string(), "an order that is CANCELLED cannot be cancelled");
    assert!(standing.skip(day(1, 26)).is_err() && standing.suspend().is_err());
}

#[test]
fn skipping_the_last_date_ends_the_order() {
    let mut standing = Standing::new(schedule(Frequency::Once, 1, day(1, 5)), 0);
    assert_eq!(standing.skip(day(1, 5)), Ok(()));
    assert_eq!(standing.status, OrderStatus::Ended);
}

#[test]
fn states_and_frequencies_are_stored_under_these_numbers_for_ever() {
    let told: Vec<_> = OrderStatus::ALL.iter().map(|one| (one.code(), one.name())).collect();
    assert_eq!(told, [(1, "ACTIVE"), (2, "SUSPENDED"), (3, "ENDED"), (4, "CANCELLED")]);
    for status in OrderStatus::ALL {
        assert_eq!(OrderStatus::from_code(status.code()), Some(*status));
    }
    for (code, frequency) in (1..).zip(Frequency::ALL) {
        assert_eq!((frequency.code(), Frequency::from_code(code)), (code, Some(*frequency)));
    }
    assert_eq!((OrderStatus::from_code(0), Frequency::from_code(5)), (None, None));
}

/// Business dates of January and February 2026, weekends and the 2nd of February left out.
fn opened_until(last: Date) -> impl Iterator<Item = Opened> {
    let is_open = |date: &Date| !["Sat", "Sun"].contains(&date.strftime("%a").to_string().as_str());
    let holiday = day(2, 2);
    let dates = day(1, 1).series(jiff::ToSpan::day(1)).take_while(move |date| *date <= last);
    let open: Vec<Date> = dates.filter(|date| is_open(date) && *date != holiday).collect();
    let next: Vec<Option<Date>> = open.iter().skip(1).copied().map(Some).chain([None]).collect();
    open.into_iter().zip(next).map(|(on, next)| Opened { on, next })
}

#[test]
fn a_date_on_which_the_bank_is_closed_is_done_by_the_rule_of_its_order() {
    use HolidayRule::{Following, ModifiedFollowing, Preceding};
    // The 10th and 31st of January are Saturdays, the 1st of February a Sunday, the 2nd a holiday.
    for (first, rule, done) in [
        (day(1, 10), Following, day(1, 12)),
        (day(1, 10), ModifiedFollowing, day(1, 12)),
        (day(1, 10), Preceding, day(1, 9)),
        (day(1, 31), Following, day(2, 3)),
        (day(1, 31), ModifiedFollowing, day(1, 30)),
        (day(1, 31), Preceding, day(1, 30)),
        (day(2, 1), ModifiedFollowing, day(2, 3)),
        (day(2, 1), Preceding, day(1, 30)),
        (day(1, 15), Following, day(1, 15)),
        (day(1, 15), ModifiedFollowing, day(1, 15)),
        (day(1, 15), Preceding, day(1, 15)),
    ] {
        let once = Schedule { holiday_rule: rule, ..schedule(Frequency::Once, 1, first) };
        let mut standing = Standing::new(once, 0);
        let mut paid = Vec::new();
        for opened in opened_until(day(2, 10)) {
            while standing.is_due(opened) {
                assert_eq!(
                    standing.step(opened, Last::Settled),
                    Step::Pay { date: first, attempt: 1 }
                );
                paid.push(opened.on);
            }
            assert_eq!(standing.step(opened, Last::Settled), Step::Wait);
        }
        assert_eq!(paid, [done], "{first} {rule:?}");
    }
}

#[test]
fn a_daily_order_pays_each_day_once_whatever_the_rule() {
    for rule in HolidayRule::ALL {
        let daily = schedule(Frequency::Daily, 1, day(1, 5));
        let daily = Schedule { holiday_rule: *rule, last_on: Some(day(2, 3)), ..daily };
        let mut standing = Standing::new(daily, 0);
        let mut dates = Vec::new();
        for opened in opened_until(day(2, 10)) {
            while standing.is_due(opened) {
                let Step::Pay { date, .. } = standing.step(opened, Last::Settled) else { continue };
                dates.push(date);
            }
        }
        let all: Vec<_> =
            day(1, 5).series(jiff::ToSpan::day(1)).take_while(|one| *one <= day(2, 3)).collect();
        assert_eq!(dates, all, "{rule:?}");
        assert_eq!(standing.status, OrderStatus::Ended);
    }
}

#[test]
fn the_last_date_is_changed_while_dates_are_left() {
    let mut standing = Standing::new(schedule(Frequency::Monthly, 1, day(1, 5)), 0);
    standing.end_on(Some(day(2, 28)), day(1, 1)).expect("active");
    assert_eq!(standing.status, OrderStatus::Active);
    standing.end_on(Some(day(1, 4)), day(1, 1)).expect("active");
    assert_eq!((standing.status, standing.next_on()), (OrderStatus::Ended, None));
    assert!(standing.end_on(None, day(1, 1)).is_err(), "it has ended");
}

/// A daily order of the 29th to the 31st of January whose last date failed and is tried again.
fn retrying(retries: i64) -> Standing {
    let daily = schedule(Frequency::Daily, 1, day(1, 29));
    let mut standing = Standing::new(Schedule { last_on: Some(day(1, 31)), ..daily }, retries);
    let days = [day(1, 29), day(1, 30), day(1, 31)];
    assert_eq!(paid(&mut standing, &days, Last::Unpaid).len(), 3);
    assert_eq!((standing.status, standing.next_on()), (OrderStatus::Active, None));
    standing
}

#[test]
fn a_later_last_date_brings_no_dates_that_had_passed_before_it_was_wanted() {
    let mut standing = retrying(5);
    let passed = standing.end_on(Some(day(3, 31)), day(2, 20)).expect("active");
    assert_eq!((passed.len(), passed[0], passed[19]), (20, day(2, 1), day(2, 20)));
    assert_eq!(standing.next_on(), Some(day(2, 21)));
    // What failed is tried again all the same; the next date is paid on its own.
    assert_eq!(
        paid(&mut standing, &[day(2, 20), day(2, 21)], Last::Unpaid),
        [(day(1, 31), 2, day(2, 20)), (day(2, 21), 1, day(2, 21))]
    );
    // Dates that were its own already are made up for, whatever becomes of the last one.
    let mut late = Standing::new(schedule(Frequency::Daily, 1, day(1, 29)), 0);
    assert_eq!(late.end_on(Some(day(1, 31)), day(2, 20)), Ok(vec![]));
    assert_eq!(paid(&mut late, &[day(2, 20)], Last::Settled).len(), 3);
}

#[test]
fn a_last_date_before_the_one_that_is_tried_again_stops_its_retry() {
    let mut standing = retrying(5);
    standing.end_on(Some(day(1, 31)), day(1, 31)).expect("active");
    assert_eq!((standing.status, standing.check_on), (OrderStatus::Active, Some(day(2, 1))));
    standing.end_on(Some(day(1, 30)), day(1, 31)).expect("active");
    assert_eq!((standing.status, standing.run_on()), (OrderStatus::Ended, None));
}

#[test]
fn a_suspended_order_without_a_date_left_ends() {
    let mut standing = Standing::new(schedule(Frequency::Monthly, 1, day(1, 5)), 0);
    standing.suspend().expect("active");
    standing.end_on(Some(day(1, 4)), day(1, 1)).expect("suspended");
    assert_eq!(standing.status, OrderStatus::Ended);
}

#[test]
fn a_retry_is_promised_only_where_no_date_comes_before_it() {
    let step = |frequency, first, opened| {
        let mut standing = Standing::new(schedule(frequency, 1, first), 3);
        assert!(matches!(standing.step(opened, Last::Unpaid), Step::Pay { .. }));
        standing.check_on
    };
    let opened = |on, next| Opened { on, next };
    assert_eq!(step(Frequency::Daily, day(1, 5), opened(day(1, 5), None)), None);
    assert_eq!(step(Frequency::Once, day(1, 5), opened(day(1, 5), None)), Some(day(1, 6)));
    assert_eq!(step(Frequency::Weekly, day(1, 5), opened(day(1, 5), None)), Some(day(1, 6)));
    // Paid late on a Friday, its next date is the Sunday before the next business date.
    let (friday, monday) = (day(1, 9), day(1, 12));
    let weekly = step(Frequency::Weekly, day(1, 4), opened(friday, Some(monday)));
    assert_eq!(weekly, None);
}
