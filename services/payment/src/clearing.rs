//! The clearing network as this bank knows it: the one adapter between payments and whatever
//! network it is.

use std::sync::Arc;

use bytes::Bytes;
use florin_iso20022::{
    Account, Agent, Assignment, CreditTransfer, Id, Message, MessageKind, OriginalMessage, Party,
    PaymentNames, PaymentReturn, Reason, Recall, RecallAnswer, StatusRequest, Text,
};
use florin_kernel::{Bic, RecallId, UnixMicros};
use florin_rpc::{Identity, https::Link};
use http::{Method, StatusCode};

use crate::{
    config::{ClearingConfig, ConfigError},
    domain::{Directory, Order, RecallReason, Route, message_id, recall_message_id},
    store::{Incoming, Outgoing, Subject},
};

const MESSAGES: &str = "/clearing/v1/messages";
const NEXT: &str = "/clearing/v1/messages/next";
const XML: &str = "application/xml";
/// The header with the number of a message of the network.
const NUMBER: &str = "florin-message-number";
/// What stands where nobody has given a name (EPC115-06).
const NOT_PROVIDED: &str = "NOTPROVIDED";

/// What became of an attempt to send a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The network has it.
    Taken,
    /// The network was not reached, or takes nothing for now: it does not have it.
    Unreached(String),
    /// It takes no such document: people have to look.
    Refused(String),
    /// Nobody knows whether it has it.
    Unclear(String),
}

/// A message of the network's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// By which it is acknowledged.
    pub number: u64,
    /// Its bytes.
    pub document: Bytes,
    /// Whether it is longer than what is read of one.
    pub is_cut: bool,
}

/// The network, and what this bank is to it.
#[derive(Debug, Clone)]
pub struct Network {
    link: Link,
    /// The settings.
    pub config: Arc<ClearingConfig>,
    pub(crate) bic: Bic,
    /// The banks that it reaches.
    pub directory: Arc<Directory>,
}

impl Network {
    /// The network of the settings; None where none is connected.
    ///
    /// # Errors
    /// A setting that cannot be used.
    pub fn new(
        config: &ClearingConfig,
        identity: Arc<Identity>,
    ) -> Result<Option<Self>, ConfigError> {
        let Some((bic, directory)) = config.check()? else { return Ok(None) };
        let link = Link::new(identity, &config.address, &config.spiffe, config.timeout());
        let config = Arc::new(config.clone());
        Ok(Some(Self { link, config, bic, directory: Arc::new(directory) }))
    }

    /// Sends a document.
    pub async fn send(&self, document: Vec<u8>) -> Sent {
        if let Err(error) = self.link.connect().await {
            return Sent::Unreached(error);
        }
        match self.link.send(Method::POST, MESSAGES, XML, Bytes::from(document)).await {
            Ok(answer) if answer.status == StatusCode::ACCEPTED => Sent::Taken,
            // The adapter says so before it looks at the document (docs/simulator.md).
            Ok(answer) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {
                Sent::Unreached(format!("the network answered {}", answer.status))
            }
            Ok(answer) if answer.status == StatusCode::BAD_REQUEST => {
                Sent::Refused(String::from_utf8_lossy(&answer.body).into_owned())
            }
            Ok(answer) => Sent::Unclear(format!("the network answered {}", answer.status)),
            Err(error) => Sent::Unclear(error),
        }
    }

    /// The oldest message that waits here; None where none waits.
    ///
    /// # Errors
    /// In words, why there is no answer.
    pub async fn next(&self) -> Result<Option<Delivered>, String> {
        let answer = self.link.send(Method::GET, NEXT, XML, Bytes::new()).await?;
        match answer.status {
            StatusCode::NO_CONTENT => Ok(None),
            StatusCode::OK => {
                let number = answer.headers.get(NUMBER).and_then(|text| text.to_str().ok());
                let number = number.and_then(|text| text.parse().ok());
                let number = number.ok_or("a message of the network has no number")?;
                let (document, is_cut) = (answer.body, answer.is_cut);
                Ok(Some(Delivered { number, document, is_cut }))
            }
            other => Err(format!("the network answered {other}")),
        }
    }

    /// Tells the network that a message is kept here.
    ///
    /// # Errors
    /// In words, why there is no answer; then it comes again.
    pub async fn acknowledge(&self, number: u64) -> Result<(), String> {
        let path = format!("{MESSAGES}/{number}");
        let answer = self.link.send(Method::DELETE, &path, XML, Bytes::new()).await?;
        if answer.status.is_success() { Ok(()) } else { Err(answer.status.to_string()) }
    }

