//! Tells what a file of transfers has come to: its batches, and the whole as a pain.002.

mod pain_002;

use florin_proto::payment::v1::{
    DownloadBulkReportRequest, DownloadBulkReportResponse, GetBulkReportRequest,
    GetBulkReportResponse, Reason,
};
use florin_rpc::{CallContext, Error, Verb, page};
use florin_runtime::internal;
use florin_store::StoreError;
use prost::Message;
use tonic::{Response, Status};

use self::pain_002::{Part, document};
use super::Payment;
use crate::{
    domain::{BulkFormat, BulkStatus, Counts, Reported},
    grpc::convert::{download_page, report_page},
    store::{self, bulk_batches::Batch, bulk_lines::Wanted, bulks::Bulk},
    wire::bulks::{wire_batch, wire_bulk, wire_counts, wire_reported},
};

/// Where a report in parts goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    /// The last line that was told.
    line: i64,
    /// The whole file, when the first part was made.
    whole: Counts,
    /// The batch of that line with its lines, when it began.
    batch: (i64, Counts),
}

impl Cursor {
    fn text(&self) -> String {
        let Self { line, whole, batch: (number, counts) } = self;
        format!("{line}|{whole}|{number}|{counts}")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('|');
        let mut next = || parts.next();
        let cursor = Self {
            line: next()?.parse().ok()?,
            whole: next()?.parse().ok()?,
            batch: (next()?.parse().ok()?, next()?.parse().ok()?),
        };
        next().is_none().then_some(cursor)
    }
}

impl Payment {
    /// Tells what a bulk has come to, with a page of its batches.
    ///
    /// # Errors
    /// Every violated field at once; `PAGE_TOKEN_INVALID`; `BULK_NOT_FOUND`, also for another's.
    pub async fn get_bulk_report(
        &self,
        ctx: &CallContext,
        request: GetBulkReportRequest,
    ) -> Result<Response<GetBulkReportResponse>, Status> {
        let (id, size) = report_page(&request).map_err(Error::invalid)?;
        let filter =
            GetBulkReportRequest { page_size: 0, page_token: String::new(), ..request.clone() }
                .encode_to_vec();
        let after = page::decode(ctx.method, &filter, &request.page_token)?
            .map(|cursor| cursor.parse::<i64>())
            .transpose()
            .map_err(|error| Error::internal(format!("cursor of our own page token: {error}")))?;
        let bulk = self.bulk_of(ctx, Verb::View, id).await?;
        let limit = i64::from(size).saturating_add(1);
        let mut told = self.standing_of_bulk(&bulk, after.unwrap_or_default(), limit).await?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = told.batches.len() > size;
        told.batches.truncate(size);
        let next_page_token = match told.batches.last() {
            Some((last, _)) if more => page::encode(ctx.method, &filter, &last.number.to_string()),
            Some(_) | None => String::new(),
        };
        let currency = told.bulk.announced.currency;
        let batches = told.batches.iter().map(|(one, counts)| wire_batch(&told.bulk, one, counts));
        Ok(Response::new(GetBulkReportResponse {
            status: wire_reported(Reported::of_all(told.bulk.status, &told.counts)).into(),
            counts: wire_counts(&told.counts, currency),
            batches: batches.collect(),
            bulk: Some(wire_bulk(&told.bulk)),
            next_page_token,
        }))
    }

    /// The bulk and what became of its lines, of one snapshot.
    async fn standing_of_bulk(
        &self,
        bulk: &Bulk,
        after: i64,
        limit: i64,
    ) -> Result<Standing, Error> {
        let snapshot = self.db.snapshot().await.map_err(internal)?;
        let read = async {
            let bulk = store::bulks::find(&snapshot, bulk.id).await?;
            let bulk = bulk.ok_or_else(|| StoreError::Corrupt("a bulk is gone".to_owned()))?;
            if !is_read(&bulk) {
                return Ok(Standing { bulk, counts: Counts::default(), batches: Vec::new() });
            }
            let counts = store::bulk_report::of_bulk(&snapshot, &bulk).await?;
            let batches = store::bulk_batches::page(&snapshot, &bulk, after, limit).await?;
            let batches = store::bulk_report::with_counts(&snapshot, &bulk, batches, None).await?;
            Ok::<_, StoreError>(Standing { bulk, counts, batches })
        };
        read.await.map_err(internal)
    }

