//! The client's own list against the bank's exports: what was accepted is there exactly once
//! and under the id that was answered. A doubled transfer sums to zero too, so no proof of
//! the ledger alone can tell.

use anyhow::{Context as _, Result};
use florin_kernel::{AuthorisationId, Role, TransactionId, TransferId};
use florin_proto::{
    account::v1::{
        ExportReferencesRequest, ExportReferencesResponse,
        account_service_client::AccountServiceClient, export_references_response::Item,
    },
    payment::v1::{
        AuthorisationStatus, ExportAuthorisationsRequest, ExportAuthorisationsResponse,
        ExportTransfersRequest, ExportTransfersResponse,
        payment_service_client::PaymentServiceClient,
    },
};
use serde::Serialize;
use tonic::Streaming;

use crate::{
    bench::{
        plan::Plan,
        tally::{Made, State, Tally},
    },
    connect::Caller,
};

/// How the client's list and the bank's agree.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Met {
    /// Transfers that the client knows to be accepted.
    pub accepted: u64,
    /// Of them, those that the bank does not have.
    pub missing: u64,
    /// Of them, those that the bank has more than once.
    pub several: u64,
    /// Of them, those that the bank has under another id.
    pub other_id: u64,
    /// Refused or never sent, and the bank has them.
    pub unasked: u64,
    /// Sent without an answer, and the bank has them: no breach.
    pub unanswered_and_there: u64,
}

impl Met {
    /// Whether each accepted transfer is there exactly once and nothing is that should not be.
    pub const fn is_clean(&self) -> bool {
        self.missing == 0 && self.several == 0 && self.other_id == 0 && self.unasked == 0
    }
}

/// What the bank has of each transfer.
#[derive(Debug, Default, Clone, Copy)]
struct Found {
    times: u8,
    as_answered: bool,
}

/// Compares the lists.
///
/// # Errors
/// A service refuses or stays away.
pub async fn met(operator: &Caller, plan: &Plan, tally: &Tally) -> Result<Met> {
    let mut found = vec![Found::default(); tally.slots.len()];
    references(operator, plan, tally, &mut found).await?;
    transfers(operator, plan, tally, &mut found).await?;
    authorisations(operator, plan, tally, &mut found).await?;
    let states = tally.slots.iter().map(|slot| slot.state);
    Ok(compare(states.zip(found)))
}

async fn references(
    operator: &Caller,
    plan: &Plan,
    tally: &Tally,
    found: &mut [Found],
) -> Result<()> {
    let items = operator
        .stream(Role::Account, ExportReferencesRequest {}, |channel, request| async move {
            AccountServiceClient::new(channel).export_references(request).await
        })
        .await
        .context("exporting references")?;
    let made = |item: ExportReferencesResponse| match item.item {
        Some(Item::Transaction(one)) => {
            let made = TransactionId::parse(&one.transaction_id).ok().map(Made::Transaction);
            (plan.number(&one.reference), made)
        }
        Some(Item::Hold(_) | Item::Voided(_)) | None => (None, None),
    };
    meet_all(items, tally, found, made).await.context("exporting references")
}

async fn transfers(
    operator: &Caller,
    plan: &Plan,
    tally: &Tally,
    found: &mut [Found],
) -> Result<()> {
    let items = operator
        .stream(Role::Payment, ExportTransfersRequest {}, |channel, request| async move {
            PaymentServiceClient::new(channel).export_transfers(request).await
        })
        .await
        .context("exporting transfers")?;
    let made = |one: ExportTransfersResponse| {
        let made = TransferId::parse(&one.transfer_id).ok().map(Made::Transfer);
        (plan.number(&one.idempotency_key), made)
    };
    meet_all(items, tally, found, made).await.context("exporting transfers")
}

async fn authorisations(
    operator: &Caller,
    plan: &Plan,
    tally: &Tally,
    found: &mut [Found],
) -> Result<()> {
    let request = ExportAuthorisationsRequest { in_doubt_only: false };
    let items = operator
        .stream(Role::Payment, request, |channel, request| async move {
            PaymentServiceClient::new(channel).export_authorisations(request).await
        })
        .await
        .context("exporting authorisations")?;
    let made = |one: ExportAuthorisationsResponse| {
        let of_it = one.authorisation.unwrap_or_default();
        // What was declined is there as well, and was told so.
        if of_it.status() == AuthorisationStatus::Declined {
            return (None, None);
        }
        let made = AuthorisationId::parse(&of_it.authorisation_id).ok().map(Made::Authorisation);
        (plan.number(&one.reference), made)
    };
    meet_all(items, tally, found, made).await.context("exporting authorisations")
}

/// Reads an export to its end; `made` tells which transfer of the plan an item is of, and under
/// which id the bank has it.
async fn meet_all<T>(
    mut items: Streaming<T>,
    tally: &Tally,
    found: &mut [Found],
    made: impl Fn(T) -> (Option<usize>, Option<Made>),
) -> Result<()> {
    while let Some(item) = items.message().await? {
        let (number, made) = made(item);
        meet(tally, found, number, made);
    }
    Ok(())
}

fn meet(tally: &Tally, found: &mut [Found], number: Option<usize>, made: Option<Made>) {
    let Some(number) = number else { return };
    let (Some(slot), Some(found)) = (tally.slots.get(number), found.get_mut(number)) else {
        return;
    };
    found.times = found.times.saturating_add(1);
    if let (State::Accepted(answered), Some(made)) = (slot.state, made) {
        found.as_answered = answered == made;
    }
}

fn compare(pairs: impl Iterator<Item = (State, Found)>) -> Met {
    let mut met = Met::default();
    let more = |count: &mut u64, is: bool| *count = count.saturating_add(u64::from(is));
    for (state, found) in pairs {
        match state {
            State::Accepted(_) => {
                more(&mut met.accepted, true);
                more(&mut met.missing, found.times == 0);
                more(&mut met.several, found.times > 1);
                more(&mut met.other_id, found.times == 1 && !found.as_answered);
            }
            State::Refused | State::NotStarted => more(&mut met.unasked, found.times > 0),
            State::Unknown => {
                more(&mut met.unanswered_and_there, found.times > 0);
                more(&mut met.several, found.times > 1);
            }
        }
    }
    met
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_is_there_exactly_once_and_under_its_id() {
        let accepted = State::Accepted(Made::Transfer(TransferId::from_parts(1, [0; 10])));
        let found = |times, as_answered| Found { times, as_answered };
        let clean = [
            (accepted, found(1, true)),
            (State::Unknown, found(0, false)),
            (State::Unknown, found(1, false)),
            (State::Refused, found(0, false)),
        ];
        let met = compare(clean.into_iter());
        assert!(met.is_clean(), "{met:?}");
        assert_eq!((met.accepted, met.unanswered_and_there), (1, 1));
        for breach in [
            (accepted, found(0, false)),
            (accepted, found(2, true)),
            (accepted, found(1, false)),
            (State::Unknown, found(2, false)),
            (State::Refused, found(1, false)),
            (State::NotStarted, found(1, false)),
        ] {
            assert!(!compare([breach].into_iter()).is_clean(), "{breach:?}");
        }
    }
}
