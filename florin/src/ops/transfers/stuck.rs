//! `florin ops transfers stuck`: what has not come to its end for longer than it should, and what
//! waits for people however young it is.

use anyhow::{Context as _, Result};
use florin_kernel::{Role, UnixMicros};
use florin_proto::{
    instant_of,
    payment::v1::{
        ClearingStage, ExportClearingRequest, ExportClearingResponse, GetTransferRequest,
        ListFailingOrdersRequest, ListTransfersRequest, RecallStatus, Transfer, TransferStatus,
        payment_service_client::PaymentServiceClient,
    },
};
use florin_runtime::clock;

use super::{line, repairs};
use crate::{Outcome, connect::Caller, ops::recalls};

/// Transfers of one page.
const PAGE: i32 = 200;
/// Transfers of a state that are shown one by one; the rest is counted.
const MOST_SHOWN: u64 = 100;
const MICROS_OF_A_MINUTE: i64 = 60_000_000;

/// Lists it; exit 1 where there is anything.
pub async fn run(caller: &Caller, minutes: u32) -> Result<Outcome> {
    let age = i64::from(minutes).saturating_mul(MICROS_OF_A_MINUTE);
    let before = clock::now().plus_micros(age.saturating_neg());
    let waiting = clearing(caller, before).await?;
    let mut within = 0_u64;
    for status in [TransferStatus::Processing, TransferStatus::Posting] {
        within = within.saturating_add(of_status(caller, status, before).await?);
    }
    let mut proposed = 0_u64;
    repairs::each(caller, true, |repair| {
        proposed = proposed.saturating_add(1);
        println!("{}", repairs::line(repair));
        Ok(())
    })
    .await?;
    let mut asked_back = 0_u64;
    recalls::each(caller, true, |recall| {
        if recall.status() == RecallStatus::Waiting {
            asked_back = asked_back.saturating_add(1);
            println!("{}", recalls::line(recall));
        }
        Ok(())
    })
    .await?;
    let failing = failing_orders(caller).await?;
    println!("{waiting} waiting");
    println!(
        "{within} transfers within the bank, {failing} orders that cannot be run, {proposed} repairs \
         and {asked_back} recalls for people"
    );
    let all = [waiting, within, failing, proposed, asked_back];
    Ok(if all == [0; 5] { Outcome::Clean } else { Outcome::Found })
}

/// Between this bank and the network.
async fn clearing(caller: &Caller, before: UnixMicros) -> Result<u64> {
    let request = ExportClearingRequest { waiting_only: true };
    let mut items = caller
        .stream(Role::Payment, request, |channel, request| async move {
            PaymentServiceClient::new(channel).export_clearing(request).await
        })
        .await
        .context("exporting the clearing")?;
    let mut count = 0_u64;
    while let Some(item) = items.message().await.context("exporting the clearing")? {
        if is_stuck(&item, before) {
            count = count.saturating_add(1);
            println!("{}", line(&item));
        }
    }
    Ok(count)
}

/// Orders that cannot be run, however short a time: a run that fails is no state on the way.
async fn failing_orders(caller: &Caller) -> Result<u64> {
    let found = caller
        .call(Role::Payment, ListFailingOrdersRequest {}, |channel, request| async move {
            PaymentServiceClient::new(channel).list_failing_orders(request).await
        })
        .await
        .context("listing orders that cannot be run")?;
    let at = |at: Option<prost_types::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    for one in &found.orders {
        let (since, next) = (at(one.since), at(one.next_attempt_at));
        println!(
            "{}  ORDER  since {since}  attempts {}  next {next}  cause {}",
            one.order_id, one.attempts, one.last_cause
        );
    }
    Ok(u64::try_from(found.total).unwrap_or(0))
}

/// What is under way and young ends by itself; what is for people does not.
fn is_stuck(item: &ExportClearingResponse, before: UnixMicros) -> bool {
    let for_people = item.stage() == ClearingStage::Kept || !item.contradiction.is_empty();
    let since = item.changed_at.as_ref().and_then(instant_of).unwrap_or_default();
    for_people || since <= before
}

