//! Statements of accounts: made at the end of a month, gapless, whatever comes late.

use florin_account::{
    app::command::{Change, Work},
    domain::account::Rules,
};
use florin_kernel::AccountId;
use florin_proto::account::v1::{
    Entry, GetStatementRequest, ListStatementEntriesRequest, ListStatementsRequest, Statement,
};
use florin_rpc::CallContext;
use florin_store::{Tx, sql};
use florin_testkit::place::{customer, number, reason};

use crate::{
    bench_ledger::{Bench, change, cus, each, post},
    desk::{desk, machine},
    end_of_day::{end_days, worker},
    interest_world::{advance, import, pay_interest},
};

async fn statements(bench: &Bench, account: AccountId) -> Vec<Statement> {
    let request = ListStatementsRequest { account_id: account.to_string(), ..Default::default() };
    let ctx = machine("ListStatements", &[]);
    desk(bench).list_statements(&ctx, request).await.unwrap().into_inner().statements
}

/// Number, days, opening, closing, credits, debits and number of entries.
fn told(one: &Statement) -> String {
    let money = |money: &Option<florin_proto::common::v1::Money>| money.clone().unwrap().amount;
    format!(
        "{} {}/{} {} + {} - {} = {} of {}",
        one.number,
        one.from,
        one.through,
        money(&one.opening),
        money(&one.credits),
        money(&one.debits),
        money(&one.closing),
        one.entries
    )
}

