//! Gives a verified customer a part in an account.

use florin_kernel::AccountId;
use florin_proto::account::v1::{AccountChange, AddHolderRequest, AddHolderResponse};
use florin_rpc::CallContext;
use tonic::{Response, Status};

use super::{
    answer,
    command::{Actor, Change, Outcome, Work},
    ledger::Ledger,
    open_account, standing,
};
use crate::{
    domain::{
        account::{self, Holder, Status as State},
        event::EventKind,
        refusal::Refusal,
    },
    grpc::convert,
    store::working::Working,
};

impl Ledger {
    /// Has a customer that `cif` has verified added, under the client's key.
    ///
    /// # Errors
    /// `CUSTOMER_NOT_FOUND`, `CUSTOMER_NOT_VERIFIED`, and the refusals of [`decide`].
    pub async fn add_holder(
        &self,
        ctx: &CallContext,
        request: AddHolderRequest,
    ) -> Result<Response<AddHolderResponse>, Status> {
        let (account, holder) = convert::new_holder(&request)?;
        if let Some(before) = self.replay(ctx, &request).await? {
            return Ok(before);
        }
        standing::verified(self, ctx, holder.customer).await?;
        let work = Work::Change { account, change: Change::AddHolder(holder) };
        self.answer(ctx, &request, work, answer::holder_added).await
    }
}

/// Decides over the working set; a frozen account may get holders, a closed one not.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(
    working: &mut Working,
    id: AccountId,
    holder: &Holder,
    actor: &Actor,
) -> Result<Outcome, Refusal> {
    let found = working.account(id)?.clone();
    if found.status == State::Closed {
        return Err(Refusal::Closed { account: found.id });
    }
    let holders = working.holders.entry(id).or_default();
    account::add_holder(id, holders, holder.clone())?;
    working.writes.holders_added.push((id, holder.clone()));
    let detail = format!("{} {}", holder.customer, holder.role);
    let account = working.account(id)?;
    account.version += 1;
    let account = account.clone();
    let change = (EventKind::HolderAdded, AccountChange::HolderAdded);
    Ok(open_account::record_change(working, account, change, &detail, actor))
}
