//! Posts a journal transaction: all its legs or none.

use florin_events::{Cause, NewEvent};
use florin_proto::{account::v1 as proto, timestamp, wire_money};

use super::{
    command::{Actor, Outcome, Post},
    working::{Facts, JournalRow, Working},
};
use crate::domain::{
    account::Rules,
    event::EventKind,
    posting::{self, Entry},
    refusal::Refusal,
};

/// Decides one transaction over the working set.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(working: &mut Working, post: &Post, actor: &Actor) -> Result<Outcome, Refusal> {
    let (booking_date, value_date) = working.books.dates(post.booking_date, post.value_date)?;
    let entries = posting::decide(&post.legs, post.rules, &mut working.accounts, &working.chart)?;
    let row = JournalRow {
        id: post.id.clone(),
        caller: post.reference.caller.clone(),
        reference: post.reference.text.clone(),
        kind: post.kind.clone(),
        description: post.description.clone(),
        booking_date,
        value_date,
        reverses: None,
        correlation: post.correlation.clone(),
        initiator: post.initiator.clone(),
        entries,
    };
    Ok(record(working, row, actor, post.rules == Rules::Import))
}

/// Writes a decided transaction: events, journal, turnover and the outbox event.
pub(super) fn record(
    working: &mut Working,
    row: JournalRow,
    actor: &Actor,
    historical: bool,
) -> Outcome {
    for (leg, entry) in (1_i64..).zip(&row.entries) {
        let Some(account) = &entry.account else { continue };
        let kind = if entry.amount.minor() > 0 { EventKind::Credited } else { EventKind::Debited };
        let facts = Facts {
            transaction_id: Some(row.id.clone()),
            leg,
            delta: entry.amount.minor(),
            counterparty: entry.counterparty.clone(),
            dates: Some((row.booking_date, row.value_date)),
            ..Facts::default()
        };
        let after = (entry.version, entry.posted_after, entry.held_after);
        working.append_at(account, after, kind, facts);
        let net = working.writes.turnover.entry((account.clone(), row.value_date)).or_default();
        *net = net.saturating_add(entry.amount.minor());
    }
    let cause = Cause {
        correlation: row.correlation.clone(),
        causation: row.reference.clone(),
        traceparent: actor.traceparent.clone(),
    };
    let told = NewEvent::of(&posted_event(&row, working), &row.id, 1, cause);
    working.writes.outbox.push(NewEvent { historical, ..told });
    working.posted_before.insert(row.id.clone(), row.booking_date);
    let outcome = Outcome::Posted {
        transaction: row.id.clone(),
        booking_date: row.booking_date,
        replayed: false,
        events: Vec::new(),
    };
    working.writes.journal.push(row);
    outcome
}

fn posted_event(row: &JournalRow, working: &Working) -> proto::TransactionPosted {
    proto::TransactionPosted {
        transaction_id: row.id.clone(),
        caller: row.caller.clone(),
        reference: row.reference.clone(),
        kind: row.kind.clone(),
        legs: row.entries.iter().map(posted_leg).collect(),
        description: row.description.clone(),
        booking_date: row.booking_date.to_string(),
        value_date: row.value_date.to_string(),
        recorded_at: Some(timestamp(working.now)),
        reverses: row.reverses.clone().unwrap_or_default(),
    }
}

fn posted_leg(entry: &Entry) -> proto::PostedLeg {
    use florin_kernel::Money;
    let currency = entry.amount.currency();
    let money = |minor| wire_money(Money::new(minor, currency));
    let of_customer = entry.account.is_some();
    let minor = entry.amount.minor();
    proto::PostedLeg {
        account_id: entry.account.clone().unwrap_or_default(),
        gl_code: entry.gl_code.clone(),
        direction: direction(minor).into(),
        amount: Some(money(minor.saturating_abs())),
        account_version: entry.version,
        posted_after: of_customer.then(|| money(entry.posted_after)),
        available_after: of_customer.then(|| money(entry.available_after)),
        counterparty: entry.counterparty.clone(),
    }
}

/// The side of a signed amount: credit positive.
#[must_use]
pub const fn direction(minor: i64) -> proto::Direction {
    if minor > 0 { proto::Direction::Credit } else { proto::Direction::Debit }
}
