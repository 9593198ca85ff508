//! What several messages share.

use florin_kernel::{Bic, Iban, Uetr, UnixMicros};

use crate::{
    error::{ReadError, Rule},
    node::Node,
    out::Out,
    text::{Code, Id, Text},
};

/// A bank, as a message names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// By its BIC (`FinInstnId/BICFI`).
    Bic(Bic),
    /// By its number in a clearing system (`FinInstnId/ClrSysMmbId/MmbId`).
    Member(Id),
}

impl Agent {
    /// The bank named in the element at `path`; None where it is named otherwise or not at all.
    pub(crate) fn read(node: &Node<'_>, path: &str) -> Result<Option<Self>, ReadError> {
        let Some(agent) = node.at(path)? else { return Ok(None) };
        if let Some(bic) = agent.find("FinInstnId/BICFI")? {
            return Ok(Some(Self::Bic(bic)));
        }
        Ok(agent.find("FinInstnId/ClrSysMmbId/MmbId")?.map(Self::Member))
    }

    pub(crate) fn write(out: &mut Out, name: &str, agent: Option<&Self>) {
        out.open(name, |out| {
            out.open("FinInstnId", |out| match agent {
                Some(Self::Bic(bic)) => out.leaf("BICFI", bic),
                Some(Self::Member(id)) => out.open("ClrSysMmbId", |out| out.leaf("MmbId", id)),
                None => {}
            });
        });
    }

    pub(crate) fn write_if(out: &mut Out, name: &str, agent: Option<&Self>) {
        if agent.is_some() {
            Self::write(out, name, agent);
        }
    }
}

/// An account, as a message names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// By its IBAN.
    Iban(Iban),
    /// By another number.
    Other(Text<34>),
}

impl Account {
    pub(crate) fn read(node: &Node<'_>, path: &str) -> Result<Option<Self>, ReadError> {
        let Some(account) = node.at(path)? else { return Ok(None) };
        if let Some(iban) = account.find("Id/IBAN")? {
            return Ok(Some(Self::Iban(iban)));
        }
        Ok(Some(Self::Other(account.get("Id/Othr/Id")?)))
    }

    /// As [`Self::read`], where an IBAN that does not check is another number: money that has
    /// moved to it has to go back, so the message that says so is no error.
    fn read_settled(node: &Node<'_>, path: &str) -> Result<Option<Self>, ReadError> {
        let Some(account) = node.at(path)? else { return Ok(None) };
        match account.find::<Text<34>>("Id/IBAN")? {
            Some(text) => Ok(Some(match text.as_str().parse() {
                Ok(iban) => Self::Iban(iban),
                Err(_) => Self::Other(text),
            })),
            None => Self::read(node, path),
        }
    }

    /// The choice inside of `Id`.
    pub(crate) fn write(&self, out: &mut Out) {
        out.open("Id", |out| match self {
            Self::Iban(iban) => out.leaf("IBAN", iban),
            Self::Other(number) => out.open("Othr", |out| out.leaf("Id", number)),
        });
    }

    pub(crate) fn write_if(out: &mut Out, name: &str, account: Option<&Self>) {
        if let Some(account) = account {
            out.open(name, |out| account.write(out));
        }
    }
}

/// One side of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Name, where it is told.
    pub name: Option<Text<140>>,
    /// Account.
    pub account: Option<Account>,
    /// Its bank.
    pub agent: Option<Agent>,
}

impl Party {
    /// Reads `Dbtr`, `DbtrAcct` and `DbtrAgt`, or the creditor's.
    pub(crate) fn read(node: &Node<'_>, name: &str) -> Result<Self, ReadError> {
        Ok(Self {
            name: node.note(&format!("{name}/Nm"))?,
            account: Account::read(node, &format!("{name}Acct"))?,
            agent: Agent::read(node, &format!("{name}Agt"))?,
        })
    }

    /// As [`Self::read`], of a payment that the banks have settled.
    pub(crate) fn read_settled(node: &Node<'_>, name: &str) -> Result<Self, ReadError> {
        Ok(Self {
            name: node.note(&format!("{name}/Nm"))?,
            account: Account::read_settled(node, &format!("{name}Acct"))?,
            agent: Agent::read(node, &format!("{name}Agt"))?,
        })
    }

    pub(crate) fn write_name(&self, out: &mut Out, name: &str) {
        out.open(name, |out| out.leaf_if("Nm", self.name.as_ref()));
    }
}

/// The names of a payment, by which all messages about it know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentNames {
    /// Of the bank that instructs.
    pub instruction: Option<Id>,
    /// Of the payer, to the end.
    pub end_to_end: Option<Id>,
    /// Of the first bank of the chain.
    pub transaction: Option<Id>,
    /// Unique everywhere.
    pub uetr: Option<Uetr>,
}

