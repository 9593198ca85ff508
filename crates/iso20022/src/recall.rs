//! camt.056: a bank asks for the return of a payment.

use florin_kernel::{Date, Money};

use crate::{
    error::ReadError,
    node::Node,
    out::Out,
    parts::{Agent, Assignment, OriginalMessage, PaymentNames, Reason},
    text::Id,
};

/// A recall of one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recall {
    /// Who asks whom, and when.
    pub assignment: Assignment,
    /// The case, under which the answer comes.
    pub case: Option<Id>,
    /// Name of the recall itself.
    pub recall_id: Option<Id>,
    /// The message with the payment.
    pub original: OriginalMessage,
    /// The payment.
    pub names: PaymentNames,
    /// Its amount, where it is told.
    pub amount: Option<Money>,
    /// The day on which it was settled, where it is told.
    pub settlement_date: Option<Date>,
    /// Why.
    pub reason: Option<Reason>,
}

impl Recall {
    pub(crate) fn read(message: &Node<'_>) -> Result<Self, ReadError> {
        let underlying = message.need("Undrlyg")?;
        let node = underlying.need("TxInf")?;
        let original = match node.at("OrgnlGrpInf")? {
            Some(original) => original,
            None => underlying.need("OrgnlGrpInfAndCxl")?,
        };
        Ok(Self {
            assignment: Assignment::read(message)?,
            case: message.find("Case/Id")?,
            recall_id: node.find("CxlId")?,
            original: OriginalMessage::read(&original)?,
            names: PaymentNames::read_original(&node)?,
            amount: node.payable_if("OrgnlIntrBkSttlmAmt")?,
            settlement_date: node.date("OrgnlIntrBkSttlmDt")?,
            reason: Reason::read(&node, "CxlRsnInf")?,
        })
    }

    pub(crate) fn write(&self, out: &mut Out) {
        self.assignment.write(out);
        if let Some(case) = &self.case {
            out.open("Case", |out| {
                out.leaf("Id", case);
                let creator = self.assignment.assigner.as_ref();
                out.open("Cretr", |out| Agent::write(out, "Agt", creator));
            });
        }
        out.open("Undrlyg", |out| {
            out.open("TxInf", |out| {
                out.leaf_if("CxlId", self.recall_id.as_ref());
                out.open("OrgnlGrpInf", |out| self.original.write(out));
                self.names.write_original(out);
                out.amount_if("OrgnlIntrBkSttlmAmt", self.amount);
                out.leaf_if("OrgnlIntrBkSttlmDt", self.settlement_date);
                Reason::write_if(out, "CxlRsnInf", self.reason.as_ref());
            });
        });
    }
}
