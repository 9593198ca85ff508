//! The streams of the proof: breaches as they are found, references to pair.

use std::time::Duration;

use florin_proto::account::v1 as proto;
use florin_runtime::internal;
use florin_store::StoreError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::app::{
    export_references,
    ledger::Ledger,
    verify_ledger::{self, Report},
};

/// Messages on their way to a reader that has not taken them.
const BUFFER: usize = 256;
/// Breaches of one statement that are named where the request gives no number.
const MOST_BREACHES: i64 = 100;
/// How often a verification that is at a long statement says so; its readers give up after a
/// minute of silence.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// A bounded stream of answers.
pub type Stream<T> = ReceiverStream<Result<T, Status>>;

pub(super) fn verify_ledger(
    ledger: &Ledger,
    request: Request<proto::VerifyLedgerRequest>,
) -> Result<Response<Stream<proto::VerifyLedgerResponse>>, Status> {
    let most = i64::from(request.into_inner().most_breaches);
    let most = if most > 0 { most } else { MOST_BREACHES };
    let (out, stream) = mpsc::channel(BUFFER);
    let db = ledger.db.clone();
    let work = async move {
        let sink = out.clone();
        let report = async move |report| {
            let part = Some(part_of(report));
            let sent = sink.send(Ok(proto::VerifyLedgerResponse { part })).await;
            sent.map_err(|_| StoreError::Timeout("the reader of the verification left".into()))
        };
        let verified = tokio::select! {
            verified = verify_ledger::verify(&db, most, report) => verified,
            () = signs_of_life(&out) => return,
        };
        let last = match verified {
            Ok(summary) => Ok(proto::VerifyLedgerResponse { part: Some(summary_of(summary)) }),
            Err(error) => Err(internal(error).into()),
        };
        // A reader that left needs no last word.
        drop(out.send(last).await);
    };
    tokio::spawn(work);
    Ok(Response::new(ReceiverStream::new(stream)))
}

/// One statement may run for minutes: the reader hears that it is still at work. Ends where
/// the reader has left.
async fn signs_of_life(out: &mpsc::Sender<Result<proto::VerifyLedgerResponse, Status>>) {
    loop {
        tokio::time::sleep(SIGN_OF_LIFE).await;
        let part = Some(part_of(Report::Progress { check: "at_work", done: 0 }));
        if out.send(Ok(proto::VerifyLedgerResponse { part })).await.is_err() {
            return;
        }
    }
}

fn part_of(report: Report) -> proto::verify_ledger_response::Part {
    use proto::verify_ledger_response::Part;
    match report {
        Report::Progress { check, done } => {
            Part::Progress(proto::VerifyProgress { check: check.to_owned(), done })
        }
        Report::Breach { check, record, description } => {
            Part::Breach(proto::Breach { check: check.to_owned(), record, description })
        }
    }
}

fn summary_of(summary: verify_ledger::Summary) -> proto::verify_ledger_response::Part {
    proto::verify_ledger_response::Part::Summary(proto::VerifySummary {
        accounts: summary.accounts,
        events: summary.events,
        transactions: summary.transactions,
        breaches: summary.breaches,
    })
}

pub(super) fn export_references(
    ledger: &Ledger,
    _: Request<proto::ExportReferencesRequest>,
) -> Result<Response<Stream<proto::ExportReferencesResponse>>, Status> {
    let (out, stream) = mpsc::channel(BUFFER);
    let ledger = ledger.clone();
    let work = async move {
        if let Err(error) = export_references::export_references(&ledger, &out).await {
            drop(out.send(Err(error.into())).await);
        }
    };
    tokio::spawn(work);
    Ok(Response::new(ReceiverStream::new(stream)))
}