async fn entries(bench: &Bench, one: &Statement, size: i32) -> Vec<Entry> {
    let ctx = machine("ListStatementEntries", &[]);
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListStatementEntriesRequest {
            account_id: one.account_id.clone(),
            through: one.through.clone(),
            page_size: size,
            page_token,
        };
        let page = desk(bench).list_statement_entries(&ctx, request).await.unwrap().into_inner();
        all.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

/// A posting booked on a date of the past, as an import is.
fn booked(
    text: &str,
    account: AccountId,
    minor: i64,
    on: &str,
) -> florin_account::app::command::Command {
    let mut command = post(text, &[(account, minor)]);
    let Work::Post(work) = &mut command.work else { unreachable!() };
    work.booking_date = Some(on.parse().unwrap());
    work.rules = Rules::Import;
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_has_the_entries_of_its_month_and_the_next_begins_where_it_ends() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let account = bench.open(100_000).await;
        bench.run(post("spent", &[(account, -100)])).await;
        advance(&bench, "2026-11-21", "2026-11-30").await;
        end_days(&bench, 1).await;
        assert_eq!(statements(&bench, account).await, [], "no month has ended");
        advance(&bench, "2026-11-30", "2026-12-01").await;
        // Booked in December, before November's interest is.
        bench.run(post("december", &[(account, 7)])).await;
        end_days(&bench, 2).await;
        let first = statements(&bench, account).await;
        assert_eq!(first.len(), 1);
        assert_eq!(told(&first[0]), "1 2026-11-21/2026-11-30 0.00 + 1001.00 - 1.00 = 1000.00 of 3");
        for size in [1, 2, 50] {
            let listed = entries(&bench, &first[0], size).await;
            let kinds: Vec<&str> = listed.iter().map(|one| one.kind.as_str()).collect();
            assert_eq!(kinds, ["transfer", "transfer", "interest_capitalisation"], "{size}");
        }
        for (closing, opening) in [
            ("2026-12-01", "2026-12-11"),
            ("2026-12-11", "2026-12-21"),
            ("2026-12-21", "2026-12-31"),
            ("2026-12-31", "2027-01-01"),
        ] {
            advance(&bench, closing, opening).await;
            end_days(&bench, 2).await;
        }
        let both = statements(&bench, account).await;
        assert_eq!(both[1], first[0], "it never changes");
        let second = &both[0];
        assert!(told(second).starts_with("2 2026-12-01/2026-12-31 1000.00 + "), "{}", told(second));
        let listed = entries(&bench, second, 50).await;
        assert_eq!((listed.len(), listed[0].amount.clone().unwrap().amount), (2, "0.07".into()));
        assert_eq!((second.entries, second.first_version), (2, listed[0].version));
        assert_eq!(second.last_version, listed[1].version);
        assert_ne!(first[0].hash, second.hash);
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_booked_late_in_a_stated_month_is_in_the_next_statement() {
    for bench in each().await {
        let account = bench.open(1_000).await;
        advance(&bench, "2026-11-21", "2026-11-30").await;
        advance(&bench, "2026-11-30", "2026-12-01").await;
        end_days(&bench, 1).await;
        let late = bench.run(booked("late", account, 50, "2026-11-25")).await;
        assert!(late.record().is_some(), "{late:?}");
        bench.assert_clean().await;
        for (closing, opening) in [
            ("2026-12-01", "2026-12-11"),
            ("2026-12-11", "2026-12-21"),
            ("2026-12-21", "2026-12-31"),
            ("2026-12-31", "2027-01-01"),
        ] {
            advance(&bench, closing, opening).await;
        }
        // One of each month, while the end of December is not done yet.
        bench.run(booked("later", account, 5, "2026-11-26")).await;
        bench.run(booked("december", account, 3, "2026-12-15")).await;
        bench.run(post("january", &[(account, 1)])).await;
        end_days(&bench, 2).await;
        let all = statements(&bench, account).await;
        assert_eq!(told(&all[1]), "1 2026-11-21/2026-11-30 0.00 + 10.00 - 0.00 = 10.00 of 1");
        assert_eq!(told(&all[0]), "2 2026-12-01/2026-12-31 10.00 + 0.58 - 0.00 = 10.58 of 3");
        let dates: Vec<String> =
            entries(&bench, &all[0], 2).await.into_iter().map(|one| one.booking_date).collect();
        assert_eq!(dates, ["2026-11-25", "2026-11-26", "2026-12-15"]);
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_account_has_its_statement_until_it_is_closed_and_none_before_it_was_here() {
    for bench in each().await {
        let (quiet, closed) = (bench.open(0).await, bench.open(100).await);
        advance(&bench, "2026-11-21", "2026-11-30").await;
        advance(&bench, "2026-11-30", "2026-12-01").await;
        let imported = import(&bench, "2020-01-01").await;
        let late = bench.open(5).await;
        end_days(&bench, 1).await;
        assert_eq!(
            told(&statements(&bench, quiet).await[0]),
            "1 2026-11-21/2026-11-30 0.00 + 0.00 - 0.00 = 0.00 of 0"
        );
        for none in [imported, late] {
            assert_eq!(statements(&bench, none).await, []);
        }
        bench.run(post("out", &[(closed, -100)])).await;
        bench.run(change(closed, Change::Close("x".into()))).await;
        for (closing, opening) in [
            ("2026-12-01", "2026-12-11"),
            ("2026-12-11", "2026-12-21"),
            ("2026-12-21", "2026-12-31"),
            ("2026-12-31", "2027-01-10"),
            ("2027-01-10", "2027-01-20"),
            ("2027-01-20", "2027-01-30"),
            ("2027-01-30", "2027-02-01"),
        ] {
            advance(&bench, closing, opening).await;
            end_days(&bench, 2).await;
        }
        let last = statements(&bench, closed).await;
        assert_eq!(last.len(), 2, "the month of its closing has the last");
        assert_eq!(told(&last[0]), "2 2026-12-01/2026-12-31 1.00 + 0.00 - 1.00 = 0.00 of 1");
        assert_eq!(statements(&bench, quiet).await.len(), 3);
        assert_eq!(statements(&bench, imported).await.len(), 2);
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_made_once_by_workers_at_once_beside_customers_who_pay() {
    for bench in each().await {
        let accounts = [bench.open(1_000).await, bench.open(0).await];
        advance(&bench, "2026-11-21", "2026-11-30").await;
        advance(&bench, "2026-11-30", "2026-12-01").await;
        let pays = async {
            for at in 0..30 {
                let legs = [(accounts[0], -1), (accounts[1], 1)];
                bench.run(post(&format!("pay{at}"), &legs)).await;
            }
        };
        tokio::join!(pays, end_days(&bench, 2), end_days(&bench, 2));
        end_days(&bench, 1).await;
        let made = "SELECT COUNT(*) FROM statements";
        assert_eq!(number(&bench.db, made).await.unwrap(), 2);
        assert_eq!(
            told(&statements(&bench, accounts[0]).await[0]),
            "1 2026-11-21/2026-11-30 0.00 + 10.00 - 0.00 = 10.00 of 1",
            "they paid in December"
        );
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_breaking_a_statement_is_named() {
    for statement in [
        "UPDATE statements SET closing = closing + 1 WHERE number = 1",
        "UPDATE statements SET opening = opening + 1, closing = closing + 1 WHERE number = 2",
        "UPDATE statements SET credits = credits + 1, debits = debits + 1 WHERE number = 2",
        "UPDATE statements SET entries = 7 WHERE number = 1",
        "UPDATE statements SET hash = (SELECT p.hash FROM statements AS p \
         WHERE p.account_id = statements.account_id AND p.number = 1) WHERE number = 2",
        "UPDATE statements SET to_version = to_version - 1 WHERE number = 2",
        "UPDATE statements SET from_date = '2026-12-02' WHERE number = 2",
        "DELETE FROM statements WHERE number = 1",
    ] {
        for bench in each().await {
            let account = bench.open(100).await;
            advance(&bench, "2026-11-21", "2026-11-30").await;
            advance(&bench, "2026-11-30", "2026-12-01").await;
            bench.run(post("december", &[(account, 50)])).await;
            for (closing, opening) in [
                ("2026-12-01", "2026-12-11"),
                ("2026-12-11", "2026-12-21"),
                ("2026-12-21", "2026-12-31"),
                ("2026-12-31", "2027-01-01"),
            ] {
                advance(&bench, closing, opening).await;
            }
            end_days(&bench, 1).await;
            bench.assert_clean().await;
            bench.db.write(async |tx: Tx| sql::execute(&tx, statement, []).await).await.unwrap();
            let (_, breaches) = bench.verify().await;
            let named = breaches.iter().any(|breach| breach.starts_with("statements acc_"));
            assert!(named, "{statement}: {breaches:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_told_of_no_statement_and_a_day_without_one_of_none() {
    for bench in each().await {
        let account = bench.open(100).await;
        advance(&bench, "2026-11-21", "2026-11-30").await;
        advance(&bench, "2026-11-30", "2026-12-01").await;
        assert_eq!(worker(&bench, 1).catch_up().await.unwrap(), 0);
        end_days(&bench, 1).await;
        let get = async |ctx: &CallContext, through: &str| {
            let request =
                GetStatementRequest { account_id: account.to_string(), through: through.into() };
            desk(&bench).get_statement(ctx, request).await
        };
        let staff = machine("GetStatement", &[]);
        let found = get(&staff, "2026-11-30").await.unwrap().into_inner().statement.unwrap();
        assert_eq!(vec![found], statements(&bench, account).await);
        assert_eq!(reason(get(&staff, "2026-11-29").await), "STATEMENT_NOT_FOUND");
        assert_eq!(reason(get(&staff, "30.11.2026").await), "INVALID_REQUEST");
        let stranger = customer("GetStatement", cus("nobody"));
        assert_eq!(reason(get(&stranger, "2026-11-30").await), "ACCOUNT_NOT_FOUND");
    }
}
