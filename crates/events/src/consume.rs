//! The consumer loop: inbox row and effect in one transaction, for batches of events.

mod attempt;
pub(crate) mod dead_letters;
mod desk;
mod settle;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

pub(crate) use desk::Desk;
use florin_store::{Database, Retryable, StoreError, Tx};
use futures_util::future::join_all;
pub(crate) use settle::{Settler, drain_key};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    bus::{Bus, EmbeddedBus, JetStreamBus},
    event::Envelope,
};

/// Applies events in the transaction that records them in the inbox.
pub trait Consumer: Send + Sync + 'static {
    /// The role that reads.
    const NAME: &'static str;

    /// The roles whose events it reads.
    fn sources(&self) -> &'static [&'static str];

    /// Applies one event. It must bear being applied in any order across aggregates, and
    /// after the effects of later versions: the greater version wins. Nothing outside `tx`.
    fn apply(
        &self,
        tx: &Tx,
        event: &Envelope,
    ) -> impl Future<Output = Result<(), ConsumeError>> + Send;

    /// Applies several events in their order; a refusal undoes them all, and each is then
    /// tried alone. For consumers that have multi-row statements.
    fn apply_all(
        &self,
        tx: &Tx,
        events: &[&Envelope],
    ) -> impl Future<Output = Result<(), ConsumeError>> + Send {
        async move {
            for event in events {
                self.apply(tx, event).await?;
            }
            Ok(())
        }
    }
}

/// Why an event was not applied.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConsumeError {
    /// It cannot be decoded, or the domain refuses it: after five attempts a dead letter.
    #[error("{0}")]
    Refused(String),
    /// The database failed: tried again for ever, except where a constraint or a broken
    /// invariant says that this event cannot be applied.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ConsumeError {
    /// Whether the event is at fault, not the surroundings.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Store(error) => {
                matches!(error, StoreError::Conflict { .. } | StoreError::Corrupt(_))
            }
        }
    }
}

impl From<prost::DecodeError> for ConsumeError {
    fn from(error: prost::DecodeError) -> Self {
        Self::Refused(format!("cannot be decoded: {error}"))
    }
}

impl Retryable for ConsumeError {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Store(error) => error.is_retryable(),
        }
    }
}

/// Sets what ties the span of an applied event to the trace of the request that caused it:
/// given the span and the event's `traceparent`. The first call counts.
pub fn link_traces(link: fn(&tracing::Span, &str)) {
    desk::link_traces(link);
}

/// Consumes the events of all sources until shutdown. It is subscribed when this returns the
/// future, before that is polled.
pub fn consume<C: Consumer>(
    db: Database,
    bus: Bus,
    consumer: Arc<C>,
    shutdown: CancellationToken,
) -> impl Future<Output = ()> + Send {
    let desk = Arc::new(Desk::new(consumer));
    bus.shared().open_desk(Arc::clone(&desk));
    let loops: Vec<_> = desk
        .sources
        .iter()
        .map(|source| {
            let meter = bus.metrics().consumer(desk.name, source);
            let settler = Settler::new(db.clone(), Arc::clone(&desk), meter, shutdown.clone());
            consume_source(&bus, source, settler)
        })
        .collect();
    async move {
        join_all(loops).await;
    }
}

type Loop = futures_util::future::BoxFuture<'static, ()>;

fn consume_source(bus: &Bus, source: &'static str, settler: Settler) -> Loop {
    match bus {
        Bus::Embedded(bus) => Box::pin(consume_embedded(bus, source, settler)),
        Bus::JetStream(bus) => Box::pin(consume_jetstream(bus.clone(), source, settler)),
    }
}

fn consume_embedded(
    bus: &EmbeddedBus,
    source: &'static str,
    settler: Settler,
) -> impl Future<Output = ()> + Send + use<> {
    let (mut deliveries, subscription) = bus.subscribe(settler.name(), source);
    async move {
        let _subscription = subscription;
        loop {
            let delivery = tokio::select! {
                () = settler.stopped() => return,
                delivery = deliveries.recv() => delivery,
            };
            let Some(delivery) = delivery else { return };
            if !settler.settle(&delivery.events, delivery.waiting).await {
                return;
            }
            // Nobody waits any more: it comes again and the inbox knows it.
            let _ = delivery.applied.send(());
        }
    }
}

async fn consume_jetstream(bus: JetStreamBus, source: &'static str, settler: Settler) {
    let mut backoff = Backoff::new();
    let lines = AtomicU32::new(0);
    loop {
        let reading = read_jetstream(&bus, source, &settler, &mut backoff, &lines);
        let error = tokio::select! {
            () = settler.stopped() => return,
            outcome = reading => match outcome {
                Ok(()) => return,
                Err(error) => error,
            },
        };
        settler.cut_off();
        let wait = backoff.step();
        let (reader, failures) = (settler.name(), lines.fetch_add(1, Ordering::Relaxed) + 1);
        // One line an outage, and one at each doubling of its failures.
        if failures.is_power_of_two() {
            tracing::warn!(source, reader, failures, %error, ?wait, "consumer is opened anew");
        }
        tokio::select! {
            () = settler.stopped() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Reads until shutdown, or until the opening breaks.
async fn read_jetstream(
    bus: &JetStreamBus,
    source: &'static str,
    settler: &Settler,
    backoff: &mut Backoff,
    failures: &AtomicU32,
) -> Result<(), crate::bus::BusError> {
    let mut incoming = bus.open(settler.name(), source).await?;
    settler.connected();
    if failures.swap(0, Ordering::Relaxed) > 0 {
        tracing::info!(source, reader = settler.name(), "consumer reads again");
    }
    loop {
        let batch = incoming.next().await?;
        backoff.reset();
        let settling = settler.settle(&batch.events, batch.waiting);
        tokio::pin!(settling);
        let settled = loop {
            tokio::select! {
                settled = &mut settling => break settled,
                () = tokio::time::sleep(progress()) => batch.in_progress().await,
            }
        };
        if !settled {
            return Ok(());
        }
        batch.acknowledge().await;
    }
}

const fn progress() -> Duration {
    crate::bus::PROGRESS
}
