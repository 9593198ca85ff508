//! An event, before and after it was recorded.

use bytes::Bytes;
use florin_kernel::{EventId, UnixMicros};
use florin_proto::{AnyFact, Fact, instant_of, ops::v1::OutboxEvent};
use florin_store::StoreError;
use sea_orm::QueryResult;

/// How many partitions every outbox has, for ever: the subjects of the bus carry the number.
pub const PARTITIONS: u8 = 16;

/// Events older than this tell of the past, whatever they say of themselves.
const HISTORY_AFTER_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// What a use case tells: it becomes an event with the commit of its transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Kind in snake case, the last part of the CloudEvents type: `transaction_posted`.
    pub kind: &'static str,
    /// Id of the aggregate.
    pub aggregate: String,
    /// Version of the aggregate after the change.
    pub version: i64,
    /// The encoded message of `events.proto`.
    pub payload: Vec<u8>,
    /// What caused it.
    pub cause: Cause,
    /// Whether it tells of the past (an import): it sends no message and feeds no velocity.
    pub historical: bool,
}

/// What caused an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// Ties together all that came of one wish: the id of the transfer, where it is the work
    /// of one, else the id of the request.
    pub correlation: String,
    /// What led straight to it: the reference of a step, the id of an event or of a request.
    pub causation: String,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
}

impl NewEvent {
    /// What `fact` says of an aggregate, at its version after the change.
    #[must_use]
    pub fn of<F: Fact>(fact: &F, aggregate: &impl ToString, version: i64, cause: Cause) -> Self {
        Self {
            kind: F::KIND,
            aggregate: aggregate.to_string(),
            version,
            payload: fact.encode_to_vec(),
            cause,
            historical: false,
        }
    }
}

/// A recorded event as a consumer gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Id, unique over all outboxes.
    pub id: EventId,
    /// Role that recorded it.
    pub source: String,
    /// Kind in snake case.
    pub kind: String,
    /// Id of the aggregate.
    pub aggregate: String,
    /// Version of the aggregate after the change.
    pub version: i64,
    /// The encoded message of `events.proto`.
    pub payload: Bytes,
    /// Partition, 0 to 15.
    pub partition: u8,
    /// When it was recorded, by the clock of the source's database.
    pub recorded_at: UnixMicros,
    /// Ties together what one request caused.
    pub correlation: String,
    /// The event or command that caused it.
    pub causation: String,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
    /// Whether it was recorded as history.
    pub historical: bool,
    /// Why the message on the bus could not be read; such an event is never applied.
    pub(crate) defect: Option<String>,
}

/// Why a listed event is no envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {event_id:?}: {field} is missing or malformed")]
pub struct EnvelopeError {
    /// The id as it came.
    pub event_id: String,
    /// The field at fault.
    pub field: &'static str,
}

impl Envelope {
    /// What it says, for a match over all that the contract knows. None for a kind that is
    /// younger than this program: readers are upgraded before writers.
    ///
    /// # Errors
    /// The payload is no message of its kind.
    pub fn fact(&self) -> Result<Option<AnyFact>, prost::DecodeError> {
        AnyFact::decode(&self.source, &self.kind, &self.payload)
    }

    /// Whether it tells of the past: marked so, or recorded more than 24 hours before `now`.
    /// Such events send no message and feed no velocity count.
    #[must_use]
    pub const fn is_history(&self, now: UnixMicros) -> bool {
        self.historical || now.0.saturating_sub(self.recorded_at.0) > HISTORY_AFTER_MICROS
    }

    /// The envelope of an event that a source's `ListOutboxEvents` returned with its payload.
    ///
    /// # Errors
    /// Names the field that is missing or malformed.
    pub fn from_listed(source: &str, event: OutboxEvent) -> Result<Self, EnvelopeError> {
        let broken = |field| EnvelopeError { event_id: event.event_id.clone(), field };
        let id = EventId::parse(&event.event_id).map_err(|_| broken("event_id"))?;
        let recorded_at = event.recorded_at.as_ref().and_then(instant_of);
        let recorded_at = recorded_at.ok_or_else(|| broken("recorded_at"))?;
        let partition = u8::try_from(event.partition).map_err(|_| broken("partition"))?;
        Ok(Self {
            id,
            source: source.to_owned(),
            kind: event.kind,
            aggregate: event.aggregate,
            version: event.version,
            payload: event.payload,
            partition,
            recorded_at,
            correlation: event.correlation,
            causation: event.causation,
            traceparent: Some(event.traceparent).filter(|text| !text.is_empty()),
            historical: event.historical,
            defect: None,
        })
    }

    /// Reads a row of `outbox`, or of `dead_letters`, which has the same columns.
    pub(crate) fn from_row(source: &str, row: &QueryResult) -> Result<Self, StoreError> {
        let id: String = row.try_get_by("event_id")?;
        let id = EventId::parse(&id)
            .map_err(|error| StoreError::Corrupt(format!("event id {id:?} {error}")))?;
        let partition: i64 = row.try_get_by("partition")?;
        let payload: Vec<u8> = row.try_get_by("payload")?;
        Ok(Self {
            id,
            source: source.to_owned(),
            kind: row.try_get_by("kind")?,
            aggregate: row.try_get_by("aggregate")?,
            version: row.try_get_by("version")?,
            payload: payload.into(),
            partition: u8::try_from(partition)
                .map_err(|_| StoreError::Corrupt(format!("partition {partition}")))?,
            recorded_at: UnixMicros(row.try_get_by("recorded_at")?),
            correlation: row.try_get_by("correlation")?,
            causation: row.try_get_by("causation")?,
            traceparent: row.try_get_by("traceparent")?,
            historical: row.try_get_by("historical")?,
            defect: None,
        })
    }
}

/// The partition of an aggregate: FNV-1a (64 bits) of its bytes, modulo 16. Fixed for ever,
/// for two partitions of one aggregate would be two relays, and no order.
#[must_use]
pub fn partition_of(aggregate: &str) -> u8 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let hash =
        aggregate.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    u8::try_from(hash % u64::from(PARTITIONS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_partitions_that_were_published_once() {
        // FNV-1a of "" is the offset basis, of "a" 0xaf63dc4c8601ec8c (test vectors of the
        // authors of FNV), of "foobar" 0x85944171f73967e8.
        assert_eq!([partition_of(""), partition_of("a"), partition_of("foobar")], [5, 12, 8]);
    }
}
