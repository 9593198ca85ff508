//! Sets a limit.

use florin_kernel::{Currency, Money};
use florin_proto::payment::v1::{SetLimitRequest, SetLimitResponse};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, once};
use florin_store::{StoreError, Tx, audit};
use tonic::{Response, Status};

use super::{Payment, create_transfer::same_currency, list_limits::account_not_found};
use crate::{
    domain::{Limit, Period, Subject},
    grpc::convert::limit,
    store::{self, limits::Standing},
    wire::wire_limit,
};

impl Payment {
    /// Sets a limit, in place of the one before; audited with both. What its day or month has
    /// taken on already counts: nobody takes on by the limits of before while one is set that
    /// nothing was counted by.
    ///
    /// # Errors
    /// Every violated field at once; `ACCOUNT_NOT_FOUND`, `CURRENCY_MISMATCH`: a limit of an
    /// account that nobody has, or in a currency that it is not in, would guard nothing.
    pub async fn set_limit(
        &self,
        ctx: &CallContext,
        request: SetLimitRequest,
    ) -> Result<Response<SetLimitResponse>, Status> {
        let limit = limit(&request).map_err(Error::invalid)?;
        self.check_account(ctx, &limit).await?;
        let Limit { subject, period, maximum } = &limit;
        once(&self.db, ctx, &request, async |tx: Tx| {
            let now = tx.now().await?;
            let currency = maximum.currency();
            let before = match store::limits::lock(&tx, subject, *period, currency).await? {
                Standing::Set(maximum) => Some(maximum),
                Standing::Removed => None,
                Standing::Never => {
                    store::limits::shut(&tx).await?;
                    None
                }
            };
            store::limits::set(&tx, &limit, now).await?;
            let change = Change { before, after: Some(*maximum) };
            audit_limit(&tx, ctx, (subject, *period, currency), change).await?;
            Ok::<_, Failure>(SetLimitResponse { limit: Some(wire_limit(&limit, now, None)) })
        })
        .await
    }

    async fn check_account(&self, ctx: &CallContext, limit: &Limit) -> Result<(), Error> {
        let Subject::Account(id) = limit.subject else { return Ok(()) };
        let account = self.account_of_bank(ctx, id).await?.ok_or_else(|| account_not_found(id))?;
        same_currency(&account.currency, limit.maximum.currency().code(), "debtor")
    }
}

/// What became of a limit.
pub(super) struct Change {
    /// The maximum before; None where there was no limit.
    pub(super) before: Option<Money>,
    /// The maximum from now on; None where there is no limit any more.
    pub(super) after: Option<Money>,
}

/// Records who changed a limit, from what to what: the row of the limit tells the last alone.
pub(super) async fn audit_limit(
    tx: &Tx,
    ctx: &CallContext,
    (subject, period, currency): (&Subject, Period, Currency),
    change: Change,
) -> Result<(), StoreError> {
    let on_behalf_of = match subject {
        Subject::Customer(id) => Some(id.to_string()),
        Subject::Account(_) | Subject::Channel(_) => None,
    };
    let told =
        |maximum: Option<Money>| maximum.map_or_else(|| "none".to_owned(), |most| most.amount());
    let (key, name) = (subject.key(), period.name());
    let (before, after) = (told(change.before), told(change.after));
    let entry = audit::Entry {
        actor: ctx.principal.scope_key(),
        on_behalf_of,
        method: ctx.method.to_owned(),
        reference: format!("limit/{key}/{name}/{currency}: {before} -> {after}"),
        at: tx.now().await?,
    };
    audit::record(tx, entry).await
}
