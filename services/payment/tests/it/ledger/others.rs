//! What else the scripted ledger does: the business date, reversals, voids.

use std::sync::Arc;

use florin_proto::{
    account::v1::{
        GetBusinessDateRequest, GetBusinessDateResponse, Leg, Reason, ReferenceToVoid,
        ReverseTransactionRequest, ReverseTransactionResponse, TransactionRequest,
        VoidReferencesRequest, VoidReferencesResponse, VoidResult, Voided,
        transaction_result::Outcome, void_result::Outcome as VoidOutcome,
    },
    common::v1::{Direction, Reason as Common},
};
use florin_rpc::Error;
use tonic::{Request, Response, Status};

use super::{Ledger, posted};

impl Ledger {
    /// Moves the business date, YYYY-MM-DD.
    pub fn set_business_date(&self, date: &str) {
        self.state().business_date = date.to_owned();
    }

    pub(super) async fn get_business_date(
        self: Arc<Self>,
        _: Request<GetBusinessDateRequest>,
    ) -> Result<Response<GetBusinessDateResponse>, Status> {
        let business_date = match self.state().business_date.as_str() {
            "" => "2026-11-21".to_owned(),
            date => date.to_owned(),
        };
        Ok(Response::new(GetBusinessDateResponse { business_date }))
    }

    /// The posting of the legs the other way round; once for an original.
    pub(super) async fn reverse_transaction(
        self: Arc<Self>,
        request: Request<ReverseTransactionRequest>,
    ) -> Result<Response<ReverseTransactionResponse>, Status> {
        let key = request.metadata().get("idempotency-key").unwrap().to_str().unwrap().to_owned();
        let request = request.into_inner();
        assert_eq!(key.trim_matches('"'), request.reference);
        let original = self.state().posted.values().find_map(|(posted, id)| {
            (id.to_string() == request.transaction_id).then(|| posted.clone())
        });
        let Some(original) = original else {
            return Err(Error::new(Reason::TransactionNotFound, "scripted").into());
        };
        let kind = format!("reverses {}", request.transaction_id);
        let mut others = self.posted().into_iter();
        if others.any(|one| one.kind == kind && one.reference != request.reference) {
            return Err(Error::new(Reason::AlreadyReversed, "scripted").into());
        }
        let legs = original.legs.into_iter().map(|leg| {
            let direction = match leg.direction() {
                Direction::Debit => Direction::Credit,
                Direction::Credit | Direction::Unspecified => Direction::Debit,
            };
            Leg { direction: direction.into(), ..leg }
        });
        let posting = TransactionRequest {
            reference: request.reference,
            kind,
            legs: legs.collect(),
            description: request.description,
            ..TransactionRequest::default()
        };
        let outcome = self.post(posting).outcome.unwrap();
        if self.state().loses_answers {
            return Err(Error::new(Common::Unavailable, "scripted").into());
        }
        match outcome {
            Outcome::Posted(posted) => {
                Ok(Response::new(ReverseTransactionResponse { reversal: Some(posted) }))
            }
            Outcome::Refused(refusal) => {
                let error = if refusal.reason == "REFERENCE_VOIDED" {
                    Error::new(Reason::ReferenceVoided, "scripted")
                        .with("cause", refusal.metadata["cause"].clone())
                } else {
                    assert_eq!(refusal.reason, "INSUFFICIENT_FUNDS");
                    Error::new(Reason::InsufficientFunds, "scripted")
                };
                Err(error.into())
            }
        }
    }

    pub(super) async fn void_references(
        self: Arc<Self>,
        request: Request<VoidReferencesRequest>,
    ) -> Result<Response<VoidReferencesResponse>, Status> {
        let unavailable = || Error::new(Common::Unavailable, "scripted");
        if self.state().voids_away {
            return Err(unavailable().into());
        }
        let overtaken = self.state().overtaken.take();
        if let Some((account, funds)) = overtaken {
            self.state().accounts.get_mut(&account).unwrap().balance += funds;
            self.state().funds += funds;
            let again = self.state().refused.clone().unwrap();
            self.post(again);
        }
        let results = request.into_inner().references.into_iter().map(|one| self.void(one));
        let results = results.collect();
        if self.state().loses_voids {
            return Err(unavailable().into());
        }
        Ok(Response::new(VoidReferencesResponse { results }))
    }

    fn void(&self, ReferenceToVoid { reference, cause }: ReferenceToVoid) -> VoidResult {
        let mut state = self.state();
        let outcome = match state.posted.get(&reference) {
            Some((_, id)) => VoidOutcome::Posted(posted(*id, true)),
            None => {
                let replayed = state.voids.contains_key(&reference);
                let cause = state.voids.entry(reference.clone()).or_insert(cause).clone();
                VoidOutcome::Voided(Voided { cause, replayed })
            }
        };
        VoidResult { reference, outcome: Some(outcome) }
    }
}
