//! pain.002: a customer is told what became of its order.

use florin_kernel::{Date, Money, UnixMicros};

use crate::{
    error::ReadError,
    node::Node,
    out::Out,
    parts::{Account, Agent, OriginalMessage, PaymentNames, Reason, write_head},
    text::{Code, Id, Text},
};

/// What became of an order of credit transfers, or of a part of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerReport {
    /// Message id.
    pub id: Id,
    /// When the message was made.
    pub created_at: UnixMicros,
    /// The bank that tells.
    pub debtor_agent: Option<Agent>,
    /// The order.
    pub original: OriginalMessage,
    /// What became of it as a whole.
    pub standing: Standing,
    /// What became of its instructions.
    pub instructions: Vec<InstructionReport>,
}

/// What became of several transfers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many there are.
    pub count: Option<u64>,
    /// What they come to, as a decimal.
    pub sum: Option<Text<18>>,
    /// The status: `ACSC`, `PART`, `RJCT`, and others.
    pub status: Option<Code>,
    /// Why.
    pub reasons: Vec<Reason>,
    /// How many of them are in which state.
    pub counts: Vec<StatusCount>,
}

/// How many transfers are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCount {
    /// How many.
    pub count: u64,
    /// The state.
    pub status: Code,
    /// What they come to, as a decimal.
    pub sum: Option<Text<18>>,
}

/// What became of the transfers from one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstructionReport {
    /// The name of the instruction.
    pub id: Id,
    /// What became of it as a whole.
    pub standing: Standing,
    /// What became of its transfers.
    pub transfers: Vec<TransferReport>,
}

/// What became of one transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferReport {
    /// Names this line of the report.
    pub id: Option<Id>,
    /// The names of the payment; there is no `transaction` here.
    pub names: PaymentNames,
    /// The status.
    pub status: Code,
    /// Why.
    pub reasons: Vec<Reason>,
    /// The bank's own name of the payment.
    pub servicer_reference: Option<Id>,
    /// How much was ordered.
    pub amount: Option<Money>,
    /// For which day.
    pub on: Option<Date>,
    /// Who pays.
    pub debtor_account: Option<Account>,
    /// Who is paid.
    pub creditor_account: Option<Account>,
}

impl CustomerReport {
    pub(crate) fn read(message: &Node<'_>) -> Result<Self, ReadError> {
        let group = message.need("GrpHdr")?;
        let original = message.need("OrgnlGrpInfAndSts")?;
        let instructions = message.all("OrgnlPmtInfAndSts");
        Ok(Self {
            id: group.get("MsgId")?,
            created_at: group.need_instant("CreDtTm")?,
            debtor_agent: Agent::read(&group, "DbtrAgt")?,
            original: OriginalMessage::read(&original)?,
            standing: Standing::read(&original, "GrpSts")?,
            instructions: instructions
                .iter()
                .map(InstructionReport::read)
                .collect::<Result<_, ReadError>>()?,
        })
    }

    pub(crate) fn write(&self, out: &mut Out) {
        write_head(out, &self.id, self.created_at, |out| {
            Agent::write_if(out, "DbtrAgt", self.debtor_agent.as_ref());
        });
        out.open("OrgnlGrpInfAndSts", |out| {
            self.original.write(out);
            self.standing.write(out, "GrpSts");
        });
        self.instructions.iter().for_each(|one| one.write(out));
    }
}

impl Standing {
    fn read(node: &Node<'_>, status: &str) -> Result<Self, ReadError> {
        let count = match node.find::<Text<15>>("OrgnlNbOfTxs")? {
            Some(text) => Some(count(node, &text)?),
            None => None,
        };
        let counts = node.all("NbOfTxsPerSts");
        let counts = counts.iter().map(|one| {
            Ok(StatusCount {
                count: count_of(one)?,
                status: one.get("DtldSts")?,
                sum: one.find("DtldCtrlSum")?,
            })
        });
        Ok(Self {
            count,
            sum: node.find("OrgnlCtrlSum")?,
            status: node.find(status)?,
            reasons: Reason::read_all(node, "StsRsnInf")?,
            counts: counts.collect::<Result<_, ReadError>>()?,
        })
    }

