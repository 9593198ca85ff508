//! What the scripted ledger sets aside.

use std::sync::Arc;

use florin_kernel::{AccountId, Money};
use florin_proto::{
    ErrorReason as _, KnownReason,
    account::v1::{
        Capture, Hold, HoldStatus, PlaceHoldRequest, PlaceHoldResponse, Reason, ReleaseHoldRequest,
        ReleaseHoldResponse,
    },
    common::v1::Reason as Common,
    money_of, wire_money,
};
use florin_rpc::Error;
use tokio::sync::{Semaphore, watch};
use tonic::{Request, Response, Status};

use super::{Ledger, State};

/// How the calls about holds fail, and where they stand still.
pub struct Holding {
    /// Whether holds stand still before they are placed: whoever passes now, the next does not.
    closed: watch::Sender<bool>,
    /// One permit for each call that has arrived.
    pub arrived: Semaphore,
    /// One permit for each call that was worked on.
    pub worked: Semaphore,
}

impl Default for Holding {
    fn default() -> Self {
        Self {
            closed: watch::Sender::new(false),
            arrived: Semaphore::new(0),
            worked: Semaphore::new(0),
        }
    }
}

impl Holding {
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    pub fn open(&self) {
        self.closed.send_replace(false);
    }
}

impl Ledger {
    /// A ledger of before the captures: it posts the debit and takes nothing of a hold.
    pub fn set_ignores_captures(&self, ignores: bool) {
        self.state().ignores_captures = ignores;
    }

    /// It places and gives back no holds.
    pub fn set_holds_away(&self, away: bool) {
        self.state().holds_away = away;
    }

    /// It places holds and gives them back, and the answer never arrives.
    pub fn set_loses_holds(&self, loses: bool) {
        self.state().loses_holds = loses;
    }

    /// What is set aside on an account.
    pub fn held(&self, id: AccountId) -> i64 {
        self.state().held(&id)
    }

    /// The open holds of an owner: reference and what remains.
    pub fn open_holds(&self, owner: &str) -> Vec<(String, i64)> {
        let state = self.state();
        let of = state.holds.values().filter(|hold| {
            hold.status() == HoldStatus::Open && hold.reference.starts_with(&format!("{owner}/"))
        });
        of.map(|hold| (hold.reference.clone(), minor(hold.remaining.as_ref()))).collect()
    }

    /// How often it has placed a hold.
    pub fn placed(&self) -> usize {
        self.state().holds.len()
    }

    /// Gives a hold back by time.
    pub fn expire_hold(&self, reference: &str) {
        let mut state = self.state();
        let hold = state.holds.get_mut(reference).unwrap();
        hold.set_status(HoldStatus::Expired);
        hold.remaining = zero(hold);
    }

    pub(super) async fn place_hold(
        self: Arc<Self>,
        request: Request<PlaceHoldRequest>,
    ) -> Result<Response<PlaceHoldResponse>, Status> {
        self.holding.arrived.add_permits(1);
        self.holding.closed.subscribe().wait_for(|closed| !closed).await.unwrap();
        if self.state().are_holds_away() {
            return Err(Error::new(Common::Unavailable, "scripted").into());
        }
        let placed = self.state().place(request.into_inner());
        self.holding.worked.add_permits(1);
        if self.state().are_holds_lost() {
            return Err(Error::new(Common::Unavailable, "scripted").into());
        }
        placed.map(Response::new)
    }

    pub(super) async fn release_hold(
        self: Arc<Self>,
        request: Request<ReleaseHoldRequest>,
    ) -> Result<Response<ReleaseHoldResponse>, Status> {
        let away = || Error::new(Common::Unavailable, "scripted");
        if self.state().are_holds_away() {
            return Err(away().into());
        }
        let released = self.state().release(request.into_inner());
        if self.state().are_holds_lost() {
            return Err(away().into());
        }
        released.map(Response::new)
    }
}

impl State {
    const fn are_holds_away(&self) -> bool {
        self.holds_away || self.away
    }

    const fn are_holds_lost(&self) -> bool {
        self.loses_holds || self.loses_answers
    }

    /// What is set aside on an account.
    pub(super) fn held(&self, id: &AccountId) -> i64 {
        let open = self
            .holds
            .values()
            .filter(|hold| hold.status() == HoldStatus::Open && hold.account_id == id.to_string());
        open.map(|hold| minor(hold.remaining.as_ref())).sum()
    }

