//! Takes a customer's part in an account away; the last owner stays.

use florin_proto::account::v1::AccountChange;

use super::{
    command::{Actor, Outcome},
    open_account,
};
use crate::domain::{account, event::EventKind, refusal::Refusal};
use crate::store::working::Working;

/// Decides over the working set.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(
    working: &mut Working,
    id: &str,
    customer: &str,
    actor: &Actor,
) -> Result<Outcome, Refusal> {
    working.account(id)?;
    let holders = working.holders.entry(id.to_owned()).or_default();
    account::remove_holder(id, holders, customer)?;
    working.writes.holders_removed.push((id.to_owned(), customer.to_owned()));
    let account = working.account(id)?;
    account.version += 1;
    let account = account.clone();
    let change = (EventKind::HolderRemoved, AccountChange::HolderRemoved);
    Ok(open_account::record_change(working, account, change, customer, actor))
}
