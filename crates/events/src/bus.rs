//! The two buses behind one type.

pub(crate) mod bundle;
mod embedded;
mod jetstream;
mod message;
mod options;
mod outage;
mod stream;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

pub use embedded::EmbeddedBus;
use florin_kernel::UnixMicros;
pub use jetstream::JetStreamBus;
pub use options::NatsOptions;
pub(crate) use stream::PROGRESS;

use crate::{consume::Desk, event::Envelope, metrics::EventMetrics};

/// How events get from an outbox to the readers. Clones are the same bus.
#[derive(Debug, Clone)]
pub enum Bus {
    /// Within this process, straight from each outbox.
    Embedded(EmbeddedBus),
    /// NATS JetStream.
    JetStream(JetStreamBus),
}

/// Why the bus cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BusError {
    /// A reader of this process is not there yet, or ended.
    #[error("reader {0} is not consuming")]
    NoReader(String),
    /// The reader stopped before it had applied the events.
    #[error("reader {0} stopped")]
    ReaderStopped(String),
    /// The broker cannot be reached, or refused.
    #[error("broker: {0}")]
    Broker(String),
}

/// An event that the relay hands over. `replay` is 0 or when an operator asked for it again.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) event: Envelope,
    pub(crate) replay: i64,
}

impl Outgoing {
    /// Since when a reader could have it: a replay is as old as the wish for it.
    pub(crate) fn waiting_since(&self) -> UnixMicros {
        if self.replay == 0 { self.event.recorded_at } else { UnixMicros(self.replay) }
    }
}

/// What every bus has beside its wire.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    metrics: EventMetrics,
    desks: Desks,
}

#[derive(Default)]
struct Desks(Mutex<BTreeMap<&'static str, Arc<Desk>>>);

impl fmt::Debug for Desks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desks")
    }
}

impl Bus {
    /// A bus within this process, shared by all its roles.
    #[must_use]
    pub fn embedded() -> Self {
        Self::Embedded(EmbeddedBus::new())
    }

    /// Connects to NATS as one role, in the background: where no server answers, events wait
    /// in the outbox until one does.
    ///
    /// # Errors
    /// `Broker` where the settings are wrong.
    pub async fn jetstream(options: &NatsOptions) -> Result<Self, BusError> {
        Ok(Self::JetStream(JetStreamBus::connect(options).await?))
    }

    /// Outbox age, consumer lag and counts.
    #[must_use]
    pub fn metrics(&self) -> &EventMetrics {
        &self.shared().metrics
    }

    /// Whether the bus works for a source: the broker is connected and acknowledges, or every
    /// reader of it is still there.
    ///
    /// # Errors
    /// Why events stay in the outbox.
    pub fn check(&self, source: &str) -> Result<(), BusError> {
        match self {
            Self::Embedded(bus) => bus.readers(source).map(drop),
            Self::JetStream(bus) => bus.check(),
        }
    }

    /// Makes sure that events of a source have where to go; false where the broker refuses.
    pub(crate) async fn prepare(&self, source: &str) -> bool {
        match self {
            Self::Embedded(_) => true,
            Self::JetStream(bus) => bus.prepare(source).await,
        }
    }

    /// Whether somebody takes a source's events now. Without a reader the embedded bus leaves
    /// them in the outbox.
    pub(crate) fn takes(&self, source: &str) -> bool {
        match self {
            Self::Embedded(bus) => bus.readers(source).is_ok_and(|readers| !readers.is_empty()),
            Self::JetStream(bus) => bus.is_connected(),
        }
    }

    /// Hands events of one source over, in their order, and says for each whether every
    /// reader, or the broker, has acknowledged it. An event is not sent before the earlier
    /// ones of its aggregate are acknowledged, or in one batch that is applied in order.
    pub(crate) async fn publish(&self, source: &str, events: Vec<Outgoing>) -> Vec<bool> {
        let count = events.len();
        match self {
            Self::Embedded(bus) => {
                let waiting = events.iter().map(Outgoing::waiting_since).min();
                let events: Arc<[_]> = events.into_iter().map(|sent| sent.event).collect();
                match bus.publish(source, &events, waiting).await {
                    Ok(()) => vec![true; count],
                    Err(error) => {
                        tracing::debug!(source, %error, "events stay in the outbox");
                        vec![false; count]
                    }
                }
            }
            Self::JetStream(bus) => bus.publish(source, &events).await,
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        match self {
            Self::Embedded(bus) => bus.shared(),
            Self::JetStream(bus) => bus.shared(),
        }
    }
}

impl Shared {
    pub(crate) fn open_desk(&self, desk: Arc<Desk>) {
        self.desks.0.lock().unwrap_or_else(PoisonError::into_inner).insert(desk.name, desk);
    }

    /// What applies events in this process for a reader.
    pub(crate) fn desk(&self, reader: &str) -> Option<Arc<Desk>> {
        self.desks.0.lock().unwrap_or_else(PoisonError::into_inner).get(reader).cloned()
    }
}
