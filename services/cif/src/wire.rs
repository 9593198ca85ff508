//! Domain to protobuf and, for what the database holds, back. The sealed groups of fields
//! are these messages too, so that a field is added to both at once.

use florin_kernel::parse_date;
use florin_proto::{
    cif::v1::{self as wire, customer::Party as WireParty, register_customer_request},
    timestamp,
};
use florin_store::StoreError;
use prost::Message as _;

use crate::domain::{
    Address, Contact, Customer, Identification, IdentificationKind, KycStatus, Organisation, Party,
    Person, RelationKind, RiskRating,
};

pub(crate) fn customer(customer: &Customer) -> wire::Customer {
    wire::Customer {
        customer_id: customer.id.to_string(),
        party: customer.party.as_ref().map(party),
        contact: Some(contact(&customer.contact)),
        kyc_status: kyc_status(customer.kyc_status).into(),
        risk_rating: risk_rating(customer.risk_rating).into(),
        reference: customer.reference.clone(),
        version: customer.version,
        registered_at: Some(timestamp(customer.registered_at)),
        changed_at: Some(timestamp(customer.changed_at)),
    }
}

fn party(party: &Party) -> WireParty {
    match party {
        Party::Person(who) => WireParty::Person(person(who)),
        Party::Organisation(who) => WireParty::Organisation(organisation(who)),
    }
}

fn person(person: &Person) -> wire::Person {
    wire::Person {
        given_name: person.given_name.clone(),
        family_name: person.family_name.clone(),
        date_of_birth: person.date_of_birth.to_string(),
        nationality: person.nationality.clone(),
        identifications: identifications(&person.identifications),
    }
}

fn organisation(organisation: &Organisation) -> wire::Organisation {
    wire::Organisation {
        legal_name: organisation.legal_name.clone(),
        identifications: identifications(&organisation.identifications),
    }
}

fn identifications(all: &[Identification]) -> Vec<wire::Identification> {
    all.iter()
        .map(|one| wire::Identification {
            country: one.country.clone(),
            kind: identification_kind(one.kind).into(),
            number: one.number.clone(),
        })
        .collect()
}

fn contact(contact: &Contact) -> wire::Contact {
    let address = contact.address.as_ref().map(|address| wire::Address {
        street: address.street.clone(),
        town: address.town.clone(),
        postal_code: address.postal_code.clone(),
        country: address.country.clone(),
    });
    wire::Contact { email: contact.email.clone(), phone: contact.phone.clone(), address }
}

/// What is sealed of a party; its kind stands in a column.
pub(crate) fn sealed_party(party: &Party) -> Vec<u8> {
    match party {
        Party::Person(who) => person(who).encode_to_vec(),
        Party::Organisation(who) => organisation(who).encode_to_vec(),
    }
}

/// What is sealed of the ways to reach a customer.
pub(crate) fn sealed_contact(of: &Contact) -> Vec<u8> {
    contact(of).encode_to_vec()
}

pub(crate) fn open_party(kind: &str, bytes: &[u8]) -> Result<Party, StoreError> {
    if kind == "organisation" {
        let read = wire::Organisation::decode(bytes).map_err(unreadable)?;
        return Ok(Party::Organisation(Organisation {
            legal_name: read.legal_name,
            identifications: open_identifications(read.identifications)?,
        }));
    }
    let read = wire::Person::decode(bytes).map_err(unreadable)?;
    Ok(Party::Person(Person {
        date_of_birth: parse_date(&read.date_of_birth).map_err(unreadable)?,
        given_name: read.given_name,
        family_name: read.family_name,
        nationality: read.nationality,
        identifications: open_identifications(read.identifications)?,
    }))
}

fn open_identifications(all: Vec<wire::Identification>) -> Result<Vec<Identification>, StoreError> {
    all.into_iter()
        .map(|one| {
            let kind = known_identification_kind(one.kind());
            let kind = kind.ok_or_else(|| unreadable("an identification of no kind"))?;
            Ok(Identification { country: one.country, kind, number: one.number })
        })
        .collect()
}

pub(crate) fn open_contact(bytes: &[u8]) -> Result<Contact, StoreError> {
    let read = wire::Contact::decode(bytes).map_err(unreadable)?;
    let address = read.address.map(|address| Address {
        street: address.street,
        town: address.town,
        postal_code: address.postal_code,
        country: address.country,
    });
    Ok(Contact { email: read.email, phone: read.phone, address })
}

fn unreadable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("opened bytes of a customer are unreadable: {error}"))
}

/// What makes two registrations the same: party, contact, and whether it comes verified.
pub(crate) fn content(of: &Party, reached: &Contact, verified: bool) -> Vec<u8> {
    let party = match party(of) {
        WireParty::Person(who) => register_customer_request::Party::Person(who),
        WireParty::Organisation(who) => register_customer_request::Party::Organisation(who),
    };
    let customer = wire::RegisterCustomerRequest {
        party: Some(party),
        contact: Some(contact(reached)),
        reference: String::new(),
    };
    wire::ImportCustomer { customer: Some(customer), verified }.encode_to_vec()
}

pub(crate) const fn kyc_status(status: KycStatus) -> wire::KycStatus {
    match status {
        KycStatus::Pending => wire::KycStatus::Pending,
        KycStatus::Verified => wire::KycStatus::Verified,
        KycStatus::Rejected => wire::KycStatus::Rejected,
    }
}

pub(crate) const fn risk_rating(rating: RiskRating) -> wire::RiskRating {
    match rating {
        RiskRating::Low => wire::RiskRating::Low,
        RiskRating::Medium => wire::RiskRating::Medium,
        RiskRating::High => wire::RiskRating::High,
    }
}

const fn identification_kind(kind: IdentificationKind) -> wire::IdentificationKind {
    match kind {
        IdentificationKind::NationalId => wire::IdentificationKind::NationalId,
        IdentificationKind::TaxId => wire::IdentificationKind::TaxId,
        IdentificationKind::Passport => wire::IdentificationKind::Passport,
        IdentificationKind::CompanyRegister => wire::IdentificationKind::CompanyRegister,
    }
}

/// The kind of a number; None where none is said.
pub(crate) const fn known_identification_kind(
    kind: wire::IdentificationKind,
) -> Option<IdentificationKind> {
    match kind {
        wire::IdentificationKind::Unspecified => None,
        wire::IdentificationKind::NationalId => Some(IdentificationKind::NationalId),
        wire::IdentificationKind::TaxId => Some(IdentificationKind::TaxId),
        wire::IdentificationKind::Passport => Some(IdentificationKind::Passport),
        wire::IdentificationKind::CompanyRegister => Some(IdentificationKind::CompanyRegister),
    }
}

pub(crate) const fn party_kind(party: &Party) -> wire::PartyKind {
    match party {
        Party::Person(_) => wire::PartyKind::Person,
        Party::Organisation(_) => wire::PartyKind::Organisation,
    }
}

pub(crate) const fn relation_kind(kind: RelationKind) -> wire::RelationKind {
    match kind {
        RelationKind::Director => wire::RelationKind::DirectorOf,
        RelationKind::BeneficialOwner => wire::RelationKind::BeneficialOwnerOf,
        RelationKind::Spouse => wire::RelationKind::SpouseOf,
        RelationKind::Guardian => wire::RelationKind::GuardianOf,
        RelationKind::Attorney => wire::RelationKind::AttorneyOf,
    }
}
