//! camt.029: the answer to a recall.

use crate::{
    error::ReadError,
    node::Node,
    out::Out,
    parts::{Agent, Assignment, OriginalMessage, PaymentNames, Reason},
    text::{Code, Id},
};

/// An answer to a recall of one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecallAnswer {
    /// Who answers whom, and when.
    pub assignment: Assignment,
    /// The case of the recall.
    pub case: Option<Id>,
    /// `CNCL` it comes back, `RJCR` it does not, `PDCR` it is looked at, and others.
    pub outcome: Code,
    /// Name of this answer's part on the payment.
    pub status_id: Option<Id>,
    /// The message that the answer is about: the payment's, or the recall's in some networks.
    pub original: Option<OriginalMessage>,
    /// The payment, as far as it is named.
    pub names: PaymentNames,
    /// Why it does not come back.
    pub reason: Option<Reason>,
}

impl RecallAnswer {
    pub(crate) fn read(message: &Node<'_>) -> Result<Self, ReadError> {
        let details = message.at("CxlDtls")?;
        let group = details.as_ref().map(|node| node.at("OrgnlGrpInfAndSts")).transpose()?;
        let group = group.flatten();
        let node = details.as_ref().map(|node| node.at("TxInfAndSts")).transpose()?.flatten();
        let of_payment = match &node {
            Some(node) => node.at("OrgnlGrpInf")?,
            None => None,
        };
        let case = match message.find("RslvdCase/Id")? {
            Some(case) => Some(case),
            None => match &group {
                Some(group) => group.find("RslvdCase/Id")?,
                None => None,
            },
        };
        let original = of_payment.as_ref().or(group.as_ref());
        let (names, reason, status_id) = match &node {
            Some(node) => (
                PaymentNames::read_original(node)?,
                Reason::read(node, "CxlStsRsnInf")?,
                node.find("CxlStsId")?,
            ),
            None => (PaymentNames::default(), None, None),
        };
        Ok(Self {
            assignment: Assignment::read(message)?,
            case,
            outcome: message.get("Sts/Conf")?,
            status_id,
            original: original.map(OriginalMessage::read).transpose()?,
            names,
            reason,
        })
    }

    pub(crate) fn write(&self, out: &mut Out) {
        self.assignment.write(out);
        if let Some(case) = &self.case {
            out.open("RslvdCase", |out| {
                out.leaf("Id", case);
                // The case is of the bank that asked, which is answered here.
                let creator = self.assignment.assignee.as_ref();
                out.open("Cretr", |out| Agent::write(out, "Agt", creator));
            });
        }
        out.open("Sts", |out| out.leaf("Conf", &self.outcome));
        out.open("CxlDtls", |out| {
            out.open("TxInfAndSts", |out| {
                out.leaf_if("CxlStsId", self.status_id.as_ref());
                if let Some(original) = &self.original {
                    out.open("OrgnlGrpInf", |out| original.write(out));
                }
                self.names.write_original(out);
                Reason::write_if(out, "CxlStsRsnInf", self.reason.as_ref());
            });
        });
    }
}
