//! The worker as it runs, and the GL accounts of the clearing, without which no money leaves.

use std::sync::atomic::Ordering;

use florin_proto::account::v1::{
    GlAccount, ListGlAccountsRequest, account_service_client::AccountServiceClient,
};
use florin_rpc::Retry;
use tokio_util::sync::CancellationToken;

use super::ClearingWorker;

const LIST: &str = "/florin.account.v1.AccountService/ListGlAccounts";
/// GL accounts of a page, the most that the ledger gives.
const PAGE: i32 = 200;
/// Pages of a chart that are read at most.
const MOST_PAGES: usize = 1_000;

impl ClearingWorker {
    /// Works until the shutdown. Payments begin to leave once the ledger has the GL accounts of
    /// the settings; what is under way goes on without.
    pub async fn run(self, shutdown: CancellationToken) {
        self.begins.store(false, Ordering::Release);
        let ready = async {
            if self.chart_is_ready(&shutdown).await {
                self.begins.store(true, Ordering::Release);
                self.woken.notify_one();
            }
        };
        tokio::join!(ready, self.turn_again_and_again(&shutdown));
    }

    async fn turn_again_and_again(&self, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.turn().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "payments between banks did not move"),
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(self.payment.config.poll()) => {}
                () = self.woken.notified() => {}
            }
        }
    }

    /// Waits until the ledger has both GL accounts; false where the shutdown came first. A
    /// payment that is sent and cannot be booked then would be gone from the bank and stand
    /// on hold for the customer.
    async fn chart_is_ready(&self, shutdown: &CancellationToken) -> bool {
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            failures += 1;
            let is_told = u64::try_from(failures).is_ok_and(u64::is_power_of_two);
            match self.lacking().await {
                Ok(None) => return true,
                Ok(Some(lack)) if is_told => {
                    tracing::error!(lack, failures, "payments between banks wait for the chart");
                }
                Err(cause) if is_told => {
                    tracing::warn!(%cause, failures, "the chart could not be read");
                }
                Ok(Some(_)) | Err(_) => {}
            }
            let pause = self.payment.config.backoff(failures);
            let _ = tokio::time::timeout(pause, shutdown.cancelled()).await;
        }
        false
    }

    /// What the chart lacks, in words.
    async fn lacking(&self) -> Result<Option<String>, String> {
        let config = &self.network.config;
        let mut wanted = vec![config.nostro_gl_code.as_str(), config.suspense_gl_code.as_str()];
        let mut page_token = String::new();
        for _ in 0..MOST_PAGES {
            let request = ListGlAccountsRequest { page_size: PAGE, page_token };
            let ctx = self.payment.ledger_ctx();
            let list = |channel, request| async {
                AccountServiceClient::new(channel).list_gl_accounts(request).await
            };
            let page = self.payment.postings.call(&ctx, LIST, Retry::Read, request, list).await;
            let page = page.map_err(|error| format!("{}: {}", error.reason(), error.message()))?;
            for GlAccount { code, control, .. } in &page.gl_accounts {
                if *control && wanted.contains(&code.as_str()) {
                    return Ok(Some(format!("GL account {code} is a control account")));
                }
                wanted.retain(|wanted| wanted != code);
            }
            if wanted.is_empty() {
                return Ok(None);
            }
            if page.next_page_token.is_empty() {
                break;
            }
            page_token = page.next_page_token;
        }
        Ok(Some(format!("the chart has no GL account {}", wanted.join(" and no "))))
    }
}
