//! Why a document is refused.

use florin_kernel::{BicError, DateError, IbanError, MoneyError, TextError, UetrError};

/// Where a document breaks which rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {rule}")]
pub struct ReadError {
    /// The elements from the message's own down, joined by slashes:
    /// `FIToFICstmrCdtTrf/CdtTrfTxInf/IntrBkSttlmAmt`. `/` is the whole document.
    pub path: String,
    /// The rule.
    pub rule: Rule,
}

impl ReadError {
    pub(crate) fn of_document(rule: Rule) -> Self {
        Self { path: "/".to_owned(), rule }
    }
}

/// A rule that a document can break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// No well-formed XML.
    #[error("is no well-formed XML: {0}")]
    Malformed(String),
    /// Another encoding than UTF-8, or bytes that are none.
    #[error("must be UTF-8")]
    Encoding,
    /// More bytes than are read.
    #[error("has more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Elements inside elements beyond the limit.
    #[error("is nested deeper than {limit} elements")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// More elements than are read.
    #[error("has more than {limit} elements")]
    TooManyElements {
        /// The limit.
        limit: usize,
    },
    /// A document type declaration: nothing of ISO 20022 has one, and entities are declared in it.
    #[error("must not have a document type declaration")]
    Doctype,
    /// An entity other than the five of XML.
    #[error("must not refer to the entity {0:?}")]
    Entity(String),
    /// There is no message of the profile inside.
    #[error("holds no message that is read here; its outermost element is {0}")]
    NoMessage(String),
    /// A version that is not read.
    #[error("is {0}, which is not read here")]
    Version(String),
    /// More than one message.
    #[error("holds more than one message")]
    SeveralMessages,
    /// An element of another namespace than the message's.
    #[error("is of the namespace {0:?}, not of the message's")]
    Namespace(String),
    /// A required element or attribute is missing.
    #[error("is required")]
    Missing,
    /// An element stands more often than the profile reads it.
    #[error("must be there once")]
    Repeated,
    /// Text that is too long, empty, or of characters that XML does not have.
    #[error("{0}")]
    Text(TextError),
    /// A character that no XML document may hold.
    #[error("must not hold the character U+{0:04X}")]
    Character(u32),
    /// An amount or its currency.
    #[error("{0}")]
    Money(MoneyError),
    /// A date.
    #[error("{0}")]
    Date(DateError),
    /// An instant.
    #[error("must be an instant like 2026-11-21T19:11:00Z (ISO 8601)")]
    Instant,
    /// An IBAN.
    #[error("{0}")]
    Iban(IbanError),
    /// A BIC.
    #[error("{0}")]
    Bic(BicError),
    /// A UETR.
    #[error("{0}")]
    Uetr(UetrError),
    /// A code that its list does not have.
    #[error("must be one of {0}")]
    Code(&'static str),
    /// A count or sum that is not that of the items.
    #[error("says {said}, but the items come to {found}")]
    Total {
        /// What the message says.
        said: String,
        /// What its items come to.
        found: String,
    },
}

macro_rules! rule_from {
    ($($error:ty => $rule:ident,)*) => {
        $(impl From<$error> for Rule {
            fn from(error: $error) -> Self {
                Self::$rule(error)
            }
        })*
    };
}

rule_from! {
    MoneyError => Money,
    DateError => Date,
    IbanError => Iban,
    BicError => Bic,
    UetrError => Uetr,
}
