use florin_account::{app::command::Outcome, domain::refusal::Refusal};
use futures_util::future::join_all;

use crate::bench_ledger::{each, place, post, release};

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_hold_reserves_once() {
    for bench in each().await {
        let account = bench.open(100).await;
        let calls = (0..10).map(|_| bench.run(place("h", &account, 60)));
        for outcome in join_all(calls).await {
            assert!(matches!(outcome, Outcome::Held { .. }), "{outcome:?}");
        }
        assert_eq!(bench.balance(&account).await, (100, 60));
        let more = bench.run(place("h2", &account, 60)).await;
        assert!(matches!(more, Outcome::Refused(Refusal::InsufficientFunds { .. })));
        let spend = bench.run(post("p", &[(&account, -50)])).await;
        assert!(matches!(spend, Outcome::Refused(Refusal::InsufficientFunds { .. })));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_given_back_once() {
    for bench in each().await {
        let account = bench.open(100).await;
        bench.run(place("h", &account, 60)).await;
        let calls = (0..5).map(|at| {
            let text = format!("rel{at}");
            let bench = &bench;
            async move { bench.run(release(&text, "h")).await }
        });
        let outcomes = join_all(calls).await;
        let released = outcomes.iter().filter(|one| matches!(one, Outcome::Held { .. })).count();
        assert_eq!(released, 1, "{outcomes:?}");
        assert_eq!(bench.balance(&account).await, (100, 0));
        let missing = bench.run(release("rel", "nothing")).await;
        assert!(matches!(missing, Outcome::Refused(Refusal::HoldNotFound { .. })));
        bench.assert_clean().await;
    }
}