    /// The bytes of a payment. None for an order that is not one between banks, and for a text
    /// that no message can hold.
    #[must_use]
    pub fn payment(&self, out: &Outgoing, order: &Order, at: UnixMicros) -> Option<Vec<u8>> {
        let Route::CrossBank { from_iban, to_iban, to_bank, .. } = order.route() else {
            return None;
        };
        let name = || NOT_PROVIDED.parse().ok();
        let party = |iban: &florin_kernel::Iban, bank: &Bic| Party {
            name: name(),
            account: Some(Account::Iban(iban.clone())),
            agent: Some(Agent::Bic(bank.clone())),
        };
        let transfer = CreditTransfer {
            id: out.id.parse().ok()?,
            created_at: at,
            names: names(out),
            amount: order.amount(),
            settlement_date: None,
            debtor: party(from_iban, &self.bic),
            creditor: party(to_iban, to_bank),
            remittance: order.description().parse().ok(),
        };
        Some(Message::CreditTransfer(transfer).write())
    }

    /// The bytes of a question for what became of something sent.
    #[must_use]
    pub fn question(&self, out: &Outgoing, at: UnixMicros) -> Option<Vec<u8>> {
        let id: Id = fresh_id().parse().ok()?;
        let request =
            StatusRequest { id, created_at: at, original: original(out)?, names: names(out) };
        Some(Message::StatusRequest(request).write())
    }

    /// The bytes of a return of what came in, for a reason of ISO 20022.
    #[must_use]
    pub fn return_of(
        &self,
        id: &str,
        came: &Incoming,
        code: Option<&str>,
        at: UnixMicros,
    ) -> Option<Vec<u8>> {
        let original = OriginalMessage {
            id: came.message_id.parse().ok()?,
            name: MessageKind::CreditTransfer.name().parse().ok()?,
            created_at: None,
        };
        let returned = PaymentReturn {
            id: id.parse().ok()?,
            created_at: at,
            return_id: id.parse().ok(),
            original: Some(original),
            names: PaymentNames {
                end_to_end: came.end_to_end.as_deref().and_then(|name| name.parse().ok()),
                uetr: came.uetr,
                ..PaymentNames::default()
            },
            original_amount: Some(came.amount),
            amount: came.amount,
            settlement_date: None,
            reason: code.and_then(|code| code.parse().ok()).map(Reason::of),
        };
        Some(Message::PaymentReturn(returned).write())
    }

    /// The bytes by which a payment of ours is asked back from a bank. None for words that no
    /// message can hold.
    #[must_use]
    pub fn recall_of(
        &self,
        id: RecallId,
        out: &Outgoing,
        bank: &Bic,
        why: (RecallReason, &str),
        at: UnixMicros,
    ) -> Option<Vec<u8>> {
        let (reason, words) = why;
        let name: Id = recall_message_id(id).parse().ok()?;
        let information = if words.is_empty() { None } else { Some(words.parse().ok()?) };
        let recall = Recall {
            assignment: Assignment {
                id: name.clone(),
                assigner: Some(Agent::Bic(self.bic.clone())),
                assignee: Some(Agent::Bic(bank.clone())),
                created_at: at,
            },
            case: Some(name.clone()),
            recall_id: Some(name),
            original: original(out)?,
            names: names(out),
            amount: Some(out.amount),
            settlement_date: None,
            reason: Some(Reason { code: Some(reason.code().parse().ok()?), information }),
        };
        Some(Message::Recall(recall).write())
    }

    /// The bytes of the negative answer to a recall of another bank, which was asked so.
    ///
    /// # Errors
    /// In words, what cannot be read or written.
    pub fn refusal_of(
        &self,
        id: RecallId,
        request: &[u8],
        code: &str,
        at: UnixMicros,
    ) -> Result<Vec<u8>, String> {
        let Ok(Message::Recall(asked)) = Message::read(request) else {
            return Err("the recall cannot be read again".to_owned());
        };
        let text = |error: florin_iso20022::Rule| error.to_string();
        let name: Id = recall_message_id(id).parse().map_err(text)?;
        let answer = RecallAnswer {
            assignment: Assignment {
                id: name.clone(),
                assigner: Some(Agent::Bic(self.bic.clone())),
                assignee: asked.assignment.assigner,
                created_at: at,
            },
            // A bank that names no case is answered under the id of what it sent.
            case: Some(asked.case.unwrap_or(asked.assignment.id)),
            outcome: "RJCR".parse().map_err(text)?,
            status_id: Some(name),
            original: Some(asked.original),
            names: asked.names,
            reason: Some(Reason::of(code.parse().map_err(text)?)),
        };
        Ok(Message::RecallAnswer(answer).write())
    }
}

/// A message id that nothing else has.
pub fn fresh_id() -> String {
    let (millis, random) = florin_store::id_parts();
    message_id(florin_kernel::TransferId::from_parts(millis, random))
}

fn names(out: &Outgoing) -> PaymentNames {
    let name: Option<Text<35>> = out.id.parse().ok();
    PaymentNames { instruction: None, end_to_end: name.clone(), transaction: name, uetr: out.uetr }
}

fn original(out: &Outgoing) -> Option<OriginalMessage> {
    let kind = match out.subject {
        Subject::Payment(_) => MessageKind::CreditTransfer,
        Subject::Return(_) | Subject::Recalled(_) | Subject::Repaired(..) => {
            MessageKind::PaymentReturn
        }
    };
    Some(OriginalMessage {
        id: out.id.parse().ok()?,
        name: kind.name().parse().ok()?,
        created_at: None,
    })
}
