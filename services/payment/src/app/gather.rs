//! Gathers what is asked at the same time into calls of many. There is no timer: what comes
//! alone is asked at once, and what comes while calls are under way goes with the next.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use florin_kernel::Kind;
use florin_proto::common::v1::Reason;
use florin_rpc::Error;
use tokio::sync::oneshot;
use tracing::Instrument as _;

/// Calls at the same time, as long as they are answered.
const CALLS: usize = 2;
/// Calls at the same time when those under way are slow: a hung one holds up no stranger.
const MOST_CALLS: usize = 16;
/// So long after the last call began, those under way are slow.
const SLOW: Duration = Duration::from_millis(100);
/// Those who wait for a call.
const MOST_WAITING: usize = 4_096;
/// Names in a call; the contract of accounts allows 500.
const MOST_NAMES: usize = 200;

/// What a call brings: that of the names which have something.
pub type Found<K, V> = Result<HashMap<K, V>, Error>;
type Calling<K, V> = Pin<Box<dyn Future<Output = Found<K, V>> + Send>>;
type Call<K, V> = dyn Fn(Vec<K>) -> Calling<K, V> + Send + Sync;
type Answer<V> = Result<Option<V>, Error>;
type Asker<V> = oneshot::Sender<Answer<V>>;

/// Asks for what has a name by calls of many. Clones share the calls.
pub struct Gather<K, V> {
    call: Arc<Call<K, V>>,
    asked: Arc<Mutex<Asked<K, V>>>,
}

impl<K, V> Clone for Gather<K, V> {
    fn clone(&self) -> Self {
        Self { call: Arc::clone(&self.call), asked: Arc::clone(&self.asked) }
    }
}

struct Asked<K, V> {
    waiting: VecDeque<(K, Asker<V>)>,
    /// Calls under way.
    calls: usize,
    /// When the last of them began.
    begun: Option<Instant>,
}

