//! Postings that are tried and not booked.

use florin_account::{
    app::{
        command::{Command, Outcome},
        rehearse,
    },
    domain::{posting::Entry, refusal::Refusal},
};
use florin_proto::{
    account::v1::{
        Capture, HoldStatus, Leg, PostTransactionsRequest, PreviewResult, PreviewReversalRequest,
        PreviewTransactionsRequest, TransactionPosted, TransactionRequest, leg::Target,
        preview_result::Outcome as Told, preview_reversal_response::Outcome as ToldReversal,
    },
    common::v1::{Direction, Money},
};
use florin_rpc::Error;
use florin_store::sql;
use florin_testkit::place::number;
use futures_util::future::join_all;
use prost::Message as _;

use crate::{
    bench_ledger::{Bench, acc, capture, convert, each, money, place, post, reverse, txn},
    desk::{desk, machine, payment},
};

fn tried(parts: Vec<Command>) -> Command {
    rehearse::command(parts)
}

async fn try_all(bench: &Bench, parts: Vec<Command>) -> Vec<Outcome> {
    match bench.run(tried(parts)).await {
        Outcome::Rehearsed(outcomes) => outcomes,
        other => panic!("{other:?}"),
    }
}

fn entries(outcome: &Outcome) -> Vec<Entry> {
    match outcome {
        Outcome::Previewed(preview) => preview.row.entries.clone(),
        other => panic!("{other:?}"),
    }
}

/// Rows of every table that a posting writes.
async fn rows(bench: &Bench) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in [
        "journal",
        "journal_legs",
        "journal_conversions",
        "account_events",
        "ledger_references",
        "turnover",
        "holds",
        "outbox",
        "outbox_pending",
        "audit",
        "idempotency_keys",
    ] {
        let query = format!("SELECT COUNT(*) FROM {table}");
        counts.push(number(&bench.db, &query).await.unwrap());
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_tells_what_the_posting_does_then_and_writes_nothing() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        let crowns = bench.open_account("current", money(0, "CZK")).await;
        bench.run(place("h", from, 30)).await;
        let make: [fn(_, _, _) -> Command; 3] = [
            |from, to, _| post("p", &[(from, -60), (to, 60)]),
            |from, _, crowns| convert("fx", from, crowns, 5),
            |from, _, _| capture("c", from, 20, &[("h", Some(20), false)]),
        ];
        for make in make {
            let command = || make(from, to, crowns);
            let before = (rows(&bench).await, bench.balance(from).await);
            let shown = entries(&try_all(&bench, vec![command()]).await[0]);
            assert_eq!((rows(&bench).await, bench.balance(from).await), before);
            let booked = bench.run(command()).await;
            assert!(matches!(booked, Outcome::Posted { replayed: false, .. }), "{booked:?}");
            let after = shown.iter().rev().find(|entry| entry.account == Some(from)).unwrap();
            let (posted, held) = bench.balance(from).await;
            assert_eq!((after.posted_after, after.held_after), (posted, held));
        }
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_refused_as_the_posting_would_be() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        bench.run(post("used", &[(from, -1), (to, 1)])).await;
        let spent = bench.run(post("spent", &[(from, -1), (to, 1)])).await;
        let Outcome::Posted { transaction, .. } = spent else { panic!("{spent:?}") };
        bench.run(reverse("back", transaction)).await;
        let before = rows(&bench).await;
        let refused = |outcome: &Outcome| match outcome {
            Outcome::Refused(refusal) => std::mem::discriminant(refusal),
            other => panic!("{other:?}"),
        };
        let makes: [fn(_, _, _) -> Command; 6] = [
            |from, to, _| post("much", &[(from, -101), (to, 101)]),
            |from, _, _| post("nobody", &[(from, -1), (acc("nobody"), 1)]),
            |from, to, _| post("used", &[(from, -2), (to, 2)]),
            |from, _, _| capture("c", from, 5, &[("nothing", None, false)]),
            |_, _, transaction| reverse("again", transaction),
            |_, _, _| reverse("rev", txn("9")),
        ];
        for make in makes {
            let command = || make(from, to, transaction);
            let shown = try_all(&bench, vec![command()]).await;
            assert_eq!(rows(&bench).await, before);
            assert_eq!(refused(&shown[0]), refused(&bench.run(command()).await));
        }
        // What was posted before is told as it is.
        let shown = try_all(&bench, vec![post("used", &[(from, -1), (to, 1)])]).await;
        assert!(matches!(&shown[0], Outcome::Posted { replayed: true, .. }), "{shown:?}");
        bench.assert_clean().await;
    }
}

/// As the items of one call are decided one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn each_part_is_tried_over_what_those_before_it_would_leave() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        let spend = |text: &str, minor: i64| post(text, &[(from, -minor), (to, minor)]);
        let parts =
            || vec![spend("a", 60), spend("b", 60), spend("a", 60), spend("a", 61), spend("c", 40)];
        for _ in 0..2 {
            let shown = try_all(&bench, parts()).await;
            assert_eq!(entries(&shown[0])[0].posted_after, 40);
            assert!(matches!(shown[1], Outcome::Refused(Refusal::InsufficientFunds { .. })));
            assert_eq!(entries(&shown[2]), entries(&shown[0]), "the same again is the first");
            assert!(matches!(shown[3], Outcome::Refused(Refusal::ReferenceReused { .. })));
            assert_eq!(entries(&shown[4])[0].posted_after, 0);
        }
        assert_eq!(bench.balance(from).await, (100, 0));
        let booked = bench.run_all(parts()).await;
        let taken: Vec<bool> =
            booked.iter().map(|one| matches!(one, Outcome::Posted { .. })).collect();
        assert_eq!(taken, [true, false, true, false, true]);
        bench.assert_clean().await;
    }
}

