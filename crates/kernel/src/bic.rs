//! Business identifier codes of banks (ISO 9362).

use std::{fmt, str::FromStr};

use crate::is_country;

/// A BIC: four letters or digits of the party, the country, two of the place and, for a branch,
/// three more.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bic(String);

/// Why a string is no BIC.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BicError {
    /// The field is empty.
    #[error("must not be empty; expected a BIC like FLORCZPP")]
    Empty,
    /// Not of the form, or of no country.
    #[error("must be a BIC of 8 or 11 upper-case letters and digits with a country (ISO 9362)")]
    Malformed,
}

impl Bic {
    /// The code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Bic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Bic {
    type Err = BicError;

    fn from_str(text: &str) -> Result<Self, BicError> {
        if text.is_empty() {
            return Err(BicError::Empty);
        }
        let of_bic = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        let formed = matches!(text.len(), 8 | 11) && text.bytes().all(of_bic);
        if formed && text.get(4..6).is_some_and(is_country) {
            return Ok(Self(text.to_owned()));
        }
        Err(BicError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_banks_and_branches() {
        for code in ["FLORCZPP", "GIBACZPXXXX", "COBADEFF", "E097AEXX"] {
            assert_eq!(code.parse::<Bic>().expect(code).code(), code);
        }
    }

    #[test]
    fn refuses_what_is_no_bic() {
        assert_eq!("".parse::<Bic>(), Err(BicError::Empty));
        let bad =
            ["FLORCZP", "FLORCZPPX", "FLORCZPPXX", "florczpp", "FLORXXPP", "FLOR1ZPP", "FLORČPP"];
        for code in bad {
            assert_eq!(code.parse::<Bic>(), Err(BicError::Malformed), "{code}");
        }
    }
}
