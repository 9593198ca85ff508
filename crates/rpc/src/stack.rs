//! The one call stack, for all calls between roles: deadline, permits, breaker, retries
//! with a budget, one lazy connection that comes back by itself.
//!
//! Every refusal made here names layer, dependency and cause in its metadata. A fall-back
//! is the use case's decision and never made here.

mod awaiting;
mod breaker;
mod budget;
mod changes;
mod judge;
mod limits;
mod permits;
mod request;

use std::{
    borrow::Borrow,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use florin_kernel::Kind;
use florin_proto::common::v1::Reason;
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use tokio::sync::SemaphorePermit;
use tonic::{Request, Response, Status, transport::Channel};
use tracing::Instrument as _;

use self::{
    breaker::{Breaker, Outcome, Refusal},
    budget::RetryBudget,
    judge::{is_overloaded, is_own_transport, judge},
    permits::Permits,
    request::{fill, request_with},
};
use crate::{
    CallContext, Error, Identity, Metrics, Role,
    metrics::MetricFamily,
    tls::{Address, Connector},
};

pub use limits::{BreakerLimits, StackLimits};

/// What each hop keeps of the deadline, so that the inner service names the late call.
const SHAVE: Duration = Duration::from_millis(20);

/// When a call that found no permit may be tried again.
const AFTER_OVERLOAD: Duration = Duration::from_secs(1);

/// Cause of the refusal of a call whose deadline is over before it is made.
const TOO_LATE: &str = "passed before the call";

/// What the calls of a dependency are for where nobody has said it.
const GENERAL: &str = "general";

/// When a call may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Never: a second attempt could have a second effect.
    Never,
    /// It reads.
    Read,
    /// It writes under an idempotency key or a natural reference.
    Keyed,
}

/// A role that this process calls. Clones share everything.
#[derive(Clone)]
pub struct Dependency {
    inner: Arc<Inner>,
    /// How long its calls are asked to wait.
    patience: Duration,
}

struct Inner {
    role: Role,
    channel: Channel,
    limits: StackLimits,
    permits: Permits,
    breaker: Arc<Breaker>,
    budget: RetryBudget,
    own: &'static str,
    purpose: &'static str,
    calls: MetricFamily<[(&'static str, &'static str); 4], Counter>,
    in_flight: Gauge,
}

impl Dependency {
    /// The role at these addresses. Connects at the first call, so it must be made inside a
    /// tokio runtime.
    #[must_use]
    pub fn new(
        role: Role,
        address: impl Into<Address>,
        identity: Arc<Identity>,
        limits: StackLimits,
        metrics: impl Borrow<Metrics>,
    ) -> Self {
        Self::for_purpose(GENERAL, role, address, identity, limits, metrics)
    }

    /// As [`Dependency::new`], for calls that must get through while others to the same role
    /// are refused: `purpose`, one word, has permits, a breaker and a connection of its own,
    /// and stands at the metrics.
    #[must_use]
    pub fn for_purpose(
        purpose: &'static str,
        role: Role,
        address: impl Into<Address>,
        identity: Arc<Identity>,
        limits: StackLimits,
        metrics: impl Borrow<Metrics>,
    ) -> Self {
        let metrics = metrics.borrow();
        let own = identity.peer().caller();
        let connector = Connector::new(role, address.into(), identity);
        let labels = [("role", own), ("dependency", role.name()), ("purpose", purpose)];
        let gauge = |name, help| metrics.gauges(name, help).get_or_create_owned(&labels);
        let inner = Inner {
            role,
            channel: connector.channel(),
            permits: Permits::new(
                &limits,
                gauge("florin_dependency_waiting", "Calls that wait for a permit"),
            ),
            breaker: Breaker::new(
                limits.breaker.clone(),
                changes::teller(own, role, purpose, gauge(changes::GAUGE, changes::HELP)),
            ),
            budget: RetryBudget::new(),
            own,
            purpose,
            calls: metrics.counters(
                "florin_dependency_calls",
                "Calls by role, dependency, purpose and outcome",
            ),
            in_flight: gauge("florin_dependency_in_flight", "Calls under way"),
            limits,
        };
        Self { inner: Arc::new(inner), patience: Duration::ZERO }
    }

