//! What payments publish. An event's aggregate is the transfer: version 1 is its acceptance,
//! version 2 its end.

use florin_events::{NewEvent, position};
use florin_kernel::EventId;
use florin_proto::{
    payment::v1::{
        TransferAccepted, TransferCancelled, TransferCompleted, TransferFailed,
    },
    timestamp,
};
use prost::Message;

use crate::{domain::Status, grpc::convert::wire_of, store::Record};

/// Version of the event of an acceptance.
const ACCEPTED: i64 = 1;
/// Version of the event of an end.
const ENDED: i64 = 2;

/// The event of the state that a transfer has come to; None for POSTING, which is nobody
/// else's concern. `causation` is what led to it.
#[must_use]
pub fn event_of(record: &Record, causation: &str) -> Option<NewEvent> {
    let transfer = Some(wire_of(&record.transfer));
    let at = Some(timestamp(record.transfer.changed_at()));
    let (kind, version, payload) = match record.transfer.status() {
        Status::Posting => return None,
        Status::Processing => {
            ("transfer_accepted", ACCEPTED, TransferAccepted { transfer, at }.encode_to_vec())
        }
        Status::Completed => {
            ("transfer_completed", ENDED, TransferCompleted { transfer, at }.encode_to_vec())
        }
        Status::Failed => {
            ("transfer_failed", ENDED, TransferFailed { transfer, at }.encode_to_vec())
        }
        Status::Cancelled => {
            ("transfer_cancelled", ENDED, TransferCancelled { transfer, at }.encode_to_vec())
        }
    };
    let id = record.transfer.id().to_string();
    Some(NewEvent {
        kind,
        aggregate: id.clone(),
        version,
        payload,
        correlation: id,
        causation: causation.to_owned(),
        traceparent: record.traceparent.clone(),
        historical: false,
    })
}

/// The position of a write: the ledger's events, if it was asked, and ours. A token of the
/// ledger that is none is left out: it only spares a reader a wait.
#[must_use]
pub fn position_of(ledger: &str, own: &[EventId]) -> String {
    let mut events = position::decode(ledger).unwrap_or_default();
    events.extend_from_slice(own);
    position::encode(&events)
}

/// What led to an end: the ledger's event where it posted, else our own last one.
#[must_use]
pub fn causation_of(position: &str) -> String {
    let events = position::decode(position).unwrap_or_default();
    events.first().map(ToString::to_string).unwrap_or_default()
}
