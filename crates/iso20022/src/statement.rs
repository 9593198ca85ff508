//! camt.053: a bank or a network tells what happened on an account.

use florin_kernel::{Date, Money, UnixMicros};

use crate::{
    error::{ReadError, Rule},
    node::Node,
    out::Out,
    parts::{Account, PaymentNames},
    text::{Code, Id},
};

/// The two sides of an amount.
const SIDES: &str = "CRDT DBIT";

/// A statement of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Message id.
    pub message_id: Id,
    /// When the message was made.
    pub created_at: UnixMicros,
    /// Name of the statement.
    pub id: Id,
    /// The account.
    pub account: Account,
    /// Its balances.
    pub balances: Vec<Balance>,
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// A balance of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Which: `OPBD` opening, `CLBD` closing, and others.
    pub kind: Code,
    /// Positive in the owner's favour.
    pub amount: Money,
    /// Of which day.
    pub date: Date,
}

/// An entry of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Positive in the owner's favour.
    pub amount: Money,
    /// `BOOK` or `PDNG`, or `INFO`.
    pub status: Code,
    /// Day of the booking.
    pub booked: Option<Date>,
    /// Day of the value.
    pub valued: Option<Date>,
    /// The servicer's own name of it.
    pub reference: Option<Id>,
    /// The servicer's own code of what sort it is.
    pub kind: Option<Id>,
    /// The payment behind it, of one that is of a single payment.
    pub names: PaymentNames,
}

impl Statement {
    /// The balance of that kind.
    #[must_use]
    pub fn balance(&self, kind: &str) -> Option<Money> {
        let found = self.balances.iter().find(|balance| balance.kind.as_str() == kind);
        found.map(|balance| balance.amount)
    }

    pub(crate) fn read(message: &Node<'_>) -> Result<Self, ReadError> {
        let group = message.need("GrpHdr")?;
        let node = message.need("Stmt")?;
        let account = Account::read(&node, "Acct")?;
        Ok(Self {
            message_id: group.get("MsgId")?,
            created_at: group.need_instant("CreDtTm")?,
            id: node.get("Id")?,
            account: account.ok_or_else(|| ReadError {
                path: "BkToCstmrStmt/Stmt/Acct".to_owned(),
                rule: Rule::Missing,
            })?,
            balances: node.all("Bal").iter().map(Balance::read).collect::<Result<_, _>>()?,
            entries: node.all("Ntry").iter().map(Entry::read).collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn write(&self, out: &mut Out) {
        out.open("GrpHdr", |out| {
            out.leaf("MsgId", &self.message_id);
            out.instant("CreDtTm", self.created_at);
        });
        out.open("Stmt", |out| {
            out.leaf("Id", &self.id);
            out.instant("CreDtTm", self.created_at);
            out.open("Acct", |out| self.account.write(out));
            self.balances.iter().for_each(|balance| balance.write(out));
            self.entries.iter().for_each(|entry| entry.write(out));
        });
    }
}

fn signed(node: &Node<'_>) -> Result<Money, ReadError> {
    let amount = node.amount_with_zeros("Amt")?;
    match node.one_of("CdtDbtInd", SIDES)? {
        "DBIT" => amount.checked_neg().map_err(|error| node.refuse(error)),
        _ => Ok(amount),
    }
}

fn write_signed(out: &mut Out, amount: Money) {
    out.amount("Amt", amount);
    out.leaf("CdtDbtInd", if amount.minor() < 0 { "DBIT" } else { "CRDT" });
}

/// A day that may stand as a date or as an instant.
fn day(node: &Node<'_>, path: &str) -> Result<Option<Date>, ReadError> {
    let Some(node) = node.at(path)? else { return Ok(None) };
    if let Some(date) = node.date("Dt")? {
        return Ok(Some(date));
    }
    let Some(instant) = node.find::<Id>("DtTm")? else { return Ok(None) };
    node.instant("DtTm")?;
    // The day in the time zone of whoever wrote it.
    let day = instant.as_str().get(..10).unwrap_or_default();
    florin_kernel::parse_date(day).map(Some).map_err(|error| node.refuse(error))
}

impl Balance {
    fn read(node: &Node<'_>) -> Result<Self, ReadError> {
        let date = day(node, "Dt")?.ok_or_else(|| node.refuse(Rule::Missing))?;
        Ok(Self { kind: node.get("Tp/CdOrPrtry/Cd")?, amount: signed(node)?, date })
    }

    fn write(&self, out: &mut Out) {
        out.open("Bal", |out| {
            out.open("Tp", |out| out.open("CdOrPrtry", |out| out.leaf("Cd", &self.kind)));
            write_signed(out, self.amount);
            out.open("Dt", |out| out.leaf("Dt", self.date));
        });
    }
}

impl Entry {
    fn read(node: &Node<'_>) -> Result<Self, ReadError> {
        // Version 2 has the status as the text of `Sts`, later ones in `Sts/Cd`.
        let status = match node.find("Sts/Cd")? {
            Some(status) => status,
            None => node.get("Sts")?,
        };
        let mut details = Vec::new();
        for one in node.all("NtryDtls") {
            details.extend(one.all("TxDtls"));
        }
        let names = match details.as_slice() {
            [one] => PaymentNames {
                instruction: one.find("Refs/InstrId")?,
                end_to_end: one.find("Refs/EndToEndId")?,
                transaction: one.find("Refs/TxId")?,
                uetr: one.find("Refs/UETR")?,
            },
            _ => PaymentNames::default(),
        };
        Ok(Self {
            amount: signed(node)?,
            status,
            booked: day(node, "BookgDt")?,
            valued: day(node, "ValDt")?,
            reference: node.find("AcctSvcrRef")?,
            kind: node.find("BkTxCd/Prtry/Cd")?,
            names,
        })
    }

    fn write(&self, out: &mut Out) {
        out.open("Ntry", |out| {
            write_signed(out, self.amount);
            out.open("Sts", |out| out.leaf("Cd", &self.status));
            for (name, date) in [("BookgDt", self.booked), ("ValDt", self.valued)] {
                if let Some(date) = date {
                    out.open(name, |out| out.leaf("Dt", date));
                }
            }
            out.leaf_if("AcctSvcrRef", self.reference.as_ref());
            out.open("BkTxCd", |out| {
                if let Some(kind) = &self.kind {
                    out.open("Prtry", |out| out.leaf("Cd", kind));
                }
            });
            if self.names != PaymentNames::default() {
                out.open("NtryDtls", |out| {
                    out.open("TxDtls", |out| out.open("Refs", |out| self.write_names(out)));
                });
            }
        });
    }

    fn write_names(&self, out: &mut Out) {
        out.leaf_if("InstrId", self.names.instruction.as_ref());
        out.leaf_if("EndToEndId", self.names.end_to_end.as_ref());
        out.leaf_if("UETR", self.names.uetr);
        out.leaf_if("TxId", self.names.transaction.as_ref());
    }
}
