//! Takes a customer's part in an account away; the last owner stays.

use florin_kernel::{AccountId, CustomerId};
use florin_proto::account::v1::{AccountChange, RemoveHolderRequest, RemoveHolderResponse};
use florin_rpc::CallContext;
use tonic::{Response, Status};

use super::{
    answer,
    command::{Actor, Change, Outcome, Work},
    ledger::Ledger,
    open_account,
};
use crate::{
    domain::{account, event::EventKind, refusal::Refusal},
    grpc::convert,
    store::working::Working,
};

impl Ledger {
    /// Has a customer's part taken away, under the client's key.
    ///
    /// # Errors
    /// INVALID_REQUEST, and the refusals of [`decide`].
    pub async fn remove_holder(
        &self,
        ctx: &CallContext,
        request: RemoveHolderRequest,
    ) -> Result<Response<RemoveHolderResponse>, Status> {
        let (account, customer) = convert::old_holder(&request)?;
        let change = Change::RemoveHolder(customer);
        let work = Work::Change { account, change };
        self.answer(ctx, &request, work, answer::holder_removed).await
    }
}

/// Decides over the working set.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(
    working: &mut Working,
    id: AccountId,
    customer: CustomerId,
    actor: &Actor,
) -> Result<Outcome, Refusal> {
    working.account(id)?;
    let holders = working.holders.entry(id).or_default();
    account::remove_holder(id, holders, customer)?;
    working.writes.holders_removed.push((id, customer));
    let account = working.account(id)?;
    account.version += 1;
    let account = account.clone();
    let change = (EventKind::HolderRemoved, AccountChange::HolderRemoved);
    Ok(open_account::record_change(working, account, change, &customer.to_string(), actor))
}