/// The transfers of a state, with what the ledger last said.
async fn of_status(caller: &Caller, status: TransferStatus, before: UnixMicros) -> Result<u64> {
    let (mut page_token, mut count) = (String::new(), 0_u64);
    loop {
        let request = ListTransfersRequest {
            status: status.into(),
            page_size: PAGE,
            page_token,
            ..ListTransfersRequest::default()
        };
        let page = caller
            .call(Role::Payment, request, |channel, request| async move {
                PaymentServiceClient::new(channel).list_transfers(request).await
            })
            .await
            .context("listing transfers")?;
        for transfer in page.transfers.iter().filter(|one| is_old(one, before)) {
            count = count.saturating_add(1);
            if count <= MOST_SHOWN {
                println!("{}", of_transfer(caller, transfer).await?);
            }
        }
        if page.next_page_token.is_empty() {
            break;
        }
        page_token = page.next_page_token;
    }
    if count > MOST_SHOWN {
        println!("  and {} more of this state", count.saturating_sub(MOST_SHOWN));
    }
    Ok(count)
}

/// One to another bank is told by what is between it and the network.
fn is_old(transfer: &Transfer, before: UnixMicros) -> bool {
    let within = transfer.creditor.as_ref().is_none_or(|to| to.bic.is_empty());
    let since = transfer.steps.last().and_then(|step| step.at.as_ref()).and_then(instant_of);
    within && since.unwrap_or_default() <= before
}

async fn of_transfer(caller: &Caller, transfer: &Transfer) -> Result<String> {
    let request = GetTransferRequest { transfer_id: transfer.transfer_id.clone() };
    let told = caller
        .call(Role::Payment, request, |channel, request| async move {
            PaymentServiceClient::new(channel).get_transfer(request).await
        })
        .await
        .context("asking for a transfer")?;
    let work = told.work.unwrap_or_default();
    let status = transfer.status().as_str_name().trim_start_matches("TRANSFER_STATUS_");
    let amount = transfer.amount.as_ref().map(|one| format!("{} {}", one.amount, one.currency));
    let at = |at: Option<prost_types::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let since = at(transfer.steps.last().and_then(|step| step.at));
    let mut line = format!(
        "{}  {status}  {}  since {since}  attempts {}",
        transfer.transfer_id,
        amount.unwrap_or_default(),
        work.attempts
    );
    for (name, value) in [("next", at(work.next_attempt_at)), ("cause", work.last_cause)] {
        if !value.is_empty() {
            line.push_str(&format!("  {name} {value}"));
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use florin_proto::{common::v1::Party, payment::v1::TransferStep, timestamp};

    use super::*;

    const BEFORE: UnixMicros = UnixMicros(1_000_000_000);

    fn item(stage: ClearingStage, at: i64, contradiction: &str) -> ExportClearingResponse {
        ExportClearingResponse {
            stage: stage.into(),
            changed_at: Some(timestamp(UnixMicros(at))),
            contradiction: contradiction.to_owned(),
            ..ExportClearingResponse::default()
        }
    }

    #[test]
    fn what_is_young_and_under_way_is_not_stuck_and_what_is_for_people_is() {
        for (stage, at, contradiction, stuck) in [
            (ClearingStage::Submitting, BEFORE.0, "", true),
            (ClearingStage::Submitting, BEFORE.0 + 1, "", false),
            (ClearingStage::Received, BEFORE.0 + 1, "", false),
            (ClearingStage::Kept, BEFORE.0 + 1, "", true),
            (ClearingStage::Done, BEFORE.0 + 1, "RJCT", true),
        ] {
            assert_eq!(is_stuck(&item(stage, at, contradiction), BEFORE), stuck, "{stage:?} {at}");
        }
    }

    #[test]
    fn a_transfer_is_old_by_its_last_state_and_one_between_banks_is_told_once() {
        let transfer = |ages: &[i64], bic: &str| Transfer {
            creditor: Some(Party { bic: bic.to_owned(), ..Party::default() }),
            steps: ages
                .iter()
                .map(|at| TransferStep {
                    at: Some(timestamp(UnixMicros(*at))),
                    ..TransferStep::default()
                })
                .collect(),
            ..Transfer::default()
        };
        assert!(is_old(&transfer(&[1, BEFORE.0], ""), BEFORE));
        assert!(!is_old(&transfer(&[1, BEFORE.0 + 1], ""), BEFORE));
        assert!(!is_old(&transfer(&[1], "GIBACZPX"), BEFORE));
    }
}
