//! Files of transfers.

use std::collections::HashMap;

use florin_kernel::{Currency, Money, TransferId};
use florin_proto::{
    common::v1::FieldViolation,
    payment::v1::{self as wire, BulkLineState, TransferStatus},
    timestamp, wire_money,
};

use super::wire_status;
use crate::{
    domain::{
        BulkFormat, BulkStatus, Counts, Ended, ISO_NARRATIVE, Reported, Transfer, of_reason,
        of_rule,
    },
    store::{
        bulk_batches::Batch,
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
        batches: bulk.batches,
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
        reference: line.names.reference.clone(),
        to: line.payee.clone(),
        amount: line.amount.map(wire_money),
        execute_on: line.on.clone(),
        batch: line.batch,
        instruction_id: line.names.instruction.clone(),
        uetr: line.names.uetr.map(|uetr| uetr.to_string()).unwrap_or_default(),
        reported_status: wire_reported(reported(bulk, line, transfers)).into(),
        ..wire::BulkLine::default()
    };
    let state = match &line.fate {
        Fate::Wrong(violations) => {
            told.violations = violations.iter().map(violation).collect();
            let first = violations.first();
            let code = first.map_or(ISO_NARRATIVE, |Told(field, rule, _)| of_rule(field, rule));
            code.clone_into(&mut told.reason_code);
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
            of_reason(reason, None).clone_into(&mut told.reason_code);
            BulkLineState::Refused
        }
        Fate::Taken(id) => {
            told.transfer_id = id.to_string();
            if let Some(transfer) = transfers.get(id) {
                told.set_transfer_status(wire_status(transfer.status()));
                if let Ended::Unpaid(failure) = transfer.ended() {
                    told.reason.clone_from(&failure.reason);
                    let network = failure.facts.get("code").map(String::as_str);
                    of_reason(&failure.reason, network).clone_into(&mut told.reason_code);
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

/// What a line has come to.
#[must_use]
pub fn reported(bulk: &Bulk, line: &Kept, transfers: &HashMap<TransferId, Transfer>) -> Reported {
    match &line.fate {
        Fate::Wrong(_) | Fate::Refused(_) => Reported::Rejected,
        Fate::Correct => Reported::of_waiting(bulk.status),
        Fate::Taken(id) => {
            let status = transfers.get(id).map(Transfer::status);
            status.map_or(Reported::InProcess, Reported::of_transfer)
        }
    }
}

/// A status as the contract has it.
#[must_use]
pub const fn wire_reported(status: Reported) -> wire::ReportedStatus {
    match status {
        Reported::Received => wire::ReportedStatus::Rcvd,
        Reported::Accepted => wire::ReportedStatus::Accp,
        Reported::InProcess => wire::ReportedStatus::Acsp,
        Reported::Settled => wire::ReportedStatus::Acsc,
        Reported::Partial => wire::ReportedStatus::Part,
        Reported::Rejected => wire::ReportedStatus::Rjct,
        Reported::Cancelled => wire::ReportedStatus::Canc,
    }
}

/// The states of lines.
#[must_use]
pub fn wire_counts(counts: &Counts, currency: Currency) -> Vec<wire::StatusCount> {
    let one = |(status, lines, minor)| wire::StatusCount {
        status: wire_reported(status).into(),
        lines,
        sum: Some(wire_money(Money::new(minor, currency))),
    };
    counts.seen().map(one).collect()
}

/// A batch with what became of its lines.
#[must_use]
pub fn wire_batch(bulk: &Bulk, batch: &Batch, counts: &Counts) -> wire::BulkBatch {
    wire::BulkBatch {
        batch: batch.number,
        payment_information_id: batch.name.clone(),
        from: batch.account.map(|id| id.to_string()).unwrap_or_default(),
        from_iban: batch.iban.clone().unwrap_or_default(),
        execute_on: batch.on.clone(),
        lines: batch.tally.lines,
        wrong_lines: batch.tally.wrong,
        sum: Some(wire_money(batch.tally.sum)),
        status: wire_reported(Reported::of_all(bulk.status, counts)).into(),
        counts: wire_counts(counts, bulk.announced.currency),
    }
}

fn violation(Told(field, rule, description): &Told) -> FieldViolation {
    FieldViolation { field: field.clone(), rule: rule.clone(), description: description.clone() }
}
