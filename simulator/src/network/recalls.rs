//! Recalls: what the bank asks back and how the other banks answer, and what they ask back.

use std::collections::{BTreeMap, BTreeSet};

use florin_iso20022::{
    Agent, Assignment, Message, OriginalMessage, PaymentNames, Reason, Recall, RecallAnswer,
};
use florin_kernel::{Money, UnixMicros};
use serde::{Deserialize, Serialize};

use super::{
    Network, NetworkError, Outcome, Return,
    answers::{parsed, text_of},
};

/// What the other bank does with a recall of a settled payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action", deny_unknown_fields)]
pub enum RecallAction {
    /// Sends the money back, and no other answer.
    Return,
    /// Says no, with this code.
    Reject {
        /// Of the external list: `CUST`.
        code: String,
    },
    /// Says no; the answer is withheld until it is released.
    Late {
        /// Of the external list.
        code: String,
    },
    /// Says no twice, in two messages.
    AnswerTwice {
        /// Of the external list.
        code: String,
    },
    /// Says that it looks at it (`PDCR`), and no more.
    Pending,
    /// Says nothing.
    Silent,
    /// Says no to a case that nobody has opened, and nothing to this one.
    Unknown,
}

/// What to do with the recalls that come next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecallRule {
    /// For how many recalls; for all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What to do.
    #[serde(flatten)]
    pub action: RecallAction,
}

/// A recall of a payment that the network has sent to the bank.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskBack {
    /// UETR of the payment.
    pub uetr: String,
    /// Why, of the external list: `DUPL`.
    pub code: String,
    /// How often the same bytes are sent; once where absent.
    #[serde(default)]
    pub copies: u8,
    /// The case; a fresh one where absent.
    #[serde(default)]
    pub case: Option<String>,
    /// The amount, where another than the payment's is to be asked for.
    #[serde(default)]
    pub amount: Option<String>,
}

/// A recall that the bank has sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    case: String,
    uetr: Option<String>,
    code: Option<String>,
    received: u32,
}

/// An answer that the bank has sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answered {
    case: String,
    outcome: String,
    code: Option<String>,
    received: u32,
}

/// What is known of recalls, by message id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Recalls {
    rules: Vec<RecallRule>,
    asked: BTreeMap<String, Asked>,
    answers: BTreeMap<String, Answered>,
    /// UETRs of the payments that were sent back.
    returned: BTreeSet<String>,
}

impl Recalls {
    pub(super) fn asked(&self) -> Vec<&Asked> {
        self.asked.values().collect()
    }

    pub(super) fn answers(&self) -> Vec<&Answered> {
        self.answers.values().collect()
    }
}

impl Network {
    /// Adds a rule for recalls behind those that are there.
    pub fn add_recall_rule(&mut self, rule: RecallRule) {
        self.recalls.rules.push(rule);
    }

    /// Forgets the rules for recalls: then each is answered in the negative, with `CUST`.
    pub fn clear_recall_rules(&mut self) {
        self.recalls.rules.clear();
    }

    pub(super) fn note_returned(&mut self, uetr: &str) {
        self.recalls.returned.insert(uetr.to_owned());
    }

    /// The bank answers a recall; the same message again is counted.
    pub(super) fn take_recall_answer(&mut self, answer: &RecallAnswer) {
        let case = answer.case.as_ref().map(ToString::to_string).unwrap_or_default();
        let code = answer.reason.as_ref().and_then(|reason| reason.code.as_ref());
        let known = Answered {
            case,
            outcome: answer.outcome.to_string(),
            code: code.map(ToString::to_string),
            received: 0,
        };
        let id = answer.assignment.id.to_string();
        let known = self.recalls.answers.entry(id).or_insert(known);
        known.received = known.received.saturating_add(1);
    }

