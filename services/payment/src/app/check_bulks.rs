//! Reads the files that are there to their last byte, and accepts or rejects them whole.
//!
//! ```text
//! parts -> reader's thread -> lines in chunks -> one transaction a chunk -> one that decides
//! ```
//!
//! What is in memory is a part of the file, the element that is being read, and as many chunks as
//! the channel takes. A crash leaves lines of a file that is CHECKING: whoever takes it next drops
//! them and reads anew. Nothing is executed of a file that is not ACCEPTED.

use std::{
    collections::HashMap,
    io::{self, BufRead, Read},
    ops::ControlFlow,
    time::Duration,
};

use aws_lc_rs::digest;
use florin_kernel::{BulkId, FieldViolation, MoneyError, Violations};
use florin_store::{Retryable, StoreError, Tx, rows::hex};
use tokio::sync::mpsc;

use super::{Payment, events};
use crate::{
    bulk_file::{self, Found},
    domain::{Announced, BulkStatus, Line, MOST_LINES, Tally},
    store::{
        self,
        bulks::{Bulk, Told},
    },
};

/// Lines of one transaction.
const CHUNK: usize = 500;
/// Chunks that wait for their transaction, and parts for their reader.
const WAITING: usize = 2;
/// Problems of a file as a whole that are kept.
const MOST_PROBLEMS: usize = 8;
/// Rows that go in one transaction.
const DROPPED_AT_ONCE: i64 = 5_000;
/// Parts of a file that go in one transaction.
const PARTS_AT_ONCE: i64 = 20;
/// How long a worker has a bulk from each of its transactions on.
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// Why a check ended without a decision.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else has it, or it is no longer to be checked.
    #[error("the bulk is not this worker's any more")]
    Lost,
}

impl Retryable for CheckError {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Lost => false,
        }
    }
}

/// What a reader's thread sends.
#[derive(Debug, Default)]
struct Chunk {
    lines: Vec<Line>,
    problems: Vec<FieldViolation>,
}

pub(super) fn lease_micros() -> i64 {
    i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX)
}

impl Payment {
    /// Checks a file that this worker has under the number `lease`.
    pub(super) async fn check_bulk(&self, id: BulkId, lease: i64) -> Result<(), CheckError> {
        let bulk = store::bulks::find(self.db.read(), id).await?.ok_or(CheckError::Lost)?;
        self.drop_lines(id, lease).await?;
        let (to_reader, parts) = mpsc::channel(WAITING);
        let (to_us, mut chunks) = mpsc::channel(WAITING);
        let announced = bulk.announced.clone();
        let reading = tokio::task::spawn_blocking(move || read(&announced, parts, &to_us));
        let mut kept = Keeping::new(&bulk.announced);
        let feed = self.feed(&bulk, to_reader);
        let keep = async {
            while let Some(chunk) = chunks.recv().await {
                self.keep(id, lease, chunk, &mut kept).await?;
            }
            Ok::<_, CheckError>(())
        };
        // Either failing drops its channel's end, and so ends the thread.
        let (digest, ()) = tokio::try_join!(feed, keep)?;
        reading
            .await
            .map_err(|error| StoreError::Corrupt(format!("a reader's thread: {error}")))?;
        if digest.as_ref() != Some(&bulk.announced.sha256) {
            return self.begin_again(id, lease).await;
        }
        self.decide(id, lease, kept).await
    }

    /// Hands the file to its reader part by part, and returns its digest; None where a part is
    /// missing.
    async fn feed(
        &self,
        bulk: &Bulk,
        to_reader: mpsc::Sender<Vec<u8>>,
    ) -> Result<Option<String>, CheckError> {
        let mut sha256 = digest::Context::new(&digest::SHA256);
        let mut at = 0_i64;
        while at < bulk.announced.size {
            let part = store::bulk_parts::starting(self.db.read(), bulk.id, at).await?;
            // Dropped by somebody who began anew and did not come to its end, or who has it now.
            let Some(part) = part.filter(|part| !part.is_empty()) else { return Ok(None) };
            sha256.update(&part);
            at = at.saturating_add(i64::try_from(part.len()).unwrap_or(i64::MAX));
            // A reader that has read enough needs no more; the digest does.
            let _ = to_reader.send(part).await;
        }
        Ok(Some(hex(sha256.finish().as_ref())))
    }

