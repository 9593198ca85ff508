//! Balance sheet, profit and loss, and the trial balance by page.

use florin_account::{
    app::command::{Command, Work},
    domain::{
        account::Rules,
        posting::{Leg, Legs, Target},
    },
};
use florin_kernel::Date;
use florin_proto::{
    account::v1::{
        GetBalanceSheetRequest, GetBalanceSheetResponse, GetProfitAndLossRequest,
        GetProfitAndLossResponse, GetTrialBalanceRequest, StatementRow,
    },
    common::v1::Money,
};
use florin_rpc::Error;

use crate::{
    bench_ledger::{Bench, convert, each, money, post},
    desk::{desk, machine},
};

/// A posting between GL accounts, booked on a day of the past.
fn book(text: &str, on: (i16, i8, i8), currency: &str, legs: &[(&str, i64)]) -> Command {
    let mut command = post(text, &[(crate::bench_ledger::acc("a"), -1)]);
    let Work::Post(post) = &mut command.work else { unreachable!() };
    let legs = legs.iter().map(|(code, minor)| Leg {
        target: Target::Gl((*code).to_owned()),
        amount: money(*minor, currency),
        counterparty: String::new(),
    });
    post.legs = Legs::new(legs.collect()).unwrap();
    post.rules = Rules::Import;
    post.booking_date = Some(Date::constant(on.0, on.1, on.2));
    command
}

/// Equity paid in, deposits of customers, fees and interest over three months, some in crowns.
async fn filled(bench: &Bench) {
    let account = bench.open(5_000).await;
    let crowns = bench.open_account("current", money(0, "CZK")).await;
    for command in [
        book("equity", (2026, 8, 1), "EUR", &[("1010", -100_000), ("3010", 100_000)]),
        book("fee", (2026, 9, 30), "EUR", &[("1010", -700), ("4010", 700)]),
        book("fee2", (2026, 10, 1), "EUR", &[("1010", -300), ("4010", 300)]),
        book("interest", (2026, 10, 31), "EUR", &[("5010", -120), ("1010", 120)]),
        book("crowns", (2026, 10, 15), "CZK", &[("1200", -90), ("4010", 90)]),
        book("back", (2026, 11, 1), "EUR", &[("4010", -50), ("1010", 50)]),
        convert("fx", account, crowns, 400),
    ] {
        let booked = bench.run(command).await;
        assert!(
            matches!(booked, florin_account::app::command::Outcome::Posted { .. }),
            "{booked:?}"
        );
    }
}

fn told(rows: &[StatementRow]) -> Vec<(&str, i32, String)> {
    rows.iter().map(|row| (&*row.code, row.class, text(row.amount.as_ref()))).collect()
}

fn text(money: Option<&Money>) -> String {
    money.map(|money| format!("{} {}", money.amount, money.currency)).unwrap()
}

async fn sheet(bench: &Bench, as_of: &str) -> GetBalanceSheetResponse {
    let request = GetBalanceSheetRequest { as_of_booking_date: as_of.into() };
    let answer = desk(bench).get_balance_sheet(&machine("GetBalanceSheet", &[]), request).await;
    answer.unwrap().into_inner()
}

fn sums(sheet: &GetBalanceSheetResponse) -> Vec<[String; 4]> {
    let totals = sheet.totals.iter().map(|of| {
        [&of.assets, &of.liabilities, &of.equity, &of.result].map(|sum| text(sum.as_ref()))
    });
    totals.collect()
}

async fn result(bench: &Bench, from: &str, to: &str) -> Result<GetProfitAndLossResponse, Error> {
    let request =
        GetProfitAndLossRequest { from_booking_date: from.into(), to_booking_date: to.into() };
    let desk = desk(bench);
    match desk.get_profit_and_loss(&machine("GetProfitAndLoss", &[]), request).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => Err(Error::from_status(&status)),
    }
}

