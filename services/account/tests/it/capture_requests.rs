//! Captures and expiring holds as their callers ask for them and are answered.

use florin_kernel::AccountId;
use florin_proto::{
    account::v1::{
        Capture, Hold, HoldStatus, Leg, PlaceHoldRequest, PostTransactionsRequest,
        PostedTransaction, TransactionRequest, leg::Target, transaction_result::Outcome,
    },
    common::v1::{Direction, Money, Refusal},
};
use florin_rpc::Error;
use florin_store::sql;

use crate::{
    bench_ledger::{Bench, FAR, each, expire},
    desk::{desk, payment},
};

fn eur(amount: &str) -> Option<Money> {
    Some(Money { currency: "EUR".into(), amount: amount.into() })
}

pub fn spend(reference: &str, account: AccountId, amount: &str) -> TransactionRequest {
    let leg = |target, direction: Direction| Leg {
        target: Some(target),
        direction: direction.into(),
        amount: eur(amount),
        counterparty: String::new(),
    };
    TransactionRequest {
        reference: reference.into(),
        kind: "card_payment".into(),
        legs: vec![
            leg(Target::AccountId(account.to_string()), Direction::Debit),
            leg(Target::GlCode("1010".into()), Direction::Credit),
        ],
        correlation: "purchase 7".into(),
        ..TransactionRequest::default()
    }
}

fn capture(hold: &str, amount: Option<&str>) -> Capture {
    Capture { hold_reference: hold.into(), amount: amount.and_then(eur), keep_rest: false }
}

async fn posted(bench: &Bench, item: TransactionRequest) -> Result<PostedTransaction, Refusal> {
    let call = PostTransactionsRequest { transactions: vec![item] };
    let ctx = payment("PostTransactions");
    let answer = desk(bench).post_transactions(&ctx, call).await.unwrap().into_inner();
    match answer.results.into_iter().next().unwrap().outcome.unwrap() {
        Outcome::Posted(posted) => Ok(posted),
        Outcome::Refused(refusal) => Err(refusal),
    }
}

async fn placed(bench: &Bench, account: AccountId, seconds: Option<i64>) -> Result<Hold, Error> {
    let request = PlaceHoldRequest {
        reference: "h".into(),
        account_id: account.to_string(),
        amount: eur("6.00"),
        correlation: "purchase 7".into(),
        initiator: None,
        expires_after: seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
    };
    match desk(bench).place_hold(&payment("PlaceHold"), request).await {
        Ok(answer) => Ok(answer.into_inner().hold.unwrap()),
        Err(status) => Err(Error::from_status(&status)),
    }
}

/// Its caller tells by it whether a replica that knows captures answered.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_echoes_what_was_captured_and_a_replay_says_the_same() {
    for bench in each().await {
        let account = bench.open(1_000).await;
        let hold = placed(&bench, account, Some(3_600)).await.unwrap();
        assert!(hold.expire_time.is_some(), "{hold:?}");
        let item = TransactionRequest {
            captures: vec![capture("h", Some("4.00"))],
            ..spend("c", account, "4.50")
        };
        let first = posted(&bench, item.clone()).await.unwrap();
        let [captured] = first.captured_holds.as_slice() else { panic!("{first:?}") };
        assert_eq!((&captured.hold_id, captured.status()), (&hold.hold_id, HoldStatus::Captured));
        assert_eq!(
            (captured.captured.clone(), captured.remaining.clone()),
            (eur("4.00"), eur("0.00"))
        );
        let again = posted(&bench, item).await.unwrap();
        assert_eq!(again, PostedTransaction { replayed: true, ..first });
        let plain = posted(&bench, spend("p", account, "0.50")).await.unwrap();
        assert!(plain.captured_holds.is_empty(), "{plain:?}");
        bench.assert_clean().await;
    }
}

