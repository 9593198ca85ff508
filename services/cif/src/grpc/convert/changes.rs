//! A field mask to changes.

use florin_kernel::{CustomerId, Date, Violations};
use florin_proto::cif::v1::{
    Contact as WireContact, Customer as WireCustomer, Organisation as WireOrganisation,
    Person as WirePerson, UpdateCustomerRequest, customer::Party as WireParty,
};

use super::{address, contact, identifications};
use crate::domain::{
    Change, field,
    identification::{of_organisation, of_person},
};

/// Customer, expected version (0: any) and changes of an update.
pub(crate) fn changes(
    request: &UpdateCustomerRequest,
    today: Date,
) -> Result<(CustomerId, i64, Vec<Change>), Violations> {
    let mut violations = Violations::new();
    let nothing = WireCustomer::default();
    let customer = request.customer.as_ref().unwrap_or(&nothing);
    let id = violations.check("customer.customer_id", CustomerId::parse(&customer.customer_id));
    if customer.version < 0 {
        violations.add("customer.version", "OUT_OF_RANGE", "must be the stored version or 0");
    }
    let paths = request.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
    if paths.is_empty() {
        violations.add("update_mask", "REQUIRED", "must name at least one field");
    }
    let values = Values::of(customer);
    let mut changes = Vec::new();
    for path in paths {
        changes.extend(values.change(&mut violations, path, today));
    }
    violations.finish(id.map(|id| (id, customer.version, changes)))
}

/// The new values; what is absent is empty.
struct Values {
    contact: WireContact,
    person: WirePerson,
    organisation: WireOrganisation,
}

impl Values {
    fn of(customer: &WireCustomer) -> Self {
        let (mut person, mut organisation) = (WirePerson::default(), WireOrganisation::default());
        match &customer.party {
            Some(WireParty::Person(who)) => person = who.clone(),
            Some(WireParty::Organisation(who)) => organisation = who.clone(),
            None => {}
        }
        Self { contact: customer.contact.clone().unwrap_or_default(), person, organisation }
    }

    fn change(&self, violations: &mut Violations, path: &str, today: Date) -> Option<Change> {
        let (person, organisation) = (&self.person, &self.organisation);
        let field_path = format!("customer.{path}");
        let result = match path {
            "contact" => {
                return contact(violations, &field_path, &self.contact).map(Change::Contact);
            }
            "contact.address" => {
                let Some(given) = &self.contact.address else {
                    return Some(Change::Address(None));
                };
                let given = address(violations, &field_path, given);
                return given.map(|address| Change::Address(Some(address)));
            }
            "contact.email" => field::email(&self.contact.email).map(Change::Email),
            "contact.phone" => field::phone(&self.contact.phone).map(Change::Phone),
            "person.given_name" => field::name(&person.given_name).map(Change::GivenName),
            "person.family_name" => field::name(&person.family_name).map(Change::FamilyName),
            "person.date_of_birth" => {
                field::date_of_birth(&person.date_of_birth, today).map(Change::DateOfBirth)
            }
            "person.identifications" => {
                let all = identifications(violations, &field_path, &person.identifications)?;
                let all = violations.check(field_path, of_person(all));
                return all.map(Change::OfPerson);
            }
            "organisation.identifications" => {
                let all = identifications(violations, &field_path, &organisation.identifications)?;
                let all = violations.check(field_path, of_organisation(all));
                return all.map(Change::OfOrganisation);
            }
            "person.nationality" => {
                field::optional_country(&person.nationality).map(Change::Nationality)
            }
            "organisation.legal_name" => {
                field::legal_name(&organisation.legal_name).map(Change::LegalName)
            }
            _ => {
                violations.add("update_mask", "UNKNOWN_PATH", unknown(path));
                return None;
            }
        };
        violations.check(field_path, result)
    }
}

/// A path comes from outside: its beginning is enough to find it.
fn unknown(path: &str) -> String {
    let shown: String = path.chars().filter(|one| !one.is_control()).take(60).collect();
    format!("{shown:?} is no field that can be changed")
}
