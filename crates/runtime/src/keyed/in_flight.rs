//! Duplicates in one process join the first: nothing is stored of a request that runs.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use florin_rpc::{CallContext, Error};
use florin_store::{
    Database,
    idempotency::{Answer, Key},
};
use prost::Message;
use tokio::sync::watch;
use tonic::{Response, Status};

use super::{fresh_response_of, in_use, other_payload, response_of};

/// How long a duplicate without a deadline stays with the first.
const LONGEST_JOIN: Duration = Duration::from_secs(10);

/// How the work under a key ended.
#[derive(Debug, Clone)]
pub enum Ended {
    /// Here and now; the answer is committed with the effect.
    Stored(Answer),
    /// It had ended before; this is the stored answer.
    Replayed(Answer),
    /// The key belongs to another request.
    OtherPayload,
    /// Nothing was decided and nothing stored.
    Failed(Error),
}

/// The database's address in this process tells apart two services that share a key.
type Id = (usize, String, String, String);
type Running = watch::Receiver<Option<Arc<Done>>>;

struct Done {
    fingerprint: [u8; 32],
    ended: Ended,
}

static RUNNING: LazyLock<Mutex<HashMap<Id, Running>>> = LazyLock::new(Mutex::default);

/// The place of the first. Dropped without an end (the caller went away), it lets the next
/// one try.
struct Place {
    id: Id,
    sender: watch::Sender<Option<Arc<Done>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

enum Entered {
    First(Place),
    Duplicate(Running),
}

fn enter(id: Id) -> Entered {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    match running.entry(id.clone()) {
        Entry::Occupied(first) => Entered::Duplicate(first.get().clone()),
        Entry::Vacant(free) => {
            let (sender, receiver) = watch::channel(None);
            free.insert(receiver);
            Entered::First(Place { id, sender })
        }
    }
}

/// Runs `execute` unless a request with the same key runs in this process; then waits for
/// that one's answer. Services with a group committer give the submission to it here; all
/// others use [`super::once`].
///
/// # Errors
/// What the work ended with, IDEMPOTENCY_KEY_REUSED, or IDEMPOTENCY_KEY_IN_USE where the
/// first outlasts the wait.
pub async fn joined<Res, F, Fut>(
    db: &Database,
    ctx: &CallContext,
    key: &Key,
    execute: F,
) -> Result<Response<Res>, Status>
where
    Res: Message + Default,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Ended>,
{
    let address = std::ptr::from_ref(db.read()).addr();
    let id = (address, key.scope.clone(), key.method.clone(), key.key.clone());
    loop {
        let first = match enter(id.clone()) {
            Entered::Duplicate(first) => first,
            Entered::First(place) => {
                let ended = execute().await;
                let done = Done { fingerprint: key.fingerprint, ended: ended.clone() };
                place.sender.send_replace(Some(Arc::new(done)));
                drop(place);
                return own_answer(ended);
            }
        };
        // Another request under the same key learns of it here, or from the table next time.
        if let Some(done) = wait_for(first, ctx).await? {
            return joined_answer(&done, key);
        }
    }
}

/// The end of the first; None where it left without one.
async fn wait_for(mut first: Running, ctx: &CallContext) -> Result<Option<Arc<Done>>, Status> {
    let at_most = ctx.time_left().unwrap_or(LONGEST_JOIN).min(LONGEST_JOIN);
    let waited = tokio::time::timeout(at_most, first.wait_for(Option::is_some)).await;
    match waited {
        Err(_) => Err(in_use().into()),
        Ok(Err(_)) => Ok(None),
        Ok(Ok(done)) => Ok(done.clone()),
    }
}

fn own_answer<Res: Message + Default>(ended: Ended) -> Result<Response<Res>, Status> {
    match ended {
        Ended::Stored(answer) => fresh_response_of(answer),
        Ended::Replayed(answer) => response_of(answer),
        Ended::OtherPayload => Err(other_payload().into()),
        Ended::Failed(error) => Err(error.into()),
    }
}

fn joined_answer<Res: Message + Default>(done: &Done, key: &Key) -> Result<Response<Res>, Status> {
    if done.fingerprint == key.fingerprint {
        return match done.ended.clone() {
            Ended::Stored(answer) | Ended::Replayed(answer) => response_of(answer),
            Ended::OtherPayload => Err(other_payload().into()),
            Ended::Failed(error) => Err(error.into()),
        };
    }
    match done.ended {
        Ended::Stored(_) | Ended::Replayed(_) => Err(other_payload().into()),
        // Whose the key is, only the table knows: the caller asks again.
        Ended::OtherPayload | Ended::Failed(_) => Err(in_use().into()),
    }
}
