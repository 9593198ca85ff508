//! What a natural reference stands for.

use florin_kernel::{AccountId, HoldId, TransactionId};

/// The record that a reference made: the id, with what it is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Record {
    /// An opening's account.
    Account(String),
    /// A posting's or a reversal's journal transaction.
    Transaction(String),
    /// The hold that was placed, or released.
    Hold(String),
}

impl Record {
    /// The record of an id; None for what is no id of the three.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        if TransactionId::parse(id).is_ok() {
            return Some(Self::Transaction(id.to_owned()));
        }
        if AccountId::parse(id).is_ok() {
            return Some(Self::Account(id.to_owned()));
        }
        HoldId::parse(id).ok().map(|_| Self::Hold(id.to_owned()))
    }

    /// The id alone, as the table has it.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Account(id) | Self::Transaction(id) | Self::Hold(id) => id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_what_it_is_of_and_other_text_is_no_record() {
        let account = AccountId::from_parts(1, [1; 10]).to_string();
        let transaction = TransactionId::from_parts(1, [1; 10]).to_string();
        let hold = HoldId::from_parts(1, [1; 10]).to_string();
        for (id, record) in [
            (&account, Record::Account(account.clone())),
            (&transaction, Record::Transaction(transaction.clone())),
            (&hold, Record::Hold(hold.clone())),
        ] {
            assert_eq!(record.id(), id);
            assert_eq!(Record::of_id(id), Some(record));
        }
        for text in ["", "txn_", "txn_1/hold", "trf_1/hold"] {
            assert_eq!(Record::of_id(text), None, "{text}");
        }
    }
}
