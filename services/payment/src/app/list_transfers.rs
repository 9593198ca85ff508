//! Lists transfers.

use florin_kernel::{AccountId, Violations};
use florin_proto::{
    account::v1::Reason as AccountReason,
    payment::v1::{ListTransfersRequest, ListTransfersResponse},
};
use florin_rpc::{CallContext, Error, Verb, page};
use florin_runtime::internal;
use prost::Message;
use tonic::{Response, Status};

use super::Payment;
use crate::{
    grpc::convert::ListQuery,
    store::{self, Record, Visible},
    wire::{Viewer, wire_transfer},
};

impl Payment {
    /// Lists transfers, newest first. A customer names an account that it holds; everybody
    /// else may leave it out.
    ///
    /// # Errors
    /// Every violated field at once; `PAGE_TOKEN_INVALID`; `ACCOUNT_NOT_FOUND` where a
    /// customer names an account that is not its own.
    pub async fn list_transfers(
        &self,
        ctx: &CallContext,
        request: ListTransfersRequest,
    ) -> Result<Response<ListTransfersResponse>, Status> {
        let query = ListQuery::try_from(&request).map_err(Error::invalid)?;
        let filter =
            ListTransfersRequest { page_size: 0, page_token: String::new(), ..request.clone() }
                .encode_to_vec();
        let before = page::decode(ctx.method, &filter, &request.page_token)?
            .map(|cursor| cursor.parse())
            .transpose()
            .map_err(|error| Error::internal(format!("cursor of our own page token: {error}")))?;
        let visible = self.visible(ctx, query.account).await?;
        // One more than the page tells whether another follows.
        let limit = u64::from(query.page_size).saturating_add(1);
        let mut records = store::list(self.db.read(), visible, query.status, before, limit)
            .await
            .map_err(internal)?;
        let size = usize::try_from(query.page_size).unwrap_or(usize::MAX);
        let more = records.len() > size;
        records.truncate(size);
        let next_page_token = match records.last() {
            Some(last) if more => {
                page::encode(ctx.method, &filter, &last.transfer.id().to_string())
            }
            Some(_) | None => String::new(),
        };
        let transfers = records.iter().map(|record| wire_transfer(record, viewer(visible, record)));
        let mut transfers: Vec<_> = transfers.collect();
        self.tell_comebacks(transfers.iter_mut()).await.map_err(internal)?;
        Ok(Response::new(ListTransfersResponse { transfers, next_page_token }))
    }

    async fn visible(
        &self,
        ctx: &CallContext,
        account: Option<AccountId>,
    ) -> Result<Visible, Error> {
        match (ctx.principal.is_customer(), account) {
            (false, None) => Ok(Visible::All),
            (false, Some(account)) => Ok(Visible::OfAccount(account)),
            (true, None) => {
                let mut violations = Violations::new();
                violations.add(
                    "account_id",
                    "REQUIRED",
                    "customers must name one of their accounts",
                );
                Err(Error::invalid(violations))
            }
            (true, Some(account)) => {
                if self.caller_may(ctx, Verb::View, account).await? {
                    return Ok(Visible::OfHolder(account));
                }
                let text = format!("account {account} does not exist");
                Err(Error::new(AccountReason::AccountNotFound, text))
            }
        }
    }
}

/// A holder sees each transfer from the account that it asks for.
fn viewer(visible: Visible, record: &Record) -> Viewer {
    match visible {
        Visible::All | Visible::OfAccount(_) => Viewer::Bank,
        Visible::OfHolder(account) if record.transfer.order().route().debtor() == Some(account) => {
            Viewer::Debtor
        }
        Visible::OfHolder(_) => Viewer::Creditor,
    }
}
