//! What payments ask `account`: reads only. No handler calls another service's changing RPC.

use florin_kernel::{AccountId, CustomerId, Iban, Kind, Role};
use florin_proto::account::v1::{
    Account, BatchGetAccountsRequest, HolderRole, ResolveIbanRequest, ResolveIbanResponse,
    account_service_client::AccountServiceClient,
};
use florin_rpc::{CallContext, Dependency, Error, PartyRole, Retry, Verb, worker_context};

use super::{
    Payment,
    gather::{Found, Gather},
};
use crate::domain::Order;

const BATCH_GET_ACCOUNTS: &str = "/florin.account.v1.AccountService/BatchGetAccounts";
const RESOLVE_IBAN: &str = "/florin.account.v1.AccountService/ResolveIban";

impl Payment {
    /// An account that the caller may see: a customer as one of its holders, others by their
    /// scopes; None where it is not theirs to see, or does not exist.
    pub(super) async fn account_of_caller(
        &self,
        ctx: &CallContext,
        id: AccountId,
    ) -> Result<Option<Account>, Error> {
        let found = self.account_of_bank(ctx, id).await?;
        if !ctx.principal.is_customer() {
            return Ok(found);
        }
        let own = ctx.principal.customer;
        let is_own =
            |account: &Account| parties(account).iter().any(|(customer, _)| Some(*customer) == own);
        Ok(found.filter(is_own))
    }

    /// An account, for staff at the till, whose scopes have decided already.
    pub(super) async fn account_of_bank(
        &self,
        ctx: &CallContext,
        id: AccountId,
    ) -> Result<Option<Account>, Error> {
        self.account.wait(ctx, self.accounts.get(id)).await?
    }

    /// Whether the caller may do this with the account: a customer as one of its holders.
    pub(super) async fn caller_may(
        &self,
        ctx: &CallContext,
        verb: Verb,
        id: AccountId,
    ) -> Result<bool, Error> {
        if !ctx.principal.is_customer() {
            return Ok(true);
        }
        let account = self.account_of_caller(ctx, id).await?;
        Ok(account.is_some_and(|account| ctx.principal.may(verb, &parties(&account))))
    }

    /// On whose behalf somebody acts who is not a customer, and by whose order an account pays.
    pub(super) async fn owner_of_payer(
        &self,
        ctx: &CallContext,
        order: &Order,
    ) -> Result<Option<CustomerId>, Error> {
        let Some(debtor) = order.route().debtor().filter(|_| !ctx.principal.is_customer()) else {
            return Ok(None);
        };
        let account = self.account_of_bank(ctx, debtor).await?;
        Ok(account.and_then(|account| owner(ctx, &account)))
    }

    /// The account behind an IBAN of this bank; None where there is none.
    pub(super) async fn resolve(
        &self,
        ctx: &CallContext,
        iban: &Iban,
    ) -> Result<Option<(AccountId, String)>, Error> {
        let request = ResolveIbanRequest { iban: iban.electronic().to_owned() };
        let answer = self
            .account
            .call(&as_role(ctx), RESOLVE_IBAN, Retry::Read, request, |channel, request| async {
                AccountServiceClient::new(channel).resolve_iban(request).await
            })
            .await;
        let Some(ResolveIbanResponse { account_id, currency }) = found(answer)? else {
            return Ok(None);
        };
        let id = account_id
            .parse()
            .map_err(|error| Error::internal(format!("account behind an IBAN: {error}")))?;
        Ok(Some((id, currency)))
    }
}

/// How accounts are asked for: several in a call, in the name of this role.
pub(super) fn gather(account: &Dependency) -> Gather<AccountId, Account> {
    let account = account.clone();
    Gather::by(move |ids| read(account.clone(), ids))
}

async fn read(account: Dependency, ids: Vec<AccountId>) -> Found<AccountId, Account> {
    let request =
        BatchGetAccountsRequest { account_ids: ids.iter().map(ToString::to_string).collect() };
    let ctx = worker_context(Role::Payment);
    let answer = account
        .call(&ctx, BATCH_GET_ACCOUNTS, Retry::Read, request, |channel, request| async {
            AccountServiceClient::new(channel).batch_get_accounts(request).await
        })
        .await?;
    let named = |account: Account| {
        let id = account.account_id.parse();
        let id = id.map_err(|error| Error::internal(format!("account answered: {error}")))?;
        Ok((id, account))
    };
    answer.accounts.into_iter().map(named).collect()
}

/// The holders of an account as parties to it.
pub(super) fn parties(account: &Account) -> Vec<(CustomerId, PartyRole)> {
    let party = |customer: &str, role| {
        let role = match role {
            HolderRole::Owner => PartyRole::Owner,
            HolderRole::AuthorisedUser => PartyRole::AuthorisedUser,
            HolderRole::Viewer => PartyRole::Viewer,
            HolderRole::Unspecified => return None,
        };
        Some((customer.parse().ok()?, role))
    };
    account.holders.iter().filter_map(|holder| party(&holder.customer_id, holder.role())).collect()
}

/// On whose behalf somebody acts who is not a customer: the account's first owner.
pub(super) fn owner(ctx: &CallContext, account: &Account) -> Option<CustomerId> {
    if ctx.principal.is_customer() {
        return None;
    }
    let parties = parties(account);
    parties.into_iter().find(|(_, role)| *role == PartyRole::Owner).map(|(customer, _)| customer)
}

/// The role acting for itself within the caller's deadline, trace and request.
pub(super) fn as_role(ctx: &CallContext) -> CallContext {
    CallContext {
        deadline: ctx.deadline,
        traceparent: ctx.traceparent.clone(),
        request_id: ctx.request_id.clone(),
        ..worker_context(Role::Payment)
    }
}

fn found<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
