//! Payments between banks: where they go, what they are called, and how far they are.

use std::collections::BTreeMap;

use florin_kernel::{Bic, Iban, TransferId, Uetr};

use super::Failure;

/// The banks that the network reaches, by country and national bank code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory(BTreeMap<(String, String), Bic>);

impl Directory {
    /// Adds a bank.
    pub fn add(&mut self, country: &str, code: &str, bic: Bic) {
        self.0.insert((country.to_owned(), code.to_owned()), bic);
    }

    /// The bank of an account; None where the network does not reach it. The code stands first
    /// in the national part, as with our own.
    #[must_use]
    pub fn bank_of(&self, iban: &Iban) -> Option<&Bic> {
        let national = iban.electronic().get(4..).unwrap_or_default();
        let of = |((country, code), bic): (&(String, String), &'_ Bic)| {
            (country == iban.country() && national.starts_with(code.as_str())).then(|| bic.clone())
        };
        let found = self.0.iter().find(|entry| of(*entry).is_some());
        found.map(|(_, bic)| bic)
    }
}

/// Characters of a text in the ledger.
const MOST_TEXT: usize = 140;

/// How far something on its way to the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Accepted; nobody has been asked anything.
    New,
    /// The ledger is, or may have been, asked to set the money aside.
    Holding,
    /// The network has, or may have, the exact bytes.
    Submitting,
    /// The network has settled it.
    Settled,
    /// The network has rejected it.
    Rejected,
    /// The ledger has booked it.
    Done,
    /// It ended without moving money.
    Unpaid,
}

impl Stage {
    /// Every stage.
    pub const ALL: &'static [Self] = &[
        Self::New,
        Self::Holding,
        Self::Submitting,
        Self::Settled,
        Self::Rejected,
        Self::Done,
        Self::Unpaid,
    ];

    /// The number in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::New => 1,
            Self::Holding => 2,
            Self::Submitting => 3,
            Self::Settled => 4,
            Self::Rejected => 5,
            Self::Done => 6,
            Self::Unpaid => 7,
        }
    }

    /// The stage of a number; None where there is none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|stage| stage.code() == code)
    }

    /// Whether nothing follows.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Unpaid)
    }

    /// Whether the network, or two persons in its place, have said how it ended.
    #[must_use]
    pub const fn is_said(self) -> bool {
        matches!(self, Self::Settled | Self::Rejected | Self::Done | Self::Unpaid)
    }
}

/// How far something that came from the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Settled at the network, not yet in the books.
    Received,
    /// It cannot be credited and is to go to suspense.
    ToSuspense,
    /// In suspense, with a return on its way.
    Returning,
    /// Credited, or returned.
    Done,
    /// In suspense, for people.
    Kept,
}

impl Arrival {
    /// Every stage.
    pub const ALL: &'static [Self] =
        &[Self::Received, Self::ToSuspense, Self::Returning, Self::Done, Self::Kept];

    /// The number in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Received => 1,
            Self::ToSuspense => 2,
            Self::Returning => 3,
            Self::Done => 4,
            Self::Kept => 5,
        }
    }

    /// The stage of a number; None where there is none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|stage| stage.code() == code)
    }

    /// Whether a worker has nothing to do with it.
    #[must_use]
    pub const fn rests(self) -> bool {
        matches!(self, Self::Returning | Self::Done | Self::Kept)
    }
}

/// What a status of the network means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The money has moved between the banks.
    Settled,
    /// It has not and will not: after one send that is the end, after several it may be said of
    /// one copy alone.
    Rejected,
    /// The message was one too many: what became of the payment has to be asked.
    Duplicate,
    /// The network has never had the payment: the same bytes are sent again.
    NeverReceived,
    /// Nothing final.
    Pending,
}

impl Meaning {
    /// Reads status and reason of a pacs.002. A status that is not known is not final.
    #[must_use]
    pub fn of(status: &str, reason: &str) -> Self {
        match (status, reason) {
            ("ACSC" | "ACCC", _) => Self::Settled,
            ("RJCT", "DU01" | "DU02" | "DU03" | "DU04" | "DU05" | "AM05" | "DUPL") => {
                Self::Duplicate
            }
            ("RJCT", "NOOR") => Self::NeverReceived,
            ("RJCT", _) => Self::Rejected,
            _ => Self::Pending,
        }
    }
}

/// The message id of a transfer: its UUID without dashes, 32 characters.
#[must_use]
pub fn message_id(id: TransferId) -> String {
    digits(id)
}

/// The UETR of a transfer: the bits of its UUID, as a UUID of version 4.
#[must_use]
pub fn uetr_of(id: TransferId) -> Uetr {
    let digits = digits(id);
    let mut bytes = [0; 16];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let from = at.saturating_mul(2);
        let pair = digits.get(from..from.saturating_add(2)).unwrap_or("00");
        *byte = u8::from_str_radix(pair, 16).unwrap_or(0);
    }
    Uetr::from_random(bytes)
}

