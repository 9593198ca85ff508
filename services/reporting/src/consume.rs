//! Events -> facts, one arm a kind.

use florin_events::{ConsumeError, Consumer, Envelope};
use florin_kernel::{AccountId, CustomerId, TransactionId, parse_date};
use florin_proto::{
    account::v1::{
        Account, AccountChanged, AccountOpened, Direction as WireDirection, HolderRole, PostedLeg,
        TransactionPosted,
    },
    cif::v1::CustomerRegistered,
    instant_of, money_of,
};
use florin_store::Tx;
use prost::Message;

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

/// The events that a version of the sources' contract has. A kind that is not among them is
/// younger than this program: the contract grows by addition, so it is passed over, and a
/// rebuild reads it once the program knows it.
enum Known {
    AccountOpened,
    AccountChanged,
    TransactionPosted,
    CustomerRegistered,
    /// Known, and nothing that the history tells.
    Ignored,
}

impl Known {
    fn of(event: &Envelope) -> Option<Self> {
        let known = match (event.source.as_str(), event.kind.as_str()) {
            ("account", "account_opened") => Self::AccountOpened,
            ("account", "account_changed") => Self::AccountChanged,
            ("account", "transaction_posted") => Self::TransactionPosted,
            // Money set aside is no entry, and a closed day changes none.
            ("account", "hold_changed" | "business_day_closed") => Self::Ignored,
            ("cif", "customer_registered") => Self::CustomerRegistered,
            // The history shows neither standing nor data of a customer.
            ("cif", "customer_updated" | "kyc_decided" | "risk_rated") => Self::Ignored,
            // The ledger's entries tell what came of a transfer.
            (
                "payment",
                "transfer_accepted" | "transfer_completed" | "transfer_failed"
                | "transfer_cancelled",
            ) => Self::Ignored,
            _ => return None,
        };
        Some(known)
    }
}

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

/// What the events say.
pub(crate) fn facts_of(events: &[&Envelope]) -> Result<Facts, ConsumeError> {
    let mut facts = Facts::default();
    for event in events {
        let Some(known) = Known::of(event) else {
            tracing::debug!(source = event.source, kind = event.kind, "unknown kind passed over");
            continue;
        };
        match known {
            Known::AccountOpened => {
                let told = AccountOpened::decode(&event.payload[..])?;
                facts.holders.push(holders_of(told.account)?);
            }
            Known::AccountChanged => {
                let told = AccountChanged::decode(&event.payload[..])?;
                facts.holders.push(holders_of(told.account)?);
            }
            Known::TransactionPosted => {
                let told = TransactionPosted::decode(&event.payload[..])?;
                for leg in told.legs.iter().filter(|leg| !leg.account_id.is_empty()) {
                    facts.entries.push(entry_of(&told, leg)?);
                }
            }
            Known::CustomerRegistered => {
                let told = CustomerRegistered::decode(&event.payload[..])?;
                facts.customers.insert(read("customer_id", CustomerId::parse(&told.customer_id))?);
            }
            Known::Ignored => {}
        }
    }
    Ok(facts)
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
