//! The examples of shared/data/holds/two-phase-transfers.md.

use std::fs;

use florin_account::{
    app::command::{Outcome, Work},
    domain::refusal::Refusal,
};
use florin_testkit::shared_data;

use crate::bench_ledger::{capture, each, place, post, release};

/// The three tables of two-phase-transfers.md: account A and B before, with the hold, and after.
#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_page_come_out() {
    let Some(folder) = shared_data("holds") else { return };
    let page = fs::read_to_string(folder.join("two-phase-transfers.md")).unwrap();
    let mut tried = 0;
    for (title, body) in page.split("\n### ").filter_map(|part| part.split_once('\n')) {
        let rows = body.lines().filter(|line| line.starts_with("|  `"));
        let rows: Vec<Vec<&str>> =
            rows.map(|line| line.split('|').skip(1).map(str::trim).collect()).collect();
        if rows.len() != 3 {
            continue;
        }
        for bench in each().await {
            let (a, b) = (bench.open(1_000).await, bench.open(1_000).await);
            for (at, row) in rows.iter().enumerate() {
                let minor: i64 = row[6].parse().unwrap_or(0);
                let command = match row[7].trim_matches('`') {
                    "-" => None,
                    "pending" => Some(place("h", a, minor)),
                    "post_pending_transfer" => {
                        let mut command = capture("c", a, minor, &[("h", Some(minor), false)]);
                        let legs = post("legs", &[(a, -minor), (b, minor)]);
                        let (Work::Post(post), Work::Post(legs)) = (&mut command.work, legs.work)
                        else {
                            unreachable!()
                        };
                        post.legs = legs.legs;
                        Some(command)
                    }
                    "void_pending_transfer" => Some(release("r", "h")),
                    other => panic!("{other}"),
                };
                if let Some(command) = command {
                    let outcome = bench.run(command).await;
                    assert!(!matches!(outcome, Outcome::Refused(_)), "{title}: {outcome:?}");
                }
                let added = |column: usize| -> i64 {
                    row[column].split_once('+').map_or(0, |(_, by)| by.trim().parse().unwrap())
                };
                let of_a = (1_000 - added(1), added(0));
                assert_eq!(bench.balance(a).await, of_a, "{title} row {at}");
                assert_eq!(bench.balance(b).await, (1_000 + added(3), 0), "{title} row {at}");
            }
            bench.assert_clean().await;
        }
        tried += 1;
    }
    assert_eq!(tried, 3);
}

/// "Pessimistic pending transfers" of the page: 100 in, 70 out, 50 to be held.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_would_break_the_balance_fails_and_not_its_capture() {
    for bench in each().await {
        let account = bench.open(100).await;
        bench.run(post("out", &[(account, -70)])).await;
        let held = bench.run(place("h", account, 50)).await;
        assert!(matches!(held, Outcome::Refused(Refusal::InsufficientFunds { .. })), "{held:?}");
        assert_eq!(bench.balance(account).await, (30, 0));
        bench.assert_clean().await;
    }
}
