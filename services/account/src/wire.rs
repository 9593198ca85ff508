//! Domain to protobuf.

pub(crate) mod end_of_day;
pub(crate) mod fees;
pub(crate) mod interest;

use florin_kernel::{Currency, Money, TransactionId};
use florin_proto::{account::v1 as proto, common::v1::Money as WireMoney, timestamp, wire_money};
use florin_rpc::Error;
use florin_store::approval::{Approval, State};
use prost::Message as _;

use crate::store::gl_entries::GlEntry;
use crate::{
    app::post_transactions::direction,
    domain::{
        account::{Account, Holder},
        conversion::Conversion,
        hold::Hold,
        posting::GlAccount,
    },
    store::{
        chart::{Product, TrialRow},
        entries::EntryRow,
        records::{StoredLeg, WholeTransaction},
    },
};

/// The wire form of an account.
pub(crate) fn account(account: &Account, holders: &[Holder]) -> proto::Account {
    proto::Account {
        account_id: account.id.to_string(),
        iban: account.iban.clone(),
        product: account.product.clone(),
        currency: account.currency.code().to_owned(),
        status: account.status.number(),
        holders: holders.iter().map(holder).collect(),
        overdraft_limit: Some(wire_money(account.money(account.overdraft_limit))),
        opened_on: account.opened_on.to_string(),
        version: account.version,
        reference: account.reference.clone(),
        fee_events: Vec::new(),
    }
}

fn holder(holder: &Holder) -> proto::Holder {
    proto::Holder { customer_id: holder.customer.to_string(), role: holder.role.number() }
}

/// The wire form of an entry of an account.
pub(crate) fn entry(account: &Account, row: &EntryRow) -> proto::Entry {
    let event = &row.event;
    proto::Entry {
        transaction_id: optional(event.transaction_id),
        version: event.version,
        direction: direction(event.delta).into(),
        amount: Some(wire_money(account.money(event.delta.saturating_abs()))),
        posted_after: Some(wire_money(account.money(event.posted_after))),
        kind: row.kind.clone(),
        description: row.description.clone(),
        booking_date: event.booking_date.to_string(),
        value_date: event.value_date.to_string(),
        recorded_at: Some(timestamp(event.recorded_at)),
        counterparty: event.counterparty.clone(),
    }
}

/// The wire form of a hold.
pub(crate) fn hold(hold: &Hold) -> proto::Hold {
    proto::Hold {
        hold_id: hold.id.to_string(),
        account_id: hold.account.to_string(),
        amount: Some(wire_money(hold.amount)),
        status: hold.status.number(),
        reference: hold.reference.clone(),
        remaining: Some(wire_money(Money::new(hold.remaining, hold.amount.currency()))),
        captured: Some(wire_money(Money::new(hold.captured, hold.amount.currency()))),
        expire_time: hold.expires_at.map(timestamp),
    }
}

