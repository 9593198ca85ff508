//! The business date, as `account` tells it.
//!
//! It is asked for, not taken from events: a reader of `account`'s events would write a row for
//! every posting of the bank to learn of one day a day.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use florin_kernel::{Date, Role, parse_date};
use florin_proto::account::v1::{
    GetBusinessDateRequest, account_service_client::AccountServiceClient,
};
use florin_rpc::{CallContext, Dependency, Error, Retry, worker_context};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use super::reads::as_role;

const GET_BUSINESS_DATE: &str = "/florin.account.v1.AccountService/GetBusinessDate";
/// How often it is asked for.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// For how long an answer is believed where no other comes.
const BELIEVED_FOR: Duration = Duration::from_secs(10);
/// Of so many failures one is a line in the log.
const WARN_EACH: u32 = 10;

/// The business date that this replica last heard of, and when.
#[derive(Debug, Clone)]
pub(crate) struct Books {
    known: Arc<watch::Sender<Option<(Date, Instant)>>>,
    /// Who asks, while others wait for the answer.
    asking: Arc<Mutex<()>>,
    account: Dependency,
}

impl Books {
    pub(crate) fn new(account: Dependency) -> Self {
        Self { known: Arc::new(watch::Sender::new(None)), asking: Arc::default(), account }
    }

    /// The business date, as it was told a moment ago; else `account` is asked, by one for all
    /// who want to know.
    pub(crate) async fn today(&self, ctx: &CallContext) -> Result<Date, Error> {
        if let Some(date) = self.fresh() {
            return Ok(date);
        }
        let _one = self.account.wait(ctx, self.asking.lock()).await?;
        match self.fresh() {
            Some(date) => Ok(date),
            None => self.ask(&as_role(ctx)).await,
        }
    }

    /// None as well where it was told too long ago: that day may be closed by now.
    fn fresh(&self) -> Option<Date> {
        let known = *self.known.borrow();
        known.filter(|(_, heard)| heard.elapsed() <= BELIEVED_FOR).map(|(date, _)| date)
    }

    /// Asks, and keeps the answer: the business date never goes back.
    pub(crate) async fn ask(&self, ctx: &CallContext) -> Result<Date, Error> {
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
        self.known.send_modify(|known| {
            let latest = known.map_or(date, |(before, _)| before.max(date));
            *known = Some((latest, asked));
        });
        Ok(self.known.borrow().map_or(date, |(date, _)| date))
    }

    /// Asks until the shutdown.
    pub(crate) async fn watch(self, shutdown: CancellationToken) {
        let mut ask = tokio::time::interval(ASK_EVERY);
        let ctx = worker_context(Role::Loan);
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
