//! Freezes an account: no debit and no credit until it is unfrozen.

use florin_kernel::AccountId;
use florin_proto::account::v1::{AccountChange, FreezeAccountRequest, FreezeAccountResponse};
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
    /// Has an account frozen, under the client's key.
    ///
    /// # Errors
    /// INVALID_REQUEST, and the refusals of [`decide`].
    pub async fn freeze_account(
        &self,
        ctx: &CallContext,
        request: FreezeAccountRequest,
    ) -> Result<Response<FreezeAccountResponse>, Status> {
        let (account, reason) = convert::change(&request.account_id, &request.reason, 1)?;
        let work = Work::Change { account, change: Change::Freeze(reason) };
        self.answer(ctx, &request, work, answer::frozen).await
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
    account.freeze()?;
    let account = account.clone();
    let change = (EventKind::Frozen, AccountChange::Frozen);
    Ok(open_account::record_change(working, account, change, reason, actor))
}