    fn write(&self, out: &mut Out, status: &str) {
        out.leaf_if("OrgnlNbOfTxs", self.count);
        out.leaf_if("OrgnlCtrlSum", self.sum.as_ref());
        out.leaf_if(status, self.status.as_ref());
        self.reasons.iter().for_each(|one| Reason::write_if(out, "StsRsnInf", Some(one)));
        for one in &self.counts {
            out.open("NbOfTxsPerSts", |out| {
                out.leaf("DtldNbOfTxs", one.count);
                out.leaf("DtldSts", &one.status);
                out.leaf_if("DtldCtrlSum", one.sum.as_ref());
            });
        }
    }
}

fn count_of(node: &Node<'_>) -> Result<u64, ReadError> {
    let text: Text<15> = node.get("DtldNbOfTxs")?;
    count(node, &text)
}

fn count(node: &Node<'_>, text: &Text<15>) -> Result<u64, ReadError> {
    let found = || text.as_str().to_owned();
    let wrong = crate::error::Rule::Total { said: found(), found: "no number".to_owned() };
    text.as_str().parse().map_err(|_| node.refuse(wrong))
}

impl InstructionReport {
    fn read(node: &Node<'_>) -> Result<Self, ReadError> {
        let transfers = node.all("TxInfAndSts");
        Ok(Self {
            id: node.get("OrgnlPmtInfId")?,
            standing: Standing::read(node, "PmtInfSts")?,
            transfers: transfers
                .iter()
                .map(TransferReport::read)
                .collect::<Result<_, ReadError>>()?,
        })
    }

    fn write(&self, out: &mut Out) {
        out.open("OrgnlPmtInfAndSts", |out| {
            out.leaf("OrgnlPmtInfId", &self.id);
            self.standing.write(out, "PmtInfSts");
            self.transfers.iter().for_each(|one| one.write(out));
        });
    }
}

impl TransferReport {
    fn read(node: &Node<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            id: node.find("StsId")?,
            names: PaymentNames::read_original(node)?,
            status: node.get("TxSts")?,
            reasons: Reason::read_all(node, "StsRsnInf")?,
            servicer_reference: node.find("AcctSvcrRef")?,
            amount: node.payable_if("OrgnlTxRef/Amt/InstdAmt")?,
            on: node.date("OrgnlTxRef/ReqdExctnDt/Dt")?,
            debtor_account: Account::read(node, "OrgnlTxRef/DbtrAcct")?,
            creditor_account: Account::read(node, "OrgnlTxRef/CdtrAcct")?,
        })
    }

    fn write(&self, out: &mut Out) {
        out.open("TxInfAndSts", |out| {
            out.leaf_if("StsId", self.id.as_ref());
            out.leaf_if("OrgnlInstrId", self.names.instruction.as_ref());
            out.leaf_if("OrgnlEndToEndId", self.names.end_to_end.as_ref());
            out.leaf_if("OrgnlUETR", self.names.uetr);
            out.leaf("TxSts", &self.status);
            self.reasons.iter().for_each(|one| Reason::write_if(out, "StsRsnInf", Some(one)));
            out.leaf_if("AcctSvcrRef", self.servicer_reference.as_ref());
            self.write_original(out);
        });
    }

    fn write_original(&self, out: &mut Out) {
        let accounts = self.debtor_account.is_some() || self.creditor_account.is_some();
        if !accounts && self.amount.is_none() && self.on.is_none() {
            return;
        }
        out.open("OrgnlTxRef", |out| {
            if let Some(amount) = self.amount {
                out.open("Amt", |out| out.amount("InstdAmt", amount));
            }
            if let Some(on) = self.on {
                out.open("ReqdExctnDt", |out| out.leaf("Dt", on));
            }
            Account::write_if(out, "DbtrAcct", self.debtor_account.as_ref());
            Account::write_if(out, "CdtrAcct", self.creditor_account.as_ref());
        });
    }
}
