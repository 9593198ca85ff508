//! What the control API asks for.

use florin_iso20022::{
    Account, Agent, CreditTransfer, Message, Party, PaymentNames, PaymentReturn,
};
use florin_kernel::{Iban, Money, Uetr, UnixMicros};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Action, CreditRecord, Network, NetworkError, Payment, Posted, Voice,
    answers::{parsed, text_of},
};

/// What a rule is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleOf {
    /// Payments of the bank.
    #[default]
    #[serde(rename = "pacs.008")]
    Payment,
    /// Returns by the bank of what it was paid.
    #[serde(rename = "pacs.004")]
    Return,
}

/// What to do with payments that meet it. A field that is absent meets all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Which messages it is for: payments where absent.
    #[serde(default)]
    pub of: RuleOf,
    /// IBAN of the account that is paid; a return names none, and is met by no rule that does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iban: Option<String>,
    /// The amount: "13.00".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// For how many payments; for all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What to do.
    #[serde(flatten)]
    pub action: Action,
}

impl Rule {
    pub(super) fn meets(&self, transfer: &CreditTransfer) -> bool {
        let account = match &transfer.creditor.account {
            Some(Account::Iban(iban)) => iban.electronic(),
            Some(Account::Other(number)) => number.as_str(),
            None => "",
        };
        self.of == RuleOf::Payment && self.names(account, transfer.amount)
    }

    pub(super) fn meets_return(&self, back: &PaymentReturn) -> bool {
        self.of == RuleOf::Return && self.names("", back.amount)
    }

    fn names(&self, account: &str, of: Money) -> bool {
        self.iban.as_deref().is_none_or(|iban| iban == account)
            && self.amount.as_deref().is_none_or(|amount| amount == of.amount())
    }

    /// Counts a payment; whether it was the last.
    pub(super) fn spend(&mut self) -> bool {
        match &mut self.times {
            Some(times) => {
                *times = times.saturating_sub(1);
                *times == 0
            }
            None => false,
        }
    }
}

/// A payment of another bank to this one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credit {
    /// IBAN of the account that is paid.
    pub iban: String,
    /// Decimal.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// IBAN of the account that pays; one of a Czech bank where absent.
    #[serde(default)]
    pub from_iban: Option<String>,
    /// Text for the account that is paid.
    #[serde(default)]
    pub text: Option<String>,
    /// UETR; a fresh one where absent. One that was used sends the payment again under another
    /// message id.
    #[serde(default)]
    pub uetr: Option<String>,
    /// How often the same bytes are sent; once where absent.
    #[serde(default)]
    pub copies: u8,
}

/// A return of a payment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Return {
    /// UETR of the payment.
    pub uetr: String,
    /// Code of the external list: `AC04`.
    pub code: String,
    /// Decimal: a part of the payment, or more than it; the whole where absent.
    #[serde(default)]
    pub amount: Option<String>,
    /// ISO 4217; the payment's where absent.
    #[serde(default)]
    pub currency: Option<String>,
    /// How often the same bytes are sent; once where absent.
    #[serde(default)]
    pub copies: u8,
}

impl Return {
    /// What comes back of a payment of so much.
    pub(super) fn amount_of(&self, whole: Money) -> Result<Money, NetworkError> {
        if self.amount.is_none() && self.currency.is_none() {
            return Ok(whole);
        }
        let amount = self.amount.clone().unwrap_or_else(|| whole.amount());
        let currency = self.currency.as_deref().unwrap_or(whole.currency().code());
        Ok(Money::parse_positive(currency, &amount)?)
    }
}

impl Network {
    /// Adds a rule behind those that are there.
    pub fn add_rule(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Forgets all rules.
    pub fn clear_rules(&mut self) {
        self.rules.clear();
    }

    /// Sends a payment of another bank to this one, and returns its UETR. It settles with the
    /// first of its UETR.
    ///
    /// # Errors
    /// A field that is none.
    pub fn send_credit(&mut self, order: &Credit, now: UnixMicros) -> Result<Uetr, NetworkError> {
        let uetr = match &order.uetr {
            Some(uetr) => parsed("uetr", uetr)?,
            None => self.fresh_uetr(),
        };
        let amount = Money::parse_positive(&order.currency, &order.amount)?;
        let from = order.from_iban.as_deref().unwrap_or("CZ6508000000192000145399");
        let from: Iban = parsed("from_iban", from)?;
        let to: Iban = parsed("iban", &order.iban)?;
        let names = PaymentNames {
            instruction: None,
            end_to_end: Some(parsed("end_to_end", "NOTPROVIDED")?),
            transaction: None,
            uetr: Some(uetr),
        };
        let id = self.fresh_name();
        let transfer = CreditTransfer {
            id: parsed("id", &id)?,
            created_at: now,
            names: names.clone(),
            amount,
            settlement_date: None,
            debtor: Party {
                name: Some(parsed("debtor", "Somebody Else")?),
                account: Some(Account::Iban(from)),
                agent: Some(Agent::Bic(parsed("agent", "GIBACZPX")?)),
            },
            creditor: Party {
                name: None,
                account: Some(Account::Iban(to)),
                agent: Some(Agent::Bic(parsed("bank", &self.bank)?)),
            },
            remittance: order.text.as_deref().map(|text| parsed("text", text)).transpose()?,
        };
        if !self.credits.contains_key(&uetr.to_string()) {
            self.books.post(Posted::of(&names, &id, amount, now))?;
            let (amount, currency) = (amount.amount(), amount.currency().code().to_owned());
            let record = CreditRecord { message_id: id.clone(), amount, currency };
            self.credits.insert(uetr.to_string(), record);
        }
        let document = text_of(&Message::CreditTransfer(transfer));
        for _ in 0..order.copies.max(1) {
            self.enqueue(document.clone());
        }
        Ok(uetr)
    }

    /// Puts a document into the bank's queue as it is: an answer to a message that nobody sent,
    /// or no XML at all.
    pub fn send_raw(&mut self, document: String) {
        self.enqueue(document);
    }

    /// Cuts the network off, or puts it on again.
    pub fn set_down(&mut self, down: bool) {
        self.down = down;
    }

    /// Sends all answers that were withheld, and is silent about nothing any more.
    pub fn release_answers(&mut self) {
        for answer in std::mem::take(&mut self.withheld) {
            self.enqueue(answer);
        }
        self.payments.values_mut().for_each(|payment| payment.voice = Voice::Open);
    }

    /// A payment that the bank has sent, by its message id or UETR.
    #[must_use]
    pub fn payment(&self, name: &str) -> Option<&Payment> {
        self.payments
            .values()
            .find(|payment| payment.message_id == name || payment.uetr.as_deref() == Some(name))
    }

    /// What is known, for people and tests: payments, balances in minor units, what waits.
    #[must_use]
    pub fn shown(&self) -> Value {
        json!({
            "payments": self.payments.values().collect::<Vec<_>>(),
            "balances": self.books.balances(),
            "waiting": self.queue.len(),
            "recalls": self.recalls.asked(),
            "recall_answers": self.recalls.answers(),
        })
    }
}
