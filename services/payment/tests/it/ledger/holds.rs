//! What the scripted ledger sets aside.

use std::sync::Arc;

use florin_kernel::AccountId;
use florin_proto::{
    account::v1::{
        Hold, HoldStatus, PlaceHoldRequest, PlaceHoldResponse, Reason, ReleaseHoldRequest,
        ReleaseHoldResponse,
    },
    common::v1::Reason as Common,
    money_of,
};
use florin_rpc::Error;
use tonic::{Request, Response, Status};

use super::{Ledger, State};

impl Ledger {
    /// A ledger of before the captures: it posts the debit and takes nothing of a hold.
    pub fn set_ignores_captures(&self, ignores: bool) {
        self.state().ignores_captures = ignores;
    }

    /// What is set aside on an account.
    pub fn held(&self, id: AccountId) -> i64 {
        self.state().held(&id, &[])
    }

    pub(super) async fn place_hold(
        self: Arc<Self>,
        request: Request<PlaceHoldRequest>,
    ) -> Result<Response<PlaceHoldResponse>, Status> {
        let request = request.into_inner();
        let mut state = self.state();
        if state.away {
            return Err(Error::new(Common::Unavailable, "scripted").into());
        }
        if let Some(hold) = state.holds.get(&request.reference).cloned() {
            state.answered()?;
            return Ok(Response::new(PlaceHoldResponse { hold: Some(hold), replayed: true }));
        }
        if let Some(cause) = state.voids.get(&request.reference) {
            let error = Error::new(Reason::ReferenceVoided, "scripted");
            return Err(error.with("cause", cause.clone()).into());
        }
        let id: AccountId = request.account_id.parse().unwrap();
        let amount = money_of(request.amount.as_ref()).unwrap().minor();
        if state.accounts[&id].balance - state.held(&id, &[]) < amount {
            return Err(Error::new(Reason::InsufficientFunds, "scripted").into());
        }
        let hold = Hold {
            account_id: request.account_id,
            amount: request.amount,
            status: HoldStatus::Open.into(),
            reference: request.reference.clone(),
            ..Hold::default()
        };
        state.holds.insert(request.reference, hold.clone());
        state.answered()?;
        Ok(Response::new(PlaceHoldResponse { hold: Some(hold), replayed: false }))
    }

    pub(super) async fn release_hold(
        self: Arc<Self>,
        request: Request<ReleaseHoldRequest>,
    ) -> Result<Response<ReleaseHoldResponse>, Status> {
        let request = request.into_inner();
        let mut state = self.state();
        if state.away {
            return Err(Error::new(Common::Unavailable, "scripted").into());
        }
        let hold = state.holds.get_mut(&request.hold_reference).unwrap();
        if hold.status() == HoldStatus::Captured {
            return Err(Error::new(Reason::HoldNotOpen, "scripted").into());
        }
        let replayed = hold.status() == HoldStatus::Released;
        hold.set_status(HoldStatus::Released);
        let hold = Some(hold.clone());
        state.answered()?;
        Ok(Response::new(ReleaseHoldResponse { hold, replayed }))
    }
}

impl State {
    /// What was done is answered, unless answers are lost.
    fn answered(&self) -> Result<(), Status> {
        if self.loses_answers {
            return Err(Error::new(Common::Unavailable, "scripted").into());
        }
        Ok(())
    }

    /// What is set aside on an account, but for these holds.
    pub(super) fn held(&self, id: &AccountId, but: &[&str]) -> i64 {
        let open = self.holds.values().filter(|hold| {
            hold.status() == HoldStatus::Open
                && hold.account_id == id.to_string()
                && !but.contains(&hold.reference.as_str())
        });
        open.map(|hold| money_of(hold.amount.as_ref()).unwrap().minor()).sum()
    }
}
