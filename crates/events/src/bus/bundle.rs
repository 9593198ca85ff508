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

/// The events of a bundle. What cannot be read, the bundle or one of its events, becomes an
/// envelope with a defect, whose id follows from its place: the same at each delivery.
pub(super) fn envelopes(
    source: &str,
    subject: &str,
    body: &Bytes,
    (sequence, stored_at): (u64, UnixMicros),
) -> Vec<Envelope> {
    let broken = |number: u16, defect: String| {
        let id = message::id_of_place(sequence, number, stored_at);
        let (kind, partition) = message::kind_and_partition(source, subject);
        Envelope {
            id,
            source: source.to_owned(),
            kind,
            aggregate: String::new(),
            version: 0,
            payload: body.clone(),
            partition,
            recorded_at: stored_at,
            correlation: String::new(),
            causation: String::new(),
            traceparent: None,
            historical: false,
            defect: Some(defect),
        }
    };
    match EventBundle::decode(body.clone()) {
        Err(error) => vec![broken(0, format!("bundle cannot be decoded: {error}"))],
        Ok(bundle) if bundle.events.is_empty() => vec![broken(0, "bundle of no event".to_owned())],
        Ok(bundle) => (1..=u16::MAX)
            .zip(bundle.events)
            .map(|(number, event)| {
                Envelope::from_listed(source, event)
                    .unwrap_or_else(|error| broken(number, error.to_string()))
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests;
