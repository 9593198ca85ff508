//! The end of a business date: what is due is taken, each loan accrues, and what that came to is
//! booked on the date that was closed.
//!
//! What guards is the watermark of each loan, read and written under the lock of its position, the
//! seal of each chunk, and the reference of each journal transaction. So a step may be done again,
//! by several replicas, and be ended at any point. What a loan has earned is a function of its
//! steps and the day; a day books the difference to what was booked, so days that were missed or
//! divided come to the same.

mod accrue;
mod collect;
mod post;
mod seal;

use std::time::Duration;

use florin_kernel::{Date, Role, parse_date};
use florin_proto::account::v1::{
    ListBusinessDaysRequest, account_service_client::AccountServiceClient,
};
use florin_rpc::{Error, Retry, worker_context};
use florin_store::{
    StoreError, Tx,
    lease::{self, Lease},
};
use tokio_util::sync::CancellationToken;

use super::{Lending, events};
use crate::store::days::{self, Day, Step};

const LIST_BUSINESS_DAYS: &str = "/florin.account.v1.AccountService/ListBusinessDays";
/// What is leased, so that two replicas do not do the same work.
const LEASE: &str = "end_of_day";
/// How long it is leased without a word of its holder.
const LEASED_FOR: Duration = Duration::from_secs(60);
/// How often it is asked whether a business date was closed.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long it is waited for money that is on its way.
const MONEY_COMES: Duration = Duration::from_millis(200);
/// How long a step that failed waits for its next run.
const AGAIN_AFTER: Duration = Duration::from_secs(15);
/// Closed dates of a page.
const PAGE: i32 = 200;
/// Pages of a look: more days than a bank has had.
const MOST_PAGES: usize = 500;

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// No business date is to be ended, or another replica is at it.
    Idle,
    /// A step is done.
    Done,
    /// Money is on its way that has to arrive first.
    Waiting,
    /// A step failed and is to be run again.
    Failed,
}

/// What a run of a step came to.
enum Ran {
    /// All is done.
    Done(i64),
    /// Something has to come first.
    Waits(i64),
    /// It could not go on.
    Failed(i64, String),
    /// The lease was lost.
    Lost,
}

impl Lending {
    /// Ends business dates until the shutdown. A step under way is broken off: its next run goes on.
    pub(crate) fn end_days(
        &self,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let lending = self.clone();
        let work = async move {
            let mut failures = 0_u32;
            loop {
                if let Err(error) = lending.hear_of_days().await {
                    failures = failures.saturating_add(1);
                    if failures.is_power_of_two() {
                        tracing::warn!(%error, failures, "closed business dates could not be asked for");
                    }
                } else {
                    failures = 0;
                }
                let pause = match lending.turn().await {
                    Ok(Turn::Done) => continue,
                    Ok(Turn::Idle) => ASK_EVERY,
                    Ok(Turn::Waiting) => MONEY_COMES,
                    Ok(Turn::Failed) => AGAIN_AFTER,
                    Err(error) => {
                        tracing::warn!(%error, "the end of day could not go on");
                        AGAIN_AFTER
                    }
                };
                tokio::time::sleep(pause).await;
            }
        };
        async move {
            let _: Option<()> = shutdown.run_until_cancelled(work).await;
        }
    }

    /// Asks `account` for the business dates that it closed since the last that is known here. They
    /// are asked for, not taken from events: a reader of its events would write a row for every
    /// posting of the bank (ADR 30).
    ///
    /// # Errors
    /// `account` does not answer, or the database.
    pub async fn hear_of_days(&self) -> Result<(), Error> {
        let known = days::last_known(self.db.read()).await.map_err(florin_runtime::internal)?;
        let ctx = worker_context(Role::Loan);
        let (mut found, mut page_token) = (Vec::new(), String::new());
        for _ in 0..MOST_PAGES {
            let request = ListBusinessDaysRequest { page_size: PAGE, page_token };
            let answer = self
                .account
                .call(&ctx, LIST_BUSINESS_DAYS, Retry::Read, request, |channel, request| async {
                    AccountServiceClient::new(channel).list_business_days(request).await
                })
                .await?;
            let mut is_known = false;
            for day in answer.days {
                let read = |text: &str| {
                    parse_date(text)
                        .map_err(|error| Error::internal(format!("a day of account: {error}")))
                };
                let (closed, opened) = (read(&day.closed)?, read(&day.opened)?);
                is_known |= known.is_some_and(|known| closed <= known);
                if known.is_none_or(|known| closed > known) {
                    found.push((closed, opened.yesterday().unwrap_or(closed)));
                }
            }
            page_token = answer.next_page_token;
            if is_known || page_token.is_empty() {
                break;
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        let noted = self.db.write(async |tx: Tx| days::note(&tx, &found).await).await;
        noted.map_err(florin_runtime::internal)
    }

    /// Does the next step of the earliest business date that has not ended, as far as it goes.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn turn(&self) -> Result<Turn, StoreError> {
        let Some(day) = days::next(self.db.read()).await? else { return Ok(Turn::Idle) };
        let taken = lease::acquire(&self.db, LEASE, &self.holder, LEASED_FOR).await?;
        let Some(mut lease) = taken else { return Ok(Turn::Idle) };
        let turn = self.next_step(&day, &mut lease).await;
        lease::release(&self.db, &lease).await?;
        turn
    }

    async fn next_step(&self, day: &Day, lease: &mut Lease) -> Result<Turn, StoreError> {
        let closed = day.closed;
        let Some(step) = day.next_step() else { return self.end(closed).await };
        self.db.write(async |tx: Tx| days::begin(&tx, closed, step).await).await?;
        let ran = match step {
            Step::Collection => self.collect(day, lease).await?,
            Step::Accrual => self.accrue(day, lease).await?,
            Step::Posting => self.post_bookings(day, lease).await?,
        };
        let (done, cause, turn) = match &ran {
            Ran::Lost => return Ok(Turn::Idle),
            Ran::Done(done) => (*done, None, Turn::Done),
            Ran::Waits(done) => (*done, Some("money is on its way"), Turn::Waiting),
            Ran::Failed(done, cause) => (*done, Some(cause.as_str()), Turn::Failed),
        };
        self.db.write(async |tx: Tx| days::went(&tx, (closed, step), done, cause).await).await?;
        match turn {
            Turn::Done => tracing::info!(%closed, ?step, done, "a step of the end of day is done"),
            Turn::Failed => {
                tracing::error!(%closed, ?step, done, cause, "a step of the end of day failed");
            }
            Turn::Idle | Turn::Waiting => {}
        }
        Ok(turn)
    }

    /// All steps are done: the day has ended, which is told once.
    async fn end(&self, closed: Date) -> Result<Turn, StoreError> {
        self.db
            .write(async |tx: Tx| {
                if days::end(&tx, closed).await? {
                    let at = tx.now().await?;
                    self.outbox.append(&tx, vec![events::day_ended(closed, at)]).await?;
                }
                Ok::<_, StoreError>(())
            })
            .await?;
        Ok(Turn::Done)
    }

    /// Keeps the lease; false where it was lost.
    async fn keep_lease(&self, lease: &mut Lease) -> Result<bool, StoreError> {
        let Some(renewed) = lease::renew(&self.db, lease, LEASED_FOR).await? else {
            return Ok(false);
        };
        *lease = renewed;
        Ok(true)
    }
}
