use florin_account::{
    app::command::{Change, Outcome},
    domain::refusal::Refusal,
};

use crate::bench_ledger::{change, each, place, post, release};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_closes_only_at_zero_without_holds_and_stays_closed() {
    for bench in each().await {
        let account = bench.open(10).await;
        let close = || change(account, Change::Close("moving".into()));
        assert!(matches!(bench.run(close()).await, Outcome::Refused(Refusal::NotEmpty { .. })));
        bench.run(place("h", account, 10)).await;
        assert!(matches!(bench.run(close()).await, Outcome::Refused(Refusal::HasHolds { .. })));
        bench.run(release("r", "h")).await;
        bench.run(post("out", &[(account, -10)])).await;
        assert!(matches!(bench.run(close()).await, Outcome::Account { .. }));
        for work in
            [Change::Freeze("x".into()), Change::Unfreeze("x".into()), Change::Close("x".into())]
        {
            let outcome = bench.run(change(account, work)).await;
            assert!(matches!(outcome, Outcome::Refused(Refusal::Closed { .. })), "{outcome:?}");
        }
        let paid = bench.run(post("in", &[(account, 1)])).await;
        assert!(matches!(paid, Outcome::Refused(Refusal::Closed { .. })));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_and_a_close_at_once_end_in_one_of_the_two() {
    for bench in each().await {
        for _ in 0..10 {
            let account = bench.open(0).await;
            let (frozen, closed) = tokio::join!(
                bench.run(change(account, Change::Freeze("f".into()))),
                bench.run(change(account, Change::Close("c".into())))
            );
            let pair = (
                matches!(frozen, Outcome::Account { .. }),
                matches!(closed, Outcome::Account { .. }),
            );
            assert!(pair == (true, false) || pair == (false, true), "{frozen:?} {closed:?}");
        }
        bench.assert_clean().await;
    }
}
