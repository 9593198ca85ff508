//! What else the scripted ledger does: the business date, reversals, voids.

use std::sync::Arc;

use florin_events::position;
use florin_kernel::{AccountId, EventId, Money, TransactionId};
use florin_proto::{
    ErrorReason as _,
    account::v1::{
        FeeEvent, GetBusinessDateRequest, GetBusinessDateResponse, GlEntry, Leg,
        ListGlEntriesRequest, ListGlEntriesResponse, ListHolidaysRequest, ListHolidaysResponse,
        PostedTransaction, QuoteFeeRequest, QuoteFeeResponse, Reason, ReferenceToVoid,
        ReverseTransactionRequest, ReverseTransactionResponse, TransactionRequest,
        VoidReferencesRequest, VoidReferencesResponse, VoidResult, Voided, leg,
        transaction_result::Outcome, void_result::Outcome as VoidOutcome,
    },
    common::v1::{Direction, Reason as Common},
    wire_money,
};
use florin_rpc::Error;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::{Ledger, State, refusal};

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

/// Fees that are quoted and not told yet.
pub struct Quoting {
    /// One permit for each that was quoted.
    pub quoted: Semaphore,
    /// One permit for each that may be told.
    pub told: Semaphore,
}

impl Ledger {
    /// What an event costs on an account from now on, minor units; zero for a schedule that asks
    /// for nothing.
    pub fn set_fee(&self, account: AccountId, event: FeeEvent, minor: i64) {
        self.state().fees.insert((account, event), minor);
    }

    /// From now on a quoted fee is told when the test lets it be.
    pub fn hold_quotes(&self) -> Arc<Quoting> {
        let quoting = Arc::new(Quoting { quoted: Semaphore::new(0), told: Semaphore::new(0) });
        self.state().quoting = Some(Arc::clone(&quoting));
        quoting
    }

    /// How often somebody asked for a fee.
    pub fn quotes(&self) -> usize {
        self.state().quotes
    }

    pub(super) async fn quote_fee(
        self: Arc<Self>,
        request: Request<QuoteFeeRequest>,
    ) -> Result<Response<QuoteFeeResponse>, Status> {
        let request = request.into_inner();
        let (currency, minor, quoting) = {
            let mut state = self.state();
            if state.reads_fail {
                return Err(Error::new(Common::Unavailable, "fees cannot be read").into());
            }
            state.quotes += 1;
            let of = (request.account_id.parse().unwrap(), request.event());
            let currency = request.amount.unwrap().currency.parse().unwrap();
            (currency, state.fees.get(&of).copied().unwrap_or(0), state.quoting.clone())
        };
        if let Some(quoting) = quoting {
            quoting.quoted.add_permits(1);
            quoting.told.acquire().await.unwrap().forget();
        }
        Ok(Response::new(QuoteFeeResponse {
            fee: Some(wire_money(Money::new(minor, currency))),
            gl_code: "4010".into(),
            schedule_from: "2026-11-21".into(),
        }))
    }

    /// Debits less credits of a GL account, in minor units.
    pub fn gl(&self, code: &str) -> i64 {
        let of = |leg: &Leg| {
            let amount = florin_proto::money_of(leg.amount.as_ref()).unwrap().minor();
            match leg.direction() {
                Direction::Debit => amount,
                Direction::Credit | Direction::Unspecified => -amount,
            }
        };
        let is = |leg: &&Leg| leg.target == Some(leg::Target::GlCode(code.to_owned()));
        self.posted().iter().flat_map(|one| one.legs.iter().filter(is).map(of)).sum()
    }

