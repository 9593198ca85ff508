//! A scripted `account`: balances in memory, references for ever, and the ways in which a
//! ledger can fail.

mod chart;
mod holds;
mod others;
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
        Account, BatchGetAccountsRequest, BatchGetAccountsResponse, Capture, FeeEvent, Hold,
        Holder, HolderRole, PlaceHoldRequest, PostTransactionsRequest, PostTransactionsResponse,
        PostedTransaction, Reason, ReleaseHoldRequest, ResolveIbanRequest, ResolveIbanResponse,
        TransactionRequest, TransactionResult, leg, transaction_result::Outcome,
    },
    common::v1::{Direction, Reason as Common, Refusal},
    money_of,
};
use florin_rpc::Error;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use self::holds::Holding;
pub use self::served::Served;

/// Permits of an open gate.
const OPEN: usize = 1_000_000;

/// An account of the script.
#[derive(Debug, Clone)]
pub struct Scripted {
    pub iban: String,
    pub currency: String,
    pub holders: Vec<(CustomerId, HolderRole)>,
    pub balance: i64,
    pub frozen: bool,
}

#[derive(Default)]
struct State {
    accounts: BTreeMap<AccountId, Scripted>,
    posted: BTreeMap<String, (TransactionRequest, TransactionId)>,
    /// What came into the accounts from outside.
    funds: i64,
    /// Voided references with their causes.
    voids: BTreeMap<String, String>,
    /// What was refused last.
    refused: Option<TransactionRequest>,
    /// Money that comes, and with it the refused posting again, just before a void.
    overtaken: Option<(AccountId, i64)>,
    /// References that somebody has booked under by hand.
    by_hand: Vec<String>,
    /// Accounts that are closed.
    closed: Vec<AccountId>,
    holds: BTreeMap<String, Hold>,
    /// What was asked for with them.
    placings: BTreeMap<String, PlaceHoldRequest>,
    releases: BTreeMap<String, ReleaseHoldRequest>,
    holds_away: bool,
    loses_holds: bool,
    ignores_captures: bool,
    /// What an event costs on an account, minor units, and how often it was asked for.
    fees: BTreeMap<(AccountId, FeeEvent), i64>,
    quotes: usize,
    quoting: Option<Arc<others::Quoting>>,
    lacks_gl: bool,
    voids_away: bool,
    fails_voids: bool,
    /// For what the next reference is voided just before its void.
    voided_first: Option<String>,
    loses_voids: bool,
    business_date: String,
    next_business_date: String,
    away: bool,
    loses_answers: bool,
    reads_fail: bool,
}

/// The ledger.
pub struct Ledger {
    state: Mutex<State>,
    calls: AtomicUsize,
    /// Of the calls about holds.
    pub holding: Holding,
    /// Closed, no call is worked on.
    pub before: Semaphore,
    /// Closed, no call that was worked on is answered.
    pub after: Semaphore,
    /// Closed, no reference is voided.
    pub before_voids: Semaphore,
    /// One permit for each call that asks for the chart.
    pub asked_for_chart: Semaphore,
    /// One permit for each call that voids.
    pub voiding: Semaphore,
    /// One permit for each call that has arrived.
    pub arrived: Semaphore,
    /// One permit for each call that was worked on.
    pub worked: Semaphore,
}

