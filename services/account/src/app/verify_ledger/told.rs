//! Whether journal transactions are what their events tell, which are kept for ever and were
//! published: legs on GL accounts alone are in no account's chain of hashes, nor is what a
//! transaction was for.

use florin_proto::{account::v1::TransactionPosted, common::v1::Direction, money_of};
use florin_store::StoreError;
use prost::Message as _;

use super::{PAGE, Report, Summary};
use crate::store::verify::{
    self, Snapshot,
    told::{self, Kept},
};

/// The name of this check.
const CHECK: &str = "journal";

/// Compares all journal transactions with their events.
pub(super) async fn check<F>(
    snapshot: &Snapshot,
    most: i64,
    summary: &mut Summary,
    report: &mut F,
) -> Result<(), StoreError>
where
    F: AsyncFnMut(Report) -> Result<(), StoreError>,
{
    let (mut after, mut done, mut found) = (i64::MIN, 0_i64, 0_i64);
    loop {
        let page = told::told_after(snapshot, after, PAGE).await?;
        let Some((last, ..)) = page.last() else { break };
        after = *last;
        let ids: Vec<&str> = page.iter().map(|(_, id, _)| id.as_str()).collect();
        let kept = told::kept(snapshot, &ids).await?;
        for (_, record, payload) in &page {
            done += 1;
            let kept = kept.get(record);
            found += i64::from(kept.is_some());
            let Some(description) = difference(payload, kept) else { continue };
            summary.breaches += 1;
            let record = record.clone();
            report(Report::Breach { check: CHECK, record, description }).await?;
        }
        report(Report::Progress { check: CHECK, done }).await?;
    }
    if found >= summary.transactions {
        return Ok(());
    }
    for (record, description) in verify::findings(snapshot, told::UNTOLD, most).await? {
        summary.breaches += 1;
        report(Report::Breach { check: CHECK, record, description }).await?;
    }
    Ok(())
}

/// What an event tells otherwise than the tables have it.
fn difference(payload: &[u8], kept: Option<&Kept>) -> Option<String> {
    let told = match TransactionPosted::decode(payload) {
        Ok(event) => of_event(event),
        Err(error) => return Some(format!("its event cannot be read: {error}")),
    };
    let Some(kept) = kept else {
        return Some("an event tells of it, and it is not in the journal".to_owned());
    };
    let Some(told) = told else { return Some("its event has an amount that is none".to_owned()) };
    if told == *kept {
        return None;
    }
    let facts = told.facts.iter().zip(&kept.facts).find(|(told, kept)| told != kept);
    if let Some((told, kept)) = facts {
        return Some(format!("its event says {told:?}, the journal has {kept:?}"));
    }
    let legs = told.legs.iter().zip(&kept.legs).enumerate().find(|(_, (told, kept))| told != kept);
    Some(match legs {
        Some((at, (told, kept))) => {
            let number = at + 1;
            format!("leg {number} is {} in its event, {} in the journal", words(told), words(kept))
        }
        None => {
            let (told, kept) = (told.legs.len(), kept.legs.len());
            format!("its event tells of {told} legs, the journal has {kept}")
        }
    })
}

fn words(
    (account, code, amount, other): &(String, String, florin_kernel::Money, String),
) -> String {
    format!("{amount} on {code} {account} with {other:?}")
}

/// What an event tells; None where an amount is none.
fn of_event(event: TransactionPosted) -> Option<Kept> {
    let legs = event.legs.into_iter().map(|leg| {
        let amount = money_of(leg.amount.as_ref()).ok()?;
        let amount = match leg.direction() {
            Direction::Credit => amount,
            Direction::Debit | Direction::Unspecified => amount.checked_neg().ok()?,
        };
        Some((leg.account_id, leg.gl_code, amount, leg.counterparty))
    });
    let legs = legs.collect::<Option<Vec<_>>>()?;
    let facts = vec![
        event.caller,
        event.reference,
        event.kind,
        event.description,
        event.booking_date,
        event.value_date,
        event.reverses,
    ];
    Some(Kept { facts, legs })
}
