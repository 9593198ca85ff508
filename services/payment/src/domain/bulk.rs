//! Files of transfers: their states, and what is read of a line.

use florin_kernel::{
    AccountId, Currency, CustomerId, Date, FieldViolation, Iban, Money, MoneyError, Uetr,
    Violations,
};

use super::Payee;

/// Lines of a file at most.
pub const MOST_LINES: i64 = 1_000_000;
/// Bytes of a file at most.
pub const MOST_FILE_BYTES: i64 = 1024 * 1024 * 1024;
/// Accounts that may pay for the lines of a file.
pub const MOST_PAYERS: usize = 100;
/// The batch of lines that are in none.
pub const FIRST_BATCH: i64 = 1;
/// Rules that are told of one line, and of a file as a whole.
pub const MOST_VIOLATIONS: usize = 8;

/// State of a bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BulkStatus {
    /// Waits for parts.
    Receiving,
    /// All bytes are there; the lines are being read.
    Checking,
    /// Every line is right.
    Accepted,
    /// Something is wrong.
    Rejected,
    /// Every line has become a transfer or was refused.
    Done,
    /// Ended by request, or because the upload never was.
    Cancelled,
}

impl BulkStatus {
    /// Every state.
    pub const ALL: &'static [Self] = &[
        Self::Receiving,
        Self::Checking,
        Self::Accepted,
        Self::Rejected,
        Self::Done,
        Self::Cancelled,
    ];

    /// The number in the contract and in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Receiving => 1,
            Self::Checking => 2,
            Self::Accepted => 3,
            Self::Rejected => 4,
            Self::Done => 5,
            Self::Cancelled => 6,
        }
    }

    /// The state of a number; None where there is none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.code() == code)
    }

    /// The name in the contract, without prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receiving => "RECEIVING",
            Self::Checking => "CHECKING",
            Self::Accepted => "ACCEPTED",
            Self::Rejected => "REJECTED",
            Self::Done => "DONE",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether it can be cancelled.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Receiving | Self::Checking | Self::Accepted => true,
            Self::Rejected | Self::Done | Self::Cancelled => false,
        }
    }
}

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkFormat {
    /// pain.001.001.09.
    Pain001,
    /// A JSON object a line.
    JsonLines,
}

impl BulkFormat {
    /// The number in the contract and in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Pain001 => 1,
            Self::JsonLines => 2,
        }
    }

    /// The format of a number; None where there is none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        [Self::Pain001, Self::JsonLines].into_iter().find(|one| one.code() == code)
    }
}

/// What a client has announced of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// What it is written in.
    pub format: BulkFormat,
    /// The account that pays: for every line, where the file names no other.
    pub from: AccountId,
    /// Its IBAN.
    pub from_iban: Option<Iban>,
    /// Its currency.
    pub currency: Currency,
    /// The name among the files of the account.
    pub message_id: String,
    /// Bytes.
    pub size: i64,
    /// SHA-256, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Of JSON lines: the date from which they are executed.
    pub execute_on: Option<Date>,
    /// Of JSON lines: how many there are; 0 asks nothing.
    pub control_count: i64,
    /// Of JSON lines: what their amounts come to.
    pub control_sum: Option<Money>,
}

impl Announced {
    /// Whether another announcement under the same name is of the same file.
    #[must_use]
    pub fn is_same_file(&self, other: &Self) -> bool {
        // The IBAN is the account's, whatever it was when the file was announced.
        let Self { format, from, message_id, size, sha256, .. } = self;
        (format, from, message_id, size, sha256)
            == (&other.format, &other.from, &other.message_id, &other.size, &other.sha256)
            && (self.execute_on, self.control_count, self.control_sum)
                == (other.execute_on, other.control_count, other.control_sum)
    }
}

/// What a right line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineOrder {
    /// The account that is paid.
    pub to: Payee,
    /// Positive, in the currency of the account that pays.
    pub amount: Money,
    /// Text for the statements.
    pub description: String,
}

