//! Permits: so many calls at a time, the others wait their turn, some are told to come again.

use std::time::{Duration, Instant};

use florin_rpc::{BreakerLimits, Dependency, Error, Identity, Retry, Role, StackLimits, TlsFiles};
use tokio::task::JoinHandle;

use crate::bench::{Act, Bench, caller, list, quick};

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

/// So many permits and no breaker, whatever this machine does meanwhile.
fn limits(permits: usize) -> StackLimits {
    let breaker = BreakerLimits { calls_at_least: u32::MAX, ..BreakerLimits::default() };
    StackLimits { permits, permit_wait: Duration::from_millis(20), breaker, ..quick() }
}

/// A call with a deadline that leaves it time to wait for a permit.
fn call(dependency: &Dependency) -> JoinHandle<Result<i64, Error>> {
    let dependency = dependency.clone();
    let mut ctx = caller();
    ctx.deadline = Some(Instant::now() + LIMIT);
    tokio::spawn(async move { list(&dependency, &ctx, Retry::Never).await })
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "not {what}");
        tokio::task::yield_now().await;
    }
}

/// Lets go what hangs until all calls have their answer.
async fn are_answered(
    bench: &Bench,
    calls: impl IntoIterator<Item = JoinHandle<Result<i64, Error>>>,
) {
    bench.script.set(Act::Answer);
    for call in calls {
        while !call.is_finished() {
            bench.script.release.notify_waiters();
            tokio::task::yield_now().await;
        }
        assert_eq!(call.await.unwrap(), Ok(7));
    }
}

fn gauge(bench: &Bench, name: &str) -> String {
    let labels = "{role=\"reporting\",dependency=\"payment\",purpose=\"general\"}";
    let text = bench.metrics.encode();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}{labels} ")));
    line.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn calls_without_a_permit_wait_their_turn_longer_than_a_slow_call_takes() {
    let bench = Bench::start().await;
    bench.script.set(Act::Hang);
    let dependency = bench.dependency(limits(4));
    let calls: Vec<_> = (0..40).map(|_| call(&dependency)).collect();
    until("waiting", || gauge(&bench, "florin_dependency_waiting") == "36").await;
    // Longer than those wait who have no time for it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.script.calls(), 4, "so many at a time");
    are_answered(&bench, calls).await;
    assert_eq!(gauge(&bench, "florin_dependency_waiting"), "0");
}

#[tokio::test]
async fn a_call_that_finds_no_permit_in_time_is_told_when_to_come_again() {
    let bench = Bench::start().await;
    bench.script.set(Act::Hang);
    let mut limits = limits(1);
    // A call may take all of its time and is not slow: none is left to wait for a permit.
    limits.breaker.slow_from = LIMIT;
    let dependency = bench.dependency(limits);
    let held = call(&dependency);
    until("called", || bench.script.calls() == 1).await;
    let error = call(&dependency).await.unwrap().unwrap_err();
    assert_eq!(error.reason(), "OVERLOADED");
    assert_eq!(error.metadata()["layer"], "permits");
    assert_eq!(error.metadata()["dependency"], "payment");
    assert_eq!(error.retry_delay(), Some(Duration::from_secs(1)));
    assert!(dependency.refused_unasked(&error));
    are_answered(&bench, [held]).await;
    assert_eq!(list(&dependency, &caller(), Retry::Never).await, Ok(7));
}

#[tokio::test]
async fn the_queue_for_permits_has_an_end() {
    let bench = Bench::start().await;
    bench.script.set(Act::Hang);
    let dependency = bench.dependency(StackLimits { waiting: 1, ..limits(1) });
    let calls = [call(&dependency), call(&dependency)];
    until("waiting", || gauge(&bench, "florin_dependency_waiting") == "1").await;
    let error = call(&dependency).await.unwrap().unwrap_err();
    assert_eq!(error.reason(), "OVERLOADED");
    assert!(error.metadata()["cause"].contains("queue"));
    are_answered(&bench, calls).await;
}

#[tokio::test]
async fn calls_that_ask_to_wait_take_no_permit_of_the_others() {
    let bench = Bench::start().await;
    bench.script.set(Act::Hang);
    let dependency = bench.dependency(limits(1));
    let patient = call(&dependency.patient(Duration::from_secs(5)));
    until("called", || bench.script.calls() == 1).await;
    bench.script.set(Act::Answer);
    assert_eq!(call(&dependency).await.unwrap(), Ok(7));
    are_answered(&bench, [patient]).await;
}

#[tokio::test]
async fn another_purpose_has_permits_and_a_breaker_of_its_own() {
    let bench = Bench::start().await;
    bench.script.set(Act::Unavailable);
    let general = bench.dependency(quick());
    let files = TlsFiles::in_dir(bench.dir.path(), "reporting");
    let identity = Identity::load(&files).unwrap();
    let (address, metrics) = (bench.address, &bench.metrics);
    let role = Role::Payment;
    let other = Dependency::for_purpose("other", role, address, identity, quick(), metrics);
    let mut refused = false;
    let start = Instant::now();
    while !refused {
        assert!(start.elapsed() < LIMIT, "the breaker has not opened");
        let error = list(&general, &caller(), Retry::Never).await.unwrap_err();
        refused = error.metadata().get("layer").is_some_and(|layer| layer == "breaker");
    }
    bench.script.set(Act::Answer);
    assert_eq!(list(&other, &caller(), Retry::Never).await, Ok(7));
    assert_eq!(gauge(&bench, "florin_dependency_breaker_open"), "1");
    let text = bench.metrics.encode();
    assert!(text.contains("dependency=\"payment\",purpose=\"other\",outcome=\"OK\"} 1"), "{text}");
}
