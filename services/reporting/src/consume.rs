//! Events -> facts, one arm a kind.

use florin_events::{ConsumeError, Consumer, Envelope};
use florin_kernel::{AccountId, TransactionId, parse_date};
use florin_proto::{
    AccountFact, AnyFact, CifFact, LoanFact, PaymentFact,
    account::v1::{PostedLeg, TransactionPosted},
    common::v1::Direction as WireDirection,
    instant_of, money_of,
};
use florin_store::Tx;

use crate::{
    domain::{Direction, Entry},
    store::{
        generations,
        write::{self, Facts},
    },
};

/// The consumer that keeps the history.
#[derive(Debug, Clone, Copy)]
pub struct History;

impl Consumer for History {
    const NAME: &'static str = "reporting";

    fn sources(&self) -> &'static [&'static str] {
        &["account", "payment", "cif", "loan"]
    }

    async fn apply(&self, tx: &Tx, event: &Envelope) -> Result<(), ConsumeError> {
        self.apply_all(tx, &[event]).await
    }

    async fn apply_all(&self, tx: &Tx, events: &[&Envelope]) -> Result<(), ConsumeError> {
        let facts = facts_of(events)?;
        let written = generations::written(tx).await?;
        Ok(write::write(tx, &written, &facts).await?)
    }
}

/// What the events say. A kind that is younger than this program is passed over: the
/// contract grows by addition, and a rebuild reads it once the program knows it.
pub(crate) fn facts_of(events: &[&Envelope]) -> Result<Facts, ConsumeError> {
    let mut facts = Facts::default();
    for event in events {
        match event.fact()? {
            Some(AnyFact::Account(fact)) => of_account(fact, &mut facts)?,
            // The ledger's entries tell what came of a transfer or a loan, and the history shows
            // nothing of a customer. That they came is what their positions wait for.
            Some(
                AnyFact::Payment(
                    PaymentFact::TransferAccepted(_)
                    | PaymentFact::TransferCompleted(_)
                    | PaymentFact::TransferFailed(_)
                    | PaymentFact::TransferCancelled(_)
                    | PaymentFact::TransferReturned(_)
                    | PaymentFact::AuthorisationDecided(_)
                    | PaymentFact::AuthorisationCaptured(_)
                    | PaymentFact::AuthorisationReversed(_)
                    | PaymentFact::AuthorisationExpired(_)
                    | PaymentFact::OrderRunRefused(_)
                    | PaymentFact::RecallRequested(_)
                    | PaymentFact::RecallEnded(_)
                    | PaymentFact::PaymentRepaired(_)
                    | PaymentFact::BulkAccepted(_)
                    | PaymentFact::BulkRejected(_)
                    | PaymentFact::BulkDone(_)
                    | PaymentFact::BulkCancelled(_),
                )
                | AnyFact::Cif(
                    CifFact::CustomerRegistered(_)
                    | CifFact::CustomerUpdated(_)
                    | CifFact::KycDecided(_)
                    | CifFact::RiskRated(_),
                )
                | AnyFact::Loan(
                    LoanFact::LoanApplied(_)
                    | LoanFact::LoanApproved(_)
                    | LoanFact::LoanRejected(_)
                    | LoanFact::LoanAccepted(_)
                    | LoanFact::LoanCancelled(_)
                    | LoanFact::LoanDisbursed(_)
                    | LoanFact::MovementFailed(_)
                    | LoanFact::InstalmentDue(_)
                    | LoanFact::LoanOverdue(_)
                    | LoanFact::LoanRepaid(_)
                    | LoanFact::RepaymentReversed(_)
                    | LoanFact::LoanClosed(_)
                    | LoanFact::LoanRestructured(_)
                    | LoanFact::LoanWrittenOff(_)
                    | LoanFact::LoanRecovered(_)
                    | LoanFact::LoanDayEnded(_),
                ),
            ) => {}
            None => tracing::debug!(
                source = event.source,
                kind = event.kind,
                "unknown kind passed over"
            ),
        }
    }
    Ok(facts)
}

fn of_account(fact: AccountFact, facts: &mut Facts) -> Result<(), ConsumeError> {
    match fact {
        AccountFact::TransactionPosted(told) => {
            for leg in told.legs.iter().filter(|leg| !leg.account_id.is_empty()) {
                facts.entries.push(entry_of(&told, leg)?);
            }
        }
        // Who holds an account is asked of `account`; money set aside is no entry, and a
        // closed day changes none.
        AccountFact::AccountOpened(_)
        | AccountFact::AccountChanged(_)
        | AccountFact::HoldChanged(_)
        | AccountFact::BusinessDayClosed(_) => {}
    }
    Ok(())
}

fn read<T, E: std::fmt::Display>(field: &str, value: Result<T, E>) -> Result<T, ConsumeError> {
    value.map_err(|error| ConsumeError::Refused(format!("{field}: {error}")))
}

fn present<T>(field: &str, value: Option<T>) -> Result<T, ConsumeError> {
    value.ok_or_else(|| ConsumeError::Refused(format!("{field}: is missing or malformed")))
}

fn entry_of(told: &TransactionPosted, leg: &PostedLeg) -> Result<Entry, ConsumeError> {
    let direction = match leg.direction() {
        WireDirection::Debit => Direction::Debit,
        WireDirection::Credit => Direction::Credit,
        WireDirection::Unspecified => return present("legs.direction", None),
    };
    let amount = read("legs.amount", money_of(leg.amount.as_ref()))?;
    let posted_after = read("legs.posted_after", money_of(leg.posted_after.as_ref()))?;
    if posted_after.currency() != amount.currency() {
        return Err(ConsumeError::Refused("legs.posted_after: is in another currency".into()));
    }
    Ok(Entry {
        account_id: read("legs.account_id", AccountId::parse(&leg.account_id))?,
        account_version: leg.account_version,
        transaction_id: read("transaction_id", TransactionId::parse(&told.transaction_id))?,
        booking_date: read("booking_date", parse_date(&told.booking_date))?,
        value_date: read("value_date", parse_date(&told.value_date))?,
        direction,
        amount,
        posted_after,
        kind: told.kind.clone(),
        description: told.description.clone(),
        counterparty: leg.counterparty.clone(),
        recorded_at: present("recorded_at", told.recorded_at.as_ref().and_then(instant_of))?,
    })
}
