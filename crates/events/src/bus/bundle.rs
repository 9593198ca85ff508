//! Several events as one NATS message: a message costs its publisher, the broker and each reader
//! about as much as its event, and so do its two acknowledgements.
//!
//! A bundle is of one partition, so that an aggregate's events are in one bundle or in bundles
//! that follow one another. An event that goes alone, and each replay, is a message as
//! [`message::headers`] makes it; readers take both.

use std::collections::HashMap;

use async_nats::HeaderMap;
use bytes::Bytes;
use florin_kernel::UnixMicros;
use florin_proto::{
    instant_of,
    ops::v1::{EventBundle, OutboxEvent},
    timestamp,
};
use prost::Message as _;

use super::{Outgoing, message};
use crate::event::Envelope;

/// What stands in the subject in the place of a kind.
const KIND: &str = "bundle";
/// Bounds of a bundle: what one message of a reader may bring, and far below the greatest message
/// of the broker (1 MiB). A greater event goes alone.
const MAX_EVENTS: usize = 64;
const MAX_BYTES: usize = 128 << 10;

/// What goes as one message: places of events, in their order.
pub(super) type Unit = Vec<usize>;

/// The rounds in which the events go. A unit's aggregates are in no other unit of its round, and
/// their earlier events are in earlier rounds.
pub(super) fn rounds(events: &[Outgoing]) -> Vec<Vec<Unit>> {
    let mut next_round: HashMap<&str, usize> = HashMap::new();
    let mut rounds: Vec<Vec<Unit>> = Vec::new();
    for unit in units(events) {
        let aggregates = || unit.iter().filter_map(|at| events.get(*at)).map(aggregate);
        let round = aggregates().filter_map(|one| next_round.get(one).copied()).max().unwrap_or(0);
        next_round.extend(aggregates().map(|one| (one, round + 1)));
        if rounds.len() <= round {
            rounds.resize_with(round + 1, Vec::new);
        }
        if let Some(round) = rounds.get_mut(round) {
            round.push(unit);
        }
    }
    rounds
}

pub(super) fn aggregate(sent: &Outgoing) -> &str {
    sent.event.aggregate.as_str()
}

/// The events by partitions, in bundles within the bounds; those of a partition in their order.
/// Replays come last, one by one.
fn units(events: &[Outgoing]) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut open: HashMap<u8, (Unit, usize)> = HashMap::new();
    for (at, sent) in events.iter().enumerate().filter(|(_, sent)| sent.replay == 0) {
        let (unit, bytes) = open.entry(sent.event.partition).or_default();
        let more = bytes.saturating_add(size(&sent.event));
        if unit.len() == MAX_EVENTS || (more > MAX_BYTES && !unit.is_empty()) {
            units.push(std::mem::take(unit));
            *bytes = 0;
        }
        *bytes = bytes.saturating_add(size(&sent.event));
        unit.push(at);
    }
    units.extend(open.into_values().map(|(unit, _)| unit));
    let replays = events.iter().enumerate().filter(|(_, sent)| sent.replay != 0);
    units.extend(replays.map(|(at, _)| vec![at]));
    units
}

/// At least what an event takes of a bundle, but for some tags and lengths.
fn size(event: &Envelope) -> usize {
    const FIXED: usize = 128;
    let texts = [&event.kind, &event.aggregate, &event.correlation, &event.causation];
    let texts: usize = texts.into_iter().map(String::len).sum();
    FIXED + texts + event.payload.len() + event.traceparent.as_ref().map_or(0, String::len)
}

/// A message of several events: its subject, headers and body.
pub(super) fn message(source: &str, events: &[&Envelope]) -> (String, HeaderMap, Bytes) {
    let partition = events.first().map_or(0, |event| event.partition);
    let bundle = EventBundle { events: events.iter().map(|event| wire(event)).collect() };
    let subject = format!("florin.{source}.v1.{KIND}.{partition}");
    (subject, message::bundle_headers(events), bundle.encode_to_vec().into())
}

fn wire(event: &Envelope) -> OutboxEvent {
    OutboxEvent {
        position: 0,
        event_id: event.id.to_string(),
        kind: event.kind.clone(),
        aggregate: event.aggregate.clone(),
        version: event.version,
        payload: event.payload.clone(),
        recorded_at: Some(timestamp(event.recorded_at)),
        pending: false,
        partition: i32::from(event.partition),
        correlation: event.correlation.clone(),
        causation: event.causation.clone(),
        traceparent: event.traceparent.clone().unwrap_or_default(),
        historical: event.historical,
    }
}

/// Whether a message of this subject is a bundle.
pub(super) fn is_one(source: &str, subject: &str) -> bool {
    is_kind(&message::kind_and_partition(source, subject).0)
}

/// Whether this is the kind of a bundle, which is that of no event.
pub(crate) fn is_kind(kind: &str) -> bool {
    kind == KIND
}

/// An [`EventBundle`] whose events are not taken apart yet: on the wire both are the same, and one
/// that cannot be read does not make the others unreadable.
#[derive(Clone, PartialEq, prost::Message)]
struct Packed {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    events: Vec<Bytes>,
}

/// The events of a bundle. What cannot be read, the bundle or one of its events, becomes an
/// envelope with a defect, whose id follows from its place: the same at each delivery. It has what
/// could be read of it, so that later events of its aggregate wait behind it; but not the event's
/// own id: that is of the event as the source has it, which may come again and be read.
pub(super) fn envelopes(
    source: &str,
    subject: &str,
    body: &Bytes,
    (sequence, stored_at): (u64, UnixMicros),
) -> Vec<Envelope> {
    let broken = |number: u32, event: OutboxEvent, payload: &Bytes, defect: String| {
        let id = message::id_of_place(sequence, number, stored_at);
        let (kind, partition) = message::kind_and_partition(source, subject);
        Envelope {
            id,
            source: source.to_owned(),
            kind,
            aggregate: event.aggregate,
            version: event.version,
            payload: payload.clone(),
            partition,
            recorded_at: event.recorded_at.as_ref().and_then(instant_of).unwrap_or(stored_at),
            correlation: event.correlation,
            causation: event.causation,
            traceparent: Some(event.traceparent).filter(|text| !text.is_empty()),
            historical: event.historical,
            defect: Some(defect),
        }
    };
    let whole = |defect: String| vec![broken(0, OutboxEvent::default(), body, defect)];
    let events = match Packed::decode(body.clone()) {
        Err(error) => return whole(format!("bundle cannot be decoded: {error}")),
        Ok(packed) if packed.events.is_empty() => return whole("bundle of no event".to_owned()),
        Ok(packed) => packed.events,
    };
    let read = |(number, body): (u32, Bytes)| {
        let mut event = OutboxEvent::default();
        if let Err(error) = event.merge(body.clone()) {
            let text = format!("event {:?} cannot be decoded: {error}", event.event_id);
            return broken(number, event, &body, text);
        }
        Envelope::from_listed(source, event.clone())
            .unwrap_or_else(|error| broken(number, event, &body, error.to_string()))
    };
    (1..=u32::MAX).zip(events).map(read).collect()
}

#[cfg(test)]
mod tests;