/// An account that pays for lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payer {
    /// The account.
    pub account: AccountId,
    /// Its IBAN.
    pub iban: Option<Iban>,
    /// The customer whose limits count what it pays.
    pub customer: Option<CustomerId>,
}

/// Who pays, as a file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paying {
    /// The account that was announced.
    Announced,
    /// The account behind this IBAN.
    Iban(Iban),
    /// None that is named by an IBAN.
    Nobody,
}

/// What a file says of a batch of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchHead {
    /// Which one, from 1.
    pub number: i64,
    /// The client's name of it; empty where it has none.
    pub name: String,
    /// Who pays.
    pub paying: Paying,
    /// The date from which its lines are executed.
    pub on: Option<Date>,
}

/// How its client names a line; empty where it does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineNames {
    /// Its reference, unique in the file: `EndToEndId` of a pain.001.
    pub reference: String,
    /// `InstrId` of a pain.001.
    pub instruction: String,
    /// `UETR` of a pain.001.
    pub uetr: Option<Uetr>,
}

impl LineNames {
    /// Of a line that has a reference alone.
    #[must_use]
    pub fn of(reference: String) -> Self {
        Self { reference, ..Self::default() }
    }
}

/// A line of a file, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which one, from 1.
    pub number: i64,
    /// The batch that it is in.
    pub batch: i64,
    /// Its names.
    pub names: LineNames,
    /// The date from which it is executed.
    pub on: Option<Date>,
    /// What it asks for, or what is wrong with it.
    pub order: Result<LineOrder, Vec<FieldViolation>>,
}

impl Line {
    /// A line that breaks these rules, the first of which are kept.
    #[must_use]
    pub fn wrong(number: i64, names: LineNames, violations: Violations) -> Self {
        let mut violations = violations.into_inner();
        violations.truncate(MOST_VIOLATIONS);
        Self { number, batch: FIRST_BATCH, names, on: None, order: Err(violations) }
    }

    /// Adds a rule that it breaks, before those that it was seen to break.
    pub fn break_rule(&mut self, field: &str, rule: &'static str, text: &str) {
        let mut violations = Violations::new();
        violations.add(field, rule, text);
        let mut all = violations.into_inner();
        if let Err(others) = &self.order {
            all.extend(others.iter().cloned());
        }
        all.truncate(MOST_VIOLATIONS);
        (self.order, self.on) = (Err(all), None);
    }
}

/// What the right lines of a file come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Lines.
    pub lines: i64,
    /// Those that are wrong.
    pub wrong: i64,
    /// Sum of the right ones.
    pub sum: Money,
}

impl Tally {
    /// Of nothing.
    #[must_use]
    pub const fn new(currency: Currency) -> Self {
        Self { lines: 0, wrong: 0, sum: Money::zero(currency) }
    }

    /// Counts a line.
    ///
    /// # Errors
    /// The sum is beyond what an amount can be.
    pub fn count(&mut self, line: &Line) -> Result<(), MoneyError> {
        self.lines = self.lines.saturating_add(1);
        match &line.order {
            Ok(order) => self.sum = self.sum.checked_add(order.amount)?,
            Err(_) => self.wrong = self.wrong.saturating_add(1),
        }
        Ok(())
    }

    /// Compares the totals that were announced.
    pub fn check(&self, announced: &Announced, violations: &mut Violations) {
        let count = announced.control_count;
        if count != 0 && count != self.lines {
            let text = format!("says {count}, but there are {} lines", self.lines);
            violations.add("control_count", "WRONG_TOTAL", text);
        }
        // The sum of some of the lines says nothing.
        if let Some(sum) = announced.control_sum
            && self.wrong == 0
            && sum != self.sum
        {
            let text = format!("says {sum}, but the lines come to {}", self.sum);
            violations.add("control_sum", "WRONG_TOTAL", text);
        }
        if self.lines == 0 {
            violations.add("lines", "REQUIRED", "the file has no line");
        }
    }
}
