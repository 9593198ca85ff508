//! The network: what it has been sent, what it answers, and how it settles.

mod answers;
mod orders;
mod recalls;
mod settlement;

use std::collections::{BTreeMap, VecDeque};

use florin_iso20022::{CreditTransfer, Message, PaymentNames, PaymentReturn, ReadError};
use florin_kernel::{Bic, Money, MoneyError, Uetr, UnixMicros};
use serde::{Deserialize, Serialize};

pub use self::orders::{Credit, Return, Rule, RuleOf};
pub use self::recalls::{AskBack, RecallAction, RecallRule};
use self::settlement::Posted;
pub use self::settlement::Unseen;

/// Messages that may wait for the bank to take them.
const MOST_WAITING: usize = 100_000;

/// What the network does with a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action", deny_unknown_fields)]
pub enum Action {
    /// Settles it and says so.
    Accept,
    /// Rejects it with this code.
    Reject {
        /// Of the external list: `AC04`.
        code: String,
    },
    /// Settles it; the answer is withheld until it is released, questions are answered `PDNG`.
    Late,
    /// Settles it and says nothing, to questions neither, until the answers are released.
    Silent,
    /// As `reject`, but nothing is said, to questions neither, until the answers are released.
    SilentReject {
        /// Of the external list.
        code: String,
    },
    /// Settles it and says so after so many milliseconds; questions are answered `PDNG` before,
    /// and by the outcome from then on.
    Delay {
        /// Milliseconds.
        milliseconds: u64,
    },
    /// Settles it and says so twice, in two messages.
    AnswerTwice,
    /// Takes the bytes and loses them: asked, it has never heard of the payment.
    Lose,
}

/// What became of a payment in the network's books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// The money has moved.
    Settled,
    /// It has not, for this reason.
    Rejected {
        /// Code of the external list.
        code: String,
    },
}

/// What the bank hears about a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// Everything.
    Open,
    /// Questions are answered `PDNG`.
    Pending,
    /// Nothing.
    Silent,
}

/// A payment or return that the bank has sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Message id.
    pub message_id: String,
    /// Name of the message: `pacs.008.001.08`.
    pub message_name: String,
    /// Its UETR, or that of the payment that a return is of.
    pub uetr: Option<String>,
    /// The payer's name of it.
    pub end_to_end: Option<String>,
    /// Amount, a decimal.
    pub amount: String,
    /// Currency.
    pub currency: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What the bank hears about it.
    pub voice: Voice,
    /// From when on that is everything, in microseconds; never by itself where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<i64>,
    /// How often its bytes have come.
    pub received: u32,
}

impl Payment {
    /// What the bank hears about it at an instant.
    pub(crate) fn voice_at(&self, now: UnixMicros) -> Voice {
        if self.opens_at.is_some_and(|opens| opens <= now.0) { Voice::Open } else { self.voice }
    }
}

/// What the network refuses to take.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// It is down.
    #[error("the network is down")]
    Down,
    /// No message of the profile.
    #[error("{0}")]
    Unreadable(#[from] ReadError),
    /// A message that banks do not send to a network.
    #[error("a {0} is not for the network")]
    Unexpected(&'static str),
    /// Nothing is known under that name.
    #[error("{0} is not known here")]
    Unknown(String),
    /// A value of the control API.
    #[error("{field}: {cause}")]
    Value {
        /// The field.
        field: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// Too many messages wait.
    #[error("too many messages wait for the bank")]
    Full,
    /// A sum beyond the range.
    #[error("{0}")]
    Money(#[from] MoneyError),
}

/// A message for the bank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    number: u64,
    document: String,
    /// Not before this instant, in microseconds.
    not_before: i64,
}

/// The state of the network.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Network {
    /// Makes the names of this network's messages differ from those of an earlier one.
    seed: u64,
    counter: u64,
    bank: String,
    rules: Vec<Rule>,
    payments: BTreeMap<String, Payment>,
    /// Payments of other banks to this one, by UETR.
    credits: BTreeMap<String, CreditRecord>,
    queue: VecDeque<Waiting>,
    withheld: Vec<String>,
    down: bool,
    books: settlement::Books,
    /// What the bank asks back, and answers.
    #[serde(default)]
    recalls: recalls::Recalls,
    /// The bank's business date, where its cycles end with it.
    #[serde(default)]
    business_date: Option<String>,
}

/// A payment of another bank to this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditRecord {
    message_id: String,
    amount: String,
    currency: String,
}

