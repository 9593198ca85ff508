//! Transfers that were taken on as the work of this process: POSTING from the beginning, with a
//! lease of this process, and handed to its workers in memory once that has committed. So a
//! transfer is written when it is taken on and when it ends, and read from the table by nobody.
//!
//! The memory saves work and guards nothing. What is lost with it, by a crash or because no
//! worker came to it in time, is taken from the table when its lease ends, as everything that a
//! worker leaves behind.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use florin_kernel::UnixMicros;
use florin_store::{StoreError, rows};
use tokio::sync::Notify;

use super::advance_transfers::later;
use crate::{Config, store::Record};

/// Batches that wait for each worker of this process. When there are so many, those that come
/// wait in the table as PROCESSING, where every replica finds them. A commit may go beyond it.
const MOST_BATCHES: usize = 4;

/// Where transfers wait for the workers of this process, and where those learn that something is
/// due. Clones share it.
#[derive(Clone)]
pub(super) struct Desk {
    /// How long a worker has what it takes.
    lease: Duration,
    /// Transfers that a worker takes at once.
    batch: usize,
    /// For as long as this a worker needs a lease.
    needed: Duration,
    /// At least so often the table is looked at, whatever waits here.
    look_every: Duration,
    state: Arc<Mutex<State>>,
    /// Wakes a worker of this process.
    pub(super) due: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// Workers that take what is handed over.
    attending: usize,
    waiting: VecDeque<Handed>,
    /// When a worker last looked at the table.
    looked: Option<Instant>,
    /// Whether something was taken from here since.
    taken_since: bool,
}

struct Handed {
    record: Record,
    /// Until when nobody else takes it.
    until: Instant,
}

/// A lease of this process on what it takes on now.
#[derive(Debug)]
pub(super) struct Offer {
    /// The token that the rows get.
    pub(super) token: String,
    /// Before the clock of the database was read.
    begun: Instant,
    lease: Duration,
}

impl Offer {
    /// The end of the lease by the clock of the database, read after this was offered.
    pub(super) fn until(&self, now: UnixMicros) -> UnixMicros {
        later(now, self.lease)
    }
}

/// What a worker does next.
#[derive(Debug)]
pub(super) enum Next {
    /// These, which are leased until after an instant; so many others had waited for too long.
    Handed(Vec<Record>, Option<Instant>, usize),
    /// It looks at the table.
    Look,
}

/// A worker that takes what is handed over, until this is dropped.
pub struct Attendance(Desk);

impl Drop for Attendance {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.attending = state.attending.saturating_sub(1);
    }
}

impl Desk {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            lease: config.lease(),
            batch: config.most(),
            needed: config.ledger_timeout(),
            look_every: config.poll(),
            state: Arc::default(),
            due: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker takes what is handed over from now on.
    pub(super) fn attend(&self) -> Attendance {
        let mut state = self.state();
        state.attending = state.attending.saturating_add(1);
        drop(state);
        Attendance(self.clone())
    }

    /// A lease for what is taken on now. None where no worker of this process would come to it
    /// soon: none attends, or too many wait already.
    ///
    /// # Errors
    /// No randomness.
    pub(super) fn offer(&self) -> Result<Option<Offer>, StoreError> {
        let state = self.state();
        let most = state.attending.saturating_mul(self.batch).saturating_mul(MOST_BATCHES);
        let is_full = state.waiting.len() >= most;
        drop(state);
        if is_full {
            return Ok(None);
        }
        let begun = Instant::now();
        Ok(Some(Offer { token: rows::new_token()?, begun, lease: self.lease }))
    }

    /// Hands over what was taken on under an offer, and has committed.
    pub(super) fn hand(&self, offer: &Offer, records: Vec<Record>) {
        let Some(until) = offer.begun.checked_add(offer.lease) else { return };
        let handed = records.into_iter().map(|record| Handed { record, until });
        self.state().waiting.extend(handed);
    }

    /// A batch of those that have waited longest, and whose leases hold for long enough; or a
    /// look at the table, so that what waits there is not held up by these.
    pub(super) fn next(&self) -> Next {
        let mut state = self.state();
        let looks = state.looked.is_none_or(|looked| looked.elapsed() >= self.look_every);
        if state.waiting.is_empty() || (looks && state.taken_since) {
            state.looked = Some(Instant::now());
            state.taken_since = false;
            return Next::Look;
        }
        self.take(state)
    }

    /// What waits, after a look at the table that has found nothing.
    pub(super) fn after_look(&self) -> Next {
        let state = self.state();
        if state.waiting.is_empty() { Next::Look } else { self.take(state) }
    }

    fn take(&self, mut state: MutexGuard<'_, State>) -> Next {
        let least = Instant::now().checked_add(self.needed);
        let (mut taken, mut late) = (Vec::new(), 0_usize);
        while taken.len() < self.batch {
            let Some(handed) = state.waiting.pop_front() else { break };
            if least.is_some_and(|least| least <= handed.until) {
                taken.push(handed.record);
            } else {
                late = late.saturating_add(1);
            }
        }
        state.taken_since = true;
        let more = !state.waiting.is_empty();
        drop(state);
        if more {
            // There is work for the next worker.
            self.due.notify_one();
        }
        Next::Handed(taken, least, late)
    }

    /// What waits while no worker attends any more: nobody here will come to it.
    pub(super) fn left(&self) -> Vec<Record> {
        let mut state = self.state();
        if state.attending > 0 {
            return Vec::new();
        }
        state.waiting.drain(..).map(|handed| handed.record).collect()
    }
}

#[cfg(test)]
mod tests;
