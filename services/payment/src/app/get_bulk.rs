//! Returns a bulk and its lines; lists those of an account.

use std::collections::HashMap;

use florin_kernel::BulkId;
use florin_proto::{
    account::v1::Reason as AccountReason,
    payment::v1::{
        GetBulkRequest, GetBulkResponse, ListBulkLinesRequest, ListBulkLinesResponse,
        ListBulksRequest, ListBulksResponse,
    },
};
use florin_rpc::{CallContext, Error, Verb, page};
use florin_runtime::internal;
use prost::Message;
use tonic::{Response, Status};

use super::{Payment, create_bulk::bulk_not_found};
use crate::{
    grpc::convert::{bulk_id, bulks_page, lines_page},
    store::{self, bulk_lines::Fate, bulks::Bulk},
    wire::bulks::{wire_bulk, wire_line},
};

impl Payment {
    /// Returns a bulk with how far it is.
    ///
    /// # Errors
    /// `BULK_NOT_FOUND`, also for another's.
    pub async fn get_bulk(
        &self,
        ctx: &CallContext,
        request: GetBulkRequest,
    ) -> Result<Response<GetBulkResponse>, Status> {
        let id = bulk_id(&request.bulk_id).map_err(Error::invalid)?;
        let bulk = self.bulk_of(ctx, Verb::View, id).await?;
        Ok(Response::new(GetBulkResponse { bulk: Some(wire_bulk(&bulk)) }))
    }

    /// Lists the bulks of an account, newest first.
    ///
    /// # Errors
    /// Every violated field at once; `PAGE_TOKEN_INVALID`; `ACCOUNT_NOT_FOUND` for another's.
    pub async fn list_bulks(
        &self,
        ctx: &CallContext,
        request: ListBulksRequest,
    ) -> Result<Response<ListBulksResponse>, Status> {
        let (account, size) = bulks_page(&request).map_err(Error::invalid)?;
        let filter =
            ListBulksRequest { page_size: 0, page_token: String::new(), ..request.clone() }
                .encode_to_vec();
        let before = page::decode(ctx.method, &filter, &request.page_token)?
            .map(|cursor| cursor.parse())
            .transpose()
            .map_err(|error| Error::internal(format!("cursor of our own page token: {error}")))?;
        if !self.caller_may(ctx, Verb::View, account).await? {
            let text = format!("account {account} does not exist");
            return Err(Error::new(AccountReason::AccountNotFound, text).into());
        }
        let limit = u64::from(size).saturating_add(1);
        let found = store::bulks::list(self.db.read(), account, before, limit).await;
        let mut found = found.map_err(internal)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = found.len() > size;
        found.truncate(size);
        let next_page_token = match found.last() {
            Some(last) if more => page::encode(ctx.method, &filter, &last.id.to_string()),
            Some(_) | None => String::new(),
        };
        let bulks = found.iter().map(wire_bulk).collect();
        Ok(Response::new(ListBulksResponse { bulks, next_page_token }))
    }

    /// The report: lines in their order, with what became of their transfers.
    ///
    /// # Errors
    /// Every violated field at once; `PAGE_TOKEN_INVALID`; `BULK_NOT_FOUND`, also for another's.
    pub async fn list_bulk_lines(
        &self,
        ctx: &CallContext,
        request: ListBulkLinesRequest,
    ) -> Result<Response<ListBulkLinesResponse>, Status> {
        let (id, size) = lines_page(&request).map_err(Error::invalid)?;
        let filter =
            ListBulkLinesRequest { page_size: 0, page_token: String::new(), ..request.clone() }
                .encode_to_vec();
        let after = page::decode(ctx.method, &filter, &request.page_token)?
            .map(|cursor| cursor.parse::<i64>())
            .transpose()
            .map_err(|error| Error::internal(format!("cursor of our own page token: {error}")))?;
        let bulk = self.bulk_of(ctx, Verb::View, id).await?;
        let limit = i64::from(size).saturating_add(1);
        let after = after.unwrap_or_default();
        let found =
            store::bulk_lines::page(self.db.read(), &bulk, request.only_unpaid, after, limit);
        let mut found = found.await.map_err(internal)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = found.len() > size;
        found.truncate(size);
        let next_page_token = match found.last() {
            Some(last) if more => page::encode(ctx.method, &filter, &last.number.to_string()),
            Some(_) | None => String::new(),
        };
        let ids = found.iter().filter_map(|line| match &line.fate {
            Fate::Taken(id) => Some(*id),
            Fate::Wrong(_) | Fate::Correct | Fate::Refused(_) => None,
        });
        let ids: Vec<_> = ids.collect();
        let transfers = store::read(self.db.read(), &ids).await.map_err(internal)?;
        let transfers: HashMap<_, _> =
            transfers.into_iter().map(|one| (one.transfer.id(), one.transfer)).collect();
        let lines = found.iter().map(|line| wire_line(&bulk, line, &transfers)).collect();
        Ok(Response::new(ListBulkLinesResponse { lines, next_page_token }))
    }

    /// The bulk, where the caller may do this with the account that pays.
    pub(super) async fn bulk_of(
        &self,
        ctx: &CallContext,
        verb: Verb,
        id: BulkId,
    ) -> Result<Bulk, Error> {
        let bulk = store::bulks::find(self.db.read(), id).await.map_err(internal)?;
        let bulk = bulk.ok_or_else(|| bulk_not_found(id))?;
        if self.caller_may(ctx, verb, bulk.announced.from).await? {
            Ok(bulk)
        } else {
            Err(bulk_not_found(id))
        }
    }
}