fn after(now: UnixMicros, milliseconds: u64) -> UnixMicros {
    let wait = i64::try_from(milliseconds).unwrap_or(i64::MAX);
    now.plus_micros(wait.saturating_mul(1_000))
}

impl Network {
    /// A network with one bank at its side, `seed` differs between any two that the bank meets.
    #[must_use]
    pub fn new(bank: &Bic, seed: u64) -> Self {
        Self {
            seed,
            counter: 0,
            bank: bank.to_string(),
            rules: Vec::new(),
            payments: BTreeMap::new(),
            credits: BTreeMap::new(),
            queue: VecDeque::new(),
            withheld: Vec::new(),
            down: false,
            books: settlement::Books::default(),
            recalls: recalls::Recalls::default(),
            business_date: None,
        }
    }

    /// Takes a message of the bank.
    ///
    /// # Errors
    /// What it does not take; nothing has changed then.
    pub fn receive(&mut self, document: &[u8], now: UnixMicros) -> Result<(), NetworkError> {
        if self.down {
            return Err(NetworkError::Down);
        }
        if self.queue.len() >= MOST_WAITING {
            return Err(NetworkError::Full);
        }
        match Message::read(document)? {
            Message::CreditTransfer(transfer) => self.take_transfer(&transfer, now),
            Message::PaymentReturn(returned) => self.take_return(&returned, now),
            Message::StatusRequest(request) => self.answer_question(&request, now),
            Message::Recall(recall) => self.answer_recall(&recall, now),
            Message::RecallAnswer(answer) => {
                self.take_recall_answer(&answer);
                Ok(())
            }
            Message::StatusReport(_) => Ok(()),
            Message::Statement(_) => Err(NetworkError::Unexpected("statement")),
            Message::Initiation(_) => Err(NetworkError::Unexpected("customer's order")),
            Message::CustomerReport(_) => Err(NetworkError::Unexpected("report to a customer")),
        }
    }

    /// The next message for the bank, with the number by which it is acknowledged. It stays
    /// until then.
    ///
    /// # Errors
    /// The network is down.
    pub fn next(&self, now: UnixMicros) -> Result<Option<(u64, &str)>, NetworkError> {
        if self.down {
            return Err(NetworkError::Down);
        }
        let due = self.queue.iter().find(|waiting| waiting.not_before <= now.0);
        Ok(due.map(|waiting| (waiting.number, waiting.document.as_str())))
    }

    /// Forgets a message that the bank has taken; again is the same.
    pub fn acknowledge(&mut self, number: u64) {
        self.queue.retain(|waiting| waiting.number != number);
    }

    fn take_transfer(
        &mut self,
        transfer: &CreditTransfer,
        now: UnixMicros,
    ) -> Result<(), NetworkError> {
        let id = transfer.id.to_string();
        if self.repeated(&id, "pacs.008.001.08", &transfer.names, now) {
            return Ok(());
        }
        let action = self.action_for(|rule| rule.meets(transfer));
        self.decide(&id, "pacs.008.001.08", &transfer.names, transfer.amount, &action, now)
    }

    fn take_return(&mut self, back: &PaymentReturn, now: UnixMicros) -> Result<(), NetworkError> {
        let id = back.id.to_string();
        if self.repeated(&id, "pacs.004.001.09", &back.names, now) {
            return Ok(());
        }
        let action = self.action_for(|rule| rule.meets_return(back));
        self.decide(&id, "pacs.004.001.09", &back.names, back.amount, &action, now)
    }

    /// Whether the message has come before; then that is what it is answered.
    fn repeated(&mut self, id: &str, name: &str, names: &PaymentNames, now: UnixMicros) -> bool {
        let Some(known) = self.payments.get_mut(id) else { return false };
        known.received = known.received.saturating_add(1);
        if known.voice != Voice::Silent {
            self.report(id, name, names, "RJCT", Some("DU01"), None, now);
        }
        true
    }

