//! Gives back the holds whose time is over.

use std::time::Duration;

use florin_runtime::{Runtime, clock};

use super::{
    command::{Actor, Command, Expire, Outcome, Work},
    ledger::Ledger,
    place_hold,
};
use crate::{
    domain::{event::EventKind, refusal::Refusal},
    store::{
        records,
        working::{Facts, Working},
    },
};

/// How often it is looked for them.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most holds of one look; a full one is followed by the next at once.
const PAGE: i64 = 500;

/// Looks every so often until the shutdown. Several replicas may: the state under the
/// account's lock decides.
pub async fn expire_holds(ledger: Ledger, runtime: Runtime) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while runtime.shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        while !runtime.shutdown.is_cancelled() {
            match ledger.expire_due(clock::now()).await {
                Ok(found) if found == PAGE => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::debug!(%error, "holds were not looked through");
                    break;
                }
            }
        }
    }
}

impl Ledger {
    /// Has the holds given back whose time was over at an instant, at most a page of them, and
    /// tells how many there were. The instant chooses candidates; the time of recording
    /// decides.
    ///
    /// # Errors
    /// Those of the database and of the committer.
    pub async fn expire_due(
        &self,
        now: florin_kernel::UnixMicros,
    ) -> Result<i64, florin_rpc::Error> {
        let due = records::holds_due(self.db.read(), now, PAGE).await;
        let due = due.map_err(florin_runtime::internal)?;
        let found = i64::try_from(due.len()).unwrap_or(PAGE);
        let actor = Actor {
            principal: "service/account".to_owned(),
            method: "expire_holds",
            ..Actor::default()
        };
        let commands = due.into_iter().map(|(caller, reference)| Command {
            work: Work::Expire(Expire { caller, reference }),
            key: None,
            actor: actor.clone(),
        });
        let commands: Vec<_> = commands.collect();
        if !commands.is_empty() {
            self.submit(commands, None).await?;
        }
        Ok(found)
    }
}

/// Decides one expiry over the working set.
///
/// # Errors
/// [`Refusal::HoldNotFound`]; [`Refusal::HoldNotOpen`] where the hold has ended meanwhile, or
/// its time is not over by the clock of recording.
pub fn decide(working: &mut Working, expire: &Expire, actor: &Actor) -> Result<Outcome, Refusal> {
    let key = (expire.caller.clone(), expire.reference.clone());
    let found = working.holds.get(&key).cloned();
    let mut hold =
        found.ok_or_else(|| Refusal::HoldNotFound { reference: expire.reference.clone() })?;
    let expired = hold.expire(working.now);
    let given_back = expired.ok_or(Refusal::HoldNotOpen { hold: hold.id })?;
    let held_delta = given_back.checked_neg();
    let held_delta = held_delta.ok_or(Refusal::OutOfRange { account: hold.account })?;
    let account = working.account(hold.account)?;
    account.unhold(given_back)?;
    let account = account.clone();
    let facts = Facts { hold_id: Some(hold.id), held_delta, ..Facts::default() };
    working.append(&account, EventKind::HoldExpired, facts);
    place_hold::announce(working, &hold, &account, &hold.reference, actor);
    working.holds.insert(key, hold.clone());
    working.writes.changed_holds.push(hold.clone());
    Ok(Outcome::Held { hold, replayed: false })
}
