//! Files of transfers.

use std::collections::HashMap;

use florin_kernel::TransferId;
use florin_proto::{
    common::v1::FieldViolation,
    payment::v1::{self as wire, BulkLineState, TransferStatus},
    timestamp, wire_money,
};

use super::wire_status;
use crate::{
    domain::{BulkFormat, BulkStatus, Ended, Transfer},
    store::{
        bulk_lines::{Fate, Kept},
        bulks::{Bulk, Told},
    },
};

/// A bulk as the contract has it.
#[must_use]
pub fn wire_bulk(bulk: &Bulk) -> wire::Bulk {
    let format = match bulk.announced.format {
        BulkFormat::Pain001 => wire::BulkFormat::Pain001,
        BulkFormat::JsonLines => wire::BulkFormat::JsonLines,
    };
    let is_read = bulk.tally.lines > 0;
    wire::Bulk {
        bulk_id: bulk.id.to_string(),
        status: wire_bulk_status(bulk.status).into(),
        format: format.into(),
        from: bulk.announced.from.to_string(),
        message_id: bulk.announced.message_id.clone(),
        size_bytes: bulk.announced.size,
        sha256: bulk.announced.sha256.clone(),
        received_bytes: bulk.received,
        lines: bulk.tally.lines,
        wrong_lines: bulk.tally.wrong,
        taken_lines: bulk.taken,
        refused_lines: bulk.refused,
        sum: is_read.then(|| wire_money(bulk.tally.sum)),
        problems: bulk.problems.iter().map(violation).collect(),
        run_on: bulk.run_on.clone().unwrap_or_default(),
        created_at: Some(timestamp(bulk.created_at)),
        changed_at: Some(timestamp(bulk.changed_at)),
    }
}

/// The state of a bulk.
#[must_use]
pub const fn wire_bulk_status(status: BulkStatus) -> wire::BulkStatus {
    match status {
        BulkStatus::Receiving => wire::BulkStatus::Receiving,
        BulkStatus::Checking => wire::BulkStatus::Checking,
        BulkStatus::Accepted => wire::BulkStatus::Accepted,
        BulkStatus::Rejected => wire::BulkStatus::Rejected,
        BulkStatus::Done => wire::BulkStatus::Done,
        BulkStatus::Cancelled => wire::BulkStatus::Cancelled,
    }
}

/// A line of the report; `transfers` holds those that lines of the page have become.
#[must_use]
pub fn wire_line(
    bulk: &Bulk,
    line: &Kept,
    transfers: &HashMap<TransferId, Transfer>,
) -> wire::BulkLine {
    let mut told = wire::BulkLine {
        line: line.number,
        reference: line.reference.clone(),
        to: line.payee.clone(),
        amount: line.amount.map(wire_money),
        execute_on: line.on.clone(),
        ..wire::BulkLine::default()
    };
    let state = match &line.fate {
        Fate::Wrong(violations) => {
            told.violations = violations.iter().map(violation).collect();
            BulkLineState::Wrong
        }
        Fate::Correct => match bulk.status {
            BulkStatus::Receiving | BulkStatus::Checking | BulkStatus::Rejected => {
                BulkLineState::Correct
            }
            BulkStatus::Accepted | BulkStatus::Done => BulkLineState::Waiting,
            BulkStatus::Cancelled => BulkLineState::Cancelled,
        },
        Fate::Refused(reason) => {
            told.reason.clone_from(reason);
            BulkLineState::Refused
        }
        Fate::Taken(id) => {
            told.transfer_id = id.to_string();
            if let Some(transfer) = transfers.get(id) {
                told.set_transfer_status(wire_status(transfer.status()));
                if let Ended::Unpaid(failure) = transfer.ended() {
                    told.reason.clone_from(&failure.reason);
                }
            } else {
                told.set_transfer_status(TransferStatus::Unspecified);
            }
            BulkLineState::Taken
        }
    };
    told.set_state(state);
    told
}

fn violation(Told(field, rule, description): &Told) -> FieldViolation {
    FieldViolation { field: field.clone(), rule: rule.clone(), description: description.clone() }
}
