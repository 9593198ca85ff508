//! One line of the history, and the journal transaction that books it.

use florin_kernel::{Date, Money, check_text, parse_date};
use florin_proto::{
    account::v1::{Leg, TransactionRequest, leg::Target},
    common::v1::Direction,
    wire_money,
};

use crate::import::{rejects::Reject, table::Line};

/// GL code of cash in hand.
const CASH: &str = "1010";
/// GL code of the nostro account of a counterparty bank that the file does not name; the
/// bank's code follows it where it does.
pub const NOSTRO: &str = "1200";
/// GL code of income from fees.
const FEE_INCOME: &str = "4010";
/// GL code of income from overdraft interest.
const OVERDRAFT_INCOME: &str = "4020";
/// GL code of interest paid to customers.
const INTEREST_EXPENSE: &str = "5010";
/// Longest reference in a file: the prefix comes before it, 128 is the ledger's limit.
const MOST_REFERENCE: usize = 100;
/// Longest text for a statement (contract of `account`).
const MOST_TEXT: usize = 140;
/// Longest code of a bank: a GL code has at most 20 characters with `1200.` before it.
const MOST_BANK: usize = 15;

/// What a line of the history is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// Cash paid in.
    CashDeposit,
    /// Cash paid out.
    CashWithdrawal,
    /// A fee of the bank.
    Fee,
    /// Interest for the customer.
    Interest,
    /// Interest for the bank.
    OverdraftInterest,
    /// Money from another bank.
    TransferIn,
    /// Money to another bank.
    TransferOut,
}

impl RowKind {
    const ALL: [Self; 7] = [
        Self::CashDeposit,
        Self::CashWithdrawal,
        Self::Fee,
        Self::Interest,
        Self::OverdraftInterest,
        Self::TransferIn,
        Self::TransferOut,
    ];

    /// Its name in the file and in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CashDeposit => "cash_deposit",
            Self::CashWithdrawal => "cash_withdrawal",
            Self::Fee => "fee",
            Self::Interest => "interest",
            Self::OverdraftInterest => "overdraft_interest",
            Self::TransferIn => "transfer_in",
            Self::TransferOut => "transfer_out",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The side on which the customer's account is booked.
    const fn side(self) -> Direction {
        match self {
            Self::CashDeposit | Self::Interest | Self::TransferIn => Direction::Credit,
            Self::CashWithdrawal | Self::Fee | Self::OverdraftInterest | Self::TransferOut => {
                Direction::Debit
            }
        }
    }
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Line in the file.
    pub line: u64,
    /// What the bank called it; unique in the file.
    pub reference: String,
    /// The account's number at the other bank.
    pub account: String,
    /// When it was booked.
    pub booking_date: Date,
    /// What it is.
    pub kind: RowKind,
    /// Positive.
    pub amount: Money,
    /// Code of the bank on the other side; empty where not known.
    pub bank: String,
    /// Account on the other side; empty where not known.
    pub other_account: String,
    /// What it was for.
    pub purpose: String,
    /// The other bank's balance after it, rounded as it did.
    pub balance_after: Money,
}

impl Row {
    /// The columns that a history must have.
    pub const COLUMNS: [&'static str; 10] = [
        "reference",
        "account",
        "booking_date",
        "kind",
        "amount",
        "currency",
        "counterparty_bank",
        "counterparty_account",
        "purpose",
        "balance_after",
    ];

    /// Reads a line.
    ///
    /// # Errors
    /// The first column that breaks a rule.
    pub fn read(line: &Line<'_>) -> Result<Self, Reject> {
        let reference = line.get("reference");
        let text = |field: &str, least, most| {
            line.check(reference, field, check_text(line.get(field), least, most))
        };
        let currency = line.get("currency");
        let kind = RowKind::parse(line.get("kind")).ok_or_else(|| {
            let names = RowKind::ALL.map(RowKind::name).join(", ");
            line.reject(reference, "kind", "UNKNOWN_KIND", &format!("must be one of {names}"))
        })?;
        let amount = Money::parse_positive(currency, line.get("amount")).and_then(Money::movable);
        let balance_after = Money::parse(currency, line.get("balance_after"));
        let bank = text("counterparty_bank", 0, MOST_BANK)?;
        if !bank.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let rule = "must be letters and digits";
            return Err(line.reject(reference, "counterparty_bank", "MALFORMED_CODE", rule));
        }
        Ok(Self {
            line: line.number,
            reference: text("reference", 1, MOST_REFERENCE)?,
            account: text("account", 1, MOST_REFERENCE)?,
            booking_date: line.check(
                reference,
                "booking_date",
                parse_date(line.get("booking_date")),
            )?,
            kind,
            amount: line.check(reference, "amount", amount)?,
            bank,
            other_account: text("counterparty_account", 0, MOST_REFERENCE)?,
            purpose: text("purpose", 0, MOST_TEXT)?,
            balance_after: line.check(reference, "balance_after", balance_after)?,
        })
    }

    /// The code of the GL account on the other side.
    #[must_use]
    pub fn other_side(&self) -> String {
        match self.kind {
            RowKind::CashDeposit | RowKind::CashWithdrawal => CASH.to_owned(),
            RowKind::Fee => FEE_INCOME.to_owned(),
            RowKind::Interest => INTEREST_EXPENSE.to_owned(),
            RowKind::OverdraftInterest => OVERDRAFT_INCOME.to_owned(),
            RowKind::TransferIn | RowKind::TransferOut => {
                self.nostro().map_or_else(|| NOSTRO.to_owned(), |bank| format!("{NOSTRO}.{bank}"))
            }
        }
    }

    /// The bank whose nostro account is booked, where the file names one.
    #[must_use]
    pub fn nostro(&self) -> Option<&str> {
        let over_a_bank = matches!(self.kind, RowKind::TransferIn | RowKind::TransferOut);
        (over_a_bank && !self.bank.is_empty()).then_some(self.bank.as_str())
    }

    /// The other side as the statement shows it: `AB/12345`.
    fn counterparty(&self) -> String {
        match (self.bank.is_empty(), self.other_account.is_empty()) {
            (false, false) => format!("{}/{}", self.bank, self.other_account),
            (false, true) => self.bank.clone(),
            (true, _) => self.other_account.clone(),
        }
    }

    /// The journal transaction that books it on the day on which it happened.
    #[must_use]
    pub fn transaction(&self, reference: String, account_id: &str) -> TransactionRequest {
        let other_direction = match self.kind.side() {
            Direction::Debit => Direction::Credit,
            Direction::Credit | Direction::Unspecified => Direction::Debit,
        };
        let leg = |target, direction: Direction| Leg {
            target: Some(target),
            direction: direction.into(),
            amount: Some(wire_money(self.amount)),
            counterparty: self.counterparty(),
        };
        TransactionRequest {
            reference,
            kind: self.kind.name().to_owned(),
            legs: vec![
                leg(Target::AccountId(account_id.to_owned()), self.kind.side()),
                leg(Target::GlCode(self.other_side()), other_direction),
            ],
            description: self.purpose.clone(),
            value_date: self.booking_date.to_string(),
            booking_date: self.booking_date.to_string(),
            ..TransactionRequest::default()
        }
    }
}

#[cfg(test)]
mod tests;
