//! Changes of single fields, as a field mask names them.

use florin_kernel::Date;

use super::{Address, Contact, Customer, Identification, Organisation, Party, Person};

/// One field and its new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// All ways to reach the customer.
    Contact(Contact),
    /// The e-mail address.
    Email(String),
    /// The telephone number.
    Phone(String),
    /// The postal address.
    Address(Option<Address>),
    /// A person's given names.
    GivenName(String),
    /// A person's family name.
    FamilyName(String),
    /// A person's date of birth.
    DateOfBirth(Date),
    /// A person's nationality.
    Nationality(String),
    /// An organisation's name.
    LegalName(String),
    /// A person's numbers.
    OfPerson(Vec<Identification>),
    /// An organisation's numbers.
    OfOrganisation(Vec<Identification>),
}

/// A field of a person was named for an organisation, or the other way round, or the
/// customer is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the customer has no field {path}")]
pub struct WrongParty {
    /// The path in the mask.
    pub path: &'static str,
}

impl Change {
    /// The path in a field mask.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        match self {
            Self::Contact(_) => "contact",
            Self::Email(_) => "contact.email",
            Self::Phone(_) => "contact.phone",
            Self::Address(_) => "contact.address",
            Self::GivenName(_) => "person.given_name",
            Self::FamilyName(_) => "person.family_name",
            Self::DateOfBirth(_) => "person.date_of_birth",
            Self::Nationality(_) => "person.nationality",
            Self::LegalName(_) => "organisation.legal_name",
            Self::OfPerson(_) => "person.identifications",
            Self::OfOrganisation(_) => "organisation.identifications",
        }
    }

    /// Whether it says who the customer is, which only staff changes.
    #[must_use]
    pub const fn is_of_identity(&self) -> bool {
        !matches!(self, Self::Contact(_) | Self::Email(_) | Self::Phone(_) | Self::Address(_))
    }
}

impl Customer {
    /// Applies a change.
    ///
    /// # Errors
    /// The customer has no such field.
    pub fn apply(&mut self, change: Change) -> Result<(), WrongParty> {
        let path = change.path();
        match change {
            Change::Contact(contact) => self.contact = contact,
            Change::Email(email) => self.contact.email = email,
            Change::Phone(phone) => self.contact.phone = phone,
            Change::Address(address) => self.contact.address = address,
            Change::GivenName(name) => self.person(path)?.given_name = name,
            Change::FamilyName(name) => self.person(path)?.family_name = name,
            Change::DateOfBirth(date) => self.person(path)?.date_of_birth = date,
            Change::Nationality(country) => self.person(path)?.nationality = country,
            Change::LegalName(name) => self.organisation(path)?.legal_name = name,
            Change::OfPerson(all) => self.person(path)?.identifications = all,
            Change::OfOrganisation(all) => self.organisation(path)?.identifications = all,
        }
        Ok(())
    }

    fn person(&mut self, path: &'static str) -> Result<&mut Person, WrongParty> {
        match &mut self.party {
            Some(Party::Person(person)) => Ok(person),
            Some(Party::Organisation(_)) | None => Err(WrongParty { path }),
        }
    }

    fn organisation(&mut self, path: &'static str) -> Result<&mut Organisation, WrongParty> {
        match &mut self.party {
            Some(Party::Organisation(organisation)) => Ok(organisation),
            Some(Party::Person(_)) | None => Err(WrongParty { path }),
        }
    }
}

#[cfg(test)]
mod tests {
    use florin_kernel::{CustomerId, UnixMicros};

    use super::*;

    #[test]
    fn a_change_reaches_only_the_party_that_has_the_field() {
        let party = Party::Organisation(Organisation {
            legal_name: "Old".into(),
            identifications: Vec::new(),
        });
        let id = CustomerId::from_parts(1, [1; 10]);
        let mut customer =
            Customer::registered(id, party, Contact::default(), String::new(), UnixMicros(1));
        assert_eq!(customer.apply(Change::LegalName("New".into())), Ok(()));
        assert_eq!(
            customer.apply(Change::GivenName("Alena".into())),
            Err(WrongParty { path: "person.given_name" })
        );
        assert_eq!(customer.apply(Change::Email("a@b.cz".into())), Ok(()));
        assert!(matches!(&customer.party, Some(Party::Organisation(o)) if o.legal_name == "New"));
        assert_eq!(customer.contact.email, "a@b.cz");
        assert!(Change::OfOrganisation(Vec::new()).is_of_identity());
        assert!(!Change::Phone(String::new()).is_of_identity());
    }
}
