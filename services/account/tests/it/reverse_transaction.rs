use florin_account::{app::command::Outcome, domain::refusal::Refusal};
use florin_kernel::{AccountId, TransactionId};
use florin_proto::{
    account::v1::{PreviewReversalRequest, ReverseTransactionRequest},
    common::v1::Initiator,
};
use florin_testkit::place::{number, reason, with_key};
use futures_util::future::join_all;

use crate::{
    bench_ledger::{Bench, each, post, reverse, txn},
    desk::{desk, payment, teller},
};

async fn posted(bench: &Bench, text: &str, legs: &[(AccountId, i64)]) -> TransactionId {
    match bench.run(post(text, legs)).await {
        Outcome::Posted { transaction, .. } => transaction,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_racing_reversals_one_books_the_compensation() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        let original = posted(&bench, "o", &[(from, -40), (to, 40)]).await;
        let calls = (0..10).map(|at| bench.run(reverse(&format!("rev{at}"), original)));
        let outcomes = join_all(calls).await;
        let done = outcomes.iter().filter(|one| matches!(one, Outcome::Posted { .. })).count();
        let refused = outcomes
            .iter()
            .filter(|one| matches!(one, Outcome::Refused(Refusal::AlreadyReversed { .. })))
            .count();
        assert_eq!((done, refused), (1, 9), "{outcomes:?}");
        assert_eq!(bench.balance(from).await, (100, 0));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_is_repeated_by_its_reference_and_never_reversed_itself() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        let original = posted(&bench, "o", &[(from, -40), (to, 40)]).await;
        let Outcome::Posted { transaction, .. } = bench.run(reverse("rev", original)).await else {
            panic!("not reversed")
        };
        let again = bench.run(reverse("rev", original)).await;
        assert!(
            matches!(&again, Outcome::Posted { replayed: true, transaction: same, .. } if *same == transaction)
        );
        let back = bench.run(reverse("rev2", transaction)).await;
        assert!(matches!(back, Outcome::Refused(Refusal::IsReversal { .. })));
        let nothing = bench.run(reverse("rev3", txn("none"))).await;
        assert!(matches!(nothing, Outcome::Refused(Refusal::TransactionNotFound { .. })));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_that_the_money_has_left_is_refused_and_may_come_again() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        let original = posted(&bench, "o", &[(from, -40), (to, 40)]).await;
        posted(&bench, "spent", &[(to, -40), (from, 40)]).await;
        let refused = bench.run(reverse("rev", original)).await;
        assert!(matches!(refused, Outcome::Refused(Refusal::InsufficientFunds { .. })));
        posted(&bench, "back", &[(from, -40), (to, 40)]).await;
        let done = bench.run(reverse("rev", original)).await;
        assert!(matches!(done, Outcome::Posted { replayed: false, .. }), "{done:?}");
        bench.assert_clean().await;
    }
}

/// It keeps what was refunded: a reversal that it does not know of pays the same back again.
#[tokio::test(flavor = "multi_thread")]
async fn what_payment_posted_is_reversed_by_payment_alone() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        let transaction_id = posted(&bench, "o", &[(from, -40), (to, 40)]).await.to_string();
        let desk = desk(&bench);
        let request = |reference: &str| ReverseTransactionRequest {
            transaction_id: transaction_id.clone(),
            reference: reference.into(),
            description: String::new(),
            initiator: Some(Initiator { subject: "olga".into(), ..Initiator::default() }),
        };
        let preview = PreviewReversalRequest {
            transaction_id: transaction_id.clone(),
            reference: "by hand".into(),
            ..PreviewReversalRequest::default()
        };
        let ctx = teller("ReverseTransaction");
        let refused = desk.reverse_transaction(&ctx, request("by hand")).await;
        assert_eq!(reason(refused), "TRANSACTION_OF_PAYMENT");
        let ctx = teller("PreviewReversal");
        assert_eq!(reason(desk.preview_reversal(&ctx, preview).await), "TRANSACTION_OF_PAYMENT");
        assert_eq!((bench.balance(from).await, bench.balance(to).await), ((60, 0), (40, 0)));
        let ctx = with_key(payment("ReverseTransaction"), "trf");
        assert_eq!(reason(desk.reverse_transaction(&ctx, request("trf")).await), "OK");
        assert_eq!((bench.balance(from).await, bench.balance(to).await), ((100, 0), (0, 0)));
        let by_olga = "SELECT COUNT(*) FROM journal WHERE reverses IS NOT NULL \
                       AND initiator LIKE '%olga%'";
        assert_eq!(number(&bench.db, by_olga).await.unwrap(), 1, "the officer, not the service");
        bench.assert_clean().await;
    }
}
