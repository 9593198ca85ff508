//! pacs.002: what became of a payment. pacs.028: the question.

use florin_kernel::{Date, Money, UnixMicros};

use crate::{
    error::{ReadError, Rule},
    node::Node,
    out::Out,
    parts::{OriginalMessage, PaymentNames, Reason, write_head},
    text::{Code, Id},
};

/// A report about one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReport {
    /// Message id.
    pub id: Id,
    /// When the message was made.
    pub created_at: UnixMicros,
    /// The message that it answers.
    pub original: OriginalMessage,
    /// The payment that it is about, as far as it names it.
    pub names: PaymentNames,
    /// What became of it: `ACSC` settled, `RJCT` rejected, `PDNG` pending, and others.
    pub status: Code,
    /// Why.
    pub reason: Option<Reason>,
    /// What was settled, where it is told.
    pub amount: Option<Money>,
    /// On which day.
    pub settlement_date: Option<Date>,
}

impl StatusReport {
    pub(crate) fn read(message: &Node<'_>) -> Result<Self, ReadError> {
        let group = message.need("GrpHdr")?;
        let original = message.need("OrgnlGrpInfAndSts")?;
        let of_group = original.find("GrpSts")?;
        let payment = message.at("TxInfAndSts")?;
        let (names, of_payment, reason, amount, settlement_date) = match &payment {
            Some(node) => (
                PaymentNames::read_original(node)?,
                node.find("TxSts")?,
                Reason::read(node, "StsRsnInf")?,
                node.payable_if("OrgnlTxRef/IntrBkSttlmAmt")?,
                node.date("OrgnlTxRef/IntrBkSttlmDt")?,
            ),
            None => (PaymentNames::default(), None, None, None, None),
        };
        let reason = match reason {
            Some(reason) => Some(reason),
            None => Reason::read(&original, "StsRsnInf")?,
        };
        let status = of_payment.or(of_group).ok_or_else(|| ReadError {
            path: "FIToFIPmtStsRpt/TxInfAndSts/TxSts".to_owned(),
            rule: Rule::Missing,
        })?;
        Ok(Self {
            id: group.get("MsgId")?,
            created_at: group.need_instant("CreDtTm")?,
            original: OriginalMessage::read(&original)?,
            names,
            status,
            reason,
            amount,
            settlement_date,
        })
    }

    pub(crate) fn write(&self, out: &mut Out) {
        write_head(out, &self.id, self.created_at, |_| {});
        out.open("OrgnlGrpInfAndSts", |out| self.original.write(out));
        out.open("TxInfAndSts", |out| {
            self.names.write_original(out);
            out.leaf("TxSts", &self.status);
            Reason::write_if(out, "StsRsnInf", self.reason.as_ref());
            if self.amount.is_some() || self.settlement_date.is_some() {
                out.open("OrgnlTxRef", |out| {
                    out.amount_if("IntrBkSttlmAmt", self.amount);
                    out.leaf_if("IntrBkSttlmDt", self.settlement_date);
                });
            }
        });
    }
}

/// A question for what became of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRequest {
    /// Message id.
    pub id: Id,
    /// When the message was made.
    pub created_at: UnixMicros,
    /// The message with the payment.
    pub original: OriginalMessage,
    /// The payment.
    pub names: PaymentNames,
}

impl StatusRequest {
    pub(crate) fn read(message: &Node<'_>) -> Result<Self, ReadError> {
        let group = message.need("GrpHdr")?;
        let names = match message.at("TxInf")? {
            Some(node) => PaymentNames::read_original(&node)?,
            None => PaymentNames::default(),
        };
        Ok(Self {
            id: group.get("MsgId")?,
            created_at: group.need_instant("CreDtTm")?,
            original: OriginalMessage::read(&message.need("OrgnlGrpInf")?)?,
            names,
        })
    }

    pub(crate) fn write(&self, out: &mut Out) {
        write_head(out, &self.id, self.created_at, |_| {});
        out.open("OrgnlGrpInf", |out| self.original.write(out));
        out.open("TxInf", |out| self.names.write_original(out));
    }
}
