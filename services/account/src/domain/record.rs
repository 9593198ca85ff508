//! What a natural reference stands for.

use std::fmt;

use florin_kernel::{AccountId, HoldId, TransactionId};

/// The record that a reference made: the id, with what it is of. Shown as the id alone, as the
/// table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Record {
    /// An opening's account.
    Account(AccountId),
    /// A posting's or a reversal's journal transaction.
    Transaction(TransactionId),
    /// The hold that was placed, or released.
    Hold(HoldId),
    /// No record, and none to come: the reference was voided.
    Void,
}

/// How the table shows [`Record::Void`]; no id of a record is like it.
pub const VOID: &str = "void";

impl Record {
    /// The record of an id; None for what is no id of the three, nor void.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        if id == VOID {
            return Some(Self::Void);
        }
        let transaction = TransactionId::parse(id).map(Self::Transaction);
        let account = || AccountId::parse(id).map(Self::Account);
        let hold = || HoldId::parse(id).map(Self::Hold);
        transaction.or_else(|_| account()).or_else(|_| hold()).ok()
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => id.fmt(f),
            Self::Transaction(id) => id.fmt(f),
            Self::Hold(id) => id.fmt(f),
            Self::Void => f.write_str(VOID),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_what_it_is_of_and_other_text_is_no_record() {
        let account = AccountId::from_parts(1, [1; 10]);
        let transaction = TransactionId::from_parts(1, [1; 10]);
        let hold = HoldId::from_parts(1, [1; 10]);
        for (id, record) in [
            (account.to_string(), Record::Account(account)),
            (transaction.to_string(), Record::Transaction(transaction)),
            (hold.to_string(), Record::Hold(hold)),
            ("void".to_owned(), Record::Void),
        ] {
            assert_eq!(record.to_string(), id);
            assert_eq!(Record::of_id(&id), Some(record));
        }
        for text in ["", "txn_", "txn_1/hold", "trf_1/hold"] {
            assert_eq!(Record::of_id(text), None, "{text}");
        }
    }
}
