//! Works through the steps of the business dates that were closed, in order, in the background.

use std::time::Duration;

use florin_kernel::{AccountId, Role, TransactionId};
use florin_rpc::worker_context;
use florin_store::{
    Database, StoreError, Tx,
    commit::{CommitError, Committer},
    id_parts,
    lease::{self, Lease},
};
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::seal;
use crate::{
    app::{
        batch::LedgerBatch,
        command::{Command, Outcome, Work},
        ledger,
    },
    domain::end_of_day::{AccountStep, ClosedDay, Step},
    store::end_of_day::{self, DayRow, Tally},
};

/// What is leased, so that two replicas do not do the same work.
pub(super) const LEASE: &str = "end_of_day";
/// Accounts of one call of the committer, which other commands share a batch with.
const CHUNK: usize = 64;
/// How often it is looked whether a business date was closed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After so many looks in vain the accounts that stand aside are tried again.
const LOOKS_TO_CATCH_UP: u64 = 60;
/// How long a step that failed waits for its next run.
const AGAIN_AFTER: Duration = Duration::from_secs(15);

/// Ends business dates. Several may run, in this process and in other replicas.
pub struct Worker {
    /// The database of `account`.
    pub db: Database,
    /// The group commit that every account is changed through.
    pub committer: Committer<LedgerBatch>,
    /// Chunks of accounts that are under way at once.
    pub workers: usize,
    /// Who holds the lease: unique to this worker.
    pub holder: String,
    /// How long the lease lasts without a word of its holder.
    pub lease: Duration,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// No business date is to be ended, or another worker is at it.
    Idle,
    /// A step is done.
    Done,
    /// A step failed at some accounts and is to be run again.
    Failed,
}

impl Worker {
    /// Works until the shutdown. A step under way is broken off: its next run goes on.
    pub async fn run(self, shutdown: CancellationToken) {
        let work = async {
            let mut idle = 0_u64;
            loop {
                let pause = match self.turn().await {
                    Ok(Turn::Done) => continue,
                    Ok(Turn::Idle) => {
                        idle = idle.saturating_add(1);
                        if idle.is_multiple_of(LOOKS_TO_CATCH_UP)
                            && let Err(error) = self.catch_up().await
                        {
                            tracing::warn!(%error, "accounts set aside could not catch up");
                        }
                        LOOK_EVERY
                    }
                    Ok(Turn::Failed) => AGAIN_AFTER,
                    Err(error) => {
                        tracing::warn!(%error, "the end of day could not go on");
                        AGAIN_AFTER
                    }
                };
                tokio::time::sleep(pause).await;
            }
        };
        let _: Option<()> = shutdown.run_until_cancelled(work).await;
    }