    fn place(&mut self, request: PlaceHoldRequest) -> Result<PlaceHoldResponse, Status> {
        if let Some(cause) = self.voids.get(&request.reference) {
            let error = Error::new(Reason::ReferenceVoided, "scripted");
            return Err(error.with("cause", cause.clone()).into());
        }
        if let Some(hold) = self.holds.get(&request.reference).cloned() {
            let first = self.placings.get(&request.reference);
            if first.is_some_and(|first| *first != request) {
                return Err(Error::new(Common::ReferenceReused, "scripted").into());
            }
            return Ok(PlaceHoldResponse { hold: Some(hold), replayed: true });
        }
        let id: AccountId = request.account_id.parse().unwrap();
        let amount = money_of(request.amount.as_ref()).unwrap();
        let account = &self.accounts[&id];
        if account.frozen {
            return Err(Error::new(Reason::AccountFrozen, "scripted").into());
        }
        if account.balance - self.held(&id) < amount.minor() {
            return Err(Error::new(Reason::InsufficientFunds, "scripted").into());
        }
        let hold = Hold {
            account_id: request.account_id.clone(),
            amount: request.amount.clone(),
            remaining: request.amount.clone(),
            captured: Some(wire_money(Money::new(0, amount.currency()))),
            status: HoldStatus::Open.into(),
            reference: request.reference.clone(),
            ..Hold::default()
        };
        self.holds.insert(request.reference.clone(), hold.clone());
        self.placings.insert(request.reference.clone(), request);
        Ok(PlaceHoldResponse { hold: Some(hold), replayed: false })
    }

    fn release(&mut self, request: ReleaseHoldRequest) -> Result<ReleaseHoldResponse, Status> {
        let replayed = match self.releases.get(&request.reference) {
            Some(first) if *first == request => true,
            Some(_) => return Err(Error::new(Common::ReferenceReused, "scripted").into()),
            None => false,
        };
        let Some(hold) = self.holds.get_mut(&request.hold_reference) else {
            return Err(Error::new(Reason::HoldNotFound, "scripted").into());
        };
        if !replayed {
            if hold.status() != HoldStatus::Open {
                return Err(Error::new(Reason::HoldNotOpen, "scripted").into());
            }
            let remaining = minor(hold.remaining.as_ref());
            let given = request.amount.as_ref().map_or(remaining, |one| minor(Some(one)));
            assert!((1..=remaining).contains(&given), "{given} of {remaining}");
            lower(hold, given);
            if given == remaining {
                let captured = minor(hold.captured.as_ref()) > 0;
                hold.set_status(if captured { HoldStatus::Captured } else { HoldStatus::Released });
            }
        }
        let hold = Some(hold.clone());
        self.releases.insert(request.reference.clone(), request);
        Ok(ReleaseHoldResponse { hold, replayed })
    }

    /// What captures take of holds, on an account; the reason where one is not open.
    pub(super) fn may_capture(
        &self,
        captures: &[Capture],
        id: &AccountId,
    ) -> Result<i64, KnownReason> {
        let mut sum = 0;
        for one in captures {
            let hold = self.holds.get(&one.hold_reference);
            let hold = hold.ok_or_else(|| Reason::HoldNotFound.known())?;
            if hold.status() != HoldStatus::Open {
                return Err(Reason::HoldNotOpen.known());
            }
            let remaining = minor(hold.remaining.as_ref());
            let taken = one.amount.as_ref().map_or(remaining, |one| minor(Some(one)));
            if taken > remaining {
                return Err(Reason::CaptureExceedsHold.known());
            }
            if hold.account_id == id.to_string() {
                sum += taken;
            }
        }
        Ok(sum)
    }

    pub(super) fn capture(&mut self, one: &Capture) {
        let hold = self.holds.get_mut(&one.hold_reference).unwrap();
        let remaining = minor(hold.remaining.as_ref());
        let taken = one.amount.as_ref().map_or(remaining, |one| minor(Some(one)));
        let currency = money_of(hold.amount.as_ref()).unwrap().currency();
        let captured = minor(hold.captured.as_ref()) + taken;
        hold.captured = Some(wire_money(Money::new(captured, currency)));
        lower(hold, if one.keep_rest { taken } else { remaining });
        if minor(hold.remaining.as_ref()) == 0 {
            hold.set_status(HoldStatus::Captured);
        }
    }
}

fn minor(money: Option<&florin_proto::common::v1::Money>) -> i64 {
    money_of(money).unwrap().minor()
}

fn zero(hold: &Hold) -> Option<florin_proto::common::v1::Money> {
    let currency = money_of(hold.amount.as_ref()).unwrap().currency();
    Some(wire_money(Money::new(0, currency)))
}

fn lower(hold: &mut Hold, by: i64) {
    let left = money_of(hold.remaining.as_ref()).unwrap();
    hold.remaining = Some(wire_money(Money::new(left.minor() - by, left.currency())));
}