fn digits(id: TransferId) -> String {
    let text = id.to_string();
    let uuid = text.split_once('_').map_or(text.as_str(), |(_, uuid)| uuid);
    uuid.replace('-', "")
}

/// The natural reference of the hold of a transfer.
#[must_use]
pub fn hold_reference(id: TransferId) -> String {
    format!("{id}/hold")
}

/// The natural reference of the release of that hold.
#[must_use]
pub fn release_reference(id: TransferId) -> String {
    format!("{id}/release")
}

/// Why a transfer failed that the network rejected.
#[must_use]
pub fn rejection(code: &str) -> Failure {
    Failure {
        reason: "REJECTED_BY_NETWORK".to_owned(),
        domain: "payment.florin.bank".to_owned(),
        message: format!("the clearing network rejected it: {code}"),
        facts: [("code".to_owned(), code.to_owned())].into(),
    }
}

/// The code of ISO 20022 under which a payment goes back that the ledger refused to credit for
/// its account; None for a reason that has nothing to do with the account.
#[must_use]
pub fn return_code(reason: &str) -> Option<&'static str> {
    match reason {
        "ACCOUNT_NOT_FOUND" => Some("AC01"),
        "ACCOUNT_CLOSED" => Some("AC04"),
        "ACCOUNT_FROZEN" => Some("AC06"),
        "CURRENCY_MISMATCH" => Some("AM03"),
        _ => None,
    }
}

/// The text of the entry with which a payment of ours comes back, for this code of ISO 20022.
#[must_use]
pub fn return_text(code: Option<&str>, description: &str) -> String {
    let why = code.map_or_else(|| "Returned".to_owned(), |code| format!("Returned {code}"));
    let text = if description.is_empty() { why } else { format!("{why}: {description}") };
    text.chars().take(MOST_TEXT).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_has_its_names_for_ever() {
        let id = TransferId::from_parts(1_700_000_000_000, [7; 10]);
        assert_eq!(message_id(id).len(), 32);
        assert_eq!(uetr_of(id), uetr_of(id));
        assert_ne!(uetr_of(id), uetr_of(TransferId::from_parts(1_700_000_000_000, [8; 10])));
        assert_eq!(hold_reference(id), format!("{id}/hold"));
        assert_eq!(release_reference(id), format!("{id}/release"));
    }

    #[test]
    fn a_return_tells_its_code_and_what_it_is_of_within_what_the_ledger_takes() {
        assert_eq!(return_text(Some("AC04"), "rent"), "Returned AC04: rent");
        assert_eq!(return_text(None, "rent"), "Returned: rent");
        assert_eq!(return_text(Some("AC04"), ""), "Returned AC04");
        let long = return_text(Some("AC04"), &"\u{17e}".repeat(140));
        assert_eq!(long.chars().count(), 140);
        let blank = return_text(Some("AC04"), &format!("{} b", "a".repeat(124)));
        assert!(blank.ends_with('a'), "no text of the ledger ends with a blank: {blank:?}");
    }

    #[test]
    fn a_bank_is_found_by_country_and_code() {
        let mut directory = Directory::default();
        let bic: Bic = "GIBACZPX".parse().expect("bic");
        directory.add("CZ", "0800", bic.clone());
        let of = |iban: &str| directory.bank_of(&iban.parse().expect("iban")).cloned();
        assert_eq!(of("CZ6508000000192000145399"), Some(bic));
        assert_eq!(of("NL91ABNA0417164300"), None);
    }

    #[test]
    fn only_final_words_of_the_network_are_final() {
        for (status, reason, meaning) in [
            ("ACSC", "", Meaning::Settled),
            ("ACCC", "", Meaning::Settled),
            ("ACSP", "", Meaning::Pending),
            ("ACTC", "", Meaning::Pending),
            ("PDNG", "", Meaning::Pending),
            ("XXXX", "", Meaning::Pending),
            ("RJCT", "AC04", Meaning::Rejected),
            ("RJCT", "", Meaning::Rejected),
            ("RJCT", "NARR", Meaning::Rejected),
            ("RJCT", "DU01", Meaning::Duplicate),
            ("RJCT", "DU02", Meaning::Duplicate),
            ("RJCT", "DU03", Meaning::Duplicate),
            ("RJCT", "DU04", Meaning::Duplicate),
            ("RJCT", "DU05", Meaning::Duplicate),
            ("RJCT", "DUPL", Meaning::Duplicate),
            ("RJCT", "AM05", Meaning::Duplicate),
            ("RJCT", "NOOR", Meaning::NeverReceived),
        ] {
            assert_eq!(Meaning::of(status, reason), meaning, "{status} {reason}");
        }
    }

    #[test]
    fn stages_are_stored_under_these_numbers_for_ever() {
        assert_eq!(
            Stage::ALL.iter().map(|stage| stage.code()).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6, 7]
        );
        assert_eq!(
            Arrival::ALL.iter().map(|stage| stage.code()).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5]
        );
        for stage in Stage::ALL {
            assert_eq!(Stage::from_code(stage.code()), Some(*stage));
        }
        assert_eq!(Arrival::from_code(6), None);
    }
}
