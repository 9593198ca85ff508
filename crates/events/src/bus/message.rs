//! An envelope as a NATS message: CloudEvents attributes as headers (binary mode, version
//! 1.0), ours beside them, the protobuf as the body.

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use florin_kernel::{EventId, UnixMicros};

use super::Outgoing;
use crate::event::Envelope;

/// What NATS drops repetitions by.
const MESSAGE_ID: HeaderName = HeaderName::from_static("Nats-Msg-Id");
const ID: HeaderName = HeaderName::from_static("ce-id");
const SOURCE: HeaderName = HeaderName::from_static("ce-source");
const TYPE: HeaderName = HeaderName::from_static("ce-type");
const TIME: HeaderName = HeaderName::from_static("ce-time");
const SUBJECT: HeaderName = HeaderName::from_static("ce-subject");
const SPEC_VERSION: HeaderName = HeaderName::from_static("ce-specversion");
const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
const VERSION: HeaderName = HeaderName::from_static("florin-version");
const CORRELATION: HeaderName = HeaderName::from_static("florin-correlation");
const CAUSATION: HeaderName = HeaderName::from_static("florin-causation");
const HISTORICAL: HeaderName = HeaderName::from_static("florin-historical");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// `florin.<role>.v1.<kind>.<partition>`.
pub(super) fn subject(event: &Envelope) -> String {
    format!("florin.{}.v1.{}.{}", event.source, event.kind, event.partition)
}

/// `FLORIN_<ROLE>`: the stream of a source.
pub(super) fn stream_name(source: &str) -> String {
    format!("FLORIN_{}", source.to_uppercase())
}

pub(super) fn headers(sent: &Outgoing) -> HeaderMap {
    let event = &sent.event;
    let id = event.id.to_string();
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, value: String| headers.insert(name, one_line(value));
    // A replay has an id of its own, else the broker drops it within its window.
    let message_id = if sent.replay == 0 { id.clone() } else { format!("{id}/{}", sent.replay) };
    put(MESSAGE_ID, message_id);
    put(ID, id);
    put(SOURCE, format!("/florin/{}", event.source));
    put(TYPE, format!("florin.{}.v1.{}", event.source, event.kind));
    put(TIME, time_of(event.recorded_at));
    put(SUBJECT, event.aggregate.clone());
    put(SPEC_VERSION, "1.0".to_owned());
    put(CONTENT_TYPE, "application/protobuf".to_owned());
    put(VERSION, event.version.to_string());
    put(CORRELATION, event.correlation.clone());
    put(CAUSATION, event.causation.clone());
    put(HISTORICAL, event.historical.to_string());
    if let Some(traceparent) = &event.traceparent {
        put(TRACEPARENT, traceparent.clone());
    }
    headers
}

/// Those of a bundle: what the events are stands in its body.
pub(super) fn bundle_headers(events: &[&Envelope]) -> HeaderMap {
    let mut ids = Context::new(&SHA256);
    for event in events {
        ids.update(&event.id.bits().to_be_bytes());
    }
    // The broker drops a bundle of the very same events within its window, and no other.
    let id = format!("bundle/{}", florin_store::rows::hex(ids.finish().as_ref()));
    let mut headers = HeaderMap::new();
    headers.insert(MESSAGE_ID, HeaderValue::from(id));
    headers.insert(CONTENT_TYPE, HeaderValue::from("application/protobuf"));
    headers
}

fn one_line(value: String) -> HeaderValue {
    const ENDS: [char; 2] = ['\r', '\n'];
    HeaderValue::from(if value.contains(ENDS) { value.replace(ENDS, " ") } else { value })
}

fn time_of(at: UnixMicros) -> String {
    jiff::Timestamp::from_microsecond(at.0).unwrap_or_default().to_string()
}

/// The envelope of a message. One that cannot be read becomes an envelope with a defect,
/// whose id follows from its place in the stream: the same at each delivery.
pub(super) fn envelope(
    source: &str,
    subject: &str,
    headers: Option<&HeaderMap>,
    payload: Bytes,
    place: (u64, UnixMicros),
) -> Envelope {
    let (kind, partition) = kind_and_partition(source, subject);
    let empty = HeaderMap::new();
    let headers = headers.unwrap_or(&empty);
    let text = |name| headers.get(name).map(|value| value.as_str().to_owned()).unwrap_or_default();
    let id = EventId::parse(&text(ID));
    let version = text(VERSION).parse::<i64>();
    let time = text(TIME).parse::<jiff::Timestamp>();
    let defect = match (&id, &version, &time) {
        (Err(error), _, _) => Some(format!("header ce-id {error}")),
        (_, Err(_), _) => Some("header florin-version is missing or no number".to_owned()),
        (_, _, Err(_)) => Some("header ce-time is missing or no instant".to_owned()),
        (Ok(_), Ok(_), Ok(_)) => None,
    };
    let (sequence, stored_at) = place;
    Envelope {
        id: id.unwrap_or_else(|_| id_of_place(sequence, 0, stored_at)),
        source: source.to_owned(),
        kind,
        aggregate: text(SUBJECT),
        version: version.unwrap_or(0),
        payload,
        partition,
        recorded_at: time.map_or(stored_at, |time| UnixMicros(time.as_microsecond())),
        correlation: text(CORRELATION),
        causation: text(CAUSATION),
        traceparent: Some(text(TRACEPARENT)).filter(|text| !text.is_empty()),
        historical: text(HISTORICAL) == "true",
        defect,
    }
}

