use florin_kernel::AccountId;
use florin_proto::{
    account::v1::{
        ImportAccount, ImportAccountsRequest, Leg, OpenAccountRequest, PostTransactionsRequest,
        TransactionRequest, TransactionResult, leg::Target, transaction_result::Outcome,
    },
    common::v1::{Direction, Money, Refusal},
};
use florin_rpc::Error;

use crate::{
    bench_ledger::{acc, each},
    desk::{desk, machine, payment},
};

fn leg(target: Target, direction: Direction, amount: &str) -> Leg {
    Leg {
        target: Some(target),
        direction: direction.into(),
        amount: Some(Money { currency: "EUR".into(), amount: amount.into() }),
        counterparty: String::new(),
    }
}

pub fn deposit(reference: &str, account: AccountId, amount: &str) -> TransactionRequest {
    TransactionRequest {
        reference: reference.into(),
        kind: "cash_deposit".into(),
        legs: vec![
            leg(Target::GlCode("1010".into()), Direction::Debit, amount),
            leg(Target::AccountId(account.to_string()), Direction::Credit, amount),
        ],
        ..TransactionRequest::default()
    }
}

fn refused(result: &TransactionResult) -> &Refusal {
    match &result.outcome {
        Some(Outcome::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

pub fn reasons(results: &[TransactionResult]) -> Vec<&str> {
    let reason = |result: &'_ TransactionResult| match &result.outcome {
        Some(Outcome::Posted(_)) => "POSTED".to_owned(),
        Some(Outcome::Refused(refusal)) => refusal.reason.clone(),
        None => String::new(),
    };
    results.iter().map(|result| &*reason(result).leak()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_item_fails_alone_with_all_its_violations() {
    for bench in each().await {
        let account = bench.open(0).await;
        let desk = desk(&bench);
        let malformed = TransactionRequest {
            kind: "Deposit".into(),
            ..deposit("huge", account, "10000000000000.01")
        };
        let items = vec![
            deposit("first", account, "1.00"),
            malformed,
            deposit("", account, "1.00"),
            deposit("last", account, "2.00"),
        ];
        let call = PostTransactionsRequest { transactions: items };
        let answer = desk.post_transactions(&payment("PostTransactions"), call).await.unwrap();
        let results = answer.into_inner().results;
        let told = ["POSTED", "INVALID_REQUEST", "INVALID_REQUEST", "POSTED"];
        assert_eq!(reasons(&results), told);
        let huge = refused(&results[1]);
        assert_eq!(
            (huge.domain.as_str(), results[1].reference.as_str()),
            ("common.florin.bank", "huge")
        );
        let fields: Vec<_> =
            huge.violations.iter().map(|one| (one.field.as_str(), one.rule.as_str())).collect();
        let expected = [
            ("kind", "MALFORMED_KIND"),
            ("legs[0].amount.amount", "AMOUNT_TOO_LARGE"),
            ("legs[1].amount.amount", "AMOUNT_TOO_LARGE"),
        ];
        assert_eq!(fields, expected);
        assert_eq!(bench.balance(account).await, (300, 0));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_item_tells_domain_and_facts_and_its_neighbours_are_posted() {
    for bench in each().await {
        let account = bench.open(0).await;
        let desk = desk(&bench);
        let mut overdrawn = deposit("out", account, "5.00");
        for leg in &mut overdrawn.legs {
            let turned = match leg.direction() {
                Direction::Debit => Direction::Credit,
                Direction::Credit | Direction::Unspecified => Direction::Debit,
            };
            leg.direction = turned.into();
        }
        let call = PostTransactionsRequest {
            transactions: vec![overdrawn, deposit("in", account, "4.00")],
        };
        let answer = desk.post_transactions(&payment("PostTransactions"), call).await.unwrap();
        let results = answer.into_inner().results;
        assert_eq!(reasons(&results), ["INSUFFICIENT_FUNDS", "POSTED"]);
        let refusal = refused(&results[0]);
        assert_eq!(refusal.domain, "account.florin.bank");
        assert_eq!(refusal.metadata.get("account_id"), Some(&account.to_string()));
        assert!(refusal.violations.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scope_to_set_a_booking_date_is_asked_item_by_item() {
    for bench in each().await {
        let account = bench.open(0).await;
        let desk = desk(&bench);
        let dated = TransactionRequest {
            booking_date: "2026-01-02".into(),
            ..deposit("dated", account, "1.00")
        };
        let call = PostTransactionsRequest {
            transactions: vec![dated.clone(), deposit("today", account, "1.00")],
        };
        for (scopes, told) in [
            (&["ledger:post"][..], ["SCOPE_MISSING", "POSTED"]),
            (&["ledger:import"], ["POSTED", "SCOPE_MISSING"]),
            (&["ledger:owed"], ["SCOPE_MISSING", "SCOPE_MISSING"]),
            (&["accounts:read"], ["SCOPE_MISSING", "SCOPE_MISSING"]),
        ] {
            let ctx = machine("PostTransactions", scopes);
            let answer = desk.post_transactions(&ctx, call.clone()).await.unwrap().into_inner();
            assert_eq!(reasons(&answer.results), told, "{scopes:?}");
        }
        // A service posts for itself without a token, but does not set a booking date.
        let call = PostTransactionsRequest { transactions: vec![dated] };
        let answer = desk.post_transactions(&payment("PostTransactions"), call).await.unwrap();
        assert_eq!(reasons(&answer.into_inner().results), ["SCOPE_MISSING"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_too_many_items_or_none_fails_as_a_whole() {
    let bench = crate::bench_ledger::sqlite().await;
    let desk = desk(&bench);
    for count in [0, 501] {
        let call =
            PostTransactionsRequest { transactions: vec![deposit("r", acc("a"), "1.00"); count] };
        let error = desk.post_transactions(&payment("PostTransactions"), call).await.unwrap_err();
        let error = Error::from_status(&error);
        assert_eq!(error.field_violations()[0].field, "transactions");
        let call = ImportAccountsRequest { items: vec![ImportAccount::default(); count] };
        let ctx = machine("ImportAccounts", &["ledger:import"]);
        let error = desk.import_accounts(&ctx, call).await.unwrap_err();
        assert_eq!(Error::from_status(&error).field_violations()[0].field, "items");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_account_fails_alone() {
    let bench = crate::bench_ledger::sqlite().await;
    let malformed = ImportAccount {
        account: Some(OpenAccountRequest {
            customer_id: "cus_1".into(),
            product: "current".into(),
            currency: "EUR".into(),
            reference: "one".into(),
            ..OpenAccountRequest::default()
        }),
        opened_on: "yesterday".into(),
        holders: Vec::new(),
    };
    let call = ImportAccountsRequest { items: vec![malformed, ImportAccount::default()] };
    let ctx = machine("ImportAccounts", &["ledger:import"]);
    let results = desk(&bench).import_accounts(&ctx, call).await.unwrap().into_inner().results;
    let told: Vec<_> = results
        .iter()
        .map(|result| {
            let refusal = result.refused.as_ref().unwrap();
            let fields = refusal.violations.iter().map(|one| one.field.as_str());
            (result.reference.as_str(), refusal.reason.as_str(), fields.collect::<Vec<_>>())
        })
        .collect();
    let first = vec!["account.customer_id", "opened_on"];
    assert_eq!(told[0], ("one", "INVALID_REQUEST", first));
    assert!(told[1].2.contains(&"account.reference"), "{told:?}");
}
