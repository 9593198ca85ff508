//! What payments publish. An event's aggregate is the transfer: version 1 is its acceptance,
//! version 2 its end, version 3 that it has come back. Recalls have the first two.

use florin_events::{Cause, NewEvent, position};
use florin_kernel::{EventId, UnixMicros};
use florin_proto::{
    payment::v1::{
        self as wire, AuthorisationCaptured, AuthorisationDecided, AuthorisationExpired,
        AuthorisationReversed, BulkAccepted, BulkCancelled, BulkDone, BulkRejected,
        OrderRunRefused, PaymentRepaired, RecallEnded, RecallRequested, TransferAccepted,
        TransferCancelled, TransferCompleted, TransferFailed, TransferReturned,
    },
    timestamp,
};

use crate::{
    domain::{BulkStatus, Operation, OperationKind, Status},
    store::{
        Comeback, Record,
        authorisations::Card,
        bulks::Bulk,
        orders::{OrderRun, StandingOrder},
        recalls::Recall,
        repairs::Repair,
    },
    wire::{
        bulks::wire_bulk, wire_authorisation, wire_comeback, wire_of, wire_operation, wire_order,
        wire_recall_of, wire_run,
    },
};

/// Version of the event of an acceptance.
const ACCEPTED: i64 = 1;
/// Version of the event of a repair, its only one.
const REPAIRED: i64 = 1;
/// Version of the event of an end.
const ENDED: i64 = 2;
/// Version of the event of a transfer that has come back.
const RETURNED: i64 = 3;

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

/// The event of a transfer that another bank has sent back.
#[must_use]
pub fn returned(record: &Record, back: &Comeback) -> NewEvent {
    let transfer =
        wire::Transfer { returned: Some(wire_comeback(back)), ..wire_of(&record.transfer) };
    let fact = TransferReturned { transfer: Some(transfer), at: Some(timestamp(back.at)) };
    let ended = position::decode(&record.position).unwrap_or_default();
    let causation = ended.last().map(ToString::to_string).unwrap_or_default();
    NewEvent::of(&fact, &record.transfer.id(), RETURNED, cause(record, &causation))
}

/// The event of an operation of an authorisation that was decided.
#[must_use]
pub fn of_authorisation(card: &Card, operation: &Operation) -> NewEvent {
    let one = &card.authorisation;
    let authorisation = Some(wire_authorisation(card));
    let at = Some(timestamp(one.changed_at));
    let cause = Cause {
        correlation: one.id.to_string(),
        causation: operation.reference.clone(),
        traceparent: operation.traceparent.clone(),
    };
    let (id, version, told) = (one.id, one.version, Some(wire_operation(operation)));
    match operation.kind {
        OperationKind::Authorise | OperationKind::Increment => {
            let fact = AuthorisationDecided { authorisation, operation: told, at };
            NewEvent::of(&fact, &id, version, cause)
        }
        OperationKind::Capture => {
            let fact = AuthorisationCaptured { authorisation, operation: told, at };
            NewEvent::of(&fact, &id, version, cause)
        }
        OperationKind::Reverse => {
            let fact = AuthorisationReversed { authorisation, operation: told, at };
            NewEvent::of(&fact, &id, version, cause)
        }
        OperationKind::Expire => {
            let fact = AuthorisationExpired { authorisation, operation: told, at };
            NewEvent::of(&fact, &id, version, cause)
        }
    }
}

/// The event of a recall that has come, or was asked for.
#[must_use]
pub fn recall_requested(recall: &Recall, causation: &str) -> NewEvent {
    let at = Some(timestamp(recall.created_at));
    let fact = RecallRequested { recall: Some(wire_recall_of(recall)), at };
    NewEvent::of(&fact, &recall.id, ACCEPTED, cause_of(recall, causation))
}

/// The event of a recall's end.
#[must_use]
pub fn recall_ended(recall: &Recall) -> NewEvent {
    let at = Some(timestamp(recall.changed_at));
    let fact = RecallEnded { recall: Some(wire_recall_of(recall)), at };
    NewEvent::of(&fact, &recall.id, ENDED, cause_of(recall, &recall.case_id))
}

/// The event of a repair that is done. Its only one.
#[must_use]
pub fn payment_repaired(repair: &Repair, told: wire::Repair, at: UnixMicros) -> NewEvent {
    let fact = PaymentRepaired { repair: Some(told), at: Some(timestamp(at)) };
    let correlation = match repair.transfer {
        Some(transfer) => transfer.to_string(),
        None => repair.subject.clone(),
    };
    let causation = repair.subject.clone();
    NewEvent::of(&fact, &repair.id, REPAIRED, Cause { correlation, causation, traceparent: None })
}

/// The event of a date of an order on which no transfer was taken on.
#[must_use]
pub fn order_run_refused(order: &StandingOrder, run: &OrderRun) -> NewEvent {
    let retry_on = order.standing.check_on.map(|date| date.to_string()).unwrap_or_default();
    let fact = OrderRunRefused {
        order: Some(wire_order(order)),
        run: Some(wire_run(run)),
        retry_on,
        at: Some(timestamp(run.at)),
    };
    let cause = Cause {
        correlation: order.id.to_string(),
        causation: order.id.to_string(),
        traceparent: None,
    };
    NewEvent::of(&fact, &order.id, order.events, cause)
}

