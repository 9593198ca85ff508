//! pain.001: a customer orders credit transfers.

use florin_kernel::{Currency, Date, Money, MoneyError, UnixMicros};

use crate::{
    error::{ReadError, Rule},
    node::Node,
    out::Out,
    parts::{Account, Agent, Party, PaymentNames, check_count},
    text::{Id, Text},
};

/// An order of credit transfers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initiation {
    /// Message id.
    pub id: Id,
    /// When the message was made.
    pub created_at: UnixMicros,
    /// Who orders, where it is told.
    pub initiator: Option<Text<140>>,
    /// The orders, one an account that pays.
    pub instructions: Vec<Instruction>,
}

/// The transfers from one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Its name.
    pub id: Id,
    /// When they are to be carried out.
    pub on: Date,
    /// Who pays.
    pub debtor: Party,
    /// The transfers.
    pub transfers: Vec<OrderedTransfer>,
}

/// One transfer of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedTransfer {
    /// Names of the payment; the one of the payer is required.
    pub names: PaymentNames,
    /// How much: positive.
    pub amount: Money,
    /// Who is paid.
    pub creditor: Party,
    /// Text for the creditor.
    pub remittance: Option<Text<140>>,
}

impl Initiation {
    /// Every transfer with the instruction that it is of, in the order of the document.
    pub fn transfers(&self) -> impl Iterator<Item = (&Instruction, &OrderedTransfer)> {
        let of = |one| std::iter::repeat(one);
        self.instructions.iter().flat_map(move |one| of(one).zip(&one.transfers))
    }

    pub(crate) fn read(message: &Node<'_>) -> Result<Self, ReadError> {
        let group = message.need("GrpHdr")?;
        let nodes = message.all("PmtInf");
        if nodes.is_empty() {
            return Err(message
                .need("PmtInf")
                .err()
                .unwrap_or_else(|| group.refuse(Rule::Missing)));
        }
        let instructions: Vec<_> =
            nodes.iter().map(Instruction::read).collect::<Result<_, ReadError>>()?;
        let read = Self {
            id: group.get("MsgId")?,
            created_at: group.need_instant("CreDtTm")?,
            initiator: group.need("InitgPty")?.note("Nm")?,
            instructions,
        };
        check_count(&group, read.transfers().count())?;
        check_sum(&group, read.transfers().map(|(_, transfer)| transfer.amount))?;
        Ok(read)
    }

    pub(crate) fn write(&self, out: &mut Out) {
        out.open("GrpHdr", |out| {
            out.leaf("MsgId", &self.id);
            out.instant("CreDtTm", self.created_at);
            out.leaf("NbOfTxs", self.transfers().count());
            out.open("InitgPty", |out| out.leaf_if("Nm", self.initiator.as_ref()));
        });
        self.instructions.iter().for_each(|one| one.write(out));
    }
}

/// Checks the control sum, where it is there and all amounts are of one currency: over several it
/// is a sum of unlike things, and says nothing.
fn check_sum(group: &Node<'_>, amounts: impl Iterator<Item = Money>) -> Result<(), ReadError> {
    let mut sum = Sum::default();
    for amount in amounts {
        sum.add(amount).map_err(|error| group.refuse(error))?;
    }
    sum.check(group)
}

/// The sum of amounts, as long as it says something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Sum {
    /// Of nothing yet.
    #[default]
    Empty,
    /// Of amounts of one currency.
    Of(Money),
    /// Of unlike or unknown things.
    Nothing,
}

impl Sum {
    /// Adds an amount.
    pub(crate) fn add(&mut self, amount: Money) -> Result<(), MoneyError> {
        *self = match *self {
            Self::Empty => Self::Of(amount),
            Self::Of(sum) if sum.currency() == amount.currency() => {
                Self::Of(sum.checked_add(amount)?)
            }
            Self::Of(_) | Self::Nothing => Self::Nothing,
        };
        Ok(())
    }

    /// Checks the control sum of a group, where it has one.
    pub(crate) fn check(self, group: &Node<'_>) -> Result<(), ReadError> {
        let (Some(node), Self::Of(sum)) = (group.at("CtrlSum")?, self) else { return Ok(()) };
        let said: Id = group.get("CtrlSum")?;
        if same_number(said.as_str(), sum) {
            return Ok(());
        }
        Err(node.refuse(Rule::Total { said: said.to_string(), found: sum.amount() }))
    }
}

