//! The entries of a GL account, by page and from a date on.

use florin_account::{
    app::command::{Command, Work},
    domain::{
        account::Rules,
        posting::{Leg, Legs, Target},
    },
};
use florin_kernel::Date;
use florin_proto::{account::v1::ListGlEntriesRequest, common::v1::Direction};
use florin_testkit::place::{reason, violations};

use crate::{
    bench_ledger::{Bench, acc, each, money, post},
    desk::{desk, machine},
};

/// A posting between the nostro and cash, booked on a day of the past.
fn book(text: &str, day: i8, currency: &str, minor: i64) -> Command {
    let mut command = post(text, &[(acc("a"), -1)]);
    let Work::Post(post) = &mut command.work else { unreachable!() };
    let legs = [("1200", -minor), ("1010", minor)].map(|(code, minor)| Leg {
        target: Target::Gl(code.to_owned()),
        amount: money(minor, currency),
        counterparty: String::new(),
    });
    post.legs = Legs::new(legs.to_vec()).unwrap();
    post.rules = Rules::Import;
    post.booking_date = Some(Date::constant(2026, 11, day));
    command
}

#[tokio::test]
async fn a_gl_account_tells_its_entries_by_page_from_a_date_on() {
    for bench in each().await {
        let bench: Bench = bench;
        for (text, day, currency, minor) in [
            ("late", 12, "EUR", 700),
            ("first", 10, "EUR", 500),
            ("crowns", 11, "CZK", 90),
            ("out", 11, "EUR", -200),
        ] {
            bench.run(book(text, day, currency, minor)).await;
        }
        let ctx = || machine("ListGlEntries", &[]);
        let of = |from: &str, page_size, page_token: &str| ListGlEntriesRequest {
            code: "1200".into(),
            currency: "EUR".into(),
            from_booking_date: from.into(),
            page_size,
            page_token: page_token.into(),
        };
        let (mut told, mut token, mut brought) = (Vec::new(), String::new(), Vec::new());
        loop {
            let page = desk(&bench).list_gl_entries(&ctx(), of("", 1, &token)).await;
            let page = page.unwrap().into_inner();
            brought.extend(page.brought_forward.map(|money| money.amount));
            told.extend(page.entries.into_iter().map(|one| {
                (
                    one.reference.clone(),
                    one.direction(),
                    one.amount.unwrap().amount,
                    one.booking_date,
                )
            }));
            if page.next_page_token.is_empty() {
                break;
            }
            token = page.next_page_token;
        }
        let is = |text: &str, side: Direction, amount: &str, date: &str| {
            (text.to_owned(), side, amount.to_owned(), date.to_owned())
        };
        let wanted = [
            is("first", Direction::Debit, "5.00", "2026-11-10"),
            is("out", Direction::Credit, "2.00", "2026-11-11"),
            is("late", Direction::Debit, "7.00", "2026-11-12"),
        ];
        assert_eq!(told, wanted);
        assert_eq!(brought, ["0.00"], "with the first page alone");
        let later = desk(&bench).list_gl_entries(&ctx(), of("2026-11-11", 0, "")).await;
        let later = later.unwrap().into_inner();
        assert_eq!(later.brought_forward.unwrap().amount, "-5.00", "credits less debits");
        assert_eq!(later.entries.len(), 2);
        // A token of another question.
        let foreign = desk(&bench).list_gl_entries(&ctx(), of("2026-11-10", 1, &token)).await;
        assert_eq!(reason(foreign), "PAGE_TOKEN_INVALID");
        let wrong = ListGlEntriesRequest {
            code: "".into(),
            currency: "EURO".into(),
            from_booking_date: "yesterday".into(),
            page_size: 1_001,
            page_token: String::new(),
        };
        let refused = desk(&bench).list_gl_entries(&ctx(), wrong).await;
        assert_eq!(violations(refused).len(), 4);
    }
}