impl Ledger {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            calls: AtomicUsize::new(0),
            holding: Holding::default(),
            before: Semaphore::new(OPEN),
            after: Semaphore::new(OPEN),
            before_voids: Semaphore::new(OPEN),
            asked_for_chart: Semaphore::new(0),
            voiding: Semaphore::new(0),
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
        let mut state = self.state();
        state.funds += account.balance;
        if let Some(before) = state.accounts.insert(id, account) {
            state.funds -= before.balance;
        }
    }

    pub fn freeze(&self, id: AccountId) {
        self.state().accounts.get_mut(&id).unwrap().frozen = true;
    }

    pub fn close_account(&self, id: AccountId) {
        self.state().closed.push(id);
    }

    /// Takes all but so much out of an account.
    pub fn set_balance(&self, id: AccountId, balance: i64) {
        self.state().accounts.get_mut(&id).unwrap().balance = balance;
    }

    pub fn set_away(&self, away: bool) {
        self.state().away = away;
    }

    /// It posts, and the answer never arrives.
    pub fn set_loses_answers(&self, loses: bool) {
        self.state().loses_answers = loses;
    }

    /// It cannot void.
    pub fn set_voids_away(&self, away: bool) {
        self.state().voids_away = away;
    }

    /// It voids, and the answer never arrives.
    pub fn set_loses_voids(&self, loses: bool) {
        self.state().loses_voids = loses;
    }

    /// An earlier call posts what was refused, just before it is voided.
    pub fn set_overtaken(&self, account: AccountId, funds: i64) {
        self.state().overtaken = Some((account, funds));
    }

    /// A posting of the same content arrives once more: its reason where it is refused.
    pub fn arrives_late(&self, reference: &str) -> Option<String> {
        let last = self.state().refused.clone().filter(|last| last.reference == reference);
        match self.post(last.unwrap()).outcome.unwrap() {
            Outcome::Posted(_) => None,
            Outcome::Refused(refusal) => Some(refusal.reason),
        }
    }

    pub fn voids(&self) -> Vec<(String, String)> {
        self.state().voids.clone().into_iter().collect()
    }

    /// Accounts cannot be read.
    pub fn set_reads_fail(&self, fail: bool) {
        self.state().reads_fail = fail;
    }

    /// Somebody else's work under a reference.
    pub fn occupy(&self, reference: &str) {
        let request = TransactionRequest { reference: reference.to_owned(), ..Default::default() };
        let id = TransactionId::from_parts(1, [9; 10]);
        self.state().posted.insert(reference.to_owned(), (request, id));
    }

    /// What came into the accounts from outside: what has to be in them together.
    pub fn funds(&self) -> i64 {
        self.state().funds
    }

    pub fn balance(&self, id: AccountId) -> i64 {
        self.state().accounts[&id].balance
    }

    pub fn posted(&self) -> Vec<TransactionRequest> {
        self.state().posted.values().map(|(request, _)| request.clone()).collect()
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
        if state.reads_fail {
            return Err(Error::new(Common::Unavailable, "accounts cannot be read").into());
        }
        let found = request.get_ref().account_ids.iter().filter_map(|id| {
            let account = state.accounts.get(&id.parse().unwrap())?;
            let holders = account.holders.iter().map(|(customer, role)| Holder {
                customer_id: customer.to_string(),
                role: (*role).into(),
            });
            Some(Account {
                account_id: id.clone(),
                iban: account.iban.clone(),
                currency: account.currency.clone(),
                holders: holders.collect(),
                fee_events: state.fee_events(&id.parse().unwrap()),
                ..Account::default()
            })
        });
        Ok(Response::new(BatchGetAccountsResponse { accounts: found.collect() }))
    }

    async fn resolve_iban(
        self: Arc<Self>,
        request: Request<ResolveIbanRequest>,
    ) -> Result<Response<ResolveIbanResponse>, Status> {
        assert!(request.metadata().get("authorization").is_none(), "the role asks for itself");
        let state = self.state();
        if state.reads_fail {
            return Err(Error::new(Common::Unavailable, "IBANs cannot be looked up").into());
        }
        let iban = &request.get_ref().iban;
        let found = state.accounts.iter().find(|(_, account)| &account.iban == iban);
        let Some((id, account)) = found else {
            return Err(Error::new(Reason::AccountNotFound, "no such IBAN").into());
        };
        let (account_id, currency) = (id.to_string(), account.currency.clone());
        Ok(Response::new(ResolveIbanResponse { account_id, currency }))
    }

    async fn post_transactions(
        self: Arc<Self>,
        request: Request<PostTransactionsRequest>,
    ) -> Result<Response<PostTransactionsResponse>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.arrived.add_permits(1);
        Self::wait_and_return(&self.before).await;
        let unavailable = || Error::new(Common::Unavailable, "scripted");
        if self.state().away {
            return Err(unavailable().into());
        }
        let transactions = request.into_inner().transactions;
        if transactions.iter().any(|one| one.description == "poison") {
            return Err(Error::new(Common::InvalidRequest, "scripted").into());
        }
        let results = transactions.into_iter().map(|one| self.post(one)).collect();
        self.worked.add_permits(1);
        Self::wait_and_return(&self.after).await;
        if self.state().loses_answers {
            return Err(unavailable().into());
        }
        Ok(Response::new(PostTransactionsResponse { results }))
    }

    async fn wait_and_return(gate: &Semaphore) {
        drop(gate.acquire().await.unwrap());
    }

    fn post(&self, mut request: TransactionRequest) -> TransactionResult {
        let mut state = self.state();
        if state.ignores_captures {
            request.captures.clear();
        }
        let reference = request.reference.clone();
        if let Some(cause) = state.voids.get(&reference).cloned() {
            let refusal = refusal(Reason::ReferenceVoided.known(), [("cause".to_owned(), cause)]);
            return TransactionResult { reference, outcome: Some(Outcome::Refused(refusal)) };
        }
        let kept = request.clone();
        let captures = kept.captures.clone();
        // No part of what the reference stands for.
        let owed = std::mem::take(&mut request.owed);
        let outcome = match state.posted.get(&reference) {
            Some((first, id)) if *first == request => Ok((*id, true)),
            Some(_) => Err(Common::ReferenceReused.known()),
            None => state.decide(&request, owed).map(|()| {
                let number = u64::try_from(state.posted.len()).unwrap() + 1;
                let id = TransactionId::from_parts(number, [1; 10]);
                state.posted.insert(reference.clone(), (request, id));
                (id, false)
            }),
        };
        let outcome = match outcome {
            Ok((id, replayed)) => {
                let of = |one: &Capture| state.holds[&one.hold_reference].clone();
                let captured_holds = captures.iter().map(of).collect();
                Outcome::Posted(PostedTransaction {
                    captured_holds,
                    ..others::posted(id, replayed)
                })
            }
            Err(reason) => {
                state.refused = Some(kept);
                Outcome::Refused(refusal(reason, [("scripted".to_owned(), "yes".to_owned())]))
            }
        };
        TransactionResult { reference, outcome: Some(outcome) }
    }
}