fn results(answer: &GetProfitAndLossResponse) -> Vec<[String; 3]> {
    let totals = answer
        .totals
        .iter()
        .map(|of| [&of.income, &of.expenses, &of.result].map(|sum| text(sum.as_ref())));
    totals.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balance_sheet_balances_in_each_currency_at_every_date() {
    for bench in each().await {
        filled(&bench).await;
        for (as_of, eur) in [
            ("2026-07-31", None),
            ("2026-08-01", Some(["1000.00", "0.00", "1000.00", "0.00"])),
            ("2026-09-30", Some(["1007.00", "0.00", "1000.00", "7.00"])),
            ("2026-10-31", Some(["1008.80", "0.00", "1000.00", "8.80"])),
            ("2026-11-20", Some(["1008.30", "0.00", "1000.00", "8.30"])),
            // Fifty of deposits in cash; four of them were sold for crowns.
            ("2026-11-21", Some(["1054.30", "46.00", "1000.00", "8.30"])),
            ("", Some(["1054.30", "46.00", "1000.00", "8.30"])),
        ] {
            let found = sheet(&bench, as_of).await;
            assert!(found.balanced, "{as_of}");
            let of_euros = sums(&found).into_iter().find(|of| of[0].ends_with("EUR"));
            let expected = eur.map(|of| of.map(|sum| format!("{sum} EUR")));
            assert_eq!(of_euros, expected, "{as_of}");
        }
        let today = sheet(&bench, "").await;
        let rows = told(&today.rows);
        for row in [
            ("1010", 1, "1058.30 EUR".to_owned()),
            ("2010", 2, "46.00 EUR".to_owned()),
            ("2010", 2, "100.00 CZK".to_owned()),
            ("3010", 3, "1000.00 EUR".to_owned()),
            ("9020", 1, "-4.00 EUR".to_owned()),
            ("9020", 1, "100.00 CZK".to_owned()),
        ] {
            assert!(rows.contains(&row), "{row:?} is not among {rows:?}");
        }
        assert!(rows.iter().all(|(_, class, _)| *class <= 3), "{rows:?}");
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn profit_and_loss_is_of_the_days_asked_for_and_adds_up_over_periods() {
    for bench in each().await {
        filled(&bench).await;
        let october = result(&bench, "2026-10-01", "2026-10-31").await.unwrap();
        let expected = [
            ("4010", 4, "0.90 CZK".to_owned()),
            ("4010", 4, "3.00 EUR".to_owned()),
            ("5010", 5, "1.20 EUR".to_owned()),
        ];
        assert_eq!(told(&october.rows), expected);
        let sums = |crowns: Option<&str>, euros: [&str; 3]| {
            let crowns = crowns.map(|sum| [sum, "0.00", sum].map(|sum| format!("{sum} CZK")));
            let euros = euros.map(|sum| format!("{sum} EUR"));
            crowns.into_iter().chain([euros]).collect::<Vec<_>>()
        };
        assert_eq!(results(&october), sums(Some("0.90"), ["3.00", "1.20", "1.80"]));
        for (from, to, crowns, euros) in [
            ("2026-09-30", "2026-09-30", None, ["7.00", "0.00", "7.00"]),
            ("2026-09-01", "2026-10-31", Some("0.90"), ["10.00", "1.20", "8.80"]),
            ("2026-11-01", "2026-11-21", None, ["-0.50", "0.00", "-0.50"]),
            ("0001-01-01", "9999-12-31", Some("0.90"), ["9.50", "1.20", "8.30"]),
        ] {
            let found = result(&bench, from, to).await.unwrap();
            assert_eq!(results(&found), sums(crowns, euros), "{from} to {to}");
        }
        let empty = result(&bench, "2026-07-01", "2026-07-31").await.unwrap();
        assert!(empty.rows.is_empty() && empty.totals.is_empty());
        for (from, to, field) in [
            ("2026-10-31", "2026-10-01", "to_booking_date"),
            ("", "2026-10-01", "from_booking_date"),
            ("2026-02-30", "2026-10-01", "from_booking_date"),
        ] {
            let refused = result(&bench, from, to).await.unwrap_err();
            assert_eq!(refused.field_violations()[0].field, field);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_balance_comes_by_pages_and_each_tells_whether_all_of_it_balances() {
    for bench in each().await {
        filled(&bench).await;
        let desk = desk(&bench);
        let (mut codes, mut page_token, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let request = GetTrialBalanceRequest {
                as_of_booking_date: "2026-11-21".into(),
                page_size: 3,
                page_token,
            };
            let page = desk.get_trial_balance(&machine("GetTrialBalance", &[]), request).await;
            let page = page.unwrap().into_inner();
            assert!(page.balanced && page.rows.len() <= 3);
            codes.extend(page.rows.into_iter().map(|row| (row.code, row.net.unwrap().currency)));
            page_token = page.next_page_token;
            pages += 1;
            if page_token.is_empty() {
                break;
            }
        }
        let request = GetTrialBalanceRequest {
            as_of_booking_date: "2026-11-21".into(),
            ..GetTrialBalanceRequest::default()
        };
        let whole = desk.get_trial_balance(&machine("GetTrialBalance", &[]), request).await;
        let whole = whole.unwrap().into_inner();
        assert!(whole.next_page_token.is_empty());
        let all: Vec<_> =
            whole.rows.into_iter().map(|row| (row.code, row.net.unwrap().currency)).collect();
        assert_eq!((codes, pages), (all.clone(), all.len().div_ceil(3)));
        let request =
            GetTrialBalanceRequest { page_size: 10_001, ..GetTrialBalanceRequest::default() };
        let refused = desk.get_trial_balance(&machine("GetTrialBalance", &[]), request).await;
        let refused = Error::from_status(&refused.unwrap_err());
        assert_eq!(refused.field_violations()[0].field, "page_size");
    }
}
