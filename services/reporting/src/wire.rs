//! Domain to protobuf.

use florin_proto::{
    common::v1::Direction as WireDirection, reporting::v1::HistoryEntry, timestamp, wire_money,
};

use crate::domain::{Direction, Entry};

pub(crate) fn entry(entry: Entry) -> HistoryEntry {
    HistoryEntry {
        transaction_id: entry.transaction_id.to_string(),
        account_id: entry.account_id.to_string(),
        direction: direction(entry.direction).into(),
        amount: Some(wire_money(entry.amount)),
        posted_after: Some(wire_money(entry.posted_after)),
        kind: entry.kind,
        description: entry.description,
        counterparty: entry.counterparty,
        booking_date: entry.booking_date.to_string(),
        value_date: entry.value_date.to_string(),
        recorded_at: Some(timestamp(entry.recorded_at)),
        account_version: entry.account_version,
    }
}

const fn direction(direction: Direction) -> WireDirection {
    match direction {
        Direction::Debit => WireDirection::Debit,
        Direction::Credit => WireDirection::Credit,
    }
}
