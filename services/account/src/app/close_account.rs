//! Closes an account for good: only at zero and without holds.

use florin_kernel::AccountId;
use florin_proto::account::v1::{AccountChange, CloseAccountRequest, CloseAccountResponse, Reason};
use florin_rpc::{CallContext, Error};
use tonic::{Response, Status};

use super::{
    answer,
    command::{Actor, Change, Outcome, Work},
    ledger::Ledger,
    open_account,
};
use crate::{
    domain::{
        account::{Holder, HolderRole},
        event::EventKind,
        refusal::Refusal,
    },
    grpc::convert,
    store::working::Working,
};

impl Ledger {
    /// Has an account closed, under the client's key; a customer closes only what it owns.
    ///
    /// # Errors
    /// `ACCOUNT_NOT_FOUND`, also where the customer is no owner, and the refusals of
    /// [`decide`].
    pub async fn close_account(
        &self,
        ctx: &CallContext,
        request: CloseAccountRequest,
    ) -> Result<Response<CloseAccountResponse>, Status> {
        let (account, reason) = convert::change(&request.account_id, &request.reason, 0)?;
        if let Some(before) = self.replay(ctx, &request).await? {
            return Ok(before);
        }
        let (_, holders) = self.account_seen_by(ctx, account).await?;
        owner_only(ctx, &holders)?;
        let work = Work::Change { account, change: Change::Close(reason) };
        self.answer(ctx, &request, work, answer::closed).await
    }
}

fn owner_only(ctx: &CallContext, holders: &[Holder]) -> Result<(), Error> {
    let Some(customer) = ctx.principal.customer else { return Ok(()) };
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
    id: AccountId,
    reason: &str,
    actor: &Actor,
) -> Result<Outcome, Refusal> {
    let unended = working.unended.get(&id).copied();
    let account = working.account(id)?;
    // The end of that day owes the account its interest, and is owed its fees.
    if let Some(day) = unended {
        return Err(Refusal::EndOfDayOpen { day });
    }
    account.close()?;
    let account = account.clone();
    let change = (EventKind::Closed, AccountChange::Closed);
    Ok(open_account::record_change(working, account, change, reason, actor))
}
