//! What payments publish. An event's aggregate is the transfer: version 1 is its acceptance,
//! version 2 its end.

use florin_events::{Cause, NewEvent, position};
use florin_kernel::EventId;
use florin_proto::{
    payment::v1::{
        self as wire, TransferAccepted, TransferCancelled, TransferCompleted, TransferFailed,
    },
    timestamp,
};

use crate::{domain::Status, store::Record, wire::wire_of};

/// Version of the event of an acceptance.
const ACCEPTED: i64 = 1;
/// Version of the event of an end.
const ENDED: i64 = 2;

/// The event of an acceptance, beside the transfer as it tells it.
#[must_use]
pub fn accepted(record: &Record, request_id: &str) -> (NewEvent, wire::Transfer) {
    let at = Some(timestamp(record.transfer.changed_at()));
    let id = record.transfer.id();
    let fact = TransferAccepted { transfer: Some(wire_of(&record.transfer)), at };
    let event = NewEvent::of(&fact, &id, ACCEPTED, cause(record, request_id));
    (event, fact.transfer.unwrap_or_default())
}

/// The event of an end; None for a state that is none. `causation` is what led to it.
#[must_use]
pub fn ended(record: &Record, causation: &str) -> Option<NewEvent> {
    let transfer = Some(wire_of(&record.transfer));
    let at = Some(timestamp(record.transfer.changed_at()));
    let id = record.transfer.id();
    let cause = cause(record, causation);
    Some(match record.transfer.status() {
        Status::Processing
        | Status::Posting
        | Status::Holding
        | Status::Submitting
        | Status::Settling
        | Status::Releasing => return None,
        Status::Completed => NewEvent::of(&TransferCompleted { transfer, at }, &id, ENDED, cause),
        Status::Failed => NewEvent::of(&TransferFailed { transfer, at }, &id, ENDED, cause),
        Status::Cancelled => NewEvent::of(&TransferCancelled { transfer, at }, &id, ENDED, cause),
    })
}

fn cause(record: &Record, causation: &str) -> Cause {
    Cause {
        correlation: record.transfer.id().to_string(),
        causation: causation.to_owned(),
        traceparent: record.traceparent.clone(),
    }
}

/// What led to an end: the ledger's event where it posted, else our own last one.
#[must_use]
pub fn causation_of(ledger: &[EventId], record: &Record) -> String {
    let last = match ledger.first() {
        Some(event) => Some(*event),
        None => position::decode(&record.position).unwrap_or_default().first().copied(),
    };
    last.as_ref().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use florin_kernel::{AccountId, Money, TransactionId, TransferId, UnixMicros};

    use super::*;
    use crate::{
        domain::{Event, Failure, Order, Route, Screening, Transfer},
        store::ClientKey,
    };

    /// The event of a fixed transfer after these changes, one a microsecond.
    fn told(changes: Vec<Event>) -> Option<NewEvent> {
        let accepted_only = changes.is_empty();
        let account = |number| AccountId::from_parts(number, [1; 10]);
        let route = Route::Transfer {
            from: account(1),
            from_iban: "CZ6508000000192000145399".parse().ok(),
            to: account(2),
            to_iban: None,
        };
        let amount = Money::parse("EUR", "12.34").expect("amount");
        let order = Order::new(route, amount, "rent".into()).expect("order");
        let mut transfer =
            Transfer::accept(TransferId::from_parts(3, [3; 10]), order, UnixMicros(1_000_000));
        for (at, change) in (1_000_001..).zip(changes) {
            transfer.apply(change, UnixMicros(at)).expect("change");
        }
        let record = Record {
            transfer,
            position: "never in an event".into(),
            initiator: Vec::new(),
            key: ClientKey { scope: None, key: "k".into(), request_hash: None },
            traceparent: None,
            attempts: 0,
            unanswered_at: None,
            last_cause: None,
            voided_at: None,
            due_at: None,
            lease_token: None,
            reserved: Vec::new(),
        };
        if accepted_only {
            return Some(accepted(&record, "cause").0);
        }
        ended(&record, "cause")
    }

    #[test]
    fn the_bytes_of_the_events_are_these_for_ever() {
        let screened = || Event::Screened(Screening::NotScreened);
        let refused = Event::Refused(Failure {
            reason: "INSUFFICIENT_FUNDS".into(),
            domain: "account.florin.bank".into(),
            message: format!(
                "account {} has not enough available",
                AccountId::from_parts(1, [1; 10])
            ),
            facts: [("account_id".into(), AccountId::from_parts(1, [1; 10]).to_string())].into(),
        });
        let posted = Event::Posted(TransactionId::from_parts(4, [4; 10]));
        let lines: String =
            [vec![], vec![screened(), posted], vec![screened(), refused], vec![Event::Cancelled]]
                .into_iter()
                .map(|changes| {
                    let event = told(changes).expect("event");
                    let payload = florin_store::rows::hex(&event.payload);
                    format!("{} {} {payload}\n", event.kind, event.version)
                })
                .collect();
        assert_eq!(lines, include_str!("../../tests/golden/events.txt"));
        assert_eq!(told(vec![screened()]), None, "POSTING is nobody else's concern");
    }
}