    /// Somebody books on a GL account by hand: positive for a debit.
    pub fn book_by_hand(&self, reference: &str, code: &str, minor: i64) {
        let amount = florin_kernel::Money::new(minor.abs(), "EUR".parse().unwrap());
        let side = if minor > 0 { Direction::Debit } else { Direction::Credit };
        let leg = Leg {
            target: Some(leg::Target::GlCode(code.to_owned())),
            direction: side.into(),
            amount: Some(florin_proto::wire_money(amount)),
            ..Leg::default()
        };
        let request = TransactionRequest {
            reference: reference.to_owned(),
            legs: vec![leg],
            ..TransactionRequest::default()
        };
        let id = TransactionId::from_parts(2, [9; 10]);
        let mut state = self.state();
        state.by_hand.push(reference.to_owned());
        state.posted.insert(reference.to_owned(), (request, id));
    }

    /// What was booked by hand is as if this role had.
    pub fn is_payments(&self, reference: &str) {
        self.state().by_hand.retain(|one| one != reference);
    }

    /// It has lost what stood under a reference.
    pub fn forget(&self, reference: &str) {
        self.state().posted.remove(reference);
    }

    pub(super) async fn list_gl_entries(
        self: Arc<Self>,
        request: Request<ListGlEntriesRequest>,
    ) -> Result<Response<ListGlEntriesResponse>, Status> {
        let request = request.into_inner();
        let state = self.state();
        if state.reads_fail {
            return Err(Error::new(Common::Unavailable, "scripted").into());
        }
        let mut entries = Vec::new();
        for (posted, id) in state.posted.values() {
            for leg in &posted.legs {
                if leg.target != Some(leg::Target::GlCode(request.code.clone())) {
                    continue;
                }
                if leg.amount.as_ref().map(|amount| &amount.currency) != Some(&request.currency) {
                    continue;
                }
                let by_hand = state.by_hand.contains(&posted.reference);
                entries.push(GlEntry {
                    transaction_id: id.to_string(),
                    caller: if by_hand { "client".into() } else { "payment".into() },
                    reference: posted.reference.clone(),
                    kind: posted.kind.clone(),
                    direction: leg.direction,
                    amount: leg.amount.clone(),
                    booking_date: "2026-11-21".into(),
                    recorded_at: Some(florin_proto::timestamp(florin_runtime::clock::now())),
                });
            }
        }
        let nothing = florin_kernel::Money::new(0, request.currency.parse().unwrap());
        Ok(Response::new(ListGlEntriesResponse {
            entries,
            brought_forward: Some(florin_proto::wire_money(nothing)),
            next_page_token: String::new(),
        }))
    }

    /// A calendar of weekends alone.
    pub(super) async fn list_holidays(
        self: Arc<Self>,
        _: Request<ListHolidaysRequest>,
    ) -> Result<Response<ListHolidaysResponse>, Status> {
        Ok(Response::new(ListHolidaysResponse { weekend: vec![6, 7], ..Default::default() }))
    }

    /// Moves the business date, YYYY-MM-DD.
    pub fn set_business_date(&self, date: &str) {
        self.state().business_date = date.to_owned();
    }

    /// What the calendar has next, YYYY-MM-DD.
    pub fn set_next_business_date(&self, date: &str) {
        self.state().next_business_date = date.to_owned();
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
        let next_business_date = self.state().next_business_date.clone();
        let closed_through = String::new();
        let answer = GetBusinessDateResponse { business_date, closed_through, next_business_date };
        Ok(Response::new(answer))
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
            let reused = Common::ReferenceReused.known();
            let refused = refusal(reused, [("reference".to_owned(), reference.clone())]);
            return VoidResult { reference, outcome: Some(VoidOutcome::Refused(refused)) };
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

impl State {
    /// What has a schedule on an account.
    pub(super) fn fee_events(&self, account: &AccountId) -> Vec<i32> {
        let of = self.fees.keys().filter(|(of, _)| of == account);
        of.map(|(_, event)| i32::from(*event)).collect()
    }
}

pub(super) fn posted(id: TransactionId, replayed: bool) -> PostedTransaction {
    PostedTransaction {
        transaction_id: id.to_string(),
        replayed,
        position: position::encode(&[EventId::from_parts(7, [7; 10])]),
        booking_date: "2026-11-21".into(),
        ..PostedTransaction::default()
    }
}
