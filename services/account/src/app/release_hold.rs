//! Gives a hold back, whole; in every state of the account.

use super::{
    command::{Actor, Outcome, Release},
    place_hold,
};
use crate::domain::{event::EventKind, refusal::Refusal};
use crate::store::working::{Facts, Working};

/// Decides one release over the working set.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(working: &mut Working, release: &Release, actor: &Actor) -> Result<Outcome, Refusal> {
    let key = (release.reference.caller.clone(), release.hold_reference.clone());
    let found = working.holds.get(&key).cloned();
    let mut hold =
        found.ok_or_else(|| Refusal::HoldNotFound { reference: release.hold_reference.clone() })?;
    let given_back = hold.release()?;
    let held_delta = given_back.checked_neg();
    let held_delta =
        held_delta.ok_or_else(|| Refusal::OutOfRange { account: hold.account.clone() })?;
    let account = working.account(&hold.account)?;
    account.unhold(given_back)?;
    let account = account.clone();
    let facts = Facts { hold_id: Some(hold.id.clone()), held_delta, ..Facts::default() };
    working.append(&account, EventKind::HoldReleased, facts);
    place_hold::announce(working, &hold, &account, &release.correlation, actor);
    working.holds.insert(key, hold.clone());
    working.writes.ended.push(hold.clone());
    Ok(Outcome::Held { hold, replayed: false })
}