impl<K, V> Gather<K, V> {
    fn lock(&self) -> MutexGuard<'_, Asked<K, V>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Gather<K, V>
where
    K: Clone + Ord + Hash + Send + Sync + 'static,
    V: Clone + Send + 'static,
{
    /// By such calls, each of which ends by itself.
    pub fn by<F>(call: impl Fn(Vec<K>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Found<K, V>> + Send + 'static,
    {
        let asked = Asked { waiting: VecDeque::new(), calls: 0, begun: None };
        Self { call: Arc::new(move |ids| Box::pin(call(ids))), asked: Arc::new(Mutex::new(asked)) }
    }

    /// What has the name; None where nothing has. An outage is told to all who shared the call.
    pub async fn get(&self, id: K) -> Answer<V> {
        let (sender, answer) = oneshot::channel();
        let begin = {
            let mut asked = self.lock();
            if asked.waiting.len() >= MOST_WAITING {
                let text = "too many wait for the same reads";
                return Err(Error::new(Reason::Overloaded, text));
            }
            asked.waiting.push_back((id, sender));
            let slow = asked.begun.is_none_or(|begun| begun.elapsed() >= SLOW);
            let begin = asked.calls < if slow { MOST_CALLS } else { CALLS };
            asked.calls = asked.calls.saturating_add(usize::from(begin));
            begin
        };
        if begin {
            // Others wait for its answer too, so it does not end with this asker.
            let calls = Calls { gather: self.clone(), ended: false };
            tokio::spawn(calls.run().in_current_span());
        }
        let lost = |_| Err(Error::internal("the call that asked for many has panicked"));
        answer.await.unwrap_or_else(lost)
    }
}

/// One call after the other, as long as somebody waits.
struct Calls<K, V> {
    gather: Gather<K, V>,
    ended: bool,
}

impl<K, V> Calls<K, V>
where
    K: Clone + Ord + Hash + Send + Sync + 'static,
    V: Clone + Send + 'static,
{
    async fn run(mut self) {
        while let Some(batch) = self.next() {
            let (wanted, askers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            let found = self.ask(&wanted).await;
            for (id, asker) in wanted.iter().zip(askers) {
                let lost = || Err(Error::internal("a name was not asked for"));
                // Who asked may have gone.
                let _ = asker.send(found.get(id).cloned().unwrap_or_else(lost));
            }
        }
    }

    /// Asks for all at once, and for halves where one of them may be what the call fails at.
    async fn ask(&self, wanted: &[K]) -> HashMap<K, Answer<V>> {
        let mut ids = wanted.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut answers = HashMap::with_capacity(ids.len());
        let mut groups = vec![ids];
        while let Some(mut ids) = groups.pop() {
            match (self.gather.call)(ids.clone()).await {
                Ok(mut found) => {
                    answers.extend(ids.into_iter().map(|id| {
                        let value = found.remove(&id);
                        (id, Ok(value))
                    }));
                }
                Err(error) if error.kind() == Kind::Internal && ids.len() > 1 => {
                    groups.push(ids.split_off(ids.len() / 2));
                    groups.push(ids);
                }
                Err(error) => answers.extend(ids.into_iter().map(|id| (id, Err(error.clone())))),
            }
        }
        answers
    }

    /// What waits now. None ends the calls, under the same lock under which others begin
    /// theirs: nobody is left waiting for those that have ended.
    fn next(&mut self) -> Option<Vec<(K, Asker<V>)>> {
        let mut asked = self.gather.lock();
        asked.waiting.retain(|(_, asker)| !asker.is_closed());
        let most = asked.waiting.len().min(MOST_NAMES);
        if most == 0 {
            asked.calls = asked.calls.saturating_sub(1);
            self.ended = true;
            return None;
        }
        asked.begun = Some(Instant::now());
        Some(asked.waiting.drain(..most).collect())
    }
}

impl<K, V> Drop for Calls<K, V> {
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
    use florin_kernel::AccountId;
    use florin_proto::account::v1::Account;
    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    fn id(number: u8) -> AccountId {
        AccountId::from_parts(1, [number; 10])
    }

    type Accounts = Gather<AccountId, Account>;

    /// Finds every account with an even number, refuses what has 13 in it and panics at 17.
    /// Each call waits for a permit; the sizes of all calls are kept.
    fn scripted() -> (Accounts, Arc<Semaphore>, Arc<Mutex<Vec<usize>>>) {
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
    async fn all(
        gather: &Gather<AccountId, Account>,
        gate: &Semaphore,
        numbers: &[u8],
    ) -> Vec<Answer<Account>> {
        let asks = join_all(numbers.iter().map(|number| gather.get(id(*number))));
        // Polled in turn: everybody has asked before anything is let through.
        let (answers, ()) = tokio::join!(asks, async { gate.add_permits(100) });
        answers
    }

    #[tokio::test]
    async fn what_is_asked_at_the_same_time_shares_a_call() {
        let (gather, gate, sizes) = scripted();
        let numbers: Vec<u8> = (20..70).chain([24, 24]).collect();
        let answers = all(&gather, &gate, &numbers).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(gather.lock().calls, 0);
        assert_eq!(sizes.lock().unwrap().as_slice(), [50], "each once, and all in one");
    }

    #[tokio::test]
    async fn an_account_that_cannot_be_read_fails_alone() {
        let (gather, gate, _) = scripted();
        let numbers: Vec<u8> = (0..16).collect();
        let answers = all(&gather, &gate, &numbers).await;
        let failed: Vec<_> = numbers.iter().zip(&answers).filter(|(_, one)| one.is_err()).collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert_eq!(failed[0].0, &13);
    }

    #[tokio::test]
    async fn no_more_wait_than_the_queue_takes() {
        let (gather, gate, _) = scripted();
        let numbers = vec![2; MOST_WAITING + 1];
        let answers = all(&gather, &gate, &numbers).await;
        let refused = answers.into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].reason(), "OVERLOADED");
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
    async fn calls_that_hang_hold_up_nobody_who_comes_later() {
        let (gather, gate, sizes) = scripted();
        let mut asks = vec![tokio::spawn({
            let gather = gather.clone();
            async move { gather.get(id(2)).await }
        })];
        // Nothing is let through, and still more than the usual calls begin.
        tokio::time::timeout(Duration::from_secs(60), async {
            while sizes.lock().unwrap().len() <= CALLS {
                let gather = gather.clone();
                asks.push(tokio::spawn(async move { gather.get(id(4)).await }));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
        gate.add_permits(asks.len());
        for ask in asks {
            assert!(ask.await.unwrap().unwrap().is_some());
        }
        assert_eq!(gather.lock().calls, 0);
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
