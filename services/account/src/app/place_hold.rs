//! Sets money aside on an account.

use florin_events::{Cause, NewEvent};
use florin_proto::{account::v1 as proto, timestamp, wire_money};

use super::command::{Actor, Outcome, Place};
use crate::domain::{
    account::Account,
    event::EventKind,
    hold::{Hold, HoldStatus},
    refusal::Refusal,
};
use crate::store::working::{Facts, Working};

/// Decides one hold over the working set.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(working: &mut Working, place: &Place, actor: &Actor) -> Result<Outcome, Refusal> {
    let account = working.account(&place.account)?;
    account.hold(place.amount)?;
    let account = account.clone();
    let hold = Hold {
        id: place.id.clone(),
        account: account.id.clone(),
        caller: place.reference.caller.clone(),
        reference: place.reference.text.clone(),
        amount: place.amount,
        remaining: place.amount.minor(),
        status: HoldStatus::Open,
    };
    let facts = Facts {
        hold_id: Some(hold.id.clone()),
        held_delta: place.amount.minor(),
        ..Facts::default()
    };
    working.append(&account, EventKind::HoldPlaced, facts);
    announce(working, &hold, &account, &place.correlation, actor);
    let key = (hold.caller.clone(), hold.reference.clone());
    working.holds.insert(key, hold.clone());
    let placed = (hold.clone(), place.correlation.clone(), place.initiator.clone());
    working.writes.placed.push(placed);
    Ok(Outcome::Held { hold, replayed: false })
}

/// Queues the event that tells of a hold after its change.
pub(super) fn announce(
    working: &mut Working,
    hold: &Hold,
    account: &Account,
    correlation: &str,
    actor: &Actor,
) {
    let event = proto::HoldChanged {
        hold: Some(wire(hold)),
        account_version: account.version,
        at: Some(timestamp(working.now)),
    };
    let cause = Cause {
        correlation: correlation.to_owned(),
        causation: hold.reference.clone(),
        traceparent: actor.traceparent.clone(),
    };
    working.writes.outbox.push(NewEvent::of(&event, &account.id, account.version, cause));
}

/// The wire form of a hold.
#[must_use]
pub fn wire(hold: &Hold) -> proto::Hold {
    proto::Hold {
        hold_id: hold.id.clone(),
        account_id: hold.account.clone(),
        amount: Some(wire_money(hold.amount)),
        status: hold.status.number(),
        reference: hold.reference.clone(),
    }
}