/// Whether a decimal is this amount; zeros may follow.
fn same_number(said: &str, sum: Money) -> bool {
    let currency: Currency = sum.currency();
    let shorter = said.trim_end_matches('0').trim_end_matches('.');
    let read = |text: &str| Money::parse_in(currency, text) == Ok(sum);
    read(said) || said.contains('.') && read(if shorter.is_empty() { "0" } else { shorter })
}

/// What an instruction says of all its transfers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstructionHead {
    /// Its name.
    pub id: Id,
    /// When they are to be carried out.
    pub on: Date,
    /// Who pays.
    pub debtor: Party,
}

impl InstructionHead {
    pub(crate) fn read(node: &Node<'_>) -> Result<Self, ReadError> {
        node.one_of("PmtMtd", "TRF")?;
        let date = node.need("ReqdExctnDt")?;
        let on = match date.date("Dt")? {
            Some(on) => on,
            None => {
                return Err(date.need("Dt").err().unwrap_or_else(|| date.refuse(Rule::Missing)));
            }
        };
        for required in ["Dbtr", "DbtrAcct", "DbtrAgt"] {
            if node.all(required).is_empty() {
                node.need(required)?;
            }
        }
        Ok(Self { id: node.get("PmtInfId")?, on, debtor: Party::read(node, "Dbtr")? })
    }
}

impl Instruction {
    fn read(node: &Node<'_>) -> Result<Self, ReadError> {
        let InstructionHead { id, on, debtor } = InstructionHead::read(node)?;
        let transfers = node.all("CdtTrfTxInf");
        if transfers.is_empty() {
            node.need("CdtTrfTxInf")?;
        }
        let transfers = transfers.iter().map(OrderedTransfer::read).collect::<Result<_, _>>()?;
        Ok(Self { id, on, debtor, transfers })
    }

    fn write(&self, out: &mut Out) {
        out.open("PmtInf", |out| {
            out.leaf("PmtInfId", &self.id);
            out.leaf("PmtMtd", "TRF");
            out.open("ReqdExctnDt", |out| out.leaf("Dt", self.on));
            self.debtor.write_name(out, "Dbtr");
            Account::write_if(out, "DbtrAcct", self.debtor.account.as_ref());
            Agent::write(out, "DbtrAgt", self.debtor.agent.as_ref());
            self.transfers.iter().for_each(|one| one.write(out));
        });
    }
}

impl OrderedTransfer {
    /// The names that can be read of a transfer that is refused.
    pub(crate) fn names(node: &Node<'_>) -> PaymentNames {
        PaymentNames {
            instruction: node.find("PmtId/InstrId").ok().flatten(),
            end_to_end: node.find("PmtId/EndToEndId").ok().flatten(),
            transaction: None,
            uetr: node.find("PmtId/UETR").ok().flatten(),
        }
    }

    pub(crate) fn read(node: &Node<'_>) -> Result<Self, ReadError> {
        let remittance = match node.at("RmtInf")? {
            Some(remittance) => remittance.first_note("Ustrd")?,
            None => None,
        };
        Ok(Self {
            names: PaymentNames {
                instruction: node.find("PmtId/InstrId")?,
                end_to_end: Some(node.get("PmtId/EndToEndId")?),
                transaction: None,
                uetr: node.find("PmtId/UETR")?,
            },
            amount: node.payable("Amt/InstdAmt")?,
            creditor: Party::read(node, "Cdtr")?,
            remittance,
        })
    }

    fn write(&self, out: &mut Out) {
        out.open("CdtTrfTxInf", |out| {
            out.open("PmtId", |out| {
                out.leaf_if("InstrId", self.names.instruction.as_ref());
                let end_to_end = self.names.end_to_end.as_ref();
                out.leaf("EndToEndId", end_to_end.map_or("NOTPROVIDED", Text::as_str));
                out.leaf_if("UETR", self.names.uetr);
            });
            out.open("Amt", |out| out.amount("InstdAmt", self.amount));
            Agent::write_if(out, "CdtrAgt", self.creditor.agent.as_ref());
            self.creditor.write_name(out, "Cdtr");
            Account::write_if(out, "CdtrAcct", self.creditor.account.as_ref());
            if let Some(text) = &self.remittance {
                out.open("RmtInf", |out| out.leaf("Ustrd", text));
            }
        });
    }
}