    /// A part of the report as a pain.002.
    ///
    /// # Errors
    /// Every violated field at once; `PAGE_TOKEN_INVALID`; `BULK_NOT_FOUND`, also for another's;
    /// `BULK_IS_NO_PAIN_001`.
    pub async fn download_bulk_report(
        &self,
        ctx: &CallContext,
        request: DownloadBulkReportRequest,
    ) -> Result<Response<DownloadBulkReportResponse>, Status> {
        let (id, size) = download_page(&request).map_err(Error::invalid)?;
        let filter = DownloadBulkReportRequest {
            page_size: 0,
            page_token: String::new(),
            ..request.clone()
        }
        .encode_to_vec();
        let broken = || Error::internal("a cursor of our own page token");
        let cursor = page::decode(ctx.method, &filter, &request.page_token)?
            .map(|text| Cursor::parse(&text).ok_or_else(broken))
            .transpose()?;
        let bulk = self.bulk_of(ctx, Verb::View, id).await?;
        if bulk.announced.format != BulkFormat::Pain001 {
            let text = "the file is no pain.001, so there is no pain.002 about it";
            return Err(Error::new(Reason::BulkIsNoPain001, text).into());
        }
        let read = self.part(&bulk, cursor, i64::from(size)).await.map_err(internal)?;
        let (part, next) = read;
        let sender = self.network.as_ref().map(|network| network.bic.clone());
        let now = self.db.now().await.map_err(internal)?;
        let document = document(&part, sender, now).map_err(|error| {
            Error::internal(format!("the report on {} cannot be written: {error}", bulk.id))
        })?;
        let next_page_token = next.map(|next| page::encode(ctx.method, &filter, &next.text()));
        Ok(Response::new(DownloadBulkReportResponse {
            document: document.into(),
            next_page_token: next_page_token.unwrap_or_default(),
        }))
    }

    /// The lines behind the cursor with their batches, and where the next part goes on.
    async fn part(
        &self,
        bulk: &Bulk,
        cursor: Option<Cursor>,
        size: i64,
    ) -> Result<(Part, Option<Cursor>), StoreError> {
        let snapshot = self.db.snapshot().await?;
        let bulk = store::bulks::find(&snapshot, bulk.id).await?;
        let bulk = bulk.ok_or_else(|| StoreError::Corrupt("a bulk is gone".to_owned()))?;
        if !is_read(&bulk) {
            return Ok((Part::of_nothing(bulk), None));
        }
        let whole = match &cursor {
            Some(cursor) => cursor.whole,
            None => store::bulk_report::of_bulk(&snapshot, &bulk).await?,
        };
        let after = cursor.as_ref().map_or(0, |cursor| cursor.line);
        let limit = size.saturating_add(1);
        let wanted = Wanted { only_unpaid: false, after, last: i64::MAX, limit };
        let mut lines = store::bulk_lines::page(&snapshot, &bulk, wanted).await?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let more = lines.len() > size;
        lines.truncate(size);
        let (first, last) = (lines.first().map(|one| one.batch), lines.last());
        let before = first.unwrap_or_default().saturating_sub(1);
        let count = last.map_or(0, |last| last.batch.saturating_sub(before));
        let batches = store::bulk_batches::page(&snapshot, &bulk, before, count).await?;
        let known = cursor.map(|cursor| cursor.batch);
        let batches = store::bulk_report::with_counts(&snapshot, &bulk, batches, known).await?;
        let next = match (last, batches.last()) {
            (Some(line), Some((batch, counts))) if more => {
                Some(Cursor { line: line.number, whole, batch: (batch.number, *counts) })
            }
            _ => None,
        };
        let transfers = store::bulk_report::transfers_of(&snapshot, &lines).await?;
        Ok((Part { bulk, whole, batches, lines, transfers }, next))
    }
}

/// A bulk, what became of its lines, and some of its batches.
struct Standing {
    bulk: Bulk,
    counts: Counts,
    batches: Vec<(Batch, Counts)>,
}

/// Whether the lines are those of the whole file.
const fn is_read(bulk: &Bulk) -> bool {
    match bulk.status {
        BulkStatus::Receiving | BulkStatus::Checking => false,
        // It may have been cancelled while it was read.
        BulkStatus::Cancelled => bulk.tally.lines > 0,
        BulkStatus::Accepted | BulkStatus::Rejected | BulkStatus::Done => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_as_it_was_told() {
        let mut counts = Counts::default();
        counts.add(Reported::Settled, 3, 7);
        let cursor = Cursor { line: 12, whole: counts, batch: (2, Counts::default()) };
        assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        for bad in ["", "12", "12||2|", "x|y|z|w|v"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
