//! Retries: at one layer, for what may be repeated, within a budget.

use std::time::{Duration, Instant};

use florin_rpc::{BreakerLimits, Metrics, Retry, Role, StackLimits};

use crate::bench::{Act, Bench, caller, list, quick};

fn without_breaker() -> StackLimits {
    let breaker = BreakerLimits { calls_at_least: u32::MAX, ..BreakerLimits::default() };
    StackLimits { breaker, ..quick() }
}

#[tokio::test]
async fn reads_and_keyed_writes_are_tried_again_and_nothing_else() {
    let bench = Bench::start().await;
    for (retry, calls) in [(Retry::Read, 3), (Retry::Keyed, 3), (Retry::Never, 1)] {
        bench.script.calls.store(0, std::sync::atomic::Ordering::SeqCst);
        bench.script.set(Act::UnavailableFor(2));
        let dependency = bench.dependency(without_breaker());
        let answer = list(&dependency, &caller(), retry).await;
        assert_eq!(answer.is_ok(), retry != Retry::Never, "{retry:?}");
        assert_eq!(bench.script.calls(), calls, "{retry:?}");
    }
}

#[tokio::test]
async fn refusals_are_not_tried_again() {
    let bench = Bench::start().await;
    let dependency = bench.dependency(without_breaker());
    for (count, act) in
        [Act::Refuse, Act::Panic, Act::Bare(tonic::Code::Aborted)].into_iter().enumerate()
    {
        bench.script.set(act);
        list(&dependency, &caller(), Retry::Keyed).await.unwrap_err();
        assert_eq!(bench.script.calls() as usize, count + 1, "{act:?}");
    }
}

#[tokio::test]
async fn what_a_layer_further_in_refused_is_not_tried_again_here() {
    let bench = Bench::start().await;
    bench.script.set(Act::UnavailableFurtherIn);
    let dependency = bench.dependency(without_breaker());
    let error = list(&dependency, &caller(), Retry::Read).await.unwrap_err();
    assert_eq!(error.metadata()["dependency"], "account");
    assert_eq!(bench.script.calls(), 1);
}

#[tokio::test]
async fn an_overloaded_service_is_not_called_again() {
    let bench = Bench::start().await;
    bench.script.set(Act::Overloaded);
    let dependency = bench.dependency(without_breaker());
    let error = list(&dependency, &caller(), Retry::Keyed).await.unwrap_err();
    assert_eq!(error.reason(), "OVERLOADED");
    assert!(!dependency.refused_unasked(&error), "it was asked");
    assert_eq!(bench.script.calls(), 1);
}

#[tokio::test]
async fn retries_stay_within_a_fifth_of_the_calls() {
    let bench = Bench::start().await;
    bench.script.set(Act::Unavailable);
    let dependency = bench.dependency(without_breaker());
    for _ in 0..200 {
        list(&dependency, &caller(), Retry::Read).await.unwrap_err();
    }
    // 200 calls, a fifth again, and the ten retries saved up at the start.
    let calls = bench.script.calls();
    assert!((240..=250).contains(&calls), "{calls}");
}

#[tokio::test]
async fn no_retry_outlives_the_deadline() {
    let bench = Bench::start().await;
    bench.script.set(Act::Unavailable);
    let limits = StackLimits {
        backoff: Duration::from_secs(6_000),
        backoff_most: Duration::from_secs(6_000),
        attempts: 100,
        ..without_breaker()
    };
    let dependency = bench.dependency(limits);
    let mut ctx = caller();
    ctx.deadline = Some(Instant::now() + Duration::from_secs(5));
    let call = list(&dependency, &ctx, Retry::Read);
    let ended = tokio::time::timeout(Duration::from_secs(60), call).await;
    ended.expect("the pause before a retry is longer than the deadline").unwrap_err();
}

#[tokio::test]
async fn a_call_comes_back_by_itself_when_the_service_does() {
    let bench = Bench::start().await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = closed.local_addr().unwrap();
    drop(closed);
    let (sender, addresses) = tokio::sync::watch::channel(vec![nowhere.to_string()]);
    let dependency = florin_rpc::Dependency::new(
        Role::Payment,
        addresses,
        bench.identity("reporting"),
        without_breaker(),
        Metrics::new(),
    );
    let error = list(&dependency, &caller(), Retry::Never).await.unwrap_err();
    assert_eq!(error.reason(), "UNAVAILABLE");
    assert_eq!(error.metadata()["layer"], "transport");
    sender.send(vec![nowhere.to_string(), bench.address.to_string()]).unwrap();
    assert_eq!(list(&dependency, &caller(), Retry::Read).await, Ok(7));
}
