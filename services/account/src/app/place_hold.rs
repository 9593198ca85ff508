//! Sets money aside on an account.

use florin_events::{Cause, NewEvent};
use florin_kernel::{AccountId, HoldId, Money};
use florin_proto::{
    account::v1::{HoldChanged, PlaceHoldRequest, PlaceHoldResponse},
    timestamp,
};
use florin_rpc::{CallContext, Error};
use florin_store::id_parts;
use tonic::{Response, Status};

use super::{
    command::{Actor, Command, Outcome, Place, Reference, Work},
    ledger::{self, Ledger},
};
use crate::{
    domain::{
        account::Account,
        event::EventKind,
        hold::{Hold, HoldStatus},
        refusal::Refusal,
    },
    grpc::convert,
    store::{
        chain,
        working::{Facts, Working},
    },
    wire,
};

/// A hold as asked for, before it is known who asks.
#[derive(Debug, Clone)]
pub struct Holding {
    /// Reference.
    pub reference: String,
    /// The account.
    pub account: AccountId,
    /// Positive.
    pub amount: Money,
    /// Seconds until it is given back by time; None for never.
    pub expires_after: Option<i64>,
    /// What ties it to others.
    pub correlation: String,
}

impl Ledger {
    /// Sets money aside, once per reference for ever.
    ///
    /// # Errors
    /// INVALID_REQUEST, and the refusals of [`decide`].
    pub async fn place_hold(
        &self,
        ctx: &CallContext,
        request: PlaceHoldRequest,
    ) -> Result<Response<PlaceHoldResponse>, Status> {
        let holding = convert::hold(&request)?;
        let (millis, random) = id_parts();
        let (account, amount) = (holding.account.to_string(), holding.amount.to_string());
        let expiry = holding.expires_after.map(|seconds| seconds.to_string());
        let content: Vec<&str> =
            ["hold", &account, &amount].into_iter().chain(expiry.as_deref()).collect();
        let place = Place {
            reference: Reference {
                caller: ledger::caller(ctx),
                fingerprint: chain::fingerprint(&content),
                text: holding.reference,
            },
            id: HoldId::from_parts(millis, random),
            account: holding.account,
            amount: holding.amount,
            expires_after: holding.expires_after.map(|seconds| seconds.saturating_mul(1_000_000)),
            correlation: holding.correlation,
            initiator: ledger::initiator(ctx, request.initiator.as_ref()),
        };
        let (hold, replayed) = self.held(ctx, Work::Place(place)).await?;
        Ok(Response::new(PlaceHoldResponse { hold: Some(wire::hold(&hold)), replayed }))
    }

    /// Has a hold placed or released; the hold, and whether that had been done before.
    pub(super) async fn held(&self, ctx: &CallContext, work: Work) -> Result<(Hold, bool), Error> {
        let command = Command { work, key: None, actor: ledger::actor(ctx) };
        let mut outcomes = self.submit(vec![command], ctx.deadline).await?;
        match outcomes.pop() {
            Some(Outcome::Held { hold, replayed }) => Ok((hold, replayed)),
            Some(outcome) => {
                let defect = || Error::internal("the outcome is not that of a hold");
                Err(ledger::refused(&outcome).unwrap_or_else(defect))
            }
            None => Err(Error::internal("the committer gave no outcome")),
        }
    }
}

/// Decides one hold over the working set.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(working: &mut Working, place: &Place, actor: &Actor) -> Result<Outcome, Refusal> {
    let account = working.account(place.account)?;
    account.hold(place.amount)?;
    let account = account.clone();
    let at = working.time_of(account.id);
    let hold = Hold {
        id: place.id,
        account: account.id,
        caller: place.reference.caller.clone(),
        reference: place.reference.text.clone(),
        correlation: place.correlation.clone(),
        amount: place.amount,
        remaining: place.amount.minor(),
        captured: 0,
        status: HoldStatus::Open,
        expires_at: place.expires_after.map(|micros| at.plus_micros(micros)),
    };
    let facts = Facts {
        hold_id: Some(hold.id),
        held_delta: place.amount.minor(),
        // Hashed with the rest: the row's time is proved by it.
        detail: hold.expires_at.map(|at| at.0.to_string()).unwrap_or_default(),
        ..Facts::default()
    };
    working.append(&account, EventKind::HoldPlaced, facts);
    announce(working, &hold, &account, (&place.correlation, &place.reference.text), actor);
    let key = (hold.caller.clone(), hold.reference.clone());
    working.holds.insert(key, hold.clone());
    working.writes.placed.push((hold.clone(), place.initiator.clone()));
    Ok(Outcome::Held { hold, replayed: false })
}

/// Queues the event that tells of a hold after its change: under which correlation, and the
/// reference that caused it.
pub(super) fn announce(
    working: &mut Working,
    hold: &Hold,
    account: &Account,
    (correlation, causation): (&str, &str),
    actor: &Actor,
) {
    let event = HoldChanged {
        hold: Some(wire::hold(hold)),
        account_version: account.version,
        at: Some(timestamp(working.time_of(account.id))),
    };
    let cause = Cause {
        correlation: correlation.to_owned(),
        causation: causation.to_owned(),
        traceparent: actor.traceparent.clone(),
    };
    working.writes.outbox.push(NewEvent::of(&event, &account.id, account.version, cause));
}
