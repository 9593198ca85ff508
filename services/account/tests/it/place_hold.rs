use florin_account::{app::command::Outcome, domain::refusal::Refusal};
use futures_util::future::join_all;

use crate::bench_ledger::{each, place, post, release};

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_hold_reserves_once() {
    for bench in each().await {
        let account = bench.open(100).await;
        let calls = (0..10).map(|_| bench.run(place("h", account, 60)));
        for outcome in join_all(calls).await {
            assert!(matches!(outcome, Outcome::Held { .. }), "{outcome:?}");
        }
        assert_eq!(bench.balance(account).await, (100, 60));
        let more = bench.run(place("h2", account, 60)).await;
        assert!(matches!(more, Outcome::Refused(Refusal::InsufficientFunds { .. })));
        let spend = bench.run(post("p", &[(account, -50)])).await;
        assert!(matches!(spend, Outcome::Refused(Refusal::InsufficientFunds { .. })));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_given_back_once() {
    for bench in each().await {
        let account = bench.open(100).await;
        bench.run(place("h", account, 60)).await;
        let calls = (0..5).map(|at| {
            let text = format!("rel{at}");
            let bench = &bench;
            async move { bench.run(release(&text, "h")).await }
        });
        let outcomes = join_all(calls).await;
        let released = outcomes.iter().filter(|one| matches!(one, Outcome::Held { .. })).count();
        assert_eq!(released, 1, "{outcomes:?}");
        assert_eq!(bench.balance(account).await, (100, 0));
        let missing = bench.run(release("rel", "nothing")).await;
        assert!(matches!(missing, Outcome::Refused(Refusal::HoldNotFound { .. })));
        bench.assert_clean().await;
    }
}

/// Its neighbours in the batch hear nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_reference_of_a_hold_used_with_other_content_is_refused_alone() {
    for bench in each().await {
        let account = bench.open(100).await;
        for name in ["h1", "h2"] {
            bench.run(place(name, account, 10)).await;
        }
        bench.run(release("rel", "h1")).await;
        let others = [
            release("rel", "h2"),
            place("rel", account, 5),
            post("rel", &[(account, -5)]),
            place("h1", account, 11),
            release("h2", "h1"),
        ];
        for (number, other) in others.into_iter().enumerate() {
            let neighbour = post(&format!("neighbour {number}"), &[(account, -1)]);
            let told = bench.run_all(vec![other, neighbour]).await;
            assert!(
                matches!(told[0], Outcome::Refused(Refusal::ReferenceReused { .. })),
                "{told:?}"
            );
            assert!(matches!(told[1], Outcome::Posted { .. }), "{told:?}");
        }
        assert_eq!(bench.balance(account).await, (95, 10));
        bench.assert_clean().await;
    }
}

/// What a reference made is known by its id, never by how a caller's text looks.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_replayed_whatever_its_hold_is_called() {
    for bench in each().await {
        let account = bench.open(100).await;
        for name in ["txn_1/hold", "acc_1", "h"] {
            bench.run(place(name, account, 10)).await;
            let text = format!("{name}/release");
            let first = bench.run(release(&text, name)).await;
            assert!(matches!(first, Outcome::Held { replayed: false, .. }), "{first:?}");
            let again = bench.run(release(&text, name)).await;
            assert!(matches!(again, Outcome::Held { replayed: true, .. }), "{again:?}");
        }
        // Placed and released in one batch, and both asked again in another.
        for replay in [false, true] {
            let pair = bench.run_all(vec![place("p", account, 7), release("q", "p")]).await;
            for outcome in &pair {
                let Outcome::Held { hold, replayed } = outcome else { panic!("{outcome:?}") };
                assert_eq!((hold.reference.as_str(), *replayed), ("p", replay));
            }
        }
        assert_eq!(bench.balance(account).await, (100, 0));
        bench.assert_clean().await;
    }
}
