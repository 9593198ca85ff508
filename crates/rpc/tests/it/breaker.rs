//! The breaker over the real transport.

use std::time::{Duration, Instant};

use florin_rpc::{BreakerLimits, Dependency, Retry, StackLimits};
use tokio::task::JoinHandle;

use crate::bench::{Act, Bench, caller, list, quick};

fn limits() -> StackLimits {
    let breaker = BreakerLimits {
        calls_at_least: 20,
        slow_from: Duration::from_millis(200),
        open_for: Duration::from_millis(200),
        probes: 1,
        ..BreakerLimits::default()
    };
    StackLimits { breaker, ..quick() }
}

fn call(dependency: &Dependency) -> JoinHandle<Result<i64, florin_rpc::Error>> {
    let dependency = dependency.clone();
    tokio::spawn(async move { list(&dependency, &caller(), Retry::Never).await })
}

/// Calls until the answer is as expected: the time that it takes is the breaker's.
async fn until(
    dependency: &Dependency,
    expected: impl Fn(&Result<i64, florin_rpc::Error>) -> bool,
) {
    let start = Instant::now();
    loop {
        let answer = list(dependency, &caller(), Retry::Never).await;
        if expected(&answer) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn opens_while_the_calls_still_hang_and_recovers() {
    let bench = Bench::start().await;
    bench.script.set(Act::Hang);
    let dependency = bench.dependency(limits());
    let hung: Vec<_> = (0..20).map(|_| call(&dependency)).collect();
    while bench.script.calls() < 20 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(250)).await;
    let error = list(&dependency, &caller(), Retry::Read).await.unwrap_err();
    assert_eq!(error.reason(), "UNAVAILABLE");
    assert_eq!(error.metadata()["layer"], "breaker");
    assert_eq!(error.metadata()["dependency"], "payment");
    assert!(error.metadata()["cause"].contains("open"));
    assert!(error.retry_delay().is_some_and(|delay| delay <= Duration::from_millis(200)));
    assert!(dependency.refused_unasked(&error));
    assert_eq!(bench.script.calls(), 20, "refused without a call");
    assert!(hung.iter().all(|call| !call.is_finished()), "not one of them has returned");

    bench.script.set(Act::Answer);
    until(&dependency, Result::is_ok).await;
    until(&dependency, Result::is_ok).await;
    bench.script.release.notify_waiters();
}

#[tokio::test]
async fn a_cancelled_probe_does_not_leave_it_half_open() {
    let bench = Bench::start().await;
    bench.script.set(Act::Unavailable);
    let dependency = bench.dependency(limits());
    let open = |answer: &Result<i64, florin_rpc::Error>| {
        answer
            .as_ref()
            .is_err_and(|error| error.metadata().get("layer").is_some_and(|l| l == "breaker"))
    };
    until(&dependency, open).await;
    // The next call that gets through is the probe: it hangs, and its caller goes away.
    bench.script.set(Act::Hang);
    let before = bench.script.calls();
    let probe = loop {
        let probe = call(&dependency);
        tokio::time::sleep(Duration::from_millis(50)).await;
        if bench.script.calls() > before {
            break probe;
        }
        probe.await.unwrap().unwrap_err();
    };
    probe.abort();
    let _ = probe.await;
    bench.script.set(Act::Answer);
    until(&dependency, Result::is_ok).await;
}

#[tokio::test]
async fn what_says_nothing_of_the_dependency_opens_nothing() {
    let bench = Bench::start().await;
    let dependency = bench.dependency(limits());
    for act in [Act::UnavailableFurtherIn, Act::Overloaded, Act::Refuse, Act::Hang] {
        bench.script.set(act);
        for _ in 0..30 {
            let mut ctx = caller();
            // Impatient callers are no failure of the dependency.
            ctx.deadline = Some(
                Instant::now() + Duration::from_millis(if act == Act::Hang { 30 } else { 5_000 }),
            );
            let error = list(&dependency, &ctx, Retry::Never).await.unwrap_err();
            let layer = error.metadata().get("layer").map(String::as_str);
            let from_here =
                error.metadata().get("dependency").is_some_and(|name| name == "payment");
            assert!(!(layer == Some("breaker") && from_here), "{act:?}: {error:?}");
        }
    }
}