    /// The same dependency for calls that ask it to wait for up to `patience` (`Prefer:
    /// wait`): they count as slow only when they take longer than that.
    #[must_use]
    pub fn patient(&self, patience: Duration) -> Self {
        Self { inner: Arc::clone(&self.inner), patience }
    }

    /// The role that is called.
    #[must_use]
    pub fn role(&self) -> Role {
        self.inner.role
    }

    /// Calls once, or again where `retry` and the budget allow it, until the context's
    /// deadline, or the default one where it has none.
    ///
    /// # Errors
    /// What the service answered; UNAVAILABLE, OVERLOADED or DEADLINE_EXCEEDED with layer,
    /// dependency and cause where the stack refused.
    pub async fn call<Req, Res, F, Fut>(
        &self,
        ctx: &CallContext,
        method: &'static str,
        retry: Retry,
        message: Req,
        f: F,
    ) -> Result<Res, Error>
    where
        Req: Clone,
        F: Fn(Channel, Request<Req>) -> Fut,
        Fut: Future<Output = Result<Response<Res>, Status>>,
    {
        self.call_with_metadata(ctx, method, retry, message, f).await.map(Response::into_inner)
    }

    /// As [`Dependency::call`], with the answer's metadata.
    ///
    /// # Errors
    /// As [`Dependency::call`].
    pub async fn call_with_metadata<Req, Res, F, Fut>(
        &self,
        ctx: &CallContext,
        method: &'static str,
        retry: Retry,
        message: Req,
        f: F,
    ) -> Result<Response<Res>, Error>
    where
        Req: Clone,
        F: Fn(Channel, Request<Req>) -> Fut,
        Fut: Future<Output = Result<Response<Res>, Status>>,
    {
        let inner = &*self.inner;
        let span = tracing::info_span!("call", dependency = inner.role.name(), method);
        let work = async {
            let deadline = self.deadline(ctx);
            inner.budget.deposit();
            let mut attempt = 1;
            let mut kept = Some(message);
            loop {
                let last = retry == Retry::Never || attempt == inner.limits.attempts;
                // Copied only for another attempt: a batch of postings is large.
                let copy = if last { kept.take() } else { kept.clone() };
                let Some(message) = copy else {
                    return Err(self.refuse(
                        Reason::Internal,
                        "retry",
                        "more attempts than allowed",
                    ));
                };
                let error = match self.attempt(ctx, deadline, message, &f).await {
                    Ok(response) => {
                        self.count("OK");
                        return Ok(response);
                    }
                    Err(error) => error,
                };
                let known = florin_proto::known_reason(error.domain(), error.reason());
                self.count(known.map_or("OTHER", |known| known.name));
                // What a layer further in has refused was retried there already.
                let may = !last
                    && error.kind() == Kind::Unavailable
                    && !is_overloaded(&error)
                    && (!error.metadata().contains_key("dependency")
                        || is_own_transport(&error, inner.role));
                if !may {
                    return Err(error);
                }
                let pause = self.pause(attempt, &error);
                if Instant::now().checked_add(pause).is_none_or(|at| at >= deadline) {
                    return Err(error);
                }
                if !inner.budget.withdraw() {
                    return Err(error.with("retries", "the retry budget is used up"));
                }
                self.count("RETRIED");
                tokio::time::sleep(pause).await;
                attempt = attempt.saturating_add(1);
            }
        };
        work.instrument(span).await
    }