/// An id that may be absent: empty then.
pub(crate) fn optional(id: Option<TransactionId>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

/// The wire form of a journal transaction.
pub(crate) fn transaction(whole: WholeTransaction) -> proto::JournalTransaction {
    let WholeTransaction { stored, legs, conversions, reversed_by } = whole;
    let conversions = conversions.into_iter().map(|one| proto::Conversion {
        sold: Some(wire_money(one.sold)),
        bought: Some(wire_money(one.bought)),
        rate: one.rate,
    });
    proto::JournalTransaction {
        transaction_id: stored.id.to_string(),
        reference: stored.reference,
        caller: stored.caller,
        kind: stored.kind,
        legs: legs.iter().map(leg).collect(),
        description: stored.description,
        booking_date: stored.booking_date.to_string(),
        value_date: stored.value_date.to_string(),
        recorded_at: Some(timestamp(stored.recorded_at)),
        reverses: optional(stored.reverses),
        reversed_by: optional(reversed_by),
        conversions: conversions.collect(),
    }
}

/// The wire form of a conversion.
pub(crate) fn conversion(one: &Conversion) -> proto::Conversion {
    proto::Conversion {
        sold: Some(wire_money(one.sold())),
        bought: Some(wire_money(one.bought())),
        rate: one.rate().to_string(),
    }
}

fn leg(leg: &StoredLeg) -> proto::Leg {
    use proto::leg::Target;
    let (minor, currency) = (leg.amount.minor(), leg.amount.currency());
    proto::Leg {
        target: Some(match leg.account {
            Some(id) => Target::AccountId(id.to_string()),
            None => Target::GlCode(leg.gl_code.clone()),
        }),
        direction: direction(minor).into(),
        amount: Some(wire_money(Money::new(minor.saturating_abs(), currency))),
        counterparty: leg.counterparty.clone(),
    }
}

/// The wire form of an entry of a GL account.
pub(crate) fn gl_entry(entry: GlEntry) -> proto::GlEntry {
    let (minor, currency) = (entry.amount.minor(), entry.amount.currency());
    proto::GlEntry {
        transaction_id: entry.transaction.to_string(),
        caller: entry.caller,
        reference: entry.reference,
        kind: entry.kind,
        direction: direction(minor).into(),
        amount: Some(wire_money(Money::new(minor.saturating_abs(), currency))),
        booking_date: entry.booking_date.to_string(),
        recorded_at: Some(timestamp(entry.recorded_at)),
    }
}

/// The wire form of a GL account.
pub(crate) fn gl_account(gl: &GlAccount) -> proto::GlAccount {
    proto::GlAccount {
        code: gl.code.clone(),
        name: gl.name.clone(),
        class: gl.class,
        control: gl.control,
    }
}

/// The wire form of a product.
pub(crate) fn product(product: Product) -> proto::Product {
    proto::Product {
        code: product.code,
        name: product.name,
        control_gl_code: product.control_gl,
        overdraft_maximum: product.overdraft_maxima.into_iter().map(wire_money).collect(),
    }
}

/// The wire form of a row of the trial balance.
///
/// # Errors
/// The net leaves 64 bits: a defect, for no entry does.
pub(crate) fn trial_row(row: TrialRow) -> Result<proto::TrialBalanceRow, Error> {
    let money = |sum| Some(wire_money(Money::new(i64::try_from(sum).ok()?, row.currency)));
    let net = sum_of(row.credits - row.debits, row.currency)?;
    Ok(proto::TrialBalanceRow {
        debits: money(row.debits),
        credits: money(row.credits),
        net: Some(net),
        code: row.code.clone(),
        name: row.name.clone(),
        entries: row.entries,
    })
}

/// The wire form of a sum of balances.
///
/// # Errors
/// It leaves 64 bits: a defect, for no balance does.
pub(crate) fn sum_of(minor: i128, currency: Currency) -> Result<WireMoney, Error> {
    let beyond = |_| Error::internal(format!("a sum in {currency} leaves 64 bits"));
    Ok(wire_money(Money::new(i64::try_from(minor).map_err(beyond)?, currency)))
}

/// The wire form of a row of a statement.
///
/// # Errors
/// As [`sum_of`].
pub(crate) fn statement_row(row: &TrialRow) -> Result<proto::StatementRow, Error> {
    let (class, currency, net) = row.by_class();
    Ok(proto::StatementRow {
        code: row.code.clone(),
        name: row.name.clone(),
        class: class.number(),
        amount: Some(sum_of(class.amount(net), currency)?),
    })
}

/// The wire form of a mapping.
pub(crate) fn mapping(
    product: &str,
    currency: Option<Currency>,
    code: &str,
) -> proto::ControlMapping {
    proto::ControlMapping {
        product: product.to_owned(),
        currency: currency.map(|of| of.code().to_owned()).unwrap_or_default(),
        control_gl_code: code.to_owned(),
    }
}

/// The wire form of a proposal to open a period again.
///
/// # Errors
/// Its payload is none.
pub(crate) fn reopening(approval: &Approval) -> Result<proto::Reopening, Error> {
    let id = &approval.proposal.id;
    let asked = proto::ProposeReopeningRequest::decode(approval.proposal.payload.as_slice())
        .map_err(|error| Error::internal(format!("{id}: {error}")))?;
    let state = match approval.state {
        State::Proposed => proto::ApprovalState::Proposed,
        State::Approved => proto::ApprovalState::Approved,
        State::Rejected => proto::ApprovalState::Rejected,
    };
    Ok(proto::Reopening {
        approval_id: id.to_string(),
        state: state.into(),
        closed_through: asked.closed_through,
        open_from: asked.open_from,
        reason: asked.reason,
        propose_time: Some(timestamp(approval.proposed_at)),
        expire_time: Some(timestamp(approval.proposal.expires_at)),
        decide_time: approval.decided_at.map(timestamp),
    })
}
