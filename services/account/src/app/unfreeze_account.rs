//! Unfreezes an account; one that is open stays so, and a closed one stays closed.

use florin_kernel::AccountId;
use florin_proto::account::v1::{AccountChange, UnfreezeAccountRequest, UnfreezeAccountResponse};
use florin_rpc::CallContext;
use tonic::{Response, Status};

use super::{
    answer,
    command::{Actor, Change, Outcome, Work},
    ledger::Ledger,
    open_account,
};
use crate::{
    domain::{event::EventKind, refusal::Refusal},
    grpc::convert,
    store::working::Working,
};

impl Ledger {
    /// Has an account unfrozen, under the client's key.
    ///
    /// # Errors
    /// INVALID_REQUEST, and the refusals of [`decide`].
    pub async fn unfreeze_account(
        &self,
        ctx: &CallContext,
        request: UnfreezeAccountRequest,
    ) -> Result<Response<UnfreezeAccountResponse>, Status> {
        let (account, reason) = convert::change(&request.account_id, &request.reason, 1)?;
        let work = Work::Change { account, change: Change::Unfreeze(reason) };
        self.answer(ctx, &request, work, answer::unfrozen).await
    }
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
    let account = working.account(id)?;
    let was_frozen = account.unfreeze()?;
    let account = account.clone();
    if !was_frozen {
        let holders = working.holders.get(&id).cloned().unwrap_or_default();
        return Ok(Outcome::Account { account, holders, replayed: false, events: Vec::new() });
    }
    let change = (EventKind::Unfrozen, AccountChange::Unfrozen);
    Ok(open_account::record_change(working, account, change, reason, actor))
}
