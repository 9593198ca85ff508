//! NATS JetStream: publishing. A stream a source, limited by age: the outbox is the truth.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{
    Client, ConnectOptions,
    connection::State,
    jetstream::{
        self,
        context::PublishAckFuture,
        message::PublishMessage,
        stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
    },
};
use futures_util::future::join_all;

use super::{
    BusError, NatsOptions, Outgoing, Shared, bundle, message,
    outage::{Outage, Refused},
};

/// How long a connection may take to come up, and a request to be answered.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest wait before the next attempt to connect again.
const RECONNECT_DELAY: Duration = Duration::from_secs(2);
/// How long the broker remembers message ids. The inbox decides; this saves it work.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A connection of one role to NATS.
#[derive(Clone)]
pub struct JetStreamBus {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Shared,
    client: Client,
    context: jetstream::Context,
    options: NatsOptions,
    /// Streams known to be there.
    ensured: Mutex<HashSet<String>>,
    outage: Outage,
}

impl std::fmt::Debug for JetStreamBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JetStreamBus").field("servers", &self.inner.options.servers).finish()
    }
}

pub(super) fn broker(error: impl std::fmt::Display) -> BusError {
    BusError::Broker(error.to_string())
}

impl JetStreamBus {
    pub(super) async fn connect(options: &NatsOptions) -> Result<Self, BusError> {
        let mut connect = ConnectOptions::new()
            .name(format!("florin-{}", options.role))
            .custom_inbox_prefix(format!("_INBOX.{}", options.role))
            .connection_timeout(CONNECT_TIMEOUT)
            .request_timeout(Some(REQUEST_TIMEOUT))
            // A broker that is away keeps no role from starting: the outbox holds the events.
            .retry_on_initial_connect()
            .reconnect_delay_callback(|attempts| {
                let factor = u32::try_from(attempts.min(20)).unwrap_or(20);
                (Duration::from_millis(100) * factor).min(RECONNECT_DELAY)
            });
        // The files are read at each connection: a renewed certificate is taken over.
        if let Some(ca) = &options.ca {
            connect = connect.add_root_certificates(ca.clone()).require_tls(true);
        }
        if let (Some(cert), Some(key)) = (&options.cert, &options.key) {
            connect = connect.add_client_certificate(cert.clone(), key.clone());
        }
        let servers: Vec<_> =
            options.servers.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
        let client = connect.connect(servers.as_slice()).await.map_err(broker)?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(REQUEST_TIMEOUT);
        let inner = Inner {
            shared: Shared { metrics: options.metrics.clone(), ..Shared::default() },
            client,
            context,
            options: options.clone(),
            ensured: Mutex::default(),
            outage: Outage::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    pub(super) fn is_connected(&self) -> bool {
        self.inner.client.connection_state() == State::Connected
    }

    /// Whether events go: connected, and the last of them were acknowledged.
    pub(super) fn check(&self) -> Result<(), BusError> {
        if !self.is_connected() {
            return Err(broker(format!("no connection to {}", self.inner.options.servers)));
        }
        self.inner.outage.cause().map_or(Ok(()), |cause| Err(BusError::Broker(cause)))
    }

    /// Makes sure of the source's stream before there is an event, so that its readers open
    /// their consumers and do not count as cut off. False where the broker refuses.
    pub(super) async fn prepare(&self, source: &str) -> bool {
        match self.ensure_stream(source).await {
            Ok(()) => true,
            Err(error) => {
                self.refused(source, Refused { count: 0, first: None, cause: error.to_string() });
                false
            }
        }
    }

    fn refused(&self, source: &str, refused: Refused) {
        self.inner.outage.refused(source, refused, std::time::Instant::now());
    }

    pub(super) fn context(&self) -> &jetstream::Context {
        &self.inner.context
    }

    /// Creates the source's stream if it is absent. Only the source itself may.
    async fn ensure_stream(&self, source: &str) -> Result<(), BusError> {
        let name = message::stream_name(source);
        let known = |set: &Mutex<HashSet<String>>| {
            set.lock().unwrap_or_else(PoisonError::into_inner).contains(&name)
        };
        if known(&self.inner.ensured) {
            return Ok(());
        }
        let config = Config {
            name: name.clone(),
            subjects: vec![format!("florin.{source}.v1.>")],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            discard: DiscardPolicy::Old,
            max_age: DAY * self.inner.options.keep_days,
            duplicate_window: DUPLICATE_WINDOW,
            num_replicas: self.inner.options.replicas,
            ..Config::default()
        };
        self.inner.context.get_or_create_stream(config).await.map_err(broker)?;
        self.inner.ensured.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
        Ok(())
    }

    /// Sends in rounds: what is sent in one has no aggregate in common and is acknowledged before
    /// the next. An aggregate whose event fails waits, the others go on.
    pub(super) async fn publish(&self, source: &str, events: &[Outgoing]) -> Vec<bool> {
        let mut acknowledged = vec![false; events.len()];
        if !self.prepare(source).await {
            return acknowledged;
        }
        let mut held_back: HashSet<&str> = HashSet::new();
        let mut first = None;
        for round in bundle::rounds(events) {
            // Its neighbours in a bundle go without an event that waits.
            let units = round.into_iter().map(|mut unit| {
                unit.retain(|at| {
                    let of = events.get(*at).map(bundle::aggregate);
                    of.is_some_and(|of| !held_back.contains(of))
                });
                unit
            });
            let sending: Vec<_> = units
                .filter(|unit| !unit.is_empty())
                .map(|unit| Sending::of(unit, events))
                .collect();
            for (sent, outcome) in self.send_round(source, sending).await {
                match outcome {
                    Ok(()) => {
                        for at in &sent.unit {
                            acknowledged[*at] = true;
                        }
                    }
                    Err(error) => {
                        // Perhaps the stream is gone: look again before the next attempt.
                        let ensured = &self.inner.ensured;
                        ensured.lock().unwrap_or_else(PoisonError::into_inner).clear();
                        let id = sent.events.first().map(|one| one.event.id);
                        first.get_or_insert_with(|| (id, error.to_string()));
                        held_back.extend(sent.aggregates());
                    }
                }
            }
        }
        match first {
            None => self.inner.outage.works(source, std::time::Instant::now()),
            Some((first, cause)) => {
                let count = acknowledged.iter().filter(|acked| !**acked).count();
                self.refused(source, Refused { count, first, cause });
            }
        }
        acknowledged
    }

    async fn send_round<'e>(
        &self,
        source: &str,
        round: Vec<Sending<'e>>,
    ) -> Vec<(Sending<'e>, Result<(), BusError>)> {
        let mut acks = Vec::with_capacity(round.len());
        for sent in round {
            let ack = self.send(source, &sent.events).await;
            acks.push((sent, ack));
        }
        let waits = acks.into_iter().map(|(sent, ack)| async move {
            let outcome = match ack {
                Ok(ack) => ack.await.map(|_| ()).map_err(broker),
                Err(error) => Err(error),
            };
            (sent, outcome)
        });
        join_all(waits).await
    }

    async fn send(&self, source: &str, sent: &[&Outgoing]) -> Result<PublishAckFuture, BusError> {
        let (subject, headers, payload) = match sent {
            [one] => {
                let event = &one.event;
                (message::subject(event), message::headers(one), event.payload.clone())
            }
            several => {
                let several: Vec<_> = several.iter().map(|one| &one.event).collect();
                bundle::message(source, &several)
            }
        };
        let body = PublishMessage::build().payload(payload).headers(headers);
        self.inner.context.send_publish(subject, body).await.map_err(broker)
    }
}

/// What goes as one message.
struct Sending<'e> {
    /// Places of the events among all.
    unit: bundle::Unit,
    events: Vec<&'e Outgoing>,
}

impl<'e> Sending<'e> {
    fn of(unit: bundle::Unit, all: &'e [Outgoing]) -> Self {
        let events = unit.iter().filter_map(|at| all.get(*at)).collect();
        Self { unit, events }
    }

    fn aggregates(&self) -> impl Iterator<Item = &'e str> {
        self.events.iter().map(|sent| bundle::aggregate(sent))
    }
}
