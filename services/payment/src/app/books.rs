//! The business date, as `account` tells it: limits and orders go by it.
//!
//! It is asked for, not taken from events: a reader of `account`'s events would write a row for
//! every posting of the bank to learn of one day a day. What runs by the date runs for every day
//! that has come and that was not done, so a day that nobody asked on is not lost (ADR 30).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use florin_kernel::{Date, parse_date};
use florin_proto::account::v1::{
    GetBusinessDateRequest, account_service_client::AccountServiceClient,
};
use florin_rpc::{CallContext, Dependency, Error, Retry, worker_context};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use super::accounts::as_role;
use crate::domain::Opened;

const GET_BUSINESS_DATE: &str = "/florin.account.v1.AccountService/GetBusinessDate";
/// How often it is asked for.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// For how long an answer is believed where no other comes.
const BELIEVED_FOR: Duration = Duration::from_secs(10);
/// Of so many failures one is a line in the log.
const WARN_EACH: u32 = 10;

/// The business date that this replica last heard of.
#[derive(Debug, Clone)]
pub(super) struct Books {
    known: Arc<watch::Sender<Option<Date>>>,
    /// With which next date of the calendar, by the date that it is after.
    next: Arc<watch::Sender<Option<(Date, Date)>>>,
    /// When that was told last.
    heard: Arc<watch::Sender<Option<Instant>>>,
    /// Who asks, while others wait for the answer.
    asking: Arc<Mutex<()>>,
    account: Dependency,
}

impl Books {
    pub(super) fn new(account: Dependency) -> Self {
        Self {
            known: Arc::new(watch::Sender::new(None)),
            next: Arc::new(watch::Sender::new(None)),
            heard: Arc::new(watch::Sender::new(None)),
            asking: Arc::default(),
            account,
        }
    }

    /// The business date, as it was told a moment ago; else `account` is asked, by one for all
    /// who want to know.
    pub(super) async fn today(&self, ctx: &CallContext) -> Result<Date, Error> {
        if let Some(date) = self.fresh() {
            return Ok(date);
        }
        let _one = self.account.wait(ctx, self.asking.lock()).await?;
        match self.fresh() {
            Some(date) => Ok(date),
            None => self.ask(&as_role(ctx)).await,
        }
    }

    /// The business date that was last told, however long ago.
    pub(super) fn known(&self) -> Option<Date> {
        *self.known.borrow()
    }

    /// A business date with what the calendar has next, where that was told with it.
    pub(super) fn opened(&self, on: Date) -> Opened {
        let next = *self.next.borrow();
        Opened { on, next: next.filter(|(after, _)| *after == on).map(|(_, next)| next) }
    }

    /// None as well where it was told too long ago: that day may be closed by now.
    fn fresh(&self) -> Option<Date> {
        let age = self.heard.borrow().map(|heard| heard.elapsed());
        self.known().filter(|_| age.is_some_and(|age| age <= BELIEVED_FOR))
    }

    /// Asks, and keeps the answer: the business date never goes back.
    pub(super) async fn ask(&self, ctx: &CallContext) -> Result<Date, Error> {
        let asked = Instant::now();
        let request = GetBusinessDateRequest {};
        let answer = self
            .account
            .call(ctx, GET_BUSINESS_DATE, Retry::Read, request, |channel, request| async {
                AccountServiceClient::new(channel).get_business_date(request).await
            })
            .await?;
        let date = parse_date(&answer.business_date)
            .map_err(|error| Error::internal(format!("business date of account: {error}")))?;
        // A calendar that is none says nothing of the next date, and holds up no other.
        let next = parse_date(&answer.next_business_date).ok().filter(|next| *next > date);
        self.next.send_replace(next.map(|next| (date, next)));
        self.known.send_if_modified(|known| {
            let later = known.is_none_or(|known| date > known);
            if later {
                *known = Some(date);
            }
            later
        });
        self.heard.send_replace(Some(asked));
        Ok(self.known().unwrap_or(date))
    }

    /// Asks until the shutdown.
    pub(super) async fn watch(self, shutdown: CancellationToken) {
        let mut ask = tokio::time::interval(ASK_EVERY);
        let ctx = worker_context(florin_kernel::Role::Payment);
        let mut failures: u32 = 0;
        while shutdown.run_until_cancelled(ask.tick()).await.is_some() {
            let Some(answer) = shutdown.run_until_cancelled(self.ask(&ctx)).await else { return };
            failures = if answer.is_ok() { 0 } else { failures.saturating_add(1) };
            if let Err(error) = answer
                && failures.is_multiple_of(WARN_EACH)
            {
                tracing::warn!(%error, failures, "the business date could not be asked for");
            }
        }
    }
}
