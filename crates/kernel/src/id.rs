//! Prefixed identifiers: `acc_0190b6b8-...`, a UUID version 7 (RFC 9562) behind the
//! record's three-letter prefix. They sort bytewise by time of creation.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// Why a string is not an identifier of the expected record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The field is empty.
    #[error("must not be empty; expected an id like {prefix}_0190b6b8-5f2c-7d3e-8a4b-1c2d3e4f5a6b")]
    Empty {
        /// The expected prefix.
        prefix: &'static str,
    },
    /// Another record's prefix, or none.
    #[error("must start with {prefix}_")]
    WrongPrefix {
        /// The expected prefix.
        prefix: &'static str,
    },
    /// What follows the prefix is no UUID version 7 in lower case.
    #[error("must be {prefix}_ followed by a lower-case UUID version 7")]
    Malformed {
        /// The expected prefix.
        prefix: &'static str,
    },
}

impl IdError {
    pub(crate) const fn rule_name(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "REQUIRED",
            Self::WrongPrefix { .. } => "WRONG_ID_PREFIX",
            Self::Malformed { .. } => "MALFORMED_ID",
        }
    }
}

fn parse(prefix: &'static str, text: &str) -> Result<Uuid, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { prefix });
    }
    let Some(rest) = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')) else {
        return Err(IdError::WrongPrefix { prefix });
    };
    let uuid = Uuid::try_parse(rest).map_err(|_| IdError::Malformed { prefix })?;
    let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
    let canonical: &str = uuid.hyphenated().encode_lower(&mut buffer);
    if canonical != rest || uuid.get_version_num() != 7 {
        return Err(IdError::Malformed { prefix });
    }
    Ok(uuid)
}

/// Adds the canonical form of an identifier to a string: its prefix and the bits of its UUID.
pub fn push_id(text: &mut String, prefix: &str, bits: u128) {
    let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
    text.push_str(prefix);
    text.push('_');
    text.push_str(Uuid::from_u128(bits).hyphenated().encode_lower(&mut buffer));
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// The prefix, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id of a time in Unix milliseconds and ten random bytes.
            #[must_use]
            pub fn from_parts(millis: u64, random: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// Reads the canonical form.
            ///
            /// # Errors
            /// Tells an empty field, a wrong prefix and a malformed UUID apart.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                parse(Self::PREFIX, text).map(Self)
            }

            /// The bits of the UUID, to tell ids of one kind apart.
            #[must_use]
            pub const fn bits(self) -> u128 {
                self.0.as_u128()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(self.0.hyphenated().encode_lower(&mut buffer))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
    };
}

id!(
    /// A customer of the bank (owned by `cif`).
    CustomerId, "cus");
id!(
    /// A relation between two customers (owned by `cif`).
    RelationId, "rel");
id!(
    /// A customer account (owned by `account`).
    AccountId, "acc");
id!(
    /// A hold on an account (owned by `account`).
    HoldId, "hld");
id!(
    /// A journal transaction (owned by `account`).
    TransactionId, "txn");
id!(
    /// A transfer, deposit or withdrawal (owned by `payment`).
    TransferId, "trf");
id!(
    /// An authorisation of a card payment (owned by `payment`).
    AuthorisationId, "aut");
id!(
    /// A recall of a payment between banks (owned by `payment`).
    RecallId, "rcl");
id!(
    /// A scheduled or standing order (owned by `payment`).
    OrderId, "sto");
id!(
    /// A file of transfers (owned by `payment`).
    BulkId, "blk");
id!(
    /// A beneficiary that a customer keeps (owned by `payment`).
    BeneficiaryId, "ben");
id!(
    /// A loan (owned by `loan`).
    LoanId, "lon");
id!(
    /// A message to a customer (owned by `notification`).
    NotificationId, "ntf");
id!(
    /// An event in an outbox.
    EventId, "evt");
id!(
    /// A command that waits for a second person.
    ApprovalId, "apr");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_prints() {
        let id = AccountId::from_parts(1_700_000_000_000, [7; 10]);
        assert_eq!(AccountId::parse(&id.to_string()), Ok(id));
        assert!(id.to_string().starts_with("acc_018bcfe5-6800-7707-"));
    }

    #[test]
    fn refuses_a_wrong_prefix_and_what_is_no_version_7_uuid() {
        let id = AccountId::from_parts(1, [0; 10]).to_string();
        assert_eq!(TransferId::parse(&id), Err(IdError::WrongPrefix { prefix: "trf" }));
        assert_eq!(AccountId::parse(""), Err(IdError::Empty { prefix: "acc" }));
        let upper = AccountId::from_parts(1, [255; 10]).to_string().to_uppercase();
        let upper = upper.replace("ACC", "acc");
        for text in [upper.as_str(), "acc_", "acc_123", "acc_67e55044-10b1-426f-9247-bb680e5fe0c8"]
        {
            assert_eq!(AccountId::parse(text), Err(IdError::Malformed { prefix: "acc" }));
        }
    }

    #[test]
    fn sorts_bytewise_by_time() {
        let early = TransferId::from_parts(1_000, [255; 10]).to_string();
        let late = TransferId::from_parts(1_001, [0; 10]).to_string();
        assert!(early < late);
    }
}