fn cause_of(recall: &Recall, causation: &str) -> Cause {
    let correlation = recall.payment.clone().unwrap_or_else(|| recall.id.to_string());
    Cause { correlation, causation: causation.to_owned(), traceparent: None }
}

/// The event of a bulk's state; None for one that is told to nobody.
#[must_use]
pub fn of_bulk(bulk: &Bulk) -> Option<NewEvent> {
    let (told, at) = (Some(wire_bulk(bulk)), Some(timestamp(bulk.changed_at)));
    let cause = Cause {
        correlation: bulk.id.to_string(),
        causation: bulk.id.to_string(),
        traceparent: None,
    };
    let (id, version) = (&bulk.id, bulk.version);
    Some(match bulk.status {
        BulkStatus::Receiving | BulkStatus::Checking => return None,
        BulkStatus::Accepted => NewEvent::of(&BulkAccepted { bulk: told, at }, id, version, cause),
        BulkStatus::Rejected => NewEvent::of(&BulkRejected { bulk: told, at }, id, version, cause),
        BulkStatus::Done => NewEvent::of(&BulkDone { bulk: told, at }, id, version, cause),
        BulkStatus::Cancelled => {
            NewEvent::of(&BulkCancelled { bulk: told, at }, id, version, cause)
        }
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
    use florin_kernel::{AccountId, AuthorisationId, Currency, Money, TransactionId, TransferId};

    use super::*;
    use crate::{
        domain::{
            Authorisation, AuthorisationStatus, CardHold, Decider, Decision, Event, Failure,
            Merchant, Order, Route, Screening, Transfer,
        },
        store::ClientKey,
    };

    /// The event of a fixed transfer after these changes.
    fn told(changes: Vec<Event>) -> Option<NewEvent> {
        if changes.is_empty() {
            return Some(accepted(&record(changes), "cause").0);
        }
        ended(&record(changes), "cause")
    }

    /// A fixed transfer after these changes, one a microsecond.
    fn record(changes: Vec<Event>) -> Record {
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
        Record {
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
        }
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

    fn card(id: AuthorisationId, currency: Currency) -> Card {
        Card {
            authorisation: Authorisation {
                id,
                account: AccountId::from_parts(1, [1; 10]),
                customer: None,
                channel: "processor".into(),
                network: "visa".into(),
                network_reference: "lifecycle".into(),
                merchant: Merchant {
                    id: "m1".into(),
                    name: "Shop".into(),
                    mcc: "5411".into(),
                    country: "CZ".into(),
                },
                settlement_gl_code: "2400".into(),
                shortfall_gl_code: None,
                currency,
                status: AuthorisationStatus::Authorised,
                authorised: 1_234,
                captured: 34,
                holds: vec![CardHold { number: 1, remaining: 1_100 }],
                expires_at: UnixMicros(9_000_000),
                operations: 2,
                pending: None,
                version: 2,
                created_at: UnixMicros(1_000_000),
                changed_at: UnixMicros(2_000_000),
            },
            due_at: None,
            lease_until: None,
            lease_token: None,
            attempts: 0,
            last_cause: None,
        }
    }

    #[test]
    fn the_bytes_of_the_event_of_a_return_are_these_for_ever() {
        let screened = Event::Screened(Screening::NotScreened);
        let posted = Event::Posted(TransactionId::from_parts(4, [4; 10]));
        let amount = Money::parse("EUR", "2.34").expect("amount");
        let back = Comeback { amount, code: Some("AC04".into()), at: UnixMicros(2_000_000) };
        let event = returned(&record(vec![screened, posted]), &back);
        let payload = florin_store::rows::hex(&event.payload);
        let line = format!("{} {} {payload}\n", event.kind, event.version);
        assert_eq!(line, include_str!("../../tests/golden/return_event.txt"));
    }

    #[test]
    fn the_bytes_of_the_events_of_authorisations_are_these_for_ever() {
        let eur = Money::parse("EUR", "12.34").expect("amount");
        let id = AuthorisationId::from_parts(5, [5; 10]);
        let card = card(id, eur.currency());
        let kinds = [
            OperationKind::Authorise,
            OperationKind::Capture,
            OperationKind::Reverse,
            OperationKind::Expire,
        ];
        let lines = kinds.into_iter().map(|kind| {
            let operation = Operation {
                authorisation: id,
                number: 2,
                kind,
                network: "visa".into(),
                reference: "r2".into(),
                request_hash: vec![1],
                amount: eur,
                last: true,
                hold_seconds: 1,
                answer_by: None,
                initiator: Vec::new(),
                traceparent: None,
                score: vec!["VELOCITY".into()],
                created_at: UnixMicros(1_500_000),
                decision: Decision::Approved,
                decided_by: Some(Decider::StandIn),
                decided_at: Some(UnixMicros(2_000_000)),
                failure: None,
                transaction: Some(TransactionId::from_parts(4, [4; 10])),
                shortfall: 1,
                reserved: vec!["never in an event".into()],
                given_back: 0,
            };
            let event = of_authorisation(&card, &operation);
            let payload = florin_store::rows::hex(&event.payload);
            format!("{} {} {payload}\n", event.kind, event.version)
        });
        let golden = include_str!("../../tests/golden/authorisation_events.txt");
        assert_eq!(lines.collect::<String>(), golden);
    }
}
