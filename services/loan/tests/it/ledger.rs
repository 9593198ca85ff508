//! A scripted `account` and `cif`: balances in memory, references for ever, and the ways in which
//! a ledger can fail.

mod days;
mod served;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use florin_kernel::{AccountId, CustomerId, TransactionId};
use florin_proto::{
    ErrorReason as _, KnownReason,
    account::v1::{
        Account, BatchGetAccountsRequest, BatchGetAccountsResponse, GetBusinessDateRequest,
        GetBusinessDateResponse, GlAccount, Holder, HolderRole, ListGlAccountsRequest,
        ListGlAccountsResponse, PostTransactionsRequest, PostTransactionsResponse,
        PostedTransaction, Reason, TransactionRequest, TransactionResult, VoidReferencesRequest,
        VoidReferencesResponse, VoidResult, Voided, leg, transaction_result::Outcome,
        void_result::Outcome as VoidOutcome,
    },
    cif::v1::{GetStandingsRequest, GetStandingsResponse, KycStatus, RiskRating, Standing},
    common::v1::{Direction, Reason as Common, Refusal},
    money_of,
};
use florin_rpc::Error;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

pub use self::served::{ServedAccount, ServedCif};

/// Permits of an open gate.
const OPEN: usize = 1_000_000;

/// An account of the script.
#[derive(Debug, Clone)]
pub struct Scripted {
    pub currency: String,
    pub owner: CustomerId,
    pub balance: i64,
    /// Why it takes nothing.
    pub refusal: Option<Reason>,
}

#[derive(Default)]
struct State {
    accounts: BTreeMap<AccountId, Scripted>,
    standings: BTreeMap<CustomerId, (KycStatus, RiskRating)>,
    posted: BTreeMap<String, (TransactionRequest, TransactionId)>,
    voids: BTreeMap<String, String>,
    business_date: String,
    /// Closed business dates with the one that was opened then, newest first.
    days: Vec<(String, String)>,
    /// When what is posted was booked.
    booked: BTreeMap<String, String>,
    /// It decides nothing.
    away: bool,
    /// It posts, and the answer never arrives.
    loses_answers: bool,
    voids_away: bool,
    /// It voids, and the answer never arrives.
    loses_voids: bool,
}

/// The ledger, and what the bank knows of its customers.
pub struct Ledger {
    state: Mutex<State>,
    calls: AtomicUsize,
    /// Closed, no call is worked on.
    pub before: Semaphore,
    /// Closed, no call that was worked on is answered.
    pub after: Semaphore,
    /// One permit for each call that has arrived.
    pub arrived: Semaphore,
    /// One permit for each call that was worked on.
    pub worked: Semaphore,
}

impl Ledger {
    pub fn new() -> Arc<Self> {
        let state = State { business_date: "2026-03-02".to_owned(), ..State::default() };
        Arc::new(Self {
            state: Mutex::new(state),
            calls: AtomicUsize::new(0),
            before: Semaphore::new(OPEN),
            after: Semaphore::new(OPEN),
            arrived: Semaphore::new(0),
            worked: Semaphore::new(0),
        })
    }

    pub fn close(gate: &Semaphore) {
        gate.forget_permits(OPEN);
    }

    pub fn open(gate: &Semaphore) {
        gate.add_permits(OPEN);
    }