/// Kind, correlation and causation of the events.
async fn causes(bench: &Bench) -> Vec<(String, String, String)> {
    let query = "SELECT kind, correlation, causation FROM outbox WHERE correlation = 'purchase 7' \
                 ORDER BY position";
    let rows = sql::query_all(bench.db.read(), query, []).await.unwrap();
    let text = |row: &sea_orm::QueryResult, column: &str| row.try_get("", column).unwrap();
    rows.iter()
        .map(|row| (text(row, "kind"), text(row, "correlation"), text(row, "causation")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captures_events_follow_its_transaction_and_an_expiry_keeps_the_holds_correlation() {
    for bench in each().await {
        let account = bench.open(1_000).await;
        bench.tick(account, FAR).await;
        placed(&bench, account, Some(1)).await.unwrap();
        let kept = Capture { keep_rest: true, ..capture("h", Some("4.00")) };
        let item = TransactionRequest { captures: vec![kept], ..spend("c", account, "4.00") };
        posted(&bench, item).await.unwrap();
        bench.tick(account, FAR + 1_000_000).await;
        bench.run(expire("h")).await;
        let told = |kind: &str, by: &str| (kind.to_owned(), "purchase 7".to_owned(), by.to_owned());
        assert_eq!(
            causes(&bench).await,
            [
                told("hold_changed", "h"),
                told("transaction_posted", "c"),
                told("hold_changed", "c"),
                told("hold_changed", "h"),
            ]
        );
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_captures_are_named_field_by_field() {
    for bench in each().await {
        let account = bench.open(1_000).await;
        placed(&bench, account, None).await.unwrap();
        let many: Vec<Capture> = (0..9).map(|at| capture(&format!("h{at}"), None)).collect();
        let rules = [
            (vec![capture("", None)], "captures[0].hold_reference", "REQUIRED"),
            (vec![capture("h", Some("0.00"))], "captures[0].amount.amount", "NOT_POSITIVE"),
            (vec![capture("h", Some("1.001"))], "captures[0].amount.amount", "TOO_MANY_DECIMALS"),
            (
                vec![capture("h", None), capture("h", None)],
                "captures[1].hold_reference",
                "DUPLICATE",
            ),
            (many, "captures", "TOO_MANY"),
        ];
        for (captures, field, rule) in rules {
            let item = TransactionRequest { captures, ..spend("c", account, "6.00") };
            let refused = posted(&bench, item).await.unwrap_err();
            let found: Vec<_> =
                refused.violations.iter().map(|one| (&*one.field, &*one.rule)).collect();
            assert_eq!((refused.reason.as_str(), found), ("INVALID_REQUEST", vec![(field, rule)]));
        }
        // History is booked as it happened.
        let item = TransactionRequest {
            captures: vec![capture("h", None)],
            booking_date: "2026-01-02".into(),
            ..spend("c", account, "6.00")
        };
        let refused = posted(&bench, item).await.unwrap_err();
        assert_eq!(refused.violations[0].rule, "ONE_OF");
        let francs = Capture {
            amount: Some(Money { currency: "CHF".into(), amount: "6.00".into() }),
            ..capture("h", None)
        };
        let item = TransactionRequest { captures: vec![francs], ..spend("c", account, "6.00") };
        assert_eq!(posted(&bench, item).await.unwrap_err().reason, "CURRENCY_MISMATCH");
        assert_eq!(bench.balance(account).await, (1_000, 600));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_of_no_time_or_more_than_400_days_is_malformed() {
    for bench in each().await {
        let account = bench.open(1_000).await;
        for seconds in [0, -1, 400 * 86_400 + 1, i64::MAX] {
            let refused = placed(&bench, account, Some(seconds)).await.unwrap_err();
            let [violation] = refused.field_violations() else { panic!("{refused:?}") };
            assert_eq!((&*violation.field, &*violation.rule), ("expires_after", "OUT_OF_RANGE"));
        }
        assert_eq!(bench.balance(account).await, (1_000, 0));
        placed(&bench, account, Some(400 * 86_400)).await.unwrap();
        let other = placed(&bench, account, Some(1)).await.unwrap_err();
        assert_eq!(other.reason(), "REFERENCE_REUSED");
        bench.assert_clean().await;
    }
}
