//! Gathers what is asked at the same time into calls of many. There is no timer: what comes
//! alone is asked at once, and what comes while calls are under way goes with the next.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use florin_kernel::{AccountId, Role};
use florin_proto::account::v1::{
    Account, BatchGetAccountsRequest, account_service_client::AccountServiceClient,
};
use florin_rpc::{CallContext, Dependency, Error, Retry, worker_context};
use tokio::sync::oneshot;
use tracing::Instrument as _;

const BATCH_GET_ACCOUNTS: &str = "/florin.account.v1.AccountService/BatchGetAccounts";
/// Calls at the same time.
const MOST_CALLS: usize = 2;
/// Accounts of a call; the contract allows 500.
const MOST_ACCOUNTS: usize = 200;

type Answer = Result<Option<Account>, Error>;
type Asker = oneshot::Sender<Answer>;

/// What is asked of `account` in this role's name. Clones share the calls.
#[derive(Clone)]
pub(in crate::app) struct Accounts {
    account: Dependency,
    asked: Arc<Mutex<Asked>>,
}

#[derive(Default)]
struct Asked {
    waiting: VecDeque<(AccountId, Asker)>,
    /// Calls under way.
    calls: usize,
}

impl Accounts {
    pub fn new(account: Dependency) -> Self {
        Self { account, asked: Arc::default() }
    }

    /// The account; None where there is none.
    pub async fn get(&self, ctx: &CallContext, id: AccountId) -> Answer {
        let (sender, answer) = oneshot::channel();
        let begin = {
            let mut asked = self.lock();
            asked.waiting.push_back((id, sender));
            let begin = asked.calls < MOST_CALLS;
            asked.calls += usize::from(begin);
            begin
        };
        if begin {
            // Others wait for its answer too, so it does not end with this caller.
            let calls = Calls { accounts: self.clone(), ended: false };
            tokio::spawn(calls.run().in_current_span());
        }
        let lost = |_| Err(Error::internal("the call that asked for an account has panicked"));
        self.account.wait(ctx, answer).await?.unwrap_or_else(lost)
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call(&self, ids: &[AccountId]) -> Result<HashMap<String, Account>, Error> {
        let request =
            BatchGetAccountsRequest { account_ids: ids.iter().map(ToString::to_string).collect() };
        let ctx = worker_context(Role::Payment);
        let answer = self
            .account
            .call(&ctx, BATCH_GET_ACCOUNTS, Retry::Read, request, |channel, request| async {
                AccountServiceClient::new(channel).batch_get_accounts(request).await
            })
            .await?;
        Ok(answer.accounts.into_iter().map(|one| (one.account_id.clone(), one)).collect())
    }
}

/// One call after the other, as long as somebody waits.
struct Calls {
    accounts: Accounts,
    ended: bool,
}

impl Calls {
    async fn run(mut self) {
        while let Some(batch) = self.next() {
            let (wanted, askers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            let mut ids = wanted.clone();
            ids.sort_unstable();
            ids.dedup();
            let found = self.accounts.call(&ids).await;
            for (id, asker) in wanted.into_iter().zip(askers) {
                let answer = found.as_ref().map(|all| all.get(&id.to_string()).cloned());
                // Who asked may have gone.
                let _ = asker.send(answer.map_err(Clone::clone));
            }
        }
    }

    /// What waits now. None ends the calls, under the same lock under which others begin
    /// theirs: nobody is left waiting for those that have ended.
    fn next(&mut self) -> Option<Vec<(AccountId, Asker)>> {
        let mut asked = self.accounts.lock();
        asked.waiting.retain(|(_, asker)| !asker.is_closed());
        let most = asked.waiting.len().min(MOST_ACCOUNTS);
        if most == 0 {
            asked.calls = asked.calls.saturating_sub(1);
            self.ended = true;
            return None;
        }
        Some(asked.waiting.drain(..most).collect())
    }
}

impl Drop for Calls {
    /// After a panic: the place is another's, and who waits is told.
    fn drop(&mut self) {
        if !self.ended {
            let mut asked = self.accounts.lock();
            asked.calls = asked.calls.saturating_sub(1);
            asked.waiting.clear();
        }
    }
}
