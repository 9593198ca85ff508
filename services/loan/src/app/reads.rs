//! What loans ask `account` and `cif`: reads only. No handler calls another service's changing
//! RPC.

use florin_kernel::{AccountId, CustomerId, Role, Violations};
use florin_proto::{
    account::v1::{
        Account, BatchGetAccountsRequest, GlAccount, HolderRole, ListGlAccountsRequest,
        Reason as AccountReason, account_service_client::AccountServiceClient,
    },
    cif::v1::{GetStandingsRequest, Standing, cif_service_client::CifServiceClient},
};
use florin_rpc::{CallContext, Error, Retry, worker_context};

use super::Lending;
use crate::domain::gl::GlCodes;

const BATCH_GET_ACCOUNTS: &str = "/florin.account.v1.AccountService/BatchGetAccounts";
const LIST_GL_ACCOUNTS: &str = "/florin.account.v1.AccountService/ListGlAccounts";
const GET_STANDINGS: &str = "/florin.cif.v1.CifService/GetStandings";
/// GL accounts of a page, the most that the ledger gives.
const PAGE: i32 = 200;
/// Pages of a chart that are read at most.
const MOST_PAGES: usize = 1_000;

impl Lending {
    /// An account; None where there is none.
    pub(super) async fn account_of(
        &self,
        ctx: &CallContext,
        id: AccountId,
    ) -> Result<Option<Account>, Error> {
        let request = BatchGetAccountsRequest { account_ids: vec![id.to_string()] };
        let batch = |channel, request| async {
            AccountServiceClient::new(channel).batch_get_accounts(request).await
        };
        let ctx = as_role(ctx);
        let answer =
            self.account.call(&ctx, BATCH_GET_ACCOUNTS, Retry::Read, request, batch).await?;
        Ok(answer.accounts.into_iter().find(|account| account.account_id == id.to_string()))
    }

    /// How the bank stands to a customer; None where there is none.
    pub(super) async fn standing_of(
        &self,
        ctx: &CallContext,
        customer: CustomerId,
    ) -> Result<Option<Standing>, Error> {
        let request = GetStandingsRequest { customer_ids: vec![customer.to_string()] };
        let get = |channel, request| async {
            CifServiceClient::new(channel).get_standings(request).await
        };
        let ctx = as_role(ctx);
        let answer = self.cif.call(&ctx, GET_STANDINGS, Retry::Read, request, get).await?;
        Ok(answer.standings.into_iter().find(|one| one.customer_id == customer.to_string()))
    }

    /// Whether every code is of a posting account.
    ///
    /// # Errors
    /// `GL_ACCOUNT_NOT_FOUND`, `GL_ACCOUNT_IS_CONTROL`, and those of the call.
    pub(super) async fn chart_has(&self, ctx: &CallContext, gl: &GlCodes) -> Result<(), Error> {
        let ctx = as_role(ctx);
        let named = gl.named();
        let mut wanted: Vec<&str> = named.iter().map(|(_, code)| *code).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut page_token = String::new();
        for _ in 0..MOST_PAGES {
            let request = ListGlAccountsRequest { page_size: PAGE, page_token };
            let list = |channel, request| async {
                AccountServiceClient::new(channel).list_gl_accounts(request).await
            };
            let page =
                self.account.call(&ctx, LIST_GL_ACCOUNTS, Retry::Read, request, list).await?;
            for GlAccount { code, control, .. } in &page.gl_accounts {
                if *control && wanted.contains(&code.as_str()) {
                    let text = format!("GL account {code} is a control account");
                    return Err(Error::new(AccountReason::GlAccountIsControl, text));
                }
                wanted.retain(|wanted| wanted != code);
            }
            if wanted.is_empty() {
                return Ok(());
            }
            if page.next_page_token.is_empty() {
                break;
            }
            page_token = page.next_page_token;
        }
        let text = format!("the chart has no GL account {}", wanted.join(" and no "));
        Err(Error::new(AccountReason::GlAccountNotFound, text))
    }
}

/// Whether a customer owns an account.
pub(super) fn owns(account: &Account, customer: CustomerId) -> bool {
    let customer = customer.to_string();
    let owner = |role: HolderRole| role == HolderRole::Owner;
    account.holders.iter().any(|holder| holder.customer_id == customer && owner(holder.role()))
}

/// The role acting for itself within the caller's deadline, trace and request.
pub(super) fn as_role(ctx: &CallContext) -> CallContext {
    CallContext {
        deadline: ctx.deadline,
        traceparent: ctx.traceparent.clone(),
        request_id: ctx.request_id.clone(),
        ..worker_context(Role::Loan)
    }
}

/// A field that breaks a rule which takes what another service knows.
pub(super) fn violation(field: &str, rule: &'static str, words: &str) -> Error {
    let mut found = Violations::new();
    found.add(field, rule, words);
    Error::invalid(found)
}