/// Tried and booked side by side, in the same batches: what is tried takes nothing from anybody.
#[tokio::test(flavor = "multi_thread")]
async fn previews_beside_postings_take_nothing_from_them() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        let spend = |text: &str| post(text, &[(from, -10), (to, 10)]);
        let together =
            vec![tried(vec![spend("x")]), spend("x"), tried(vec![spend("x")]), spend("y")];
        let told = bench.run_all(together).await;
        assert!(
            matches!(&told[0], Outcome::Rehearsed(one) if matches!(one[0], Outcome::Previewed(_)))
        );
        assert!(matches!(told[1], Outcome::Posted { replayed: false, .. }), "{told:?}");
        let after = |one: &[Outcome]| matches!(one[0], Outcome::Posted { replayed: true, .. });
        assert!(matches!(&told[2], Outcome::Rehearsed(one) if after(one)), "{told:?}");
        let calls = (0..20).map(|at| {
            let (bench, spend) = (&bench, spend(&format!("s{at}")));
            async move { tokio::join!(bench.run(tried(vec![spend.clone()])), bench.run(spend)).1 }
        });
        let booked = join_all(calls).await;
        let booked = booked.iter().filter(|one| matches!(one, Outcome::Posted { .. })).count();
        assert_eq!((booked, bench.balance(from).await), (8, (0, 0)));
        bench.assert_clean().await;
    }
}

fn eur(amount: &str) -> Option<Money> {
    Some(Money { currency: "EUR".into(), amount: amount.into() })
}

fn item(reference: &str, account: &str, amount: &str) -> TransactionRequest {
    let leg = |target, direction: Direction| Leg {
        target: Some(target),
        direction: direction.into(),
        amount: eur(amount),
        counterparty: "shop".into(),
    };
    TransactionRequest {
        reference: reference.into(),
        kind: "card_payment".into(),
        legs: vec![
            leg(Target::AccountId(account.into()), Direction::Debit),
            leg(Target::GlCode("1010".into()), Direction::Credit),
        ],
        ..TransactionRequest::default()
    }
}

fn reason(result: &PreviewResult) -> &str {
    match result.outcome.as_ref().unwrap() {
        Told::Preview(_) => "PREVIEW",
        Told::Posted(_) => "POSTED",
        Told::Refused(refusal) => &refusal.reason,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_tells_item_by_item_and_its_legs_are_those_of_the_event_to_come() {
    for bench in each().await {
        let account = bench.open(1_000).await.to_string();
        bench.run(place("h", account.parse().unwrap(), 300)).await;
        let captures = vec![Capture { hold_reference: "h".into(), amount: None, keep_rest: false }];
        let first = TransactionRequest { captures, ..item("a", &account, "3.00") };
        let dated =
            TransactionRequest { booking_date: "2026-01-02".into(), ..item("b", &account, "1.00") };
        let items =
            vec![first.clone(), dated, item("c", &account, "0.00"), item("d", &account, "9.00")];
        let call = PreviewTransactionsRequest { transactions: items };
        let desk = desk(&bench);
        let ctx = payment("PreviewTransactions");
        let answer = desk.preview_transactions(&ctx, call).await.unwrap().into_inner();
        let told: Vec<_> =
            answer.results.iter().map(|one| (&*one.reference, reason(one))).collect();
        let expected = [
            ("a", "PREVIEW"),
            ("b", "SCOPE_MISSING"),
            ("c", "INVALID_REQUEST"),
            ("d", "INSUFFICIENT_FUNDS"),
        ];
        assert_eq!(told, expected);
        let Some(Told::Preview(preview)) = &answer.results[0].outcome else { unreachable!() };
        assert_eq!(preview.captured_holds[0].status(), HoldStatus::Captured);
        let call = PostTransactionsRequest { transactions: vec![first] };
        desk.post_transactions(&payment("PostTransactions"), call).await.unwrap();
        let query = "SELECT payload FROM outbox WHERE kind = 'transaction_posted' \
                     ORDER BY position DESC LIMIT 1";
        let row = sql::query_one(bench.db.read(), query, []).await.unwrap().unwrap();
        let payload: Vec<u8> = row.try_get("", "payload").unwrap();
        let event = TransactionPosted::decode(payload.as_slice()).unwrap();
        assert_eq!(preview.legs, event.legs);
        assert_eq!(
            (&preview.booking_date, &preview.value_date),
            (&event.booking_date, &event.value_date)
        );
        let none = PreviewTransactionsRequest { transactions: vec![] };
        let ctx = machine("PreviewTransactions", &["ledger:post"]);
        assert!(desk.preview_transactions(&ctx, none).await.is_err());
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_is_tried_as_well() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        let done = bench.run(post("p", &[(from, -60), (to, 60)])).await;
        let Outcome::Posted { transaction, .. } = done else { panic!("{done:?}") };
        let desk = desk(&bench);
        let call = async || {
            let request = PreviewReversalRequest {
                transaction_id: transaction.to_string(),
                reference: "r".into(),
                description: String::new(),
            };
            desk.preview_reversal(&payment("PreviewReversal"), request).await
        };
        let before = rows(&bench).await;
        let Some(ToldReversal::Preview(preview)) = call().await.unwrap().into_inner().outcome
        else {
            panic!("no preview")
        };
        assert_eq!(preview.legs[0].posted_after, eur("1.00"));
        assert_eq!(rows(&bench).await, before);
        bench.run(reverse("rev", transaction)).await;
        let refused = Error::from_status(&call().await.unwrap_err());
        assert_eq!(refused.reason(), "ALREADY_REVERSED");
        assert_eq!(bench.balance(from).await, (100, 0));
        bench.assert_clean().await;
    }
}
