//! Events -> facts, one arm a kind.

use florin_events::{ConsumeError, Consumer, Envelope};
use florin_kernel::{AccountId, CustomerId, TransactionId, parse_date};
use florin_proto::{
    AccountFact, AnyFact, CifFact, PaymentFact,
    account::v1::{Account, Direction as WireDirection, HolderRole, PostedLeg, TransactionPosted},
    instant_of, money_of,
};
use florin_store::Tx;

use crate::{
    domain::{Direction, Entry, Holder, HolderPart, Holders},
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
        &["account", "payment", "cif"]
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
            Some(AnyFact::Cif(fact)) => of_cif(fact, &mut facts)?,
            // The ledger's entries tell what came of a transfer.
            Some(AnyFact::Payment(
                PaymentFact::TransferAccepted(_)
                | PaymentFact::TransferCompleted(_)
                | PaymentFact::TransferFailed(_)
                | PaymentFact::TransferCancelled(_),
            )) => {}
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
        AccountFact::AccountOpened(told) => facts.holders.push(holders_of(told.account)?),
        AccountFact::AccountChanged(told) => facts.holders.push(holders_of(told.account)?),
        AccountFact::TransactionPosted(told) => {
            for leg in told.legs.iter().filter(|leg| !leg.account_id.is_empty()) {
                facts.entries.push(entry_of(&told, leg)?);
            }
        }
        // Money set aside is no entry, and a closed day changes none.
        AccountFact::HoldChanged(_) | AccountFact::BusinessDayClosed(_) => {}
    }
    Ok(())
}

fn of_cif(fact: CifFact, facts: &mut Facts) -> Result<(), ConsumeError> {
    match fact {
        CifFact::CustomerRegistered(told) => {
            facts.customers.insert(read("customer_id", CustomerId::parse(&told.customer_id))?);
        }
        // The history shows neither standing nor data of a customer.
        CifFact::CustomerUpdated(_) | CifFact::KycDecided(_) | CifFact::RiskRated(_) => {}
    }
    Ok(())
}

fn read<T, E: std::fmt::Display>(field: &str, value: Result<T, E>) -> Result<T, ConsumeError> {
    value.map_err(|error| ConsumeError::Refused(format!("{field}: {error}")))
}

fn present<T>(field: &str, value: Option<T>) -> Result<T, ConsumeError> {
    value.ok_or_else(|| ConsumeError::Refused(format!("{field}: is missing or malformed")))
}

fn holders_of(account: Option<Account>) -> Result<Holders, ConsumeError> {
    let account = present("account", account)?;
    let holders = account
        .holders
        .iter()
        .map(|holder| {
            let part = match holder.role() {
                HolderRole::Owner => HolderPart::Owner,
                HolderRole::AuthorisedUser => HolderPart::AuthorisedUser,
                HolderRole::Viewer => HolderPart::Viewer,
                HolderRole::Unspecified => return present("account.holders.role", None),
            };
            let customer_id =
                read("account.holders.customer_id", CustomerId::parse(&holder.customer_id))?;
            Ok(Holder { customer_id, part })
        })
        .collect::<Result<_, ConsumeError>>()?;
    Ok(Holders {
        account_id: read("account.account_id", AccountId::parse(&account.account_id))?,
        version: account.version,
        holders,
    })
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