    /// Locks the bulk where it is to be checked, and by us; we have it for longer then.
    async fn lock_checked(&self, tx: &Tx, id: BulkId, lease: i64) -> Result<Bulk, CheckError> {
        let bulk = store::bulks::lock(tx, id).await?;
        let is_ours = |bulk: &Bulk| bulk.status == BulkStatus::Checking && bulk.lease == lease;
        let bulk = bulk.filter(is_ours).ok_or(CheckError::Lost)?;
        let until = tx.now().await?.plus_micros(lease_micros());
        store::bulks::hold(tx, id, lease, until).await?;
        Ok(bulk)
    }

    async fn drop_lines(&self, id: BulkId, lease: i64) -> Result<(), CheckError> {
        loop {
            let drop = async |tx: Tx| {
                self.lock_checked(&tx, id, lease).await?;
                Ok::<_, CheckError>(store::bulk_lines::drop_some(&tx, id, DROPPED_AT_ONCE).await?)
            };
            if self.db.write(drop).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Keeps a chunk of lines, those whose name an earlier one has as wrong.
    async fn keep(
        &self,
        id: BulkId,
        lease: i64,
        mut chunk: Chunk,
        kept: &mut Keeping,
    ) -> Result<(), CheckError> {
        let named = |line: &&Line| !line.reference.is_empty();
        let references: Vec<String> =
            chunk.lines.iter().filter(named).map(|line| line.reference.clone()).collect();
        let mut first = store::bulk_lines::named(self.db.read(), id, &references).await?;
        for line in &mut chunk.lines {
            unique(line, &mut first);
        }
        let lines = &chunk.lines;
        let insert = async |tx: Tx| {
            self.lock_checked(&tx, id, lease).await?;
            Ok::<_, CheckError>(store::bulk_lines::insert(&tx, id, lines).await?)
        };
        self.db.write(insert).await?;
        kept.count(chunk);
        Ok(())
    }

    /// The bytes are not those that were announced: the upload begins anew.
    async fn begin_again(&self, id: BulkId, lease: i64) -> Result<(), CheckError> {
        self.drop_lines(id, lease).await?;
        let mut dropped = 1;
        while dropped > 0 {
            let drop = async |tx: Tx| {
                self.lock_checked(&tx, id, lease).await?;
                Ok::<_, CheckError>(store::bulk_parts::drop_some(&tx, id, PARTS_AT_ONCE).await?)
            };
            dropped = self.db.write(drop).await?;
        }
        let begin = async |tx: Tx| {
            let mut bulk = self.lock_checked(&tx, id, lease).await?;
            let text = "is not that of the bytes that came; all of them are to be sent again";
            bulk.problems = vec![Told("sha256".into(), "NOT_AS_ANNOUNCED".into(), text.into())];
            bulk.status = BulkStatus::Receiving;
            bulk.received = 0;
            bulk.changed_at = tx.now().await?;
            store::bulks::update(&tx, &bulk).await?;
            store::bulks::hold(&tx, id, lease, bulk.changed_at).await?;
            Ok::<_, CheckError>(())
        };
        self.db.write(begin).await
    }

    /// Accepts or rejects the file.
    async fn decide(&self, id: BulkId, lease: i64, kept: Keeping) -> Result<(), CheckError> {
        let Keeping { tally, problems, .. } = kept.finish();
        let accepted = tally.wrong == 0 && problems.is_empty();
        let decide = async |tx: Tx| {
            let mut bulk = self.lock_checked(&tx, id, lease).await?;
            bulk.status = if accepted { BulkStatus::Accepted } else { BulkStatus::Rejected };
            bulk.tally = tally;
            bulk.problems.clone_from(&problems);
            bulk.changed_at = tx.now().await?;
            if accepted {
                bulk.run_on = store::bulk_lines::next_on(&tx, id).await?;
            }
            self.tell_of_bulk(&tx, &mut bulk).await?;
            store::bulks::update(&tx, &bulk).await?;
            // Anybody may go on with it.
            store::bulks::hold(&tx, id, lease, bulk.changed_at).await?;
            Ok::<_, CheckError>(())
        };
        self.db.write(decide).await
    }

    /// Appends the event of a bulk's state, and numbers it.
    pub(super) async fn tell_of_bulk(&self, tx: &Tx, bulk: &mut Bulk) -> Result<(), StoreError> {
        bulk.version = bulk.version.saturating_add(1);
        if let Some(event) = events::of_bulk(bulk) {
            self.outbox.append(tx, vec![event]).await?;
        }
        Ok(())
    }

    /// Drops the bytes of files that are read, or never will be; a few at a time.
    pub(super) async fn drop_spent_parts(&self) -> Result<(), StoreError> {
        for id in store::bulk_parts::spent(self.db.read(), PARTS_AT_ONCE).await? {
            let mut dropped = 1;
            while dropped > 0 {
                let drop =
                    async |tx: Tx| store::bulk_parts::drop_some(&tx, id, PARTS_AT_ONCE).await;
                dropped = self.db.write(drop).await?;
            }
        }
        Ok(())
    }
}

/// Marks a line whose name an earlier one has.
fn unique(line: &mut Line, first: &mut HashMap<String, i64>) {
    if line.reference.is_empty() {
        return;
    }
    if let Some(other) = first.get(&line.reference) {
        let mut violations = Violations::new();
        let text = format!("is the name of line {other} already");
        violations.add("reference", "DUPLICATE", text);
        let mut all = violations.into_inner();
        if let Err(others) = &line.order {
            all.extend(others.iter().cloned());
        }
        line.order = Err(all);
        line.on = None;
        return;
    }
    first.insert(line.reference.clone(), line.number);
}

/// What is counted while lines are kept.
struct Keeping {
    tally: Tally,
    problems: Vec<Told>,
    announced: Announced,
    overflow: Option<MoneyError>,
}

impl Keeping {
    fn new(announced: &Announced) -> Self {
        Self {
            tally: Tally::new(announced.currency),
            problems: Vec::new(),
            announced: announced.clone(),
            overflow: None,
        }
    }

    fn count(&mut self, chunk: Chunk) {
        for line in &chunk.lines {
            if let Err(error) = self.tally.count(line) {
                self.overflow = Some(error);
            }
        }
        self.problems.extend(chunk.problems.iter().map(Told::from));
        self.problems.truncate(MOST_PROBLEMS);
    }

    fn finish(mut self) -> Self {
        let mut violations = Violations::new();
        if let Some(error) = self.overflow.take() {
            violations.check::<(), _>("sum", Err(error));
        }
        self.tally.check(&self.announced, &mut violations);
        self.problems.extend(violations.as_slice().iter().map(Told::from));
        self.problems.truncate(MOST_PROBLEMS);
        self
    }
}

/// The reader's thread.
fn read(announced: &Announced, parts: mpsc::Receiver<Vec<u8>>, to_us: &mpsc::Sender<Chunk>) {
    let stream = Parts { parts, part: Vec::new(), at: 0 };
    let mut chunk = Chunk::default();
    let mut lines = 0_i64;
    bulk_file::read(announced, stream, &mut |found| {
        match found {
            Found::Line(line) => {
                lines = lines.saturating_add(1);
                if lines > MOST_LINES {
                    let mut violations = Violations::new();
                    let text = format!("must have at most {MOST_LINES} lines");
                    violations.add("lines", "TOO_MANY", text);
                    chunk.problems.extend(violations.into_inner());
                    return ControlFlow::Break(());
                }
                chunk.lines.push(line);
            }
            Found::Problem(problem) => chunk.problems.push(problem),
        }
        let full = chunk.lines.len().saturating_add(chunk.problems.len()) >= CHUNK;
        if full && to_us.blocking_send(std::mem::take(&mut chunk)).is_err() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    // Whoever has gone has a reason.
    let _ = to_us.blocking_send(chunk);
}

/// The parts of a file as one stream.
struct Parts {
    parts: mpsc::Receiver<Vec<u8>>,
    part: Vec<u8>,
    at: usize,
}

impl Read for Parts {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Parts {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at >= self.part.len() {
            let Some(next) = self.parts.blocking_recv() else { return Ok(&[]) };
            (self.part, self.at) = (next, 0);
        }
        Ok(self.part.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, read: usize) {
        self.at = self.at.saturating_add(read);
    }
}