impl PaymentNames {
    pub(crate) fn read_original(node: &Node<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            instruction: node.find("OrgnlInstrId")?,
            end_to_end: node.find("OrgnlEndToEndId")?,
            transaction: node.find("OrgnlTxId")?,
            uetr: node.find("OrgnlUETR")?,
        })
    }

    pub(crate) fn write_original(&self, out: &mut Out) {
        out.leaf_if("OrgnlInstrId", self.instruction.as_ref());
        out.leaf_if("OrgnlEndToEndId", self.end_to_end.as_ref());
        out.leaf_if("OrgnlTxId", self.transaction.as_ref());
        out.leaf_if("OrgnlUETR", self.uetr);
    }
}

/// The message that another one is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalMessage {
    /// Its message id.
    pub id: Id,
    /// Its name: `pacs.008.001.08`.
    pub name: Id,
    /// When it was made, where it is told.
    pub created_at: Option<UnixMicros>,
}

impl OriginalMessage {
    pub(crate) fn read(node: &Node<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            id: node.get("OrgnlMsgId")?,
            name: node.get("OrgnlMsgNmId")?,
            created_at: node.instant("OrgnlCreDtTm")?,
        })
    }

    pub(crate) fn write(&self, out: &mut Out) {
        out.leaf("OrgnlMsgId", &self.id);
        out.leaf("OrgnlMsgNmId", &self.name);
        if let Some(at) = self.created_at {
            out.instant("OrgnlCreDtTm", at);
        }
    }
}

/// Why something was refused, returned or recalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Code of the external list: `AC04`. None where the sender has words of its own.
    pub code: Option<Code>,
    /// In words.
    pub information: Option<Text<105>>,
}

impl Reason {
    /// A reason by its code alone.
    #[must_use]
    pub const fn of(code: Code) -> Self {
        Self { code: Some(code), information: None }
    }

    /// The first of the reasons under that name. A proprietary one is told in words.
    pub(crate) fn read(node: &Node<'_>, name: &str) -> Result<Option<Self>, ReadError> {
        node.all(name).first().map(Self::read_one).transpose()
    }

    /// All the reasons under that name.
    pub(crate) fn read_all(node: &Node<'_>, name: &str) -> Result<Vec<Self>, ReadError> {
        node.all(name).iter().map(Self::read_one).collect()
    }

    fn read_one(reason: &Node<'_>) -> Result<Self, ReadError> {
        let words = match reason.all("AddtlInf").first() {
            Some(_) => reason.first_note("AddtlInf")?,
            None => reason.note("Rsn/Prtry")?,
        };
        Ok(Self { code: reason.find("Rsn/Cd")?, information: words })
    }

    pub(crate) fn write_if(out: &mut Out, name: &str, reason: Option<&Self>) {
        let Some(reason) = reason else { return };
        out.open(name, |out| {
            if let Some(code) = &reason.code {
                out.open("Rsn", |out| out.leaf("Cd", code));
            }
            out.leaf_if("AddtlInf", reason.information.as_ref());
        });
    }
}

/// Who asks whom in an investigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Message id.
    pub id: Id,
    /// Who asks, or answers.
    pub assigner: Option<Agent>,
    /// Who is asked, or answered.
    pub assignee: Option<Agent>,
    /// When.
    pub created_at: UnixMicros,
}

impl Assignment {
    pub(crate) fn read(message: &Node<'_>) -> Result<Self, ReadError> {
        let node = message.need("Assgnmt")?;
        Ok(Self {
            id: node.get("Id")?,
            assigner: Agent::read(&node, "Assgnr/Agt")?,
            assignee: Agent::read(&node, "Assgne/Agt")?,
            created_at: node.need_instant("CreDtTm")?,
        })
    }

    pub(crate) fn write(&self, out: &mut Out) {
        out.open("Assgnmt", |out| {
            out.leaf("Id", &self.id);
            out.open("Assgnr", |out| Agent::write(out, "Agt", self.assigner.as_ref()));
            out.open("Assgne", |out| Agent::write(out, "Agt", self.assignee.as_ref()));
            out.instant("CreDtTm", self.created_at);
        });
    }
}

/// Checks that a message says how many transactions it has.
pub(crate) fn check_count(group: &Node<'_>, found: usize) -> Result<(), ReadError> {
    let node = group.need("NbOfTxs")?;
    let said: Text<15> = group.get("NbOfTxs")?;
    if said.as_str().parse() == Ok(found) {
        return Ok(());
    }
    Err(node.refuse(Rule::Total { said: said.to_string(), found: found.to_string() }))
}

/// Who sends a message to whom, and when: the head of what banks send each other.
pub(crate) fn write_head(out: &mut Out, id: &Id, at: UnixMicros, inner: impl FnOnce(&mut Out)) {
    out.open("GrpHdr", |out| {
        out.leaf("MsgId", id);
        out.instant("CreDtTm", at);
        inner(out);
    });
}
