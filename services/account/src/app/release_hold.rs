//! Gives a hold back, whole or in part; in every state of the account.

use florin_kernel::Money;
use florin_proto::account::v1::{ReleaseHoldRequest, ReleaseHoldResponse};
use florin_rpc::CallContext;
use tonic::{Response, Status};

use super::{
    command::{Actor, Outcome, Reference, Release, Work},
    ledger::{self, Ledger},
    place_hold,
};
use crate::{
    domain::{event::EventKind, refusal::Refusal},
    grpc::convert,
    store::{
        chain,
        working::{Facts, Working},
    },
    wire,
};

/// A release as asked for, before it is known who asks.
#[derive(Debug, Clone)]
pub struct Releasing {
    /// Reference.
    pub reference: String,
    /// The reference under which the hold was placed.
    pub hold_reference: String,
    /// How much; None for all that remains.
    pub amount: Option<Money>,
    /// What ties it to others.
    pub correlation: String,
}

impl Ledger {
    /// Gives a hold back, once per reference for ever.
    ///
    /// # Errors
    /// INVALID_REQUEST, and the refusals of [`decide`].
    pub async fn release_hold(
        &self,
        ctx: &CallContext,
        request: ReleaseHoldRequest,
    ) -> Result<Response<ReleaseHoldResponse>, Status> {
        let releasing = convert::release(&request)?;
        let amount = releasing.amount.map(|amount| amount.to_string());
        let content: Vec<&str> = ["release", releasing.hold_reference.as_str()]
            .into_iter()
            .chain(amount.as_deref())
            .collect();
        let release = Release {
            reference: Reference {
                caller: ledger::caller(ctx),
                fingerprint: chain::fingerprint(&content),
                text: releasing.reference,
            },
            hold_reference: releasing.hold_reference,
            amount: releasing.amount,
            correlation: releasing.correlation,
        };
        let (hold, replayed) = self.held(ctx, Work::Release(release)).await?;
        Ok(Response::new(ReleaseHoldResponse { hold: Some(wire::hold(&hold)), replayed }))
    }
}

/// Decides one release over the working set.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(working: &mut Working, release: &Release, actor: &Actor) -> Result<Outcome, Refusal> {
    let key = (release.reference.caller.clone(), release.hold_reference.clone());
    let found = working.holds.get(&key).cloned();
    let mut hold =
        found.ok_or_else(|| Refusal::HoldNotFound { reference: release.hold_reference.clone() })?;
    let given_back = hold.release(release.amount, working.time_of(hold.account))?;
    let held_delta = given_back.checked_neg();
    let held_delta = held_delta.ok_or(Refusal::OutOfRange { account: hold.account })?;
    let account = working.account(hold.account)?;
    account.unhold(given_back)?;
    let account = account.clone();
    let facts = Facts { hold_id: Some(hold.id), held_delta, ..Facts::default() };
    working.append(&account, EventKind::HoldReleased, facts);
    let correlation = match release.correlation.as_str() {
        "" => hold.correlation.as_str(),
        own => own,
    };
    let cause = (correlation, release.reference.text.as_str());
    place_hold::announce(working, &hold, &account, cause, actor);
    working.holds.insert(key, hold.clone());
    working.writes.changed_holds.push(hold.clone());
    Ok(Outcome::Held { hold, replayed: false })
}
