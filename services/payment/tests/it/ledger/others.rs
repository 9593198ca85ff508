//! What else the scripted ledger does: the business date, reversals, voids.

use std::sync::Arc;

use florin_proto::{
    ErrorReason as _,
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

use super::{Ledger, posted, refusal};

fn kind_of_reversal(transaction: &str) -> String {
    format!("reverses {transaction}")
}

fn backwards(
    original: TransactionRequest,
    transaction: &str,
    reference: &str,
    description: &str,
) -> TransactionRequest {
    let legs = original.legs.into_iter().map(|leg| {
        let direction = match leg.direction() {
            Direction::Debit => Direction::Credit,
            Direction::Credit | Direction::Unspecified => Direction::Debit,
        };
        Leg { direction: direction.into(), ..leg }
    });
    TransactionRequest {
        reference: reference.into(),
        kind: kind_of_reversal(transaction),
        legs: legs.collect(),
        description: description.into(),
        ..TransactionRequest::default()
    }
}

impl Ledger {
    /// Moves the business date, YYYY-MM-DD.
    pub fn set_business_date(&self, date: &str) {
        self.state().business_date = date.to_owned();
    }

    /// It fails at voids, as by a defect.
    pub fn set_fails_voids(&self, fails: bool) {
        self.state().fails_voids = fails;
    }

    /// The next reference is void for this just before it is to be voided.
    pub fn set_voided_first(&self, cause: &str) {
        self.state().voided_first = Some(cause.to_owned());
    }

    /// A reference is void.
    pub fn put_void(&self, reference: &str, cause: &str) {
        self.state().voids.insert(reference.to_owned(), cause.to_owned());
    }

    /// A ledger of before voids.
    pub fn forget_voids(&self) {
        self.state().voids.clear();
    }

    pub(super) async fn get_business_date(
        self: Arc<Self>,
        _: Request<GetBusinessDateRequest>,
    ) -> Result<Response<GetBusinessDateResponse>, Status> {
        let business_date = match self.state().business_date.as_str() {
            "" => "2026-11-21".to_owned(),
            date => date.to_owned(),
        };
        Ok(Response::new(GetBusinessDateResponse { business_date, ..Default::default() }))
    }

    /// An officer has reversed the transaction in the ledger itself.
    pub fn reversed_by_another(&self, transaction: &str) {
        let original = self.original(transaction).unwrap();
        self.post(backwards(original, transaction, "by hand", ""));
    }

    fn original(&self, transaction: &str) -> Option<TransactionRequest> {
        let state = self.state();
        let found = state.posted.values().find(|(_, id)| id.to_string() == transaction);
        found.map(|(posted, _)| posted.clone())
    }

    /// The posting of the legs the other way round; once for an original.
    pub(super) async fn reverse_transaction(
        self: Arc<Self>,
        request: Request<ReverseTransactionRequest>,
    ) -> Result<Response<ReverseTransactionResponse>, Status> {
        let key = request.metadata().get("idempotency-key").unwrap().to_str().unwrap().to_owned();
        let request = request.into_inner();
        assert_eq!(key.trim_matches('"'), request.reference);
        let Some(original) = self.original(&request.transaction_id) else {
            return Err(Error::new(Reason::TransactionNotFound, "scripted").into());
        };
        let kind = kind_of_reversal(&request.transaction_id);
        let mut others = self.posted().into_iter();
        if others.any(|one| one.kind == kind && one.reference != request.reference) {
            return Err(Error::new(Reason::AlreadyReversed, "scripted").into());
        }
        let ReverseTransactionRequest { transaction_id, reference, description, .. } = request;
        let posting = backwards(original, &transaction_id, &reference, &description);
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
        self.voiding.add_permits(1);
        Self::wait_and_return(&self.before_voids).await;
        let unavailable = || Error::new(Common::Unavailable, "scripted");
        if self.state().voids_away {
            return Err(unavailable().into());
        }
        if self.state().fails_voids {
            return Err(Error::internal("scripted").into());
        }
        let voided_first = self.state().voided_first.take();
        if let (Some(cause), Some(one)) = (voided_first, request.get_ref().references.first()) {
            self.put_void(&one.reference, &cause);
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
        if state.holds.contains_key(&reference) {
            let reused =
                refusal(Common::ReferenceReused.known(), [("reference".into(), "".into())]);
            return VoidResult { reference, outcome: Some(VoidOutcome::Refused(reused)) };
        }
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
