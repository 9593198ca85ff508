//! pacs.004: a settled payment comes back.

use florin_kernel::{Date, Money, UnixMicros};

use crate::{
    error::ReadError,
    node::Node,
    out::Out,
    parts::{OriginalMessage, PaymentNames, Reason, check_count, write_head},
    text::Id,
};

/// A return of one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentReturn {
    /// Message id.
    pub id: Id,
    /// When the message was made.
    pub created_at: UnixMicros,
    /// Name of the return itself.
    pub return_id: Option<Id>,
    /// The message with the payment that comes back, where it is told.
    pub original: Option<OriginalMessage>,
    /// That payment.
    pub names: PaymentNames,
    /// Its amount, where it is told.
    pub original_amount: Option<Money>,
    /// What comes back: positive.
    pub amount: Money,
    /// The day on which the banks settle it.
    pub settlement_date: Option<Date>,
    /// Why.
    pub reason: Option<Reason>,
}

impl PaymentReturn {
    pub(crate) fn read(message: &Node<'_>) -> Result<Self, ReadError> {
        let group = message.need("GrpHdr")?;
        check_count(&group, message.all("TxInf").len())?;
        let node = message.need("TxInf")?;
        let original = match node.at("OrgnlGrpInf")? {
            Some(original) => Some(original),
            None => message.at("OrgnlGrpInf")?,
        };
        let of_payment = node.date("IntrBkSttlmDt")?;
        let settlement_date = match of_payment {
            Some(date) => Some(date),
            None => group.date("IntrBkSttlmDt")?,
        };
        Ok(Self {
            id: group.get("MsgId")?,
            created_at: group.need_instant("CreDtTm")?,
            return_id: node.find("RtrId")?,
            original: original.as_ref().map(OriginalMessage::read).transpose()?,
            names: PaymentNames::read_original(&node)?,
            original_amount: node.payable_if("OrgnlIntrBkSttlmAmt")?,
            amount: node.payable("RtrdIntrBkSttlmAmt")?,
            settlement_date,
            reason: Reason::read(&node, "RtrRsnInf")?,
        })
    }

    pub(crate) fn write(&self, out: &mut Out) {
        write_head(out, &self.id, self.created_at, |out| {
            out.leaf("NbOfTxs", 1);
            out.open("SttlmInf", |out| out.leaf("SttlmMtd", "CLRG"));
        });
        out.open("TxInf", |out| {
            out.leaf_if("RtrId", self.return_id.as_ref());
            if let Some(original) = &self.original {
                out.open("OrgnlGrpInf", |out| original.write(out));
            }
            self.names.write_original(out);
            out.amount_if("OrgnlIntrBkSttlmAmt", self.original_amount);
            out.amount("RtrdIntrBkSttlmAmt", self.amount);
            out.leaf_if("IntrBkSttlmDt", self.settlement_date);
            Reason::write_if(out, "RtrRsnInf", self.reason.as_ref());
        });
    }
}
