//! The network's books of the bank, and the report of a cycle.

use std::collections::BTreeMap;

use florin_iso20022::{Account, Balance, Entry, Message, PaymentNames, Statement};
use florin_kernel::{Money, MoneyError, UnixMicros};
use florin_runtime::clock::date_of;
use serde::{Deserialize, Serialize};

use super::{
    Network, NetworkError,
    answers::{parsed, text_of},
};

/// Movements of a statement at most: more would not fit into one message.
const MOST_ENTRIES: usize = 1_000;

/// The bank's money at the network, by currency, and what moved it in this cycle.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Books {
    cycle: u64,
    opening: BTreeMap<String, i64>,
    balance: BTreeMap<String, i64>,
    posted: Vec<Posted>,
}

/// One movement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Posted {
    currency: String,
    /// Positive in the bank's favour.
    minor: i64,
    message_id: String,
    uetr: Option<String>,
    end_to_end: Option<String>,
    at: i64,
}

impl Posted {
    pub(super) fn of(names: &PaymentNames, id: &str, amount: Money, at: UnixMicros) -> Self {
        Self {
            currency: amount.currency().code().to_owned(),
            minor: amount.minor(),
            message_id: id.to_owned(),
            uetr: names.uetr.map(|uetr| uetr.to_string()),
            end_to_end: names.end_to_end.as_ref().map(ToString::to_string),
            at: at.0,
        }
    }
}

/// A movement of the bank's money of which no message tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unseen {
    /// Decimal, positive.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// Whether it takes money from the bank; it gives where absent.
    #[serde(default)]
    pub takes: bool,
    /// UETR; none where absent.
    #[serde(default)]
    pub uetr: Option<String>,
}

impl Books {
    pub(super) fn post(&mut self, posted: Posted) -> Result<(), MoneyError> {
        let balance = self.balance.entry(posted.currency.clone()).or_default();
        *balance = balance.checked_add(posted.minor).ok_or(MoneyError::OutOfRange)?;
        self.posted.push(posted);
        Ok(())
    }

    pub(super) fn balances(&self) -> &BTreeMap<String, i64> {
        &self.balance
    }
}

impl Network {
    /// Hears of the bank's business date: where it is another than before, the cycle of the one
    /// before ends.
    ///
    /// # Errors
    /// A balance that cannot be told.
    pub fn follow(&mut self, business_date: &str, now: UnixMicros) -> Result<(), NetworkError> {
        if !self.is_of(business_date) && self.business_date.is_some() {
            self.close_cycle(now)?;
        }
        self.business_date = Some(business_date.to_owned());
        Ok(())
    }

    /// Whether that is the business date that it has heard of last.
    pub(crate) fn is_of(&self, business_date: &str) -> bool {
        self.business_date.as_deref() == Some(business_date)
    }

    /// Settles something and tells nobody but by the report of the cycle.
    ///
    /// # Errors
    /// A value that is none.
    pub fn settle_unseen(&mut self, order: &Unseen, now: UnixMicros) -> Result<(), NetworkError> {
        let amount = Money::parse_positive(&order.currency, &order.amount)?;
        let amount = if order.takes { amount.checked_neg()? } else { amount };
        let uetr = order.uetr.as_deref().map(|uetr| parsed("uetr", uetr)).transpose()?;
        let names = PaymentNames { uetr, ..PaymentNames::default() };
        let id = self.fresh_name();
        Ok(self.books.post(Posted::of(&names, &id, amount, now))?)
    }

    /// Ends the cycle: a statement a currency goes to the bank, with the balances before and
    /// after and every movement between; several, each from where the last one ends, where the
    /// movements are too many for one message.
    ///
    /// # Errors
    /// A balance that cannot be told.
    pub fn close_cycle(&mut self, now: UnixMicros) -> Result<(), NetworkError> {
        let (balances, posted) =
            (self.books.balance.clone(), std::mem::take(&mut self.books.posted));
        self.books.cycle = self.books.cycle.saturating_add(1);
        for currency in balances.keys() {
            let mut opening = self.books.opening.get(currency).copied().unwrap_or(0);
            let money = |minor| Ok::<_, NetworkError>(Money::new(minor, currency.parse()?));
            let balance = |kind: &str, minor| {
                Ok::<_, NetworkError>(Balance {
                    kind: parsed("kind", kind)?,
                    amount: money(minor)?,
                    date: date_of(now),
                })
            };
            let of_currency: Vec<_> =
                posted.iter().filter(|one| one.currency == *currency).collect();
            // A cycle without a movement has a statement too.
            let parts = of_currency.len().div_ceil(MOST_ENTRIES).max(1);
            for part in 0..parts {
                let from = part.saturating_mul(MOST_ENTRIES);
                let of_part = of_currency.iter().skip(from).take(MOST_ENTRIES);
                let moved = of_part.clone().map(|one| one.minor);
                let closing = moved.fold(opening, i64::saturating_add);
                let entries = of_part.map(|one| entry(one)).collect::<Result<_, _>>()?;
                let name = self.fresh_name();
                let id = format!("{:016x}/{}/{part}", self.seed, self.books.cycle);
                let account = parsed("account", &format!("{}-{currency}", self.bank))?;
                let statement = Statement {
                    message_id: parsed("id", &name)?,
                    created_at: now,
                    id: parsed("id", &id)?,
                    account: Account::Other(account),
                    balances: vec![balance("OPBD", opening)?, balance("CLBD", closing)?],
                    entries,
                };
                self.enqueue(text_of(&Message::Statement(statement)));
                opening = closing;
            }
        }
        self.books.opening = balances;
        Ok(())
    }
}

fn entry(posted: &Posted) -> Result<Entry, NetworkError> {
    let at = date_of(UnixMicros(posted.at));
    Ok(Entry {
        amount: Money::new(posted.minor, posted.currency.parse()?),
        status: parsed("status", "BOOK")?,
        booked: Some(at),
        valued: Some(at),
        reference: Some(parsed("reference", &posted.message_id)?),
        kind: None,
        names: PaymentNames {
            end_to_end: posted.end_to_end.as_deref().and_then(|name| name.parse().ok()),
            uetr: posted.uetr.as_deref().and_then(|uetr| uetr.parse().ok()),
            ..PaymentNames::default()
        },
    })
}
