//! What the proof is told.

use std::collections::BTreeSet;

use florin_kernel::UnixMicros;
use florin_proto::{payment::v1 as wire, timestamp, wire_money};

use super::{transaction_id, wire_relation, wire_status};
use crate::{
    domain::{Ended, Order, Posting, Relation, Reservation, Side, Target, posting_reference},
    store::Record,
};

/// A transfer in short, for the proof; beside it what it returns and what of it counts against
/// limits.
#[must_use]
pub fn wire_export(
    record: &Record,
    original: Option<&Record>,
    counted: Option<&Reservation>,
) -> wire::ExportTransfersResponse {
    let transfer = &record.transfer;
    let returned = transfer.order().link().map(|link| wire::ReturnedTransfer {
        relation: wire_relation(Some(link.relation)).into(),
        transfer_id: link.original.to_string(),
        transaction_id: link.transaction.to_string(),
        amount: original.map(|one| wire_money(one.transfer.order().amount())),
        posted_transaction_id: original
            .map(|one| transaction_id(&one.transfer))
            .unwrap_or_default(),
    });
    let (order_id, order_date) = record.key.run_of_order().unwrap_or_default();
    let [debited, credited] = [Side::Debit, Side::Credit].map(|side| sides(transfer.order(), side));
    wire::ExportTransfersResponse {
        transfer_id: transfer.id().to_string(),
        status: wire_status(transfer.status()).into(),
        amount: Some(wire_money(transfer.order().amount())),
        posting_reference: posting_reference(transfer.id()),
        transaction_id: transaction_id(transfer),
        changed_at: Some(timestamp(
            record.voided_at.unwrap_or(UnixMicros(0)).max(transfer.changed_at()),
        )),
        idempotency_key: record.key.key.clone(),
        failure_reason: match transfer.ended() {
            Ended::Unpaid(failure) => failure.reason.clone(),
            Ended::NotYet | Ended::Paid(_) | Ended::Withdrawn => String::new(),
        },
        voided: record.voided_at.is_some(),
        fee: transfer.order().fee().map(|fee| wire_money(fee.amount)),
        returned,
        order_id: order_id.to_owned(),
        order_date: order_date.to_owned(),
        counted: counted.map(|one| wire_money(one.amount)),
        debited,
        credited,
    }
}

/// What the legs of one side are on. A reversal mirrors its original, as the ledger has that.
fn sides(order: &Order, side: Side) -> Vec<String> {
    if order.link().is_some_and(|link| link.relation == Relation::Reversal) {
        return Vec::new();
    }
    let legs = Posting::of(order).legs.into_iter().filter(|leg| leg.side == side);
    let targets: BTreeSet<String> = legs
        .map(|leg| match leg.target {
            Target::Account(id) => id.to_string(),
            Target::Gl(code) => code,
        })
        .collect();
    targets.into_iter().collect()
}

/// A counter of limits beside the sum of what counts in it, for the proof.
#[must_use]
pub const fn wire_counter(
    counter_id: String,
    used: i64,
    counted: i64,
) -> wire::ExportLimitsResponse {
    wire::ExportLimitsResponse { counter_id, used, counted, finding: String::new() }
}

/// What is wrong with something that counts against limits, or should, for the proof.
#[must_use]
pub const fn wire_finding(id: String, finding: String) -> wire::ExportLimitsResponse {
    wire::ExportLimitsResponse { counter_id: id, used: 0, counted: 0, finding }
}