fn refusal(reason: KnownReason, facts: [(String, String); 1]) -> Refusal {
    Refusal {
        reason: reason.name.to_owned(),
        domain: reason.domain.to_owned(),
        message: "scripted".into(),
        metadata: facts.into(),
        ..Refusal::default()
    }
}

impl State {
    fn decide(&mut self, request: &TransactionRequest, owed: bool) -> Result<(), KnownReason> {
        let mut changes: BTreeMap<AccountId, i64> = BTreeMap::new();
        let mut sum = 0;
        for one in &request.legs {
            let amount = money_of(one.amount.as_ref()).unwrap();
            let change = match one.direction() {
                Direction::Credit => amount.minor(),
                Direction::Debit | Direction::Unspecified => -amount.minor(),
            };
            sum += change;
            if self.lacks_gl && matches!(&one.target, Some(leg::Target::GlCode(_))) {
                return Err(Reason::GlAccountNotFound.known());
            }
            let Some(leg::Target::AccountId(id)) = &one.target else { continue };
            let id: AccountId = id.parse().unwrap();
            let account = self.accounts.get(&id).ok_or_else(|| Reason::AccountNotFound.known())?;
            let captured = self.may_capture(&request.captures, &id)?;
            if self.closed.contains(&id) && !owed {
                return Err(Reason::AccountClosed.known());
            }
            if account.frozen && !owed && (change > 0 || captured + change < 0) {
                return Err(Reason::AccountFrozen.known());
            }
            if account.currency != amount.currency().code() {
                return Err(Common::CurrencyMismatch.known());
            }
            *changes.entry(id).or_default() += change;
        }
        for (id, change) in &changes {
            let captured = self.may_capture(&request.captures, id)?;
            if *change < 0 && !owed && self.accounts[id].balance + change < self.held(id) - captured
            {
                return Err(Reason::InsufficientFunds.known());
            }
        }
        assert_eq!(sum, 0, "the legs sum to zero");
        for (id, change) in changes {
            self.accounts.get_mut(&id).unwrap().balance += change;
        }
        for one in &request.captures {
            self.capture(one);
        }
        Ok(())
    }
}