    async fn attempt<Req, Res, F, Fut>(
        &self,
        ctx: &CallContext,
        deadline: Instant,
        message: Req,
        f: &F,
    ) -> Result<Response<Res>, Error>
    where
        F: Fn(Channel, Request<Req>) -> Fut,
        Fut: Future<Output = Result<Response<Res>, Status>>,
    {
        let inner = &*self.inner;
        // Nobody waits for a permit in front of an open breaker.
        inner.breaker.ask(Instant::now()).map_err(|refusal| self.shut(refusal))?;
        let permit = self.permit(deadline).await?;
        let admitted = inner.breaker.admit(Instant::now(), self.patience);
        let ticket = admitted.map_err(|refusal| self.shut(refusal))?;
        let left = deadline.saturating_duration_since(Instant::now());
        let request = request_with(ctx, message, left)?;
        let _in_flight = InFlight::start(inner.in_flight.clone());
        let outcome = tokio::time::timeout(left, pin!(f(inner.channel.clone(), request))).await;
        drop(permit);
        let error = match outcome {
            Ok(Ok(response)) => {
                ticket.finish(Outcome::Success, Instant::now());
                return Ok(response);
            }
            Ok(Err(status)) => self.name_dependency(Error::from_status(&status)),
            Err(_) => self.refuse(Reason::DeadlineExceeded, "deadline", "no answer in time"),
        };
        ticket.finish(judge(&error, inner.role), Instant::now());
        Err(error)
    }

    async fn permit(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Error> {
        if Instant::now() >= deadline {
            return Err(self.refuse(Reason::DeadlineExceeded, "deadline", TOO_LATE));
        }
        let taken = self.inner.permits.take(deadline, self.patience).await;
        taken.map_err(|cause| {
            self.refuse(Reason::Overloaded, "permits", cause).retry_after(AFTER_OVERLOAD)
        })
    }

    fn shut(&self, refusal: Refusal) -> Error {
        let Refusal { cause, retry_after } = refusal;
        self.refuse(Reason::Unavailable, "breaker", cause).retry_after(retry_after)
    }

    /// Whether this stack has refused the call without making it: the dependency has not heard
    /// of it.
    #[must_use]
    pub fn refused_unasked(&self, error: &Error) -> bool {
        let told = |key: &str| error.metadata().get(key).map(String::as_str);
        told("dependency") == Some(self.inner.role.name())
            && match told("layer") {
                Some("breaker" | "permits") => true,
                Some("deadline") => told("cause") == Some(TOO_LATE),
                Some(_) | None => false,
            }
    }

    /// The connection, for streaming calls, which the stack does not hold: their requests
    /// come from [`Dependency::request`].
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.inner.channel.clone()
    }

    /// A request with deadline, token, key and trace of the context, for streaming calls.
    ///
    /// # Errors
    /// An internal error where the context holds what no header can carry.
    pub fn request<T>(&self, ctx: &CallContext, message: T) -> Result<Request<T>, Error> {
        let mut request = Request::new(message);
        if ctx.deadline.is_some() {
            let left = self.deadline(ctx).saturating_duration_since(Instant::now());
            request.set_timeout(left);
        }
        fill(ctx, request)
    }

    fn deadline(&self, ctx: &CallContext) -> Instant {
        let now = Instant::now();
        match ctx.deadline {
            Some(deadline) => deadline.checked_sub(SHAVE).unwrap_or(now),
            None => now.checked_add(self.inner.limits.default_deadline).unwrap_or(now),
        }
    }

    fn pause(&self, attempt: u32, error: &Error) -> Duration {
        let limits = &self.inner.limits;
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        let most = limits.backoff.saturating_mul(doubled).min(limits.backoff_most);
        let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        let jitter = Duration::from_micros(rand::random_range(0..=most));
        error.retry_delay().map_or(jitter, |asked| asked.saturating_add(jitter))
    }

    fn refuse(&self, reason: Reason, layer: &str, cause: &str) -> Error {
        Error::new(reason, format!("{}: {cause}", self.inner.role))
            .with("layer", layer)
            .with("dependency", self.inner.role.name())
            .with("cause", cause)
    }

    fn count(&self, outcome: &'static str) {
        let labels = [
            ("role", self.inner.own),
            ("dependency", self.inner.role.name()),
            ("purpose", self.inner.purpose),
            ("outcome", outcome),
        ];
        self.inner.calls.get_or_create(&labels).inc();
    }
}

impl std::fmt::Debug for Dependency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dependency({})", self.inner.role)
    }
}

/// Counts a call while it is under way, however it ends.
struct InFlight(Gauge);

impl InFlight {
    fn start(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