/// Since when a reader could have the event: a replay is as old as the wish for it, which its
/// message id carries.
pub(super) fn waiting_since(headers: Option<&HeaderMap>, event: &Envelope) -> UnixMicros {
    let message_id = headers.and_then(|headers| headers.get(MESSAGE_ID)).map(ToString::to_string);
    let replay = message_id.as_deref().and_then(|id| id.split_once('/')?.1.parse().ok());
    replay.map_or(event.recorded_at, UnixMicros)
}

pub(super) fn kind_and_partition(source: &str, subject: &str) -> (String, u8) {
    let rest = subject.strip_prefix(&format!("florin.{source}.v1.")).unwrap_or_default();
    let (kind, partition) = rest.rsplit_once('.').unwrap_or((rest, ""));
    (kind.to_owned(), partition.parse().unwrap_or(0))
}

/// Of a message of the stream, and of an event within it: 12 bits are the number's, then come the
/// 64 of the sequence, of which a UUID has no room for the first two. No stream comes to the
/// 14 behind them: there stands what is left of a number, of at most 26 bits in all, which is
/// more than a message has bytes.
pub(super) fn id_of_place(sequence: u64, number: u32, stored_at: UnixMicros) -> EventId {
    let mut random = [0; 10];
    let [high, low] = [(number >> 12) & 0x3fff, number & 0xfff].map(u64::from);
    let sequence = sequence ^ (high << 48);
    let place = low.to_be_bytes().into_iter().skip(6).chain(sequence.to_be_bytes());
    for (to, from) in random.iter_mut().zip(place) {
        *to = from;
    }
    EventId::from_parts(stored_at.millis(), random)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Envelope {
        Envelope {
            id: EventId::from_parts(1_700_000_000_000, [3; 10]),
            source: "account".into(),
            kind: "transaction_posted".into(),
            aggregate: "txn_1".into(),
            version: 4,
            payload: Bytes::from_static(b"body"),
            partition: 11,
            recorded_at: UnixMicros(1_700_000_000_123_456),
            correlation: "req-1".into(),
            causation: "trf_1".into(),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            historical: true,
            defect: None,
        }
    }

    #[test]
    fn reads_back_the_message_that_it_wrote() {
        let event = event();
        assert_eq!(subject(&event), "florin.account.v1.transaction_posted.11");
        let sent = Outgoing { event: event.clone(), replay: 0 };
        let headers = headers(&sent);
        assert_eq!(
            headers.get("ce-time").map(ToString::to_string).as_deref(),
            Some("2023-11-14T22:13:20.123456Z")
        );
        let read = envelope(
            "account",
            &subject(&event),
            Some(&headers),
            event.payload.clone(),
            (9, UnixMicros(1)),
        );
        assert_eq!(read, event);
    }

    #[test]
    fn a_replay_has_a_message_id_of_its_own() {
        let id = |replay| {
            let headers = headers(&Outgoing { event: event(), replay });
            headers.get(MESSAGE_ID).map(ToString::to_string).unwrap_or_default()
        };
        assert_eq!(id(0), event().id.to_string());
        assert_eq!(id(7), format!("{}/7", event().id));
    }

    #[test]
    fn a_replay_waits_since_it_was_asked_for() {
        let since = |replay| {
            let headers = headers(&Outgoing { event: event(), replay });
            waiting_since(Some(&headers), &event())
        };
        assert_eq!(since(0), event().recorded_at);
        assert_eq!(since(1_800_000_000_000_000), UnixMicros(1_800_000_000_000_000));
        assert_eq!(waiting_since(None, &event()), event().recorded_at);
    }

    #[test]
    fn a_message_without_headers_is_a_defect_with_a_stable_id() {
        let read = || {
            envelope(
                "account",
                "florin.account.v1.x.3",
                None,
                Bytes::new(),
                (42, UnixMicros(1_000_000)),
            )
        };
        assert_eq!(read().id, read().id);
        assert!(read().defect.is_some_and(|defect| defect.contains("ce-id")));
        assert_eq!((read().kind.as_str(), read().partition), ("x", 3));
    }
}
