//! Balances: now, or as of one of the three dates.

use florin_kernel::{AccountId, Date, UnixMicros};
use florin_proto::{
    account::v1::{GetBalanceRequest, GetBalanceResponse},
    wire_money,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use tonic::{Response, Status};

use super::{answer, ledger::Ledger};
use crate::{domain::account::Account, grpc::convert, store::entries};

/// As of when a balance is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// As it stands.
    Now,
    /// As known at an instant.
    Recorded(UnixMicros),
    /// At the end of a booking date.
    Booked(Date),
    /// At the end of a value date.
    Valued(Date),
}

/// A balance; minor units of the account's currency.
struct Balance {
    /// The account as it stands.
    account: Account,
    /// Sum of the entries as of then.
    posted: i64,
    /// None as of a booking or value date: holds have neither.
    spendable: Option<Spendable>,
    /// Version of the account; 0 as of a booking or value date.
    version: i64,
}

/// What was on hold, and what could be spent.
struct Spendable {
    /// Sum of the open holds.
    held: i64,
    /// Posted less held plus overdraft limit, which does not change.
    available: i64,
}

impl Ledger {
    /// Returns a balance of an account that the caller may see.
    ///
    /// # Errors
    /// `ACCOUNT_NOT_FOUND`.
    pub async fn get_balance(
        &self,
        ctx: &CallContext,
        request: GetBalanceRequest,
    ) -> Result<Response<GetBalanceResponse>, Status> {
        let (id, as_of) = convert::balance(&request)?;
        let balance = self.balance(ctx, id, as_of).await?;
        let money = |minor| wire_money(balance.account.money(minor));
        Ok(Response::new(GetBalanceResponse {
            account_id: balance.account.id.to_string(),
            posted: Some(money(balance.posted)),
            held: balance.spendable.as_ref().map(|spendable| money(spendable.held)),
            available: balance.spendable.as_ref().map(|spendable| money(spendable.available)),
            version: balance.version,
        }))
    }

    async fn balance(
        &self,
        ctx: &CallContext,
        id: AccountId,
        as_of: AsOf,
    ) -> Result<Balance, Error> {
        let (account, _) = self.account_seen_by(ctx, id).await?;
        let read = self.db.read();
        let (posted, held, version) = match as_of {
            AsOf::Now => (account.posted, Some(account.held), account.version),
            AsOf::Recorded(at) => {
                let found = entries::as_recorded(read, id, at).await.map_err(internal)?;
                (found.0, Some(found.1), found.2)
            }
            AsOf::Booked(on) => {
                (entries::as_booked(read, id, on).await.map_err(internal)?, None, 0)
            }
            AsOf::Valued(on) => {
                (entries::as_valued(read, id, on).await.map_err(internal)?, None, 0)
            }
        };
        // Before its opening an account has no limit either.
        let spendable = held.map(|held| {
            let limit = if version > 0 { account.overdraft_limit } else { 0 };
            let then = Account { posted, held, overdraft_limit: limit, ..account.clone() };
            then.available().map(|available| Spendable { held, available })
        });
        let spendable = spendable.transpose().map_err(|refusal| answer::error(&refusal))?;
        Ok(Balance { account, posted, spendable, version })
    }
}
