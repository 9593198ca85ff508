//! Opens an account for customers who were verified before the command was queued.

use florin_events::NewEvent;
use florin_proto::{account::v1 as proto, timestamp};

use super::{
    answer,
    command::{Actor, Open, Outcome},
    working::{Facts, Working},
};
use crate::domain::{
    account::{Account, Holder, Status},
    event::EventKind,
    refusal::Refusal,
};

/// Decides one opening over the working set.
///
/// # Errors
/// [`Refusal::PeriodClosed`] where an import opens inside a closed period;
/// [`Refusal::OutOfRange`] where the bank's account numbers are used up.
pub fn decide(working: &mut Working, open: &Open, actor: &Actor) -> Result<Outcome, Refusal> {
    let (opened_on, _) = working.books.dates(open.opened_on, None)?;
    let iban = working.ibans.pop_front();
    let account = Account {
        id: open.id.clone(),
        iban: iban.ok_or_else(|| Refusal::OutOfRange { account: open.id.clone() })?,
        product: open.product.clone(),
        control_gl: open.control_gl.clone(),
        currency: open.overdraft_limit.currency(),
        status: Status::Open,
        overdraft_limit: open.overdraft_limit.minor(),
        opened_on,
        reference: open.reference.as_ref().map(|claim| claim.text.clone()).unwrap_or_default(),
        version: 1,
        posted: 0,
        held: 0,
    };
    let facts = Facts {
        detail: format!("{} {} {}", account.iban, account.product, account.overdraft_limit),
        dates: Some((opened_on, opened_on)),
        ..Facts::default()
    };
    working.append(&account, EventKind::Opened, facts);
    let added = open.holders.iter().map(|holder| (account.id.clone(), holder.clone()));
    working.writes.holders_added.extend(added);
    working.writes.opened.push(account.id.clone());
    working.writes.audit.push((actor.clone(), account.id.clone()));
    working.holders.insert(account.id.clone(), open.holders.clone());
    working.accounts.insert(account.id.clone(), account.clone());
    let event = proto::AccountOpened {
        account: Some(answer::wire_account(&account, &open.holders)),
        at: Some(timestamp(working.now)),
    };
    let told = NewEvent::of(&event, &account.id, account.version, actor.cause());
    working.writes.outbox.push(NewEvent { historical: open.historical, ..told });
    let holders = open.holders.clone();
    Ok(Outcome::Account { account, holders, replayed: false, events: Vec::new() })
}

/// Records a change of state or holders: history, audit and the event that tells of it.
pub(super) fn record_change(
    working: &mut Working,
    account: Account,
    (kind, change): (EventKind, &'static str),
    detail: &str,
    actor: &Actor,
) -> Outcome {
    let facts = Facts { detail: detail.to_owned(), ..Facts::default() };
    working.append(&account, kind, facts);
    working.writes.audit.push((actor.clone(), account.id.clone()));
    let holders: Vec<Holder> = working.holders.get(&account.id).cloned().unwrap_or_default();
    let event = proto::AccountChanged {
        account: Some(answer::wire_account(&account, &holders)),
        change: change.to_owned(),
        at: Some(timestamp(working.now)),
    };
    let told = NewEvent::of(&event, &account.id, account.version, actor.cause());
    working.writes.outbox.push(told);
    Outcome::Account { account, holders, replayed: false, events: Vec::new() }
}
