//! Fees: quoted before, charged once a month at the end of day.

use florin_kernel::Money;
use florin_proto::{
    account::v1::{
        FeeEvent, FeeSchedule, FeeTier, ListFeeSchedulesRequest, QuoteFeeRequest,
        SetFeeScheduleRequest,
    },
    wire_money,
};
use florin_testkit::place::{customer, number, reason, staff, violations};

use crate::{
    bench_ledger::{Bench, cus, each, eur, post, sqlite},
    desk::{desk, machine, payment},
    end_of_day::end_days,
    interest_world::{advance, dump},
};

fn tier(from: i64, flat: i64, rate: &str) -> FeeTier {
    FeeTier {
        from: Some(wire_money(eur(from))),
        flat: Some(wire_money(eur(flat))),
        rate_percent: rate.to_owned(),
    }
}

fn schedule(event: FeeEvent, from: &str, tiers: Vec<FeeTier>) -> FeeSchedule {
    FeeSchedule {
        product: "current".into(),
        currency: "EUR".into(),
        event: event.into(),
        valid_from: from.into(),
        tiers,
        minimum: Some(wire_money(eur(0))),
        maximum: None,
    }
}

async fn set(bench: &Bench, schedule: FeeSchedule) -> String {
    let ctx = staff("SetFeeSchedule", &["credit_officer"]);
    let request = SetFeeScheduleRequest { schedule: Some(schedule) };
    reason(desk(bench).set_fee_schedule(&ctx, request).await)
}

/// Has current accounts cost this much a month.
pub async fn monthly(bench: &Bench, minor: i64) {
    assert_eq!(set_monthly(bench, minor).await, "OK");
}

