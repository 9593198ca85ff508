//! The breaker, with a clock of its own.

use super::*;

/// A breaker with a clock of its own.
struct Bench {
    breaker: Arc<Breaker>,
    told: Arc<Mutex<Vec<Change>>>,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let limits = BreakerLimits {
            calls_at_least: 20,
            slow_from: Duration::from_secs(2),
            open_for: Duration::from_secs(1),
            probes: 2,
            slow_percent: 50,
            ..BreakerLimits::default()
        };
        let told = Arc::<Mutex<Vec<Change>>>::default();
        let heard = Arc::clone(&told);
        let breaker =
            Breaker::new(limits, Box::new(move |change| heard.lock().unwrap().push(change)));
        Self { breaker, told, now: Instant::now() }
    }

    fn opened() -> Self {
        let mut bench = Self::new();
        bench.calls(20, Outcome::Failure);
        assert!(bench.is_open());
        bench.pass(1_000);
        bench
    }

    fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    fn admit(&self) -> Ticket {
        self.breaker.admit(self.now, Duration::ZERO).ok().unwrap()
    }

    fn is_open(&self) -> bool {
        matches!(self.breaker.lock().phase, Phase::Open { .. })
    }

    fn refuses(&self) -> bool {
        self.breaker.admit(self.now, Duration::ZERO).is_err()
    }

    fn calls(&self, count: u32, outcome: Outcome) {
        for _ in 0..count {
            self.admit().finish(outcome, self.now);
        }
    }
}

#[test]
fn opens_on_failures_and_closes_after_good_probes() {
    let bench = Bench::opened();
    let (one, two) = (bench.admit(), bench.admit());
    assert!(bench.refuses(), "only the probes get through");
    one.finish(Outcome::Success, bench.now);
    two.finish(Outcome::Success, bench.now);
    let many: Vec<_> = (0..50).map(|_| bench.admit()).collect();
    drop(many);
    assert!(!bench.refuses());
}

#[test]
fn tells_each_change_once() {
    let mut bench = Bench::opened();
    bench.calls(1, Outcome::Failure);
    bench.pass(1_000);
    bench.calls(2, Outcome::Success);
    bench.calls(30, Outcome::Success);
    let opened = |at_first| Change::Opened { at_first };
    let told = bench.told.lock().unwrap().clone();
    assert_eq!(told, [opened(true), opened(false), Change::Closed]);
}

#[test]
fn opens_while_twenty_calls_still_hang() {
    let mut bench = Bench::new();
    let hung: Vec<_> = (0..20).map(|_| bench.admit()).collect();
    assert!(!bench.refuses());
    bench.pass(2_000);
    assert!(bench.refuses(), "none of them has returned");
    bench.pass(1_000);
    let probes = (bench.admit(), bench.admit());
    // The hung calls of before return late and change nothing.
    hung.into_iter().for_each(|ticket| ticket.finish(Outcome::Neutral, bench.now));
    assert!(bench.refuses());
    probes.0.finish(Outcome::Success, bench.now);
    probes.1.finish(Outcome::Success, bench.now);
    assert!(!bench.refuses());
}

#[test]
fn a_refusal_says_when_another_attempt_may_get_through() {
    let mut bench = Bench::new();
    bench.calls(20, Outcome::Failure);
    bench.pass(400);
    let refusal = bench.breaker.admit(bench.now, Duration::ZERO).err().unwrap();
    assert_eq!(refusal.retry_after, Duration::from_millis(600));
    assert_eq!(bench.breaker.ask(bench.now), Err(refusal));
    bench.pass(600);
    assert_eq!(bench.breaker.ask(bench.now), Ok(()));
    let probes = (bench.admit(), bench.admit());
    let refusal = bench.breaker.admit(bench.now, Duration::ZERO).err().unwrap();
    assert_eq!(refusal.retry_after, Duration::from_secs(1));
    drop(probes);
}

#[test]
fn some_slow_calls_among_many_under_way_open_nothing() {
    let mut bench = Bench::new();
    let slow: Vec<_> = (0..20).map(|_| bench.admit()).collect();
    bench.pass(1_000);
    let mut others: Vec<_> = (0..21).map(|_| bench.admit()).collect();
    bench.pass(1_000);
    assert!(!bench.refuses(), "20 slow ones of 41");
    // Half of those under way.
    others.pop().unwrap().finish(Outcome::Neutral, bench.now);
    assert!(bench.refuses());
    drop((slow, others));
}

#[test]
fn calls_that_were_asked_to_wait_hide_no_others_that_hang() {
    let mut bench = Bench::new();
    let wait = Duration::from_secs(10);
    let waiting: Vec<_> =
        (0..100).map(|_| bench.breaker.admit(bench.now, wait).ok().unwrap()).collect();
    let hung: Vec<_> = (0..20).map(|_| bench.admit()).collect();
    bench.pass(2_000);
    assert!(bench.refuses());
    drop((waiting, hung));
}

#[test]
fn a_cancelled_probe_frees_its_place() {
    let bench = Bench::opened();
    for _ in 0..100 {
        drop((bench.admit(), bench.admit()));
    }
    bench.calls(2, Outcome::Success);
    assert!(!bench.is_open() && !bench.refuses());
    bench.calls(50, Outcome::Success);
}

#[test]
fn a_hung_or_failed_probe_opens_it_again() {
    let mut bench = Bench::opened();
    let probe = bench.admit();
    bench.pass(2_000);
    assert!(bench.refuses() && bench.is_open());
    drop(probe);
    bench.pass(1_000);
    bench.calls(1, Outcome::Failure);
    assert!(bench.is_open());
}

#[test]
fn few_or_old_failures_open_nothing() {
    let mut bench = Bench::new();
    bench.calls(19, Outcome::Failure);
    bench.pass(11_500);
    bench.calls(19, Outcome::Failure);
    assert!(!bench.refuses());
}

#[test]
fn a_call_that_was_asked_to_wait_is_not_slow_for_waiting() {
    let mut bench = Bench::new();
    let patience = Duration::from_secs(10);
    let admit = || bench.breaker.admit(bench.now, patience).ok().unwrap();
    let waiting: Vec<_> = (0..30).map(|_| admit()).collect();
    bench.pass(10_000);
    assert!(!bench.refuses());
    bench.pass(2_000);
    assert!(bench.refuses(), "now they hang");
    drop(waiting);
}

#[test]
fn quickly_given_up_calls_tell_nothing_and_slowly_given_up_ones_are_slow() {
    let mut bench = Bench::new();
    bench.calls(100, Outcome::Neutral);
    assert!(!bench.refuses());
    let slow: Vec<_> = (0..20).map(|_| bench.admit()).collect();
    bench.pass(2_000);
    slow.into_iter().for_each(|ticket| ticket.finish(Outcome::Neutral, bench.now));
    assert!(bench.is_open());
}