    pub async fn wait_for(signal: &Semaphore) {
        signal.acquire().await.unwrap().forget();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn put(&self, id: AccountId, account: Scripted) {
        self.state().accounts.insert(id, account);
    }

    pub fn rate(&self, customer: CustomerId, kyc: KycStatus, risk: RiskRating) {
        self.state().standings.insert(customer, (kyc, risk));
    }

    pub fn refuse(&self, id: AccountId, reason: Option<Reason>) {
        self.state().accounts.get_mut(&id).unwrap().refusal = reason;
    }

    pub fn balance(&self, id: AccountId) -> i64 {
        self.state().accounts[&id].balance
    }

    pub fn set_business_date(&self, date: &str) {
        self.state().business_date = date.to_owned();
    }

    pub fn set_away(&self, away: bool) {
        self.state().away = away;
    }

    pub fn set_loses_answers(&self, loses: bool) {
        self.state().loses_answers = loses;
    }

    pub fn set_voids_away(&self, away: bool) {
        self.state().voids_away = away;
    }

    pub fn set_loses_voids(&self, loses: bool) {
        self.state().loses_voids = loses;
    }

    pub fn posted(&self) -> Vec<TransactionRequest> {
        self.state().posted.values().map(|(request, _)| request.clone()).collect()
    }

    pub fn voids(&self) -> Vec<(String, String)> {
        self.state().voids.clone().into_iter().collect()
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn batch_get_accounts(
        self: Arc<Self>,
        request: Request<BatchGetAccountsRequest>,
    ) -> Result<Response<BatchGetAccountsResponse>, Status> {
        assert!(request.metadata().get("authorization").is_none(), "the role asks for itself");
        let state = self.state();
        let found = request.get_ref().account_ids.iter().filter_map(|id| {
            let account = state.accounts.get(&id.parse().unwrap())?;
            let role = HolderRole::Owner.into();
            let owner = Holder { customer_id: account.owner.to_string(), role };
            Some(Account {
                account_id: id.clone(),
                currency: account.currency.clone(),
                holders: vec![owner],
                ..Account::default()
            })
        });
        Ok(Response::new(BatchGetAccountsResponse { accounts: found.collect() }))
    }

    async fn get_business_date(
        self: Arc<Self>,
        _: Request<GetBusinessDateRequest>,
    ) -> Result<Response<GetBusinessDateResponse>, Status> {
        let business_date = self.state().business_date.clone();
        Ok(Response::new(GetBusinessDateResponse { business_date, ..Default::default() }))
    }

    async fn list_gl_accounts(
        self: Arc<Self>,
        _: Request<ListGlAccountsRequest>,
    ) -> Result<Response<ListGlAccountsResponse>, Status> {
        let codes = ["1300", "1920", "1930", "2010", "4030", "4040", "4050", "4060", "5030"];
        let account = |code: &str| GlAccount {
            code: code.to_owned(),
            control: code == "2010",
            ..GlAccount::default()
        };
        let gl_accounts = codes.map(account).to_vec();
        Ok(Response::new(ListGlAccountsResponse { gl_accounts, ..Default::default() }))
    }

    async fn get_standings(
        self: Arc<Self>,
        request: Request<GetStandingsRequest>,
    ) -> Result<Response<GetStandingsResponse>, Status> {
        let state = self.state();
        let found = request.get_ref().customer_ids.iter().filter_map(|id| {
            let (kyc, risk) = state.standings.get(&id.parse().unwrap())?;
            Some(Standing {
                customer_id: id.clone(),
                kyc_status: (*kyc).into(),
                risk_rating: (*risk).into(),
            })
        });
        Ok(Response::new(GetStandingsResponse { standings: found.collect() }))
    }

    async fn post_transactions(
        self: Arc<Self>,
        request: Request<PostTransactionsRequest>,
    ) -> Result<Response<PostTransactionsResponse>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.arrived.add_permits(1);
        drop(self.before.acquire().await.unwrap());
        if self.state().away {
            return Err(unavailable());
        }
        let transactions = request.into_inner().transactions;
        let results = transactions.into_iter().map(|one| self.post(one)).collect();
        self.worked.add_permits(1);
        drop(self.after.acquire().await.unwrap());
        if self.state().loses_answers {
            return Err(unavailable());
        }
        Ok(Response::new(PostTransactionsResponse { results }))
    }

    fn post(&self, request: TransactionRequest) -> TransactionResult {
        let mut state = self.state();
        let reference = request.reference.clone();
        let refused = |reason: KnownReason, facts: &[(&str, &str)]| {
            let facts = facts.iter().map(|(key, fact)| ((*key).to_owned(), (*fact).to_owned()));
            Outcome::Refused(Refusal {
                reason: reason.name.to_owned(),
                domain: reason.domain.to_owned(),
                message: "scripted".into(),
                metadata: facts.collect(),
                ..Refusal::default()
            })
        };
        let outcome = match (state.voids.get(&reference), state.posted.get(&reference)) {
            (Some(cause), _) => refused(Reason::ReferenceVoided.known(), &[("cause", cause)]),
            (None, Some((first, id))) if *first == request => posted(*id, booked_on(first, &state)),
            (None, Some(_)) => refused(Common::ReferenceReused.known(), &[]),
            (None, None) => match state.decide(&request) {
                Ok(()) => {
                    let number = u64::try_from(state.posted.len()).unwrap() + 1;
                    let id = TransactionId::from_parts(number, [1; 10]);
                    let on = booked_on(&request, &state);
                    state.booked.insert(reference.clone(), on.clone());
                    state.posted.insert(reference.clone(), (request, id));
                    posted(id, on)
                }
                Err((id, reason)) => refused(reason.known(), &[("account_id", &id.to_string())]),
            },
        };
        TransactionResult { reference, outcome: Some(outcome) }
    }

    async fn void_references(
        self: Arc<Self>,
        request: Request<VoidReferencesRequest>,
    ) -> Result<Response<VoidReferencesResponse>, Status> {
        let mut state = self.state();
        if state.voids_away {
            return Err(unavailable());
        }
        let asked = request.into_inner().references;
        let results = asked.into_iter().map(|one| {
            let outcome = match state.posted.get(&one.reference) {
                Some((first, id)) => match posted(*id, booked_on(first, &state)) {
                    Outcome::Posted(posted) => VoidOutcome::Posted(posted),
                    Outcome::Refused(refusal) => VoidOutcome::Refused(refusal),
                },
                None => {
                    let cause = state.voids.entry(one.reference.clone()).or_insert(one.cause);
                    VoidOutcome::Voided(Voided { cause: cause.clone(), ..Voided::default() })
                }
            };
            VoidResult { reference: one.reference, outcome: Some(outcome) }
        });
        let results = results.collect();
        if state.loses_voids {
            return Err(unavailable());
        }
        Ok(Response::new(VoidReferencesResponse { results }))
    }
}

fn unavailable() -> Status {
    Error::new(Common::Unavailable, "scripted").into()
}

/// The date on which it was booked: the one that is asked for, or the open one.
fn booked_on(request: &TransactionRequest, state: &State) -> String {
    if let Some(on) = state.booked.get(&request.reference) {
        return on.clone();
    }
    if request.booking_date.is_empty() {
        return state.business_date.clone();
    }
    request.booking_date.clone()
}

fn posted(id: TransactionId, booking_date: String) -> Outcome {
    Outcome::Posted(PostedTransaction {
        transaction_id: id.to_string(),
        booking_date,
        ..PostedTransaction::default()
    })
}

impl State {
    fn decide(&mut self, request: &TransactionRequest) -> Result<(), (AccountId, Reason)> {
        let mut changes: BTreeMap<AccountId, i64> = BTreeMap::new();
        let mut sum = 0;
        for one in &request.legs {
            let amount = money_of(one.amount.as_ref()).unwrap();
            assert!(amount.minor() > 0, "a leg is positive");
            let change = match one.direction() {
                Direction::Debit => -amount.minor(),
                Direction::Credit => amount.minor(),
                Direction::Unspecified => panic!("a leg without side"),
            };
            sum += change;
            if let Some(leg::Target::AccountId(id)) = &one.target {
                *changes.entry(id.parse().unwrap()).or_default() += change;
            }
        }
        assert_eq!(sum, 0, "legs sum to zero");
        for id in changes.keys() {
            match self.accounts.get(id) {
                None => return Err((*id, Reason::AccountNotFound)),
                Some(Scripted { refusal: Some(reason), .. }) => return Err((*id, *reason)),
                Some(_) => {}
            }
        }
        for (id, change) in &changes {
            if self.accounts[id].balance + change < 0 && *change < 0 {
                return Err((*id, Reason::InsufficientFunds));
            }
        }
        for (id, change) in changes {
            self.accounts.get_mut(&id).unwrap().balance += change;
        }
        Ok(())
    }
}