pub async fn set_monthly(bench: &Bench, minor: i64) -> String {
    set(bench, schedule(FeeEvent::Month, "2026-11-21", vec![tier(0, minor, "0")])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_is_quoted_by_the_schedule_of_the_business_date() {
    for bench in each().await {
        let account = bench.open(100_000).await;
        let tiers = vec![tier(0, 100, "0"), tier(100_000, 0, "0.25")];
        let first = FeeSchedule {
            minimum: Some(wire_money(eur(50))),
            maximum: Some(wire_money(eur(1_000))),
            ..schedule(FeeEvent::Transfer, "2026-11-21", tiers)
        };
        assert_eq!(set(&bench, first.clone()).await, "OK");
        assert_eq!(set(&bench, first.clone()).await, "OK", "the same again is the first");
        let later = schedule(FeeEvent::Transfer, "2026-11-23", vec![tier(0, 7, "0")]);
        assert_eq!(set(&bench, later.clone()).await, "OK");
        let quote = async |minor: i64, event: FeeEvent| {
            let amount = (minor > 0).then(|| wire_money(eur(minor)));
            let account_id = account.to_string();
            let request = QuoteFeeRequest { account_id, event: event.into(), amount };
            let told = desk(&bench).quote_fee(&payment("QuoteFee"), request).await.unwrap();
            let told = told.into_inner();
            assert_eq!(told.gl_code, "4010");
            (told.fee.unwrap().amount, told.schedule_from)
        };
        let on = |fee: &str, from: &str| (fee.to_owned(), from.to_owned());
        for (minor, fee) in [
            (0, "1.00"),
            (99_999, "1.00"),
            (100_000, "2.50"),
            (200_000, "5.00"),
            (900_000, "10.00"),
        ] {
            assert_eq!(quote(minor, FeeEvent::Transfer).await, on(fee, "2026-11-21"), "{minor}");
        }
        assert_eq!(quote(5_000, FeeEvent::Withdrawal).await, on("0.00", ""));
        advance(&bench, "2026-11-21", "2026-11-23").await;
        assert_eq!(quote(900_000, FeeEvent::Transfer).await, on("0.07", "2026-11-23"));

        let ctx = machine("ListFeeSchedules", &[]);
        let request = ListFeeSchedulesRequest::default();
        let told = desk(&bench).list_fee_schedules(&ctx, request).await.unwrap().into_inner();
        assert_eq!(told.schedules.len(), 2);
        assert_eq!(told.schedules[0].tiers[1].rate_percent, "0.25");
        assert_eq!(told.schedules[0].maximum, first.maximum);
        assert_eq!(told.schedules[1].valid_from, later.valid_from);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_refuses_other_currencies_and_other_peoples_accounts() {
    let bench = sqlite().await;
    let account_id = bench.open(100).await.to_string();
    let desk = desk(&bench);
    let event = FeeEvent::Transfer.into();
    let dollars = Some(wire_money(Money::parse("USD", "1.00").unwrap()));
    let request = QuoteFeeRequest { account_id: account_id.clone(), event, amount: dollars };
    assert_eq!(reason(desk.quote_fee(&payment("QuoteFee"), request).await), "CURRENCY_MISMATCH");
    let request = QuoteFeeRequest { account_id, event, amount: None };
    let stranger = customer("QuoteFee", cus("nobody"));
    assert_eq!(reason(desk.quote_fee(&stranger, request).await), "ACCOUNT_NOT_FOUND");
    let negative = Some(wire_money(eur(-1)));
    let request = QuoteFeeRequest { account_id: String::new(), event: 9, amount: negative };
    let told = violations(desk.quote_fee(&payment("QuoteFee"), request).await);
    let fields: Vec<&str> = told.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["account_id", "event", "amount"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_schedules_are_refused_with_every_field_and_none_changes_the_past() {
    let bench = sqlite().await;
    let told = async |schedule: FeeSchedule| {
        let ctx = staff("SetFeeSchedule", &["credit_officer"]);
        let request = SetFeeScheduleRequest { schedule: Some(schedule) };
        let told = violations(desk(&bench).set_fee_schedule(&ctx, request).await);
        let told = told.into_iter().map(|(field, rule)| {
            format!("{} {rule}", field.strip_prefix("schedule.").unwrap_or(&field))
        });
        told.collect::<Vec<_>>()
    };
    let mut bad = schedule(FeeEvent::Month, "2026-13-01", vec![tier(0, -1, "x")]);
    bad.event = 0;
    bad.minimum = Some(wire_money(Money::parse("USD", "1.00").unwrap()));
    assert_eq!(
        told(bad).await,
        [
            "event UNKNOWN_VALUE",
            "valid_from MALFORMED_DATE",
            "minimum CURRENCY_MISMATCH",
            "tiers[0].flat NEGATIVE",
            "tiers[0].rate_percent MALFORMED_RATE",
        ]
    );
    let rising = schedule(FeeEvent::Month, "2026-12-01", vec![tier(5, 1, "0")]);
    assert_eq!(told(rising).await, ["tiers OUT_OF_RANGE"]);
    let past = schedule(FeeEvent::Month, "2026-11-20", vec![tier(0, 1, "0")]);
    assert_eq!(set(&bench, past).await, "CONDITIONS_IN_THE_PAST");
    let here = |flat| schedule(FeeEvent::Month, "2026-12-01", vec![tier(0, flat, "0")]);
    assert_eq!(set(&bench, here(1)).await, "OK");
    assert_eq!(set(&bench, here(2)).await, "CONDITIONS_EXIST");
    let unknown = FeeSchedule { product: "gold".into(), ..here(1) };
    assert_eq!(set(&bench, unknown).await, "PRODUCT_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_monthly_fee_is_charged_once_at_the_end_of_the_month_however_often_the_day_ends() {
    for bench in each().await {
        assert_eq!(
            set(&bench, schedule(FeeEvent::Month, "2026-11-21", vec![tier(0, 250, "0")])).await,
            "OK"
        );
        let accounts = [bench.open(1_000).await, bench.open(0).await];
        for (closing, opening) in [
            ("2026-11-21", "2026-11-30"),
            ("2026-11-30", "2026-12-01"),
            ("2026-12-01", "2026-12-02"),
        ] {
            advance(&bench, closing, opening).await;
        }
        let late = bench.open(1_000).await;
        end_days(&bench, 4).await;
        let first = dump(&bench, &accounts).await;
        for statement in
            ["DELETE FROM end_of_day_steps", "UPDATE business_days SET ended_at = NULL"]
        {
            let again =
                async |tx: florin_store::Tx| florin_store::sql::execute(&tx, statement, []).await;
            bench.db.write(again).await.unwrap();
        }
        end_days(&bench, 1).await;
        assert_eq!(dump(&bench, &accounts).await, first);
        assert_eq!(bench.balance(accounts[0]).await.0, 750);
        // The bank's own charge overdraws; whoever opened in December owes none for November.
        assert_eq!(bench.balance(accounts[1]).await.0, -250);
        assert_eq!(bench.balance(late).await.0, 1_000);
        let charged = "SELECT COUNT(*) FROM journal WHERE kind = 'account_fee' \
                       AND booking_date = '2026-11-30' AND value_date = '2026-12-01'";
        assert_eq!(number(&bench.db, charged).await.unwrap(), 2);
        bench.run(post("in", &[(accounts[1], 1_000)])).await;
        bench.assert_clean().await;
    }
}
