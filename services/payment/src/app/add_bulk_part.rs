//! Takes the parts of a file.

use std::sync::Arc;

use florin_kernel::BulkId;
use florin_proto::payment::v1::{
    AddBulkPartRequest, AddBulkPartResponse, Reason, UploadBulkRequest, UploadBulkResponse,
};
use florin_rpc::{CallContext, Error, Verb};
use florin_runtime::{Failure, internal};
use florin_store::Tx;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Response, Status};

use super::{
    Payment,
    create_bulk::{bulk_not_found, bulk_state},
};
use crate::{
    domain::BulkStatus,
    grpc::convert::{PartDraft, another_bulk},
    store::{self, bulks::Bulk},
    wire::bulks::{wire_bulk, wire_bulk_status},
};

impl Payment {
    /// Takes a part; one that is there already changes nothing.
    ///
    /// # Errors
    /// Every violated field at once; `BULK_NOT_FOUND`, also for another's; `BULK_STATE`,
    /// `BULK_OFFSET`.
    pub async fn add_bulk_part(
        &self,
        ctx: &CallContext,
        request: AddBulkPartRequest,
    ) -> Result<Response<AddBulkPartResponse>, Status> {
        let draft = PartDraft::try_from(request).map_err(Error::invalid)?;
        self.bulk_of(ctx, Verb::Pay, draft.id).await?;
        let bulk = self.keep_part(draft).await?;
        Ok(Response::new(AddBulkPartResponse {
            received_bytes: bulk.received,
            status: wire_bulk_status(bulk.status).into(),
        }))
    }

    /// Takes parts as they come, each in a transaction of its own: where the stream breaks, those
    /// before stay. What is held is one part.
    ///
    /// # Errors
    /// Those of a part; what the stream broke for.
    pub async fn upload_bulk(
        &self,
        ctx: &CallContext,
        mut parts: impl Stream<Item = Result<UploadBulkRequest, Status>> + Unpin + Send,
    ) -> Result<Response<UploadBulkResponse>, Status> {
        let mut last: Option<(BulkId, Bulk)> = None;
        while let Some(request) = parts.next().await.transpose()? {
            let part = request.part.unwrap_or_default();
            let draft = PartDraft::try_from(part).map_err(Error::invalid)?;
            match &last {
                // Whose it is was asked for the first of them.
                Some((id, _)) if *id == draft.id => {}
                Some(_) => return Err(Error::invalid(another_bulk()).into()),
                None => {
                    self.bulk_of(ctx, Verb::Pay, draft.id).await?;
                }
            }
            let id = draft.id;
            last = Some((id, self.keep_part(draft).await?));
        }
        let Some((_, bulk)) = last else {
            let nothing = PartDraft::try_from(AddBulkPartRequest::default());
            return Err(Error::invalid(nothing.err().unwrap_or_default()).into());
        };
        Ok(Response::new(UploadBulkResponse { bulk: Some(wire_bulk(&bulk)) }))
    }

    async fn keep_part(&self, draft: PartDraft) -> Result<Bulk, Error> {
        let PartDraft { id, offset, data } = draft;
        let end = offset.saturating_add(i64::try_from(data.len()).unwrap_or(i64::MAX));
        let keep = async |tx: Tx| {
            let bulk = store::bulks::lock(&tx, id).await?;
            let mut bulk = bulk.ok_or_else(|| Failure::Refused(bulk_not_found(id)))?;
            let was_read = match bulk.status {
                BulkStatus::Receiving => false,
                BulkStatus::Checking
                | BulkStatus::Accepted
                | BulkStatus::Rejected
                | BulkStatus::Done => true,
                BulkStatus::Cancelled => return Err(Failure::Refused(bulk_state(bulk.status))),
            };
            // Sent again after a lost answer; that it was the same is the digest's to say.
            if end <= bulk.received {
                return Ok(bulk);
            }
            if was_read {
                return Err(Failure::Refused(bulk_state(bulk.status)));
            }
            if offset != bulk.received || end > bulk.announced.size {
                return Err(Failure::Refused(not_here(&bulk)));
            }
            store::bulk_parts::add(&tx, id, offset, data.clone()).await?;
            bulk.received = end;
            bulk.changed_at = tx.now().await?;
            bulk.problems.clear();
            if end == bulk.announced.size {
                bulk.status = BulkStatus::Checking;
                let due = Arc::clone(&self.bulks);
                tx.on_commit(move || due.notify_one());
            }
            store::bulks::update(&tx, &bulk).await?;
            Ok(bulk)
        };
        self.db.write(keep).await.map_err(|failure: Failure| match failure {
            Failure::Refused(refused) => refused,
            Failure::Store(error) => internal(error),
        })
    }
}

fn not_here(bulk: &Bulk) -> Error {
    let received = bulk.received.to_string();
    let size = bulk.announced.size;
    let text = format!("the next part begins at {received} and ends at {size} at the latest");
    Error::new(Reason::BulkOffset, text).with("received_bytes", received)
}
