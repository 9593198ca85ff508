//! What `reporting` asks of others: who may see which account is theirs to say, and no copy
//! of it is kept here, which would be late when a part in an account has ended.

use florin_kernel::{AccountId, CustomerId, Kind};
use florin_proto::{
    account::v1::{
        Account, GetAccountRequest, ListAccountsRequest,
        account_service_client::AccountServiceClient,
    },
    cif::v1::{GetStandingsRequest, cif_service_client::CifServiceClient},
};
use florin_rpc::{CallContext, Error, Retry};

use super::Reporting;

const GET_ACCOUNT: &str = "/florin.account.v1.AccountService/GetAccount";
const LIST_ACCOUNTS: &str = "/florin.account.v1.AccountService/ListAccounts";
const GET_STANDINGS: &str = "/florin.cif.v1.CifService/GetStandings";
/// Accounts of a page of `account`, and most pages that a search reads.
const PAGE: i32 = 200;
const MOST_PAGES: usize = 10;

impl Reporting {
    /// An account in the caller's own name; None where it is not the caller's to see, or does
    /// not exist.
    pub(super) async fn account_of_caller(
        &self,
        ctx: &CallContext,
        id: AccountId,
    ) -> Result<Option<Account>, Error> {
        let request = GetAccountRequest { account_id: id.to_string() };
        let answer = self
            .account
            .call(ctx, GET_ACCOUNT, Retry::Read, request, |channel, request| async {
                AccountServiceClient::new(channel).get_account(request).await
            })
            .await;
        match answer {
            Ok(answer) => Ok(answer.account),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The accounts in which a customer has a part, in the caller's own name; None where there
    /// are more than a search goes through.
    pub(super) async fn accounts_of(
        &self,
        ctx: &CallContext,
        customer: CustomerId,
    ) -> Result<Option<Vec<String>>, Error> {
        let mut found = Vec::new();
        let mut page_token = String::new();
        for _ in 0..MOST_PAGES {
            let customer_id = customer.to_string();
            let request = ListAccountsRequest { customer_id, page_size: PAGE, page_token };
            let page = self
                .account
                .call(ctx, LIST_ACCOUNTS, Retry::Read, request, |channel, request| async {
                    AccountServiceClient::new(channel).list_accounts(request).await
                })
                .await?;
            found.extend(page.accounts.into_iter().map(|account| account.account_id));
            if page.next_page_token.is_empty() {
                return Ok(Some(found));
            }
            page_token = page.next_page_token;
        }
        Ok(None)
    }

    /// Whether the bank has the customer.
    pub(super) async fn customer_exists(
        &self,
        ctx: &CallContext,
        customer: CustomerId,
    ) -> Result<bool, Error> {
        let request = GetStandingsRequest { customer_ids: vec![customer.to_string()] };
        let found = self
            .cif
            .call(ctx, GET_STANDINGS, Retry::Read, request, |channel, request| async {
                CifServiceClient::new(channel).get_standings(request).await
            })
            .await?;
        Ok(!found.standings.is_empty())
    }
}
