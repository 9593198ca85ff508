//! pacs.008: a bank pays a customer of another.

use florin_kernel::{Date, Money, UnixMicros};

use crate::{
    error::ReadError,
    node::Node,
    out::Out,
    parts::{Account, Agent, Party, PaymentNames, check_count, write_head},
    text::{Id, Text},
};

/// How the banks settle: by the clearing system, and the three ways over correspondents.
const METHODS: &str = "CLRG INDA INGA COVE";
/// Who bears the charges.
const CHARGES: &str = "SLEV SHAR DEBT CRED";

/// A credit transfer of one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditTransfer {
    /// Message id, unique for the bank that sends.
    pub id: Id,
    /// When the message was made.
    pub created_at: UnixMicros,
    /// Names of the payment. The one of the payer is required.
    pub names: PaymentNames,
    /// What the banks settle: positive.
    pub amount: Money,
    /// The day on which they settle it.
    pub settlement_date: Option<Date>,
    /// Who pays.
    pub debtor: Party,
    /// Who is paid.
    pub creditor: Party,
    /// Text for the creditor.
    pub remittance: Option<Text<140>>,
}

impl CreditTransfer {
    pub(crate) fn read(message: &Node<'_>) -> Result<Self, ReadError> {
        let group = message.need("GrpHdr")?;
        check_count(&group, message.all("CdtTrfTxInf").len())?;
        group.one_of("SttlmInf/SttlmMtd", METHODS)?;
        let node = message.need("CdtTrfTxInf")?;
        node.one_of("ChrgBr", CHARGES)?;
        let of_payment = node.date("IntrBkSttlmDt")?;
        let settlement_date = match of_payment {
            Some(date) => Some(date),
            None => group.date("IntrBkSttlmDt")?,
        };
        let names = PaymentNames {
            instruction: node.find("PmtId/InstrId")?,
            end_to_end: Some(node.get("PmtId/EndToEndId")?),
            transaction: node.find("PmtId/TxId")?,
            uetr: node.find("PmtId/UETR")?,
        };
        for required in ["Dbtr", "DbtrAgt", "CdtrAgt", "Cdtr"] {
            node.need(required)?;
        }
        let remittance = match node.at("RmtInf")? {
            Some(remittance) => remittance.first_note("Ustrd")?,
            None => None,
        };
        Ok(Self {
            id: group.get("MsgId")?,
            created_at: group.need_instant("CreDtTm")?,
            names,
            amount: node.payable("IntrBkSttlmAmt")?,
            settlement_date,
            debtor: Party::read_settled(&node, "Dbtr")?,
            creditor: Party::read_settled(&node, "Cdtr")?,
            remittance,
        })
    }

    pub(crate) fn write(&self, out: &mut Out) {
        write_head(out, &self.id, self.created_at, |out| {
            out.leaf("NbOfTxs", 1);
            out.open("SttlmInf", |out| out.leaf("SttlmMtd", "CLRG"));
        });
        out.open("CdtTrfTxInf", |out| {
            out.open("PmtId", |out| {
                out.leaf_if("InstrId", self.names.instruction.as_ref());
                let end_to_end = self.names.end_to_end.as_ref();
                out.leaf("EndToEndId", end_to_end.map_or("NOTPROVIDED", Text::as_str));
                out.leaf_if("TxId", self.names.transaction.as_ref());
                out.leaf_if("UETR", self.names.uetr);
            });
            out.amount("IntrBkSttlmAmt", self.amount);
            out.leaf_if("IntrBkSttlmDt", self.settlement_date);
            out.leaf("ChrgBr", "SLEV");
            self.debtor.write_name(out, "Dbtr");
            Account::write_if(out, "DbtrAcct", self.debtor.account.as_ref());
            Agent::write(out, "DbtrAgt", self.debtor.agent.as_ref());
            Agent::write(out, "CdtrAgt", self.creditor.agent.as_ref());
            self.creditor.write_name(out, "Cdtr");
            Account::write_if(out, "CdtrAcct", self.creditor.account.as_ref());
            if let Some(text) = &self.remittance {
                out.open("RmtInf", |out| out.leaf("Ustrd", text));
            }
        });
    }
}
