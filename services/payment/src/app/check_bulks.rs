//! Reads the files that are there to their last byte, and accepts or rejects them whole.
//!
//! ```text
//! parts -> reader's thread -> lines in chunks -> one transaction a chunk -> one that decides
//! ```
//!
//! What is in memory is a part of the file, the element that is being read, and as many chunks as
//! the channel takes. A crash leaves lines of a file that is CHECKING: whoever takes it next drops
//! them and reads anew. Nothing is executed of a file that is not ACCEPTED.

mod keeping;
mod payers;
mod reader;

use std::{collections::HashMap, time::Duration};

use aws_lc_rs::digest;
use florin_kernel::{BulkId, Violations};
use florin_rpc::Error;
use florin_store::{Retryable, StoreError, Tx, rows::hex};
use tokio::sync::mpsc;

use self::{
    keeping::Keeping,
    reader::{Chunk, read},
};
use super::{Payment, events};
use crate::{
    domain::{BatchHead, BulkStatus, Line},
    store::{
        self,
        bulks::{Bulk, Told},
    },
};

/// Chunks that wait for their transaction, and parts for their reader.
const WAITING: usize = 2;
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
    /// `account` cannot be asked who pays.
    #[error(transparent)]
    Away(#[from] Error),
    /// Somebody else has it, or it is no longer to be checked.
    #[error("the bulk is not this worker's any more")]
    Lost,
}

impl Retryable for CheckError {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Away(_) | Self::Lost => false,
        }
    }
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
                self.keep(&bulk, lease, chunk, &mut kept).await?;
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
                store::bulk_batches::drop_payers(&tx, id).await?;
                let batches = store::bulk_batches::drop_some(&tx, id, DROPPED_AT_ONCE).await?;
                let lines = store::bulk_lines::drop_some(&tx, id, DROPPED_AT_ONCE).await?;
                Ok::<_, CheckError>(batches.saturating_add(lines))
            };
            if self.db.write(drop).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Keeps a chunk of lines, as wrong those that nobody pays for and those whose name an earlier
    /// one has.
    async fn keep(
        &self,
        bulk: &Bulk,
        lease: i64,
        mut chunk: Chunk,
        kept: &mut Keeping,
    ) -> Result<(), CheckError> {
        let id = bulk.id;
        self.begin_batches(bulk, &mut chunk, kept).await?;
        kept.mark(&mut chunk.lines);
        let named = |line: &&Line| !line.names.reference.is_empty();
        let references: Vec<String> =
            chunk.lines.iter().filter(named).map(|line| line.names.reference.clone()).collect();
        let mut first = store::bulk_lines::named(self.db.read(), id, &references).await?;
        for line in &mut chunk.lines {
            unique(line, &mut first);
        }
        let ended = kept.count(&chunk);
        let (lines, payers) = (&chunk.lines, std::mem::take(&mut kept.new_payers));
        let insert = async |tx: Tx| {
            self.lock_checked(&tx, id, lease).await?;
            store::bulk_batches::insert_payers(&tx, id, &payers).await?;
            store::bulk_batches::insert(&tx, id, &ended).await?;
            Ok::<_, CheckError>(store::bulk_lines::insert(&tx, id, lines).await?)
        };
        self.db.write(insert).await
    }

    /// Finds out who pays for the batches that begin, and whether their names are new.
    async fn begin_batches(
        &self,
        bulk: &Bulk,
        chunk: &mut Chunk,
        kept: &mut Keeping,
    ) -> Result<(), CheckError> {
        let name = |head: &BatchHead| (!head.name.is_empty()).then(|| head.name.clone());
        let names: Vec<String> = chunk.batches.iter().filter_map(name).collect();
        let known = store::bulk_batches::named(self.db.read(), bulk.id, &names).await?;
        for head in &chunk.batches {
            let is_new =
                head.name.is_empty() || !known.contains(&head.name) && !kept.is_open(&head.name);
            if !is_new {
                let mut violations = Violations::new();
                let text = format!("{} is the name of another batch of the file", head.name);
                violations.add("CstmrCdtTrfInitn/PmtInf/PmtInfId", "DUPLICATE", text);
                chunk.problems.extend(violations.into_inner());
            }
            let payer = self.payer(bulk, &head.paying, kept).await?;
            kept.begin(head, payer);
        }
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
    async fn decide(&self, id: BulkId, lease: i64, mut kept: Keeping) -> Result<(), CheckError> {
        let ended = kept.finish();
        let Keeping { tally, problems, batches, made_at, .. } = &kept;
        let accepted = tally.wrong == 0 && problems.is_empty();
        let decide = async |tx: Tx| {
            let mut bulk = self.lock_checked(&tx, id, lease).await?;
            bulk.status = if accepted { BulkStatus::Accepted } else { BulkStatus::Rejected };
            store::bulk_batches::insert(&tx, id, &ended).await?;
            (bulk.tally, bulk.batches, bulk.made_at) = (*tally, *batches, *made_at);
            bulk.problems.clone_from(problems);
            bulk.changed_at = tx.now().await?;
            if accepted {
                bulk.run_on = store::bulk_lines::next_on(&tx, id).await?;
                bulk.has_other_payers = kept.has_other_payers();
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
    if line.names.reference.is_empty() {
        return;
    }
    if let Some(other) = first.get(&line.names.reference) {
        let text = format!("is the name of line {other} already");
        line.break_rule("reference", "DUPLICATE", &text);
        return;
    }
    first.insert(line.names.reference.clone(), line.number);
}
