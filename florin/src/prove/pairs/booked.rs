//! What the ledger has booked, held and voided under payment's name.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use anyhow::{Context as _, Result};
use florin_kernel::{Money, Role, UnixMicros};
use florin_proto::{
    account::v1::{
        ExportReferencesRequest, HoldReference, HoldStatus, TransactionReference, VoidedReference,
        account_service_client::AccountServiceClient, export_references_response::Item,
    },
    instant_of, money_of,
};

use crate::connect::Caller;

/// The caller in whose name payment's references are unique in the ledger.
pub(super) const PAYMENT: &str = "payment";
/// That of loans.
pub(super) const LOAN: &str = "loan";
/// References of the end of a day, which move no loan's money, begin so.
const OF_A_DAY: &str = "day/";

/// What the ledger knows under payment's name and no transfer has claimed yet.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) transactions: HashMap<String, Vec<Posted>>,
    /// By the transfer in whose name they were placed.
    pub(super) holds: HashMap<String, Vec<Held>>,
    /// Open holds of any caller that have a time, with when it is over.
    pub(super) timed: Vec<(String, UnixMicros)>,
    pub(super) voids: HashMap<String, String>,
    /// Under the name of loans.
    pub(super) loans: HashMap<String, Vec<Posted>>,
    pub(super) loan_voids: HashMap<String, String>,
    pub(super) others: u64,
}

#[derive(Debug)]
pub(super) struct Posted {
    pub(super) transaction_id: String,
    pub(super) debits: Vec<Money>,
    /// The print of what it debits and credits; None where the ledger does not tell.
    pub(super) sides: Option<u64>,
    pub(super) recorded_at: UnixMicros,
    /// The journal transaction that it reverses, or empty.
    pub(super) reverses: String,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) reference: String,
    pub(super) status: HoldStatus,
    pub(super) amount: Option<Money>,
    /// Whether any of it became an entry.
    pub(super) captured: bool,
    /// What is still set aside.
    pub(super) remaining: Option<Money>,
    pub(super) placed_at: UnixMicros,
}

pub(super) async fn load(caller: &Caller) -> Result<Ledger> {
    let mut references = caller
        .stream(Role::Account, ExportReferencesRequest {}, |channel, request| async move {
            AccountServiceClient::new(channel).export_references(request).await
        })
        .await
        .context("exporting references")?;
    let mut ledger = Ledger::default();
    while let Some(reference) = references.message().await.context("exporting references")? {
        match reference.item {
            Some(Item::Transaction(transaction)) => ledger.take_transaction(transaction)?,
            Some(Item::Hold(hold)) => ledger.take_hold(hold)?,
            Some(Item::Voided(voided)) => ledger.take_void(voided),
            None => {}
        }
    }
    Ok(ledger)
}

impl Ledger {
    pub(super) fn take_transaction(&mut self, transaction: TransactionReference) -> Result<()> {
        let of_loan = transaction.caller == LOAN && !transaction.reference.starts_with(OF_A_DAY);
        if transaction.caller != PAYMENT && !of_loan {
            self.others = self.others.saturating_add(1);
            return Ok(());
        }
        let debits: Result<Vec<Money>, _> =
            transaction.debits.iter().map(|money| money_of(Some(money))).collect();
        let posted = Posted {
            transaction_id: transaction.transaction_id,
            reverses: transaction.reverses,
            debits: debits?,
            sides: print_of(&transaction.debited, &transaction.credited),
            recorded_at: time_of(transaction.recorded_at.as_ref()),
        };
        let owned = if of_loan { &mut self.loans } else { &mut self.transactions };
        owned.entry(transaction.reference).or_default().push(posted);
        Ok(())
    }

    pub(super) fn take_hold(&mut self, reference: HoldReference) -> Result<()> {
        let placed_at = time_of(reference.placed_at.as_ref());
        let Some(hold) = reference.hold else { return Ok(()) };
        let status = hold.status();
        if let (HoldStatus::Open, Some(over)) = (status, &hold.expire_time) {
            let name = format!("{} of {}", hold.hold_id, reference.caller);
            self.timed.push((name, instant_of(over).unwrap_or_default()));
        }
        if reference.caller != PAYMENT {
            return Ok(());
        }
        // A ledger of before the captures tells nothing of them.
        let captured = match &hold.captured {
            None => false,
            some => money_of(some.as_ref())?.minor() > 0,
        };
        let remaining = money_of(hold.remaining.as_ref()).ok();
        let owner = owner_of(&hold.reference).to_owned();
        let amount = hold.amount.as_ref().map(|money| money_of(Some(money))).transpose()?;
        let held =
            Held { status, amount, captured, remaining, placed_at, reference: hold.reference };
        self.holds.entry(owner).or_default().push(held);
        Ok(())
    }

    pub(super) fn take_void(&mut self, voided: VoidedReference) {
        if voided.caller == PAYMENT {
            self.voids.insert(voided.reference, voided.cause);
        } else if voided.caller == LOAN {
            self.loan_voids.insert(voided.reference, voided.cause);
        }
    }
}

/// A print of what a posting debits and credits, short because the proof keeps one of each; None
/// where a replica of before tells nothing of it.
pub(super) fn print_of(debited: &[String], credited: &[String]) -> Option<u64> {
    if debited.is_empty() || credited.is_empty() {
        return None;
    }
    let mut print = DefaultHasher::new();
    (debited, credited).hash(&mut print);
    Some(print.finish())
}

/// The transfer in whose name a reference was made: what stands before the first slash.
pub(super) fn owner_of(reference: &str) -> &str {
    reference.split_once('/').map_or(reference, |(owner, _)| owner)
}

/// An absent time counts as long ago: what has no time is not in flight.
pub(super) fn time_of(at: Option<&prost_types::Timestamp>) -> UnixMicros {
    at.and_then(instant_of).unwrap_or_default()
}
