//! Returns a bulk and its lines; lists those of an account.

use std::collections::{HashMap, HashSet};

use florin_kernel::{AccountId, BulkId};
use florin_proto::{
    account::v1::Reason as AccountReason,
    payment::v1::{
        GetBulkRequest, GetBulkResponse, ListBulkLinesRequest, ListBulkLinesResponse,
        ListBulksRequest, ListBulksResponse,
    },
};
use florin_rpc::{CallContext, Error, Verb, page};
use florin_runtime::internal;
use florin_store::StoreError;
use futures_util::future::try_join_all;
use prost::Message;
use tonic::{Response, Status};

use super::{Payment, create_bulk::bulk_not_found};
use crate::{
    grpc::convert::{bulk_id, bulks_page, lines_page},
    store::{self, bulk_lines::Wanted, bulks::Bulk},
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
        // A page may be short: what pays from accounts of others is theirs too.
        let found = self.without_strangers(ctx, Verb::View, found).await?;
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
        let wanted = Wanted { only_unpaid: request.only_unpaid, after, last: i64::MAX, limit };
        let wanted = self.of_batch(&bulk, wanted, request.batch).await.map_err(internal)?;
        let found = store::bulk_lines::page(self.db.read(), &bulk, wanted);
        let mut found = found.await.map_err(internal)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = found.len() > size;
        found.truncate(size);
        let next_page_token = match found.last() {
            Some(last) if more => page::encode(ctx.method, &filter, &last.number.to_string()),
            Some(_) | None => String::new(),
        };
        let transfers =
            store::bulk_report::transfers_of(self.db.read(), &found).await.map_err(internal)?;
        let lines = found.iter().map(|line| wire_line(&bulk, line, &transfers)).collect();
        Ok(Response::new(ListBulkLinesResponse { lines, next_page_token }))
    }

    /// Those of a batch alone, where one is asked for; none where there is no such batch.
    async fn of_batch(
        &self,
        bulk: &Bulk,
        wanted: Wanted,
        batch: i64,
    ) -> Result<Wanted, StoreError> {
        if batch == 0 {
            return Ok(wanted);
        }
        let before = batch.saturating_sub(1);
        let found = store::bulk_batches::page(self.db.read(), bulk, before, 1).await?;
        Ok(match found.first().filter(|one| one.number == batch) {
            Some(one) => Wanted {
                after: wanted.after.max(one.first_line.saturating_sub(1)),
                last: one.last_line,
                ..wanted
            },
            None => Wanted { last: 0, ..wanted },
        })
    }

    /// The bulk, where the caller may do this with every account that pays.
    pub(super) async fn bulk_of(
        &self,
        ctx: &CallContext,
        verb: Verb,
        id: BulkId,
    ) -> Result<Bulk, Error> {
        let bulk = store::bulks::find(self.db.read(), id).await.map_err(internal)?;
        let bulk = bulk.ok_or_else(|| bulk_not_found(id))?;
        let others = self.without_strangers(ctx, verb, vec![bulk]);
        others.await?.pop().ok_or_else(|| bulk_not_found(id))
    }

    /// Those of the bulks with every account of which the caller may do this.
    async fn without_strangers(
        &self,
        ctx: &CallContext,
        verb: Verb,
        bulks: Vec<Bulk>,
    ) -> Result<Vec<Bulk>, Error> {
        let ids: Vec<_> = bulks.iter().map(|bulk| bulk.id).collect();
        let mut payers =
            store::bulk_batches::other_payers(self.db.read(), &ids).await.map_err(internal)?;
        for bulk in &bulks {
            payers.entry(bulk.id).or_default().push(bulk.announced.from);
        }
        let all: HashSet<AccountId> = payers.values().flatten().copied().collect();
        let asked = all.into_iter().map(|one| async move {
            Ok::<_, Error>((one, self.caller_may(ctx, verb, one).await?))
        });
        let may: HashMap<AccountId, bool> = try_join_all(asked).await?.into_iter().collect();
        let is_seen = |bulk: &Bulk| {
            let payers = payers.get(&bulk.id);
            payers.is_some_and(|all| all.iter().all(|one| may.get(one).copied().unwrap_or(false)))
        };
        Ok(bulks.into_iter().filter(is_seen).collect())
    }
}
