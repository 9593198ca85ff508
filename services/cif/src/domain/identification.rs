//! Numbers by which authorities know a customer.

use std::collections::BTreeSet;

use florin_kernel::Broken;

use super::field;

/// Most numbers of one customer.
const MOST: usize = 10;

/// What sort of number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentificationKind {
    /// National identification number.
    NationalId,
    /// Number for taxes.
    TaxId,
    /// Passport.
    Passport,
    /// Number in a register of companies.
    CompanyRegister,
}

impl IdentificationKind {
    /// The name in the blind index, which keeps only a hash of it: it stays.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NationalId => "national_id",
            Self::TaxId => "tax_id",
            Self::Passport => "passport",
            Self::CompanyRegister => "company_register",
        }
    }
}

/// A number that an authority of a country gave; the fields have passed [`super::field`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identification {
    /// Country of the authority.
    pub country: String,
    /// What sort.
    pub kind: IdentificationKind,
    /// The number as it was given.
    pub number: String,
}

impl Identification {
    /// The form in which two are compared: no other country or sort has the same number.
    #[must_use]
    pub fn normalised(&self) -> String {
        let number = field::normalised_identifier(&self.number);
        format!("{}|{}|{number}", self.kind.name(), self.country)
    }
}

/// The rule that the numbers of a customer break together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentificationsError {
    /// More than the limit.
    #[error("must be at most {MOST}")]
    TooMany,
    /// The same number twice.
    #[error("must not name one number twice")]
    Doubled,
    /// A sort that a person, or an organisation, does not have.
    #[error("must be of a kind that this sort of customer has")]
    WrongKind,
    /// An organisation without a register.
    #[error("must hold the number in a register of companies")]
    NoRegister,
}

impl Broken for IdentificationsError {
    fn rule(&self) -> &'static str {
        match self {
            Self::TooMany => "TOO_MANY",
            Self::Doubled => "DUPLICATE",
            Self::WrongKind => "UNKNOWN_VALUE",
            Self::NoRegister => "REQUIRED",
        }
    }
}

/// Numbers that a person may have.
///
/// # Errors
/// Too many, one twice, one of a register of companies.
pub fn of_person(all: Vec<Identification>) -> Result<Vec<Identification>, IdentificationsError> {
    if all.iter().any(|one| one.kind == IdentificationKind::CompanyRegister) {
        return Err(IdentificationsError::WrongKind);
    }
    distinct(all)
}

/// Numbers that an organisation may have.
///
/// # Errors
/// Too many, one twice, one of a person, none of a register of companies.
pub fn of_organisation(
    all: Vec<Identification>,
) -> Result<Vec<Identification>, IdentificationsError> {
    use IdentificationKind::{CompanyRegister, NationalId, Passport};
    if all.iter().any(|one| matches!(one.kind, NationalId | Passport)) {
        return Err(IdentificationsError::WrongKind);
    }
    if !all.iter().any(|one| one.kind == CompanyRegister) {
        return Err(IdentificationsError::NoRegister);
    }
    distinct(all)
}

fn distinct(all: Vec<Identification>) -> Result<Vec<Identification>, IdentificationsError> {
    if all.len() > MOST {
        return Err(IdentificationsError::TooMany);
    }
    let seen: BTreeSet<String> = all.iter().map(Identification::normalised).collect();
    if seen.len() < all.len() { Err(IdentificationsError::Doubled) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(country: &str, kind: IdentificationKind, number: &str) -> Identification {
        Identification { country: country.to_owned(), kind, number: number.to_owned() }
    }

    #[test]
    fn a_number_is_another_one_in_another_country() {
        use IdentificationKind::{CompanyRegister, TaxId};
        let czech = one("CZ", CompanyRegister, "123 456-78");
        assert_eq!(czech.normalised(), one("CZ", CompanyRegister, "12345678").normalised());
        assert_ne!(czech.normalised(), one("DK", CompanyRegister, "12345678").normalised());
        assert_ne!(czech.normalised(), one("CZ", TaxId, "12345678").normalised());
    }

    #[test]
    fn each_sort_of_customer_has_its_sorts_of_numbers() {
        use IdentificationKind::{CompanyRegister, NationalId, Passport, TaxId};
        let passports = vec![one("CZ", Passport, "1"), one("CZ", Passport, "2")];
        assert_eq!(of_person(passports.clone()), Ok(passports));
        let register = || one("CZ", CompanyRegister, "1");
        assert_eq!(of_person(vec![register()]), Err(IdentificationsError::WrongKind));
        let twice = vec![one("CZ", NationalId, "1/2"), one("CZ", NationalId, "12")];
        assert_eq!(of_person(twice.clone()), Err(IdentificationsError::Doubled));
        assert_eq!(of_organisation(twice), Err(IdentificationsError::WrongKind));
        let taxed = vec![one("CZ", TaxId, "1")];
        assert_eq!(of_organisation(taxed), Err(IdentificationsError::NoRegister));
        let many = (0..11).map(|number| one("CZ", TaxId, &number.to_string()));
        let many = std::iter::once(register()).chain(many).collect();
        assert_eq!(of_organisation(many), Err(IdentificationsError::TooMany));
        assert!(of_organisation(vec![register(), one("CZ", TaxId, "1")]).is_ok());
    }
}