    /// The other bank is asked for a payment. The same message again says nothing new to it.
    pub(super) fn answer_recall(
        &mut self,
        recall: &Recall,
        now: UnixMicros,
    ) -> Result<(), NetworkError> {
        let uetr = recall.names.uetr.map(|uetr| uetr.to_string());
        let code = recall.reason.as_ref().and_then(|reason| reason.code.as_ref());
        let new = Asked {
            case: recall.case.as_ref().unwrap_or(&recall.assignment.id).to_string(),
            uetr: uetr.clone(),
            code: code.map(ToString::to_string),
            received: 0,
        };
        let asked = self.recalls.asked.entry(recall.assignment.id.to_string()).or_insert(new);
        asked.received = asked.received.saturating_add(1);
        if asked.received > 1 {
            return Ok(());
        }
        let settled = |uetr: &str| {
            self.payments.values().any(|payment| {
                payment.uetr.as_deref() == Some(uetr) && payment.outcome == Outcome::Settled
            })
        };
        let Some(uetr) = uetr.filter(|uetr| settled(uetr)) else {
            return self
                .refuse_recall(recall, "RJCR", Some("NOOR"), now)
                .map(|no| self.enqueue(no));
        };
        if self.recalls.returned.contains(&uetr) {
            return self
                .refuse_recall(recall, "RJCR", Some("ARDT"), now)
                .map(|no| self.enqueue(no));
        }
        match self.recall_action() {
            RecallAction::Return => {
                let back = Return { uetr, code: "FOCR".to_owned(), copies: 1, ..Return::default() };
                self.send_return(&back, now)?;
            }
            RecallAction::Reject { code } => {
                let no = self.refuse_recall(recall, "RJCR", Some(&code), now)?;
                self.enqueue(no);
            }
            RecallAction::Late { code } => {
                let no = self.refuse_recall(recall, "RJCR", Some(&code), now)?;
                self.withheld.push(no);
            }
            RecallAction::AnswerTwice { code } => {
                for _ in 0..2 {
                    let no = self.refuse_recall(recall, "RJCR", Some(&code), now)?;
                    self.enqueue(no);
                }
            }
            RecallAction::Pending => {
                let pending = self.refuse_recall(recall, "PDCR", None, now)?;
                self.enqueue(pending);
            }
            RecallAction::Silent => {}
            RecallAction::Unknown => {
                let name = self.fresh_name();
                let other = Recall { case: Some(parsed("case", &name)?), ..recall.clone() };
                let no = self.refuse_recall(&other, "RJCR", Some("CUST"), now)?;
                self.enqueue(no);
            }
        }
        Ok(())
    }

    /// The first rule; one for a number of times goes with the last.
    fn recall_action(&mut self) -> RecallAction {
        let refuse = RecallAction::Reject { code: "CUST".to_owned() };
        let Some(rule) = self.recalls.rules.first_mut() else { return refuse };
        let action = rule.action.clone();
        if let Some(times) = &mut rule.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.recalls.rules.remove(0);
            }
        }
        action
    }

    fn refuse_recall(
        &mut self,
        recall: &Recall,
        outcome: &str,
        code: Option<&str>,
        now: UnixMicros,
    ) -> Result<String, NetworkError> {
        let id = self.fresh_name();
        let code = code.map(|code| parsed("code", code)).transpose()?;
        let answer = RecallAnswer {
            assignment: Assignment {
                id: parsed("id", &id)?,
                assigner: recall.assignment.assignee.clone(),
                assignee: recall.assignment.assigner.clone(),
                created_at: now,
            },
            case: recall.case.clone(),
            outcome: parsed("outcome", outcome)?,
            status_id: None,
            original: Some(recall.original.clone()),
            names: recall.names.clone(),
            reason: code.map(Reason::of),
        };
        Ok(text_of(&Message::RecallAnswer(answer)))
    }

    /// The other bank asks for a payment that it has sent to this one; the case is returned.
    ///
    /// # Errors
    /// No payment of that UETR, or a value that is none.
    pub fn send_recall(
        &mut self,
        order: &AskBack,
        now: UnixMicros,
    ) -> Result<String, NetworkError> {
        let credit = self.credits.get(&order.uetr).cloned();
        let credit = credit.ok_or_else(|| NetworkError::Unknown(order.uetr.clone()))?;
        let id = self.fresh_name();
        let case = order.case.clone().unwrap_or_else(|| id.clone());
        let amount = order.amount.as_deref().unwrap_or(&credit.amount);
        let recall = Recall {
            assignment: Assignment {
                id: parsed("id", &id)?,
                assigner: Some(Agent::Bic(parsed("agent", "GIBACZPX")?)),
                assignee: self.bank.parse().ok().map(Agent::Bic),
                created_at: now,
            },
            case: Some(parsed("case", &case)?),
            recall_id: None,
            original: OriginalMessage {
                id: parsed("original", &credit.message_id)?,
                name: parsed("original", "pacs.008.001.08")?,
                created_at: None,
            },
            names: PaymentNames { uetr: order.uetr.parse().ok(), ..PaymentNames::default() },
            amount: Some(Money::parse_positive(&credit.currency, amount)?),
            settlement_date: None,
            reason: Some(Reason::of(parsed("code", &order.code)?)),
        };
        let document = text_of(&Message::Recall(recall));
        for _ in 0..order.copies.max(1) {
            self.enqueue(document.clone());
        }
        Ok(case)
    }
}
