//! The bank's calendar and the business date that follows it.

use florin_account::app::ledger::Ledger;
use florin_proto::account::v1::{
    AddHolidayRequest, AdvanceBusinessDateRequest, GetBusinessDateRequest, ListHolidaysRequest,
    RemoveHolidayRequest,
};
use florin_rpc::Error;
use florin_store::{Tx, sql};
use florin_testkit::place::{number, reason, staff, violations};

use crate::{
    bench_ledger::{Bench, each},
    desk::{desk, machine},
};

async fn advance(desk: &Ledger, closing: &str, opening: &str) -> Result<String, Error> {
    let ctx = staff("AdvanceBusinessDate", &["operator"]);
    let request = AdvanceBusinessDateRequest { closing: closing.into(), opening: opening.into() };
    let answer = desk.advance_business_date(&ctx, request).await;
    answer.map(|told| told.into_inner().business_date).map_err(|status| Error::from_status(&status))
}

async fn add(desk: &Ledger, date: &str, name: &str) -> String {
    let request = AddHolidayRequest { date: date.into(), name: name.into() };
    reason(desk.add_holiday(&staff("AddHoliday", &["operator"]), request).await)
}

async fn remove(desk: &Ledger, date: &str) -> String {
    let request = RemoveHolidayRequest { date: date.into() };
    reason(desk.remove_holiday(&staff("RemoveHoliday", &["operator"]), request).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_business_date_goes_on_to_the_next_business_day_of_the_calendar() {
    for bench in each().await {
        let desk = desk(&bench);
        assert_eq!(add(&desk, "2026-11-24", "Founder's day").await, "OK");
        // The books were opened on a Saturday; Monday is next, then a holiday is passed over.
        assert_eq!(advance(&desk, "2026-11-21", "").await.unwrap(), "2026-11-23");
        assert_eq!(advance(&desk, "2026-11-23", "").await.unwrap(), "2026-11-25");
        // The same again, with and without the date that it opened, closes no second day.
        for opening in ["", "2026-11-25"] {
            assert_eq!(advance(&desk, "2026-11-23", opening).await.unwrap(), "2026-11-25");
        }
        assert_eq!(advance(&desk, "2026-11-21", "").await.unwrap(), "2026-11-23");
        let stale = advance(&desk, "2026-11-23", "2026-11-26").await.unwrap_err();
        assert_eq!(stale.reason(), "BUSINESS_DATE_STALE");
        let ahead = advance(&desk, "2026-11-26", "").await.unwrap_err();
        assert_eq!(ahead.metadata().get("business_date").unwrap(), "2026-11-25");
        // A day that is named is opened, whatever the calendar says.
        assert_eq!(advance(&desk, "2026-11-25", "2026-11-28").await.unwrap(), "2026-11-28");
        let open = desk
            .get_business_date(&machine("GetBusinessDate", &[]), GetBusinessDateRequest {})
            .await
            .unwrap();
        assert_eq!(open.into_inner().business_date, "2026-11-28");
        let told = "SELECT count(*) FROM outbox WHERE kind = 'business_day_closed'";
        assert_eq!(number(&bench.db, told).await.unwrap(), 3);
        let audited = "SELECT count(*) FROM audit WHERE reference LIKE 'business_date/%'";
        assert_eq!(number(&bench.db, audited).await.unwrap(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_without_a_business_day_opens_none() {
    for bench in each().await {
        let desk = desk(&bench);
        for day in 22..=30 {
            assert_eq!(add(&desk, &format!("2026-11-{day}"), "rest").await, "OK");
        }
        assert_eq!(add(&desk, "2026-12-01", "rest").await, "OK");
        let none = advance(&desk, "2026-11-21", "").await.unwrap_err();
        assert_eq!(none.reason(), "NO_BUSINESS_DAY");
        assert_eq!(remove(&desk, "2026-12-01").await, "OK");
        assert_eq!(advance(&desk, "2026-11-21", "").await.unwrap(), "2026-12-01");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn holidays_are_added_once_listed_by_page_and_removed_with_an_audit() {
    for bench in each().await {
        let desk = desk(&bench);
        for (date, name) in
            [("2026-12-25", "Christmas"), ("2026-12-24", "Eve"), ("2027-01-01", "New Year")]
        {
            assert_eq!(add(&desk, date, name).await, "OK");
        }
        assert_eq!(add(&desk, "2026-12-25", "Christmas").await, "OK");
        assert_eq!(add(&desk, "2026-12-25", "Xmas").await, "HOLIDAY_EXISTS");
        let page = async |from: &str, page_token: String| {
            let request = ListHolidaysRequest { from: from.into(), page_size: 2, page_token };
            let told = desk.list_holidays(&machine("ListHolidays", &[]), request).await;
            let told = told.unwrap().into_inner();
            assert_eq!(told.weekend, [6, 7]);
            let days: Vec<String> = told.holidays.into_iter().map(|one| one.date).collect();
            (days, told.next_page_token)
        };
        let (first, next) = page("", String::new()).await;
        assert_eq!(first, ["2026-12-24", "2026-12-25"]);
        assert_eq!(page("", next).await, (vec!["2027-01-01".to_owned()], String::new()));
        assert_eq!(page("2026-12-25", String::new()).await.0, ["2026-12-25", "2027-01-01"]);
        assert_eq!(remove(&desk, "2026-12-25").await, "OK");
        assert_eq!(remove(&desk, "2026-12-25").await, "HOLIDAY_NOT_FOUND");
        let audited = "SELECT count(*) FROM audit WHERE reference LIKE 'holiday/%'";
        assert_eq!(number(&bench.db, audited).await.unwrap(), 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_holiday_is_refused_with_every_field() {
    let bench = crate::bench_ledger::sqlite().await;
    let desk = desk(&bench);
    let request = AddHolidayRequest { date: "2026-02-30".into(), name: "x".repeat(101) };
    let told = violations(desk.add_holiday(&staff("AddHoliday", &["operator"]), request).await);
    let named: Vec<(&str, &str)> = told.iter().map(|(f, r)| (f.as_str(), r.as_str())).collect();
    assert_eq!(named, [("date", "MALFORMED_DATE"), ("name", "TOO_LONG")]);
    let same = advance(&desk, "2026-11-21", "2026-11-21").await.unwrap_err();
    assert_eq!(same.field_violations()[0].rule, "NOT_LATER");
    let far = advance(&desk, "2026-11-21", "2026-12-02").await.unwrap_err();
    assert_eq!(far.field_violations()[0].rule, "OUT_OF_RANGE");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calendar_changes_for_days_after_the_open_date_alone() {
    for bench in each().await {
        let desk = desk(&bench);
        assert_eq!(add(&desk, "2026-11-23", "Founder's day").await, "OK");
        for date in ["2026-11-20", "2026-11-21"] {
            assert_eq!(add(&desk, date, "rest").await, "HOLIDAY_NOT_AHEAD");
            assert_eq!(remove(&desk, date).await, "HOLIDAY_NOT_FOUND");
        }
        assert_eq!(advance(&desk, "2026-11-21", "").await.unwrap(), "2026-11-24");
        // What was decided by it stays, and the same again is still the first.
        assert_eq!(remove(&desk, "2026-11-23").await, "HOLIDAY_NOT_AHEAD");
        assert_eq!(add(&desk, "2026-11-23", "Founder's day").await, "OK");
        assert_eq!(add(&desk, "2026-11-23", "Another").await, "HOLIDAY_NOT_AHEAD");
        let kept = "SELECT count(*) FROM holidays WHERE day = '2026-11-23'";
        assert_eq!(number(&bench.db, kept).await.unwrap(), 1);
        let audited = "SELECT count(*) FROM audit \
                       WHERE reference = 'holiday/2026-11-23 Founder''s day'";
        assert_eq!(number(&bench.db, audited).await.unwrap(), 1);
    }
}

/// A replica that keeps no list of closed dates has opened a date.
async fn opened_without_a_note(bench: &Bench, date: &str) {
    let open = "UPDATE books SET business_date = $1";
    bench.db.write(async |tx: Tx| sql::execute(&tx, open, [date.into()]).await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_replica_closed_that_kept_no_list_is_listed_by_the_next_close() {
    for bench in each().await {
        let desk = desk(&bench);
        // Without any list a repeat that names what is open is believed.
        opened_without_a_note(&bench, "2026-11-23").await;
        assert_eq!(advance(&desk, "2026-11-21", "2026-11-23").await.unwrap(), "2026-11-23");
        assert_eq!(advance(&desk, "2026-11-23", "").await.unwrap(), "2026-11-24");
        opened_without_a_note(&bench, "2026-11-26").await;
        assert_eq!(advance(&desk, "2026-11-26", "").await.unwrap(), "2026-11-27");
        assert_eq!(advance(&desk, "2026-11-24", "").await.unwrap(), "2026-11-26");
        bench.assert_clean().await;
        // A day that never was a business date is no repeat, whatever it is said to open.
        let never = advance(&desk, "2026-11-25", "2026-11-27").await.unwrap_err();
        assert_eq!(never.reason(), "BUSINESS_DATE_STALE");
        assert_eq!(advance(&desk, "2026-11-21", "2026-11-27").await.unwrap(), "2026-11-27");
    }
}