    /// Does the next step of the earliest business date that has not ended.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn turn(&self) -> Result<Turn, StoreError> {
        let Some(row) = end_of_day::next(self.db.read()).await? else { return Ok(Turn::Idle) };
        let taken = lease::acquire(&self.db, LEASE, &self.holder, self.lease).await?;
        let Some(mut lease) = taken else { return Ok(Turn::Idle) };
        let turn = self.next_step(&row, &mut lease).await;
        lease::release(&self.db, &lease).await?;
        turn
    }

    async fn next_step(&self, row: &DayRow, lease: &mut Lease) -> Result<Turn, StoreError> {
        let Some(step) = row.next_step() else { return self.end(row).await };
        let day = row.day();
        self.db.write(async |tx: Tx| end_of_day::begin(&tx, day.closed, step).await).await?;
        let tally = match step {
            Step::Accrual | Step::Capitalisation | Step::Fees => {
                self.accounts(step, day, lease).await?
            }
            Step::Seal => Some(seal::seal(&self.db, day).await?),
        };
        let Some(tally) = tally else { return Ok(Turn::Idle) };
        let noted = &tally;
        self.db
            .write(async |tx: Tx| end_of_day::finish(&tx, day.closed, step, noted).await)
            .await?;
        let (business_date, accounts) = (day.closed, tally.accounts);
        let set_aside = tally.set_aside;
        if tally.refused == 0 {
            tracing::info!(%business_date, %step, accounts, set_aside, "a step of the end of day is done");
            return Ok(Turn::Done);
        }
        let (refused, cause) = (tally.refused, &tally.cause);
        tracing::error!(%business_date, %step, accounts, refused, cause, "a step of the end of day failed");
        Ok(Turn::Failed)
    }

    /// All steps are done and the date was not noted as ended: a release with fewer steps.
    async fn end(&self, row: &DayRow) -> Result<Turn, StoreError> {
        let closed = row.closed;
        self.db.write(async |tx: Tx| end_of_day::end(&tx, closed).await).await?;
        Ok(Turn::Done)
    }

    /// Does a step for every account that it concerns; None where the lease was lost.
    async fn accounts(
        &self,
        step: Step,
        day: ClosedDay,
        lease: &mut Lease,
    ) -> Result<Option<Tally>, StoreError> {
        let workers = self.workers.max(1);
        let page = i64::try_from(CHUNK.saturating_mul(workers)).unwrap_or(i64::MAX);
        let (mut tally, mut after) = (Tally::default(), String::new());
        loop {
            let ids = end_of_day::due(self.db.read(), step, day, &after, page).await?;
            let Some(last) = ids.last() else { return Ok(Some(tally)) };
            after.clone_from(last);
            let chunks = ids.chunks(CHUNK).map(|chunk| self.chunk(step, day, chunk));
            for done in join_all(chunks).await {
                let done = done?;
                tally.accounts = tally.accounts.saturating_add(done.accounts);
                tally.refused = tally.refused.saturating_add(done.refused);
                tally.set_aside = tally.set_aside.saturating_add(done.set_aside);
                if tally.cause.is_empty() {
                    tally.cause = done.cause;
                }
            }
            let Some(renewed) = lease::renew(&self.db, lease, self.lease).await? else {
                return Ok(None);
            };
            *lease = renewed;
        }
    }

    /// Does a step for some accounts.
    pub(super) async fn chunk(
        &self,
        step: Step,
        day: ClosedDay,
        ids: &[String],
    ) -> Result<Tally, StoreError> {
        let context = worker_context(Role::Account);
        let actor = ledger::actor(&context);
        let initiator = ledger::initiator(&context, None);
        let mut commands = Vec::with_capacity(ids.len());
        for id in ids {
            let account: AccountId =
                id.parse().map_err(|_| StoreError::Corrupt(format!("the account id {id}")))?;
            let (millis, random) = id_parts();
            let id = TransactionId::from_parts(millis, random);
            let step = AccountStep { account, step, day, id, initiator: initiator.clone() };
            commands.push(Command { work: Work::EndDay(step), key: None, actor: actor.clone() });
        }
        let mut tally =
            Tally { accounts: i64::try_from(ids.len()).unwrap_or(0), ..Tally::default() };
        let outcomes = match self.committer.submit_many(commands, None).await {
            Ok(outcomes) => outcomes,
            Err(CommitError::Failed(error)) => return Err(error),
            Err(error) => return Err(StoreError::Unavailable(error.to_string())),
        };
        for (id, outcome) in ids.iter().zip(outcomes) {
            if matches!(outcome, Ok(Outcome::SetAside)) {
                tally.set_aside = tally.set_aside.saturating_add(1);
            }
            if let Some(cause) = failure(&outcome) {
                tally.refused = tally.refused.saturating_add(1);
                if tally.cause.is_empty() {
                    tally.cause = format!("{id}: {cause}");
                }
            }
        }
        Ok(tally)
    }
}

/// Why an account's step is not done; None where it is.
fn failure(outcome: &Result<Outcome, CommitError>) -> Option<String> {
    match outcome {
        Ok(Outcome::Posted { .. } | Outcome::Passed | Outcome::SetAside) => None,
        Ok(Outcome::Refused(refusal)) => Some(refusal.to_string()),
        Ok(
            Outcome::Held { .. }
            | Outcome::Account { .. }
            | Outcome::Voided { .. }
            | Outcome::Previewed(_)
            | Outcome::Rehearsed(_)
            | Outcome::Decided(_)
            | Outcome::Answered(_)
            | Outcome::KeyReused,
        ) => Some("the outcome is not that of the step".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}
