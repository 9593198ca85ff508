//! Returns an account to those who may see it.

use florin_kernel::{AccountId, Iban};
use florin_proto::account::v1::Reason;
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;

use super::ledger::Ledger;
use crate::{domain::account::Account, store::records};

/// Loads an account; a customer without a part in it learns nothing.
///
/// # Errors
/// `ACCOUNT_NOT_FOUND`, also for another's.
pub async fn get_account(
    ledger: &Ledger,
    context: &CallContext,
    id: AccountId,
) -> Result<records::AccountRecord, Error> {
    let found = records::account(ledger.db.read(), &id.to_string()).await.map_err(internal)?;
    let (account, holders) = found.ok_or_else(|| not_found(&id.to_string()))?;
    if context.principal.is_customer() {
        let own = context.principal.customer.map(|customer| customer.to_string());
        let part = holders.iter().any(|holder| Some(&holder.customer) == own.as_ref());
        if !part {
            return Err(not_found(&account.id));
        }
    }
    Ok((account, holders))
}

/// Finds the account behind an IBAN of this bank.
///
/// # Errors
/// `ACCOUNT_NOT_FOUND`.
pub async fn resolve_iban(ledger: &Ledger, iban: &Iban) -> Result<Account, Error> {
    let found = records::account_of_iban(ledger.db.read(), iban.electronic()).await;
    found.map_err(internal)?.ok_or_else(|| not_found(iban.electronic()))
}

fn not_found(what: &str) -> Error {
    Error::new(Reason::AccountNotFound, format!("account {what} does not exist"))
        .with("account_id", what)
}
