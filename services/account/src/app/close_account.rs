//! Closes an account for good: only at zero and without holds.

use florin_kernel::AccountId;
use florin_proto::account::v1::{AccountChange, Reason};
use florin_rpc::{CallContext, Error};
use prost::Message;
use tonic::{Response, Status};

use super::{
    answer,
    command::{Actor, Change, Outcome, Work},
    get_account::get_account,
    ledger::Ledger,
    open_account,
};
use crate::domain::{
    account::{Holder, HolderRole},
    event::EventKind,
    refusal::Refusal,
};
use crate::store::working::Working;

/// Has an account closed, under the client's key; a customer closes only what it owns.
///
/// # Errors
/// `ACCOUNT_NOT_FOUND`, also where the customer is no owner, and the refusals of [`decide`].
pub async fn close_account<Req: Message, Res: Message + Default>(
    ledger: &Ledger,
    context: &CallContext,
    request: &Req,
    account: AccountId,
    reason: String,
) -> Result<Response<Res>, Status> {
    if let Some(before) = ledger.replay(context, request).await? {
        return Ok(before);
    }
    let (_, holders) = get_account(ledger, context, account).await?;
    owner_only(context, &holders)?;
    let work = Work::Change { account: account.to_string(), change: Change::Close(reason) };
    ledger.answer(context, request, work, answer::closed).await
}

fn owner_only(context: &CallContext, holders: &[Holder]) -> Result<(), Error> {
    let Some(customer) = context.principal.customer else { return Ok(()) };
    let customer = customer.to_string();
    let owner = |holder: &Holder| holder.customer == customer && holder.role == HolderRole::Owner;
    if holders.iter().any(owner) {
        return Ok(());
    }
    Err(Error::new(Reason::AccountNotFound, "only an owner closes an account"))
}

/// Decides over the working set.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(
    working: &mut Working,
    id: &str,
    reason: &str,
    actor: &Actor,
) -> Result<Outcome, Refusal> {
    let account = working.account(id)?;
    account.close()?;
    let account = account.clone();
    let change = (EventKind::Closed, AccountChange::Closed);
    Ok(open_account::record_change(working, account, change, reason, actor))
}
