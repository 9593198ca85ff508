//! The bus within a process. It keeps nothing: an event is in `outbox_pending` until every
//! reader has applied it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use florin_kernel::UnixMicros;
use tokio::sync::{mpsc, oneshot};

use super::{BusError, Shared};
use crate::event::Envelope;

/// Batches that may wait for a reader. A relay awaits each, so one is all it ever uses.
const WAITING_BATCHES: usize = 4;

/// Events for one reader; `applied` is answered once they are in its inbox.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) events: Arc<[Envelope]>,
    /// Since when the oldest of them waits.
    pub(crate) waiting: Option<UnixMicros>,
    pub(crate) applied: oneshot::Sender<()>,
}

type Line = mpsc::Sender<Delivery>;
/// By source and reader; no line where the reader was there and ended.
type Lines = BTreeMap<(String, String), Option<Line>>;

/// The bus of `florin up`.
#[derive(Debug, Clone)]
pub struct EmbeddedBus {
    shared: Arc<Shared>,
    lines: Arc<Mutex<Lines>>,
}

/// Takes a reader's line away when its consumer ends; the reader stays known, so
/// that its events wait for it.
#[derive(Debug)]
pub(crate) struct Unsubscribe {
    bus: EmbeddedBus,
    key: (String, String),
    line: Line,
}

impl EmbeddedBus {
    pub(super) fn new() -> Self {
        Self { shared: Arc::default(), lines: Arc::default() }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Opens the line of a source to a reader, in place of an earlier one.
    pub(crate) fn subscribe(
        &self,
        reader: &str,
        source: &str,
    ) -> (mpsc::Receiver<Delivery>, Unsubscribe) {
        let (line, deliveries) = mpsc::channel(WAITING_BATCHES);
        let key = (source.to_owned(), reader.to_owned());
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.insert(key.clone(), Some(line.clone()));
        (deliveries, Unsubscribe { bus: self.clone(), key, line })
    }

    /// The readers of a source; an error where one of them is not there.
    pub(super) fn readers(&self, source: &str) -> Result<Vec<(String, Line)>, BusError> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut readers = Vec::new();
        for ((from, reader), line) in lines.iter() {
            if from != source {
                continue;
            }
            let line = line.clone().ok_or_else(|| BusError::NoReader(reader.clone()))?;
            readers.push((reader.clone(), line));
        }
        Ok(readers)
    }

    /// Ends when every reader of the source has applied the events.
    pub(super) async fn publish(
        &self,
        source: &str,
        events: &Arc<[Envelope]>,
        waiting: Option<UnixMicros>,
    ) -> Result<(), BusError> {
        let readers = self.readers(source)?;
        if readers.is_empty() {
            return Err(BusError::NoReader(format!("of {source}")));
        }
        let mut waits = Vec::with_capacity(readers.len());
        for (reader, line) in readers {
            let (applied, wait) = oneshot::channel();
            let delivery = Delivery { events: Arc::clone(events), waiting, applied };
            if line.send(delivery).await.is_err() {
                return Err(BusError::ReaderStopped(reader));
            }
            waits.push((reader, wait));
        }
        for (reader, wait) in waits {
            wait.await.map_err(|_| BusError::ReaderStopped(reader))?;
        }
        Ok(())
    }
}

impl Drop for Unsubscribe {
    fn drop(&mut self) {
        let mut lines = self.bus.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get_mut(&self.key)
            && line.as_ref().is_some_and(|current| current.same_channel(&self.line))
        {
            *line = None;
        }
    }
}
