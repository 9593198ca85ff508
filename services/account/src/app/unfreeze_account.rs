//! Unfreezes an account; one that is open stays so, and a closed one stays closed.

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
    let was_frozen = account.unfreeze()?;
    let account = account.clone();
    if !was_frozen {
        let holders = working.holders.get(id).cloned().unwrap_or_default();
        return Ok(Outcome::Account { account, holders, replayed: false, events: Vec::new() });
    }
    let change = (EventKind::Unfrozen, AccountChange::Unfrozen);
    Ok(open_account::record_change(working, account, change, reason, actor))
}
