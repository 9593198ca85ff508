//! Gives a verified customer a part in an account.

use super::{
    command::{Actor, Outcome},
    open_account,
    working::Working,
};
use crate::domain::{
    account::{self, Holder, Status},
    event::EventKind,
    refusal::Refusal,
};

/// Decides over the working set; a frozen account may get holders, a closed one not.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(
    working: &mut Working,
    id: &str,
    holder: &Holder,
    actor: &Actor,
) -> Result<Outcome, Refusal> {
    let found = working.account(id)?.clone();
    if found.status == Status::Closed {
        return Err(Refusal::Closed { account: found.id });
    }
    let holders = working.holders.entry(id.to_owned()).or_default();
    account::add_holder(id, holders, holder.clone())?;
    working.writes.holders_added.push((id.to_owned(), holder.clone()));
    let detail = format!("{} {}", holder.customer, holder.role);
    let account = working.account(id)?;
    account.version += 1;
    let account = account.clone();
    let change = (EventKind::HolderAdded, "holder_added");
    Ok(open_account::record_change(working, account, change, &detail, actor))
}
