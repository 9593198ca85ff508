//! `Prefer: wait=N` (RFC 7240): the answer waits for the end of the transfer.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use florin_kernel::TransferId;
use florin_proto::payment::v1::CreateTransferResponse;
use florin_rpc::CallContext;
use florin_runtime::internal;
use tokio::sync::Notify;
use tonic::{Response, Status};

use super::{
    Payment,
    accept::{payer, response_of},
};
use crate::store;

/// What is left of the caller's deadline for the answer itself.
const MARGIN: Duration = Duration::from_millis(100);
/// How often the table is read while waiting: another replica may end the transfer.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

type Watched<K> = Arc<Mutex<HashMap<K, Arc<Notify>>>>;

/// Who waits for which record in this process: transfers, or authorisations.
#[derive(Debug, Clone)]
pub(super) struct Watchers<K = TransferId>(Watched<K>);

impl<K> Default for Watchers<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Copy + Eq + Hash> Watchers<K> {
    pub(super) fn watch(&self, id: K) -> Watch<K> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = Arc::clone(watched.entry(id).or_default());
        drop(watched);
        Watch { watchers: self.clone(), id, ended }
    }

    /// Wakes those who wait for records whose change has just been committed.
    pub(super) fn tell(&self, ids: impl IntoIterator<Item = K>) {
        let watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            if let Some(ended) = watched.get(&id) {
                ended.notify_waiters();
            }
        }
    }
}

/// A place among the watchers, given back when dropped.
pub(super) struct Watch<K: Copy + Eq + Hash> {
    watchers: Watchers<K>,
    id: K,
    /// Notified by each change.
    pub(super) ended: Arc<Notify>,
}

impl<K: Copy + Eq + Hash> Drop for Watch<K> {
    fn drop(&mut self) {
        let mut watched = self.watchers.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One reference is the map's and one is this watch's.
        if Arc::strong_count(&self.ended) <= 2 {
            watched.remove(&self.id);
        }
    }
}

impl Payment {
    /// The answer, once the transfer has ended or the caller's wait has.
    pub(super) async fn await_end(
        &self,
        ctx: &CallContext,
        accepted: Response<CreateTransferResponse>,
    ) -> Result<Response<CreateTransferResponse>, Status> {
        if ctx.wait.is_zero() {
            return Ok(accepted);
        }
        let Ok(id) = accepted.get_ref().transfer_id.parse::<TransferId>() else {
            return Ok(accepted);
        };
        let left = ctx.time_left().map_or(ctx.wait, |left| left.saturating_sub(MARGIN));
        let until = Instant::now() + ctx.wait.min(left);
        let watch = self.watchers.watch(id);
        let (metadata, mut message, extensions) = accepted.into_parts();
        loop {
            let ended = watch.ended.notified();
            tokio::pin!(ended);
            // Before the read, so that an end between read and wait is not missed.
            ended.as_mut().enable();
            if let Some(record) = store::find(self.db.read(), id).await.map_err(internal)? {
                message = response_of(&record, payer(ctx));
                if record.transfer.status().is_end() {
                    break;
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let _ = tokio::time::timeout(left.min(LOOK_EVERY), ended).await;
        }
        Ok(Response::from_parts(metadata, message, extensions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_watch_leaves_nothing_behind() {
        let watchers = Watchers::default();
        let id = TransferId::from_parts(1, [1; 10]);
        let (first, second) = (watchers.watch(id), watchers.watch(id));
        drop(first);
        assert_eq!(watchers.0.lock().expect("lock").len(), 1);
        drop(second);
        assert!(watchers.0.lock().expect("lock").is_empty());
    }
}
