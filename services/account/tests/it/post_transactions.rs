use florin_account::{app::command::Outcome, domain::refusal::Refusal};
use florin_kernel::TransactionId;
use futures_util::future::join_all;

use crate::bench_ledger::{acc, each, post};

fn transaction(outcome: &Outcome) -> TransactionId {
    match outcome {
        Outcome::Posted { transaction, .. } => *transaction,
        other => panic!("not posted: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refusal_never_fails_its_neighbours() {
    for bench in each().await {
        let (rich, poor) = (bench.open(1_000).await, bench.open(0).await);
        let outcomes = bench
            .run_all(vec![
                post("n1", &[(rich, -100), (poor, 100)]),
                post("n2", &[(rich, -10_000), (poor, 10_000)]),
                post("n3", &[(acc("missing"), -1), (poor, 1)]),
                post("n4", &[(rich, -100), (poor, 100)]),
            ])
            .await;
        assert!(matches!(outcomes[0], Outcome::Posted { .. }));
        assert!(matches!(outcomes[1], Outcome::Refused(Refusal::InsufficientFunds { .. })));
        assert!(matches!(outcomes[2], Outcome::Refused(Refusal::AccountNotFound { .. })));
        assert!(matches!(outcomes[3], Outcome::Posted { .. }));
        assert_eq!(bench.balance(rich).await, (800, 0));
        assert_eq!(bench.balance(poor).await, (200, 0));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_is_posted_once_for_ever_and_refused_with_other_content() {
    for bench in each().await {
        let (from, to) = (bench.open(1_000).await, bench.open(0).await);
        let first = bench.run(post("r", &[(from, -5), (to, 5)])).await;
        let again = bench.run(post("r", &[(from, -5), (to, 5)])).await;
        assert_eq!(transaction(&first), transaction(&again));
        assert!(
            matches!(&again, Outcome::Posted { replayed: true, events, .. } if events.len() == 1)
        );
        let other = bench.run(post("r", &[(from, -6), (to, 6)])).await;
        assert!(matches!(other, Outcome::Refused(Refusal::ReferenceReused { .. })));
        // In one batch, too.
        let pair = bench
            .run_all(vec![post("s", &[(from, -5), (to, 5)]), post("s", &[(from, -5), (to, 5)])])
            .await;
        assert_eq!(transaction(&pair[0]), transaction(&pair[1]));
        let told = |one: &Outcome| match one {
            Outcome::Posted { events, .. } => events.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(told(&pair[0]).len(), 1);
        assert_eq!(told(&pair[0]), told(&pair[1]), "the replay has the first one's position");
        assert_eq!(bench.balance(to).await, (10, 0));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_reference_may_be_used_again() {
    for bench in each().await {
        let (from, to) = (bench.open(10).await, bench.open(0).await);
        let refused = bench.run(post("r", &[(from, -50), (to, 50)])).await;
        assert!(matches!(refused, Outcome::Refused(Refusal::InsufficientFunds { .. })));
        bench.run(post("top-up", &[(from, 100)])).await;
        let posted = bench.run(post("r", &[(from, -50), (to, 50)])).await;
        assert!(matches!(posted, Outcome::Posted { replayed: false, .. }));
        // Refused and then posted with other content inside one batch.
        let pair = bench
            .run_all(vec![
                post("t", &[(from, -5_000), (to, 5_000)]),
                post("t", &[(from, -1), (to, 1)]),
            ])
            .await;
        assert!(matches!(pair[0], Outcome::Refused(_)));
        assert!(matches!(pair[1], Outcome::Posted { replayed: false, .. }));
        let replay = bench.run(post("t", &[(from, -1), (to, 1)])).await;
        assert_eq!(transaction(&replay), transaction(&pair[1]));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_postings_over_crossing_accounts_lose_nothing() {
    for bench in each().await {
        let mut accounts = Vec::new();
        for _ in 0..4 {
            accounts.push(bench.open(10_000).await);
        }
        let posts = (0..200).map(|at| {
            let (from, to) = (accounts[at % 4], accounts[(at * 7 + 1) % 4]);
            bench.run(post(&format!("c{at}"), &[(from, -10), (to, 10)]))
        });
        let outcomes = join_all(posts).await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Posted { .. })));
        let mut sum = 0;
        for account in accounts {
            sum += bench.balance(account).await.0;
        }
        assert_eq!(sum, 40_000);
        let summary = bench.assert_clean().await;
        assert_eq!(summary.transactions, 204);
    }
}
