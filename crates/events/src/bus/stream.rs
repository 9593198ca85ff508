//! NATS JetStream: reading through a durable pull consumer, one a reader and source.

use std::time::Duration;

use async_nats::jetstream::{
    AckKind, Message,
    consumer::{AckPolicy, DeliverPolicy, pull},
};
use florin_kernel::UnixMicros;
use futures_util::{FutureExt, StreamExt};

use super::{BusError, JetStreamBus, bundle, jetstream::broker, message};
use crate::event::Envelope;

/// One transaction of a consumer takes no further message once it has so many events.
pub(crate) const ENOUGH: usize = 512;
/// Messages that are asked for at once; each is an event or a bundle of up to 64. Nobody tells the
/// broker that those which wait here are in hand, so they are few.
const MAX_FETCHED: usize = 32;
/// Messages that may be on their way to one reader.
const MAX_UNACKNOWLEDGED: i64 = 4_096;
/// After so long without an acknowledgement the broker delivers again: what a reader had in
/// hand when it was killed waits that long.
const ACK_WAIT: Duration = Duration::from_secs(8);
/// How often a reader that is still at it says so.
pub(crate) const PROGRESS: Duration = Duration::from_secs(2);
/// A pull request lasts so long; the server gives a sign of life so often. A stalled pull
/// (nats.rs #860) misses its heartbeats, and the consumer is opened anew.
const PULL_EXPIRES: Duration = Duration::from_secs(30);
const HEARTBEAT: Duration = Duration::from_secs(5);

/// The events of one source on their way to one reader.
pub(crate) struct Incoming {
    source: String,
    messages: pull::Stream,
}

/// Some events in the order of the stream, to be acknowledged together.
pub(crate) struct Batch {
    pub(crate) events: Vec<Envelope>,
    /// Since when the oldest of them waits.
    pub(crate) waiting: Option<UnixMicros>,
    messages: Vec<Message>,
}

impl JetStreamBus {
    /// Opens the durable consumer of a reader, creating it where it is absent: from the first
    /// event that the stream has.
    pub(crate) async fn open(&self, reader: &str, source: &str) -> Result<Incoming, BusError> {
        let stream = self.context().get_stream(message::stream_name(source)).await;
        let config = pull::Config {
            durable_name: Some(reader.to_owned()),
            description: Some(format!("events of {source} for {reader}")),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_deliver: -1,
            max_ack_pending: MAX_UNACKNOWLEDGED,
            filter_subject: format!("florin.{source}.v1.>"),
            ..pull::Config::default()
        };
        let consumer =
            stream.map_err(broker)?.get_or_create_consumer(reader, config).await.map_err(broker)?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(MAX_FETCHED)
            .expires(PULL_EXPIRES)
            .heartbeat(HEARTBEAT)
            .messages()
            .await
            .map_err(broker)?;
        Ok(Incoming { source: source.to_owned(), messages })
    }
}

impl Incoming {
    /// Waits for an event and takes what else is there. An error ends this opening.
    pub(crate) async fn next(&mut self) -> Result<Batch, BusError> {
        let first = match self.messages.next().await {
            Some(first) => first.map_err(broker)?,
            None => return Err(broker("the pull subscription ended")),
        };
        let mut batch = Batch { events: Vec::new(), waiting: None, messages: Vec::new() };
        batch.push(&self.source, first)?;
        while batch.events.len() < ENOUGH {
            match self.messages.next().now_or_never() {
                Some(Some(Ok(message))) => batch.push(&self.source, message)?,
                // An error shows again, or another does, at the next call.
                Some(Some(Err(_)) | None) | None => break,
            }
        }
        Ok(batch)
    }
}

impl Batch {
    fn push(&mut self, source: &str, message: Message) -> Result<(), BusError> {
        let info = message.info().map_err(broker)?;
        let stored_at = i64::try_from(info.published.unix_timestamp_nanos() / 1_000);
        let place = (info.stream_sequence, UnixMicros(stored_at.unwrap_or_default()));
        let subject = message.subject.as_str();
        let since = if bundle::is_one(source, subject) {
            let events = bundle::envelopes(source, subject, &message.payload, place);
            let since = events.iter().map(|event| event.recorded_at).min();
            self.events.extend(events);
            since
        } else {
            let headers = message.headers.as_ref();
            let event = message::envelope(source, subject, headers, message.payload.clone(), place);
            let since = message::waiting_since(headers, &event);
            self.events.push(event);
            Some(since)
        };
        self.waiting = self.waiting.into_iter().chain(since).min();
        self.messages.push(message);
        Ok(())
    }

    /// Tells the broker that these events are done with.
    pub(crate) async fn acknowledge(&self) {
        self.tell(AckKind::Ack).await;
    }

    /// Tells the broker that somebody is still working on these events.
    pub(crate) async fn in_progress(&self) {
        self.tell(AckKind::Progress).await;
    }

    /// A lost word is no harm: the events come again and the inbox knows them.
    async fn tell(&self, kind: AckKind) {
        for message in &self.messages {
            if let Err(error) = message.ack_with(kind).await {
                tracing::debug!(%error, "acknowledgement not sent");
                return;
            }
        }
    }
}
