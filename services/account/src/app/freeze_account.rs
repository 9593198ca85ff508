//! Freezes an account: no debit and no credit until it is unfrozen.

use florin_proto::account::v1::AccountChange;

use super::{
    command::{Actor, Outcome},
    open_account,
};
use crate::domain::{event::EventKind, refusal::Refusal};
use crate::store::working::Working;

/// Decides over the working set.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(
    working: &mut Working,
    id: &str,
    reason: &str,
    actor: &Actor,
) -> Result<Outcome, Refusal> {
    let account = working.account(id)?;
    account.freeze()?;
    let account = account.clone();
    let change = (EventKind::Frozen, AccountChange::Frozen);
    Ok(open_account::record_change(working, account, change, reason, actor))
}
