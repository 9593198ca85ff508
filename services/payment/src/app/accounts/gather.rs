//! Gathers what is asked at the same time into calls of many. There is no timer: what comes
//! alone is asked at once, and what comes while calls are under way goes with the next.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use florin_kernel::AccountId;
use florin_proto::account::v1::Account;
use florin_rpc::Error;
use tokio::sync::oneshot;
use tracing::Instrument as _;

/// Calls at the same time.
const MOST_CALLS: usize = 2;
/// Accounts of a call; the contract allows 500.
const MOST_ACCOUNTS: usize = 200;

/// What a call brings: those of the accounts that there are.
pub type Found = Result<HashMap<AccountId, Account>, Error>;
type Call = dyn Fn(Vec<AccountId>) -> Pin<Box<dyn Future<Output = Found> + Send>> + Send + Sync;
type Answer = Result<Option<Account>, Error>;
type Asker = oneshot::Sender<Answer>;

/// Asks for accounts by calls of many. Clones share the calls.
#[derive(Clone)]
pub struct Gather {
    call: Arc<Call>,
    asked: Arc<Mutex<Asked>>,
}

#[derive(Default)]
struct Asked {
    waiting: VecDeque<(AccountId, Asker)>,
    /// Calls under way.
    calls: usize,
}

impl Gather {
    /// By such calls, each of which ends by itself.
    pub fn by<F>(call: impl Fn(Vec<AccountId>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Found> + Send + 'static,
    {
        Self { call: Arc::new(move |ids| Box::pin(call(ids))), asked: Arc::default() }
    }

    /// The account; None where there is none. What the call that had it in failed with is
    /// told to all of its askers.
    pub async fn get(&self, id: AccountId) -> Answer {
        let (sender, answer) = oneshot::channel();
        let begin = {
            let mut asked = self.lock();
            asked.waiting.push_back((id, sender));
            let begin = asked.calls < MOST_CALLS;
            asked.calls = asked.calls.saturating_add(usize::from(begin));
            begin
        };
        if begin {
            // Others wait for its answer too, so it does not end with this asker.
            let calls = Calls { gather: self.clone(), ended: false };
            tokio::spawn(calls.run().in_current_span());
        }
        let lost = |_| Err(Error::internal("the call that asked for an account has panicked"));
        answer.await.unwrap_or_else(lost)
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call after the other, as long as somebody waits.
struct Calls {
    gather: Gather,
    ended: bool,
}

impl Calls {
    async fn run(mut self) {
        while let Some(batch) = self.next() {
            let (wanted, askers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            let mut ids = wanted.clone();
            ids.sort_unstable();
            ids.dedup();
            let found = (self.gather.call)(ids).await;
            for (id, asker) in wanted.iter().zip(askers) {
                let answer = found.as_ref().map(|all| all.get(id).cloned());
                // Who asked may have gone.
                let _ = asker.send(answer.map_err(Clone::clone));
            }
        }
    }

    /// What waits now. None ends the calls, under the same lock under which others begin
    /// theirs: nobody is left waiting for those that have ended.
    fn next(&mut self) -> Option<Vec<(AccountId, Asker)>> {
        let mut asked = self.gather.lock();
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
            let mut asked = self.gather.lock();
            asked.calls = asked.calls.saturating_sub(1);
            asked.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    fn id(number: u8) -> AccountId {
        AccountId::from_parts(1, [number; 10])
    }

    /// Finds every account with an even number, refuses what has 13 in it and panics at 17.
    /// Each call waits for a permit; the sizes of all calls are kept.
    fn scripted() -> (Gather, Arc<Semaphore>, Arc<Mutex<Vec<usize>>>) {
        let (gate, sizes) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (gate_too, sizes_too) = (Arc::clone(&gate), Arc::clone(&sizes));
        let gather = Gather::by(move |ids| {
            let gate = Arc::clone(&gate_too);
            sizes_too.lock().unwrap().push(ids.len());
            async move {
                gate.acquire().await.unwrap().forget();
                assert!(!ids.contains(&id(17)), "on purpose");
                if ids.contains(&id(13)) {
                    return Err(Error::internal("on purpose"));
                }
                let even = |one: &AccountId| (0..=100).step_by(2).any(|n| id(n) == *one);
                let account = |one| Account { account_id: format!("{one}"), ..Account::default() };
                Ok(ids.into_iter().filter(even).map(|one| (one, account(one))).collect())
            }
        });
        (gather, gate, sizes)
    }

    /// Asks for all at once and opens the gate when all have asked.
    async fn all(gather: &Gather, gate: &Semaphore, numbers: &[u8]) -> Vec<Answer> {
        let asks = join_all(numbers.iter().map(|number| gather.get(id(*number))));
        // Polled in turn: everybody has asked before anything is let through.
        let (answers, ()) = tokio::join!(asks, async { gate.add_permits(100) });
        answers
    }

    #[tokio::test]
    async fn what_is_asked_at_the_same_time_shares_calls_and_their_failure() {
        let (gather, gate, sizes) = scripted();
        let numbers: Vec<u8> = (0..50).chain([4, 4]).collect();
        let answers = all(&gather, &gate, &numbers).await;
        let with_13 = numbers.iter().zip(&answers).find(|(number, _)| **number == 13);
        assert!(with_13.unwrap().1.is_err());
        assert_eq!(gather.lock().calls, 0);
        assert_eq!(sizes.lock().unwrap().iter().sum::<usize>(), 50, "each once");
        assert!(sizes.lock().unwrap().len() <= 3, "{sizes:?}");
    }

    #[tokio::test]
    async fn each_hears_of_its_own_account() {
        let (gather, gate, _) = scripted();
        let answers = all(&gather, &gate, &[1, 2, 3, 4, 2]).await;
        let found: Vec<_> = answers
            .into_iter()
            .map(|answer| answer.unwrap().map(|account| account.account_id))
            .collect();
        let own = |number| Some(id(number).to_string());
        assert_eq!(found, [None, own(2), None, own(4), own(2)]);
        // It begins again when nothing was under way.
        assert!(all(&gather, &gate, &[6]).await.remove(0).unwrap().is_some());
    }

    #[tokio::test]
    async fn a_call_that_panics_leaves_nobody_waiting_and_its_place_to_others() {
        let (gather, gate, _) = scripted();
        let answers = all(&gather, &gate, &[17, 17, 2]).await;
        assert!(answers.iter().any(Result::is_err));
        assert_eq!(gather.lock().calls, 0);
        assert!(all(&gather, &gate, &[2]).await.remove(0).unwrap().is_some());
    }
}
