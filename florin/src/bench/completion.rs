//! How the transfers ended, from their own states: read in pages after the load, so that
//! nothing polls while it runs.
//!
//! The times are those of payment's database and the start is this computer's: on one
//! machine they are the same clock, on two they are as near as the clocks are.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use florin_kernel::{Role, TransferId, UnixMicros};
use florin_proto::{
    instant_of,
    payment::v1::{
        ListTransfersRequest, ListTransfersResponse, Transfer, TransferStatus,
        payment_service_client::PaymentServiceClient,
    },
};

use crate::{
    bench::{
        latency::Latencies,
        tally::{Made, State, Tally, one_more},
    },
    connect::Caller,
};

/// Transfers of a page, the most of the contract.
const PAGE: i32 = 200;
/// How often it is asked whether all have ended.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// A replica that made an id may be so much behind this computer's clock.
const MOST_SKEW_MICROS: i64 = 60_000_000;
/// The states before the end.
const UNFINISHED: [TransferStatus; 3] =
    [TransferStatus::Processing, TransferStatus::AwaitingScore, TransferStatus::Posting];

/// How the accepted transfers ended.
pub struct Ended {
    /// From due to COMPLETED, of what is measured.
    pub completed: Latencies,
    /// When the last measured transfer was COMPLETED, in microseconds after the start.
    pub last: u64,
    /// Ended unpaid, by reason; measured or not.
    pub failed: BTreeMap<String, u64>,
    /// Not ended within the limit, or not found; measured or not.
    pub unfinished: u64,
}

/// Waits until all transfers have ended, at most for the limit, and reads their times.
///
/// # Errors
/// Payment refuses or stays away.
pub async fn ended(caller: &Caller, tally: &mut Tally, limit: Duration) -> Result<Ended> {
    eprintln!("waiting for transfers to end");
    drain(caller, limit).await?;
    let mut ended =
        Ended { completed: Latencies::new()?, last: 0, failed: BTreeMap::new(), unfinished: 0 };
    let mut open = accepted(tally);
    let mut token = String::new();
    while !open.is_empty() {
        let page = page(caller, TransferStatus::Unspecified, PAGE, &token).await?;
        let oldest = page.transfers.last().and_then(|last| instant_of(last.created_at.as_ref()?));
        for transfer in &page.transfers {
            let Ok(id) = TransferId::parse(&transfer.transfer_id) else { continue };
            if let Some(due) = open.remove(&id) {
                ended.note(transfer, due, tally);
            }
        }
        let before_the_run = tally.began.plus_micros(-MOST_SKEW_MICROS);
        if page.next_page_token.is_empty() || oldest.is_some_and(|oldest| oldest < before_the_run) {
            break;
        }
        token = page.next_page_token;
    }
    // A replay of an earlier run has its transfers there.
    ended.unfinished = ended.unfinished.saturating_add(u64::try_from(open.len())?);
    Ok(ended)
}

/// When each accepted transfer was due.
fn accepted(tally: &Tally) -> HashMap<TransferId, u64> {
    let slots = tally.slots.iter().filter_map(|slot| match slot.state {
        State::Accepted(Made::Transfer(id)) => Some((id, slot.due)),
        State::Accepted(Made::Transaction(_))
        | State::NotStarted
        | State::Unknown
        | State::Refused => None,
    });
    slots.collect()
}

/// A transfer leaves PROCESSING for a later state and never comes back, so none in each of
/// the states in turn is none at all.
async fn drain(caller: &Caller, limit: Duration) -> Result<()> {
    let began = Instant::now();
    'states: for status in UNFINISHED {
        loop {
            if page(caller, status, 1, "").await?.transfers.is_empty() {
                continue 'states;
            }
            if began.elapsed() >= limit {
                return Ok(());
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
    Ok(())
}

async fn page(
    caller: &Caller,
    status: TransferStatus,
    page_size: i32,
    token: &str,
) -> Result<ListTransfersResponse> {
    let message = ListTransfersRequest {
        account_id: String::new(),
        status: status.into(),
        page_size,
        page_token: token.to_owned(),
    };
    caller
        .call(Role::Payment, message, |channel, request| async move {
            PaymentServiceClient::new(channel).list_transfers(request).await
        })
        .await
        .context("listing transfers")
}

impl Ended {
    fn note(&mut self, transfer: &Transfer, due: u64, tally: &Tally) {
        match transfer.status() {
            TransferStatus::Completed => {
                let step = transfer.steps.last();
                let at = step.and_then(|step| step.at.as_ref()).and_then(instant_of);
                let at = at.map_or(due, |at| since(tally.began, at));
                if due >= tally.warm_up {
                    self.completed.record(at.saturating_sub(due));
                    self.last = self.last.max(at);
                }
            }
            TransferStatus::Failed | TransferStatus::Cancelled => {
                let failure = transfer.failure.as_ref();
                let reason = failure.map(|failure| failure.reason.clone());
                one_more(&mut self.failed, reason.unwrap_or_default());
            }
            TransferStatus::Processing
            | TransferStatus::Holding
            | TransferStatus::Submitting
            | TransferStatus::Settling
            | TransferStatus::Releasing
            | TransferStatus::AwaitingScore
            | TransferStatus::Posting
            | TransferStatus::Unspecified => self.unfinished = self.unfinished.saturating_add(1),
        }
    }
}

fn since(began: UnixMicros, at: UnixMicros) -> u64 {
    u64::try_from(at.0.saturating_sub(began.0)).unwrap_or_default()
}