    fn decide(
        &mut self,
        id: &str,
        name: &str,
        names: &PaymentNames,
        amount: Money,
        action: &Action,
        now: UnixMicros,
    ) -> Result<(), NetworkError> {
        let (outcome, voice) = match action {
            Action::Lose => return Ok(()),
            Action::Accept | Action::AnswerTwice => (Outcome::Settled, Voice::Open),
            Action::Late | Action::Delay { .. } => (Outcome::Settled, Voice::Pending),
            Action::Silent => (Outcome::Settled, Voice::Silent),
            Action::Reject { code } => (Outcome::Rejected { code: code.clone() }, Voice::Open),
            Action::SilentReject { code } => {
                (Outcome::Rejected { code: code.clone() }, Voice::Silent)
            }
        };
        if outcome == Outcome::Settled {
            self.books.post(Posted::of(names, id, amount.checked_neg()?, now))?;
        }
        let payment = Payment {
            message_id: id.to_owned(),
            message_name: name.to_owned(),
            uetr: names.uetr.map(|uetr| uetr.to_string()),
            end_to_end: names.end_to_end.as_ref().map(ToString::to_string),
            amount: amount.amount(),
            currency: amount.currency().code().to_owned(),
            outcome,
            voice,
            opens_at: match action {
                Action::Delay { milliseconds } => Some(after(now, *milliseconds).0),
                Action::Accept
                | Action::Reject { .. }
                | Action::Late
                | Action::Silent
                | Action::SilentReject { .. }
                | Action::AnswerTwice
                | Action::Lose => None,
            },
            received: 1,
        };
        self.payments.insert(id.to_owned(), payment);
        let times = if *action == Action::AnswerTwice { 2 } else { 1 };
        for _ in 0..times {
            let answer = self.outcome_report(id, now);
            match (action, answer) {
                (_, None) => {}
                (Action::Late | Action::Silent | Action::SilentReject { .. }, Some(answer)) => {
                    self.withheld.push(answer);
                }
                (Action::Delay { milliseconds }, Some(answer)) => {
                    self.enqueue_from(answer, after(now, *milliseconds));
                }
                (
                    Action::Accept | Action::AnswerTwice | Action::Reject { .. } | Action::Lose,
                    Some(answer),
                ) => self.enqueue(answer),
            }
        }
        Ok(())
    }

    /// The first rule that the payment meets; one for a number of times goes with the last.
    fn action_for(&mut self, meets: impl Fn(&Rule) -> bool) -> Action {
        let Some(at) = self.rules.iter().position(meets) else {
            return Action::Accept;
        };
        let Some(rule) = self.rules.get_mut(at) else { return Action::Accept };
        let action = rule.action.clone();
        if rule.spend() {
            self.rules.remove(at);
        }
        action
    }

    fn enqueue(&mut self, document: String) {
        self.enqueue_from(document, UnixMicros(0));
    }

    fn enqueue_from(&mut self, document: String, due: UnixMicros) {
        let number = self.count();
        self.queue.push_back(Waiting { number, document, not_before: due.0 });
    }

    fn count(&mut self) -> u64 {
        self.counter = self.counter.saturating_add(1);
        self.counter
    }

    /// A name for a message of the network: at most 35 characters.
    fn fresh_name(&mut self) -> String {
        let number = self.count();
        format!("N{:016x}{number:010}", self.seed)
    }

    fn fresh_uetr(&mut self) -> Uetr {
        let number = self.count();
        let mut bytes = [0; 16];
        // The number stands where version and variant of a UUID take no bits from it.
        let (left, right) = bytes.split_at_mut(10);
        let seed = self.seed.to_be_bytes();
        left.iter_mut().zip(seed).for_each(|(byte, of_seed)| *byte = of_seed);
        right.copy_from_slice(number.to_be_bytes().get(2..).unwrap_or_default());
        Uetr::from_random(bytes)
    }
}
