//! Gives back the holds whose time is over.

use std::time::Duration;

use florin_kernel::UnixMicros;
use florin_rpc::{Error, metrics::Gauge};
use florin_runtime::{Runtime, internal, keyed};
use florin_store::commit::CommitError;

use super::{
    command::{Actor, Command, Expire, Outcome, Work},
    ledger::Ledger,
    place_hold,
};
use crate::{
    domain::{event::EventKind, refusal::Refusal},
    store::{
        holds::{self, DueHold},
        working::{Facts, Working},
    },
};

/// How often it is looked for them.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most holds that are read at once; a full page is followed by the next.
const PAGE: usize = 512;
/// Most holds that wait in the queue of the committer at once, beside the bank's other work.
const CHUNK: usize = 64;

/// What one look through the holds found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// Holds whose time was over.
    pub due: usize,
    /// Those of them that were given back here; the others had ended, or stay for the next look.
    pub expired: usize,
}

/// Looks every so often until the shutdown. Several replicas may: the state under the
/// account's lock decides.
pub async fn expire_holds(ledger: Ledger, runtime: Runtime) {
    let role = runtime.role.name();
    let help = "How long the time of the oldest hold that is to expire has been over";
    let gauges = runtime.metrics.gauges("florin_account_hold_due_seconds", help);
    let oldest: Gauge = gauges.get_or_create_owned(&[("role", role)]);
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while runtime.shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        match look(&ledger, &oldest).await {
            Ok(_) => {}
            Err(error) if runtime.shutdown.is_cancelled() => {
                tracing::debug!(role, %error, "the look through the holds was ended");
            }
            Err(error) => tracing::warn!(role, %error, "holds that are due were not given back"),
        }
    }
}

async fn look(ledger: &Ledger, oldest: &Gauge) -> Result<Look, Error> {
    let now = ledger.db.now().await.map_err(internal)?;
    // Before anything is given back: a look that fails is what it is measured for.
    let first = holds::holds_due(ledger.db.read(), now, None, 1).await.map_err(internal)?;
    oldest.set(first.first().map_or(0, |hold| hold.over_for(now)));
    let look = ledger.expire_due(now).await?;
    if look.expired == look.due {
        oldest.set(0);
    }
    Ok(look)
}

impl Ledger {
    /// Has every hold given back whose time was over at an instant of the database's clock. The
    /// instant chooses candidates; the time of recording decides. What is refused is passed by
    /// and tried by the next look.
    ///
    /// # Errors
    /// Those of the database and of the committer.
    pub async fn expire_due(&self, now: UnixMicros) -> Result<Look, Error> {
        let mut look = Look::default();
        let mut after: Option<DueHold> = None;
        loop {
            let page = holds::holds_due(self.db.read(), now, after.as_ref(), PAGE).await;
            let page = page.map_err(internal)?;
            for chunk in page.chunks(CHUNK) {
                look.expired += self.expire_each(chunk).await?;
            }
            look.due += page.len();
            let full = page.len() == PAGE;
            after = page.into_iter().next_back();
            if !full {
                return Ok(look);
            }
        }
    }

    /// Has each of these given back and tells how many were.
    async fn expire_each(&self, due: &[DueHold]) -> Result<usize, Error> {
        let actor = Actor {
            principal: "service/account".to_owned(),
            method: "expire_holds",
            ..Actor::default()
        };
        let commands = due.iter().map(|hold| {
            let (caller, reference) = (hold.caller.clone(), hold.reference.clone());
            let work = Work::Expire(Expire { caller, reference });
            Command { work, key: None, actor: actor.clone() }
        });
        let submitted = self.committer.submit_many(commands.collect(), None).await;
        let ends = submitted.map_err(keyed::not_committed)?;
        let mut expired = 0;
        for (hold, end) in due.iter().zip(ends) {
            match end {
                Ok(Outcome::Held { .. }) => expired += 1,
                // It has ended meanwhile, by its caller or by another replica.
                Ok(Outcome::Refused(Refusal::HoldNotOpen { .. })) => {}
                Err(CommitError::Stopped) => {
                    return Err(keyed::not_committed(CommitError::Stopped));
                }
                Err(CommitError::Failed(error)) if error.is_outage() => {
                    return Err(keyed::not_committed(CommitError::Failed(error)));
                }
                // One whose account somebody else has locked holds up no other.
                other => {
                    let hold = hold.id.to_string();
                    tracing::warn!(%hold, end = ?other, "a hold that is due was not given back");
                }
            }
        }
        Ok(expired)
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
    let expired = hold.expire(working.time_of(hold.account));
    let given_back = expired.ok_or(Refusal::HoldNotOpen { hold: hold.id })?;
    let held_delta = given_back.checked_neg();
    let held_delta = held_delta.ok_or(Refusal::OutOfRange { account: hold.account })?;
    let account = working.account(hold.account)?;
    account.unhold(given_back)?;
    let account = account.clone();
    let facts = Facts { hold_id: Some(hold.id), held_delta, ..Facts::default() };
    working.append(&account, EventKind::HoldExpired, facts);
    let cause = (hold.correlation.as_str(), hold.reference.as_str());
    place_hold::announce(working, &hold, &account, cause, actor);
    working.holds.insert(key, hold.clone());
    working.writes.changed_holds.push(hold.clone());
    Ok(Outcome::Held { hold, replayed: false })
}
