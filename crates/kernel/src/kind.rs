//! The closed set of error kinds. `rpc` holds the two tables kind -> gRPC code and
//! kind -> HTTP status; nothing else maps an error to a code.

use std::{fmt, str::FromStr};

/// What sort of failure a reason is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is malformed or breaks a rule that needs no stored state.
    Invalid,
    /// A request that is well formed cannot be processed as it is (a key with another payload).
    Unprocessable,
    /// No or no valid credentials.
    Unauthenticated,
    /// Known caller, not allowed.
    Forbidden,
    /// No such record, or it belongs to somebody else.
    NotFound,
    /// The record, key or reference exists with other content.
    Conflict,
    /// The state of the record refuses it (insufficient funds, frozen).
    Refused,
    /// A concurrent attempt is under way, or the time for it has not come; try again.
    Aborted,
    /// A rate, a queue or a budget is used up.
    Exhausted,
    /// The request body is larger than allowed.
    TooLarge,
    /// The deadline passed.
    Deadline,
    /// A dependency or this replica cannot answer now.
    Unavailable,
    /// The method does not exist.
    Unimplemented,
    /// The caller went away.
    Cancelled,
    /// A defect of ours.
    Internal,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Invalid,
        Self::Unprocessable,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::Refused,
        Self::Aborted,
        Self::Exhausted,
        Self::TooLarge,
        Self::Deadline,
        Self::Unavailable,
        Self::Unimplemented,
        Self::Cancelled,
        Self::Internal,
    ];

    /// The name as the proto option `florin.options.v1.kind` spells it, without prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID",
            Self::Unprocessable => "UNPROCESSABLE",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::Conflict => "CONFLICT",
            Self::Refused => "REFUSED",
            Self::Aborted => "ABORTED",
            Self::Exhausted => "EXHAUSTED",
            Self::TooLarge => "TOO_LARGE",
            Self::Deadline => "DEADLINE",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Cancelled => "CANCELLED",
            Self::Internal => "INTERNAL",
        }
    }

    /// Whether an answer of this kind was decided by the domain under its locks and is
    /// therefore stored with an idempotency key (DESIGN section 3).
    #[must_use]
    pub const fn is_decided(self) -> bool {
        matches!(self, Self::Refused | Self::NotFound | Self::Conflict)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| format!("unknown error kind {name:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_the_name_that_the_contract_spells() {
        for kind in Kind::ALL {
            // The contract spells a kind as the code does, in upper snake case.
            let mut spelled = String::new();
            for letter in format!("{kind:?}").chars() {
                if letter.is_ascii_uppercase() && !spelled.is_empty() {
                    spelled.push('_');
                }
                spelled.push(letter.to_ascii_uppercase());
            }
            assert_eq!(kind.name(), spelled);
            assert_eq!(kind.to_string(), spelled);
            assert_eq!(spelled.parse::<Kind>(), Ok(*kind));
        }
        assert_eq!("UNKNOWN".parse::<Kind>(), Err("unknown error kind \"UNKNOWN\"".to_owned()));
        assert!("".parse::<Kind>().is_err());
    }

    #[test]
    fn only_what_the_domain_decided_under_its_locks_is_stored_with_a_key() {
        let decided: Vec<Kind> =
            Kind::ALL.iter().copied().filter(|kind| kind.is_decided()).collect();
        assert_eq!(decided, [Kind::NotFound, Kind::Conflict, Kind::Refused]);
    }
}
