//! Requests to domain. Every broken rule of a request is collected, each with its field.

mod changes;

use florin_kernel::{CustomerId, Date, RelationId, Violations};
use florin_proto::cif::v1::{
    AddRelationRequest, Address as WireAddress, Contact as WireContact, DecideKycRequest,
    FindCustomersRequest, GetStandingsRequest, Identification as WireIdentification,
    IdentificationKind as WireIdentificationKind, ImportCustomer, KycStatus as WireKycStatus,
    ListCustomersRequest, ListRelationsRequest, Organisation as WireOrganisation,
    Person as WirePerson, RateRiskRequest, RegisterCustomerRequest,
    RelationKind as WireRelationKind, RemoveRelationRequest, RiskRating as WireRiskRating,
    find_customers_request::By, register_customer_request::Party as WireParty,
};
use florin_rpc::Error;

use crate::{
    domain::{
        Address, Contact, Identification, KycStatus, Organisation, Party, Person, RelationKind,
        RiskRating, field,
        identification::{of_organisation, of_person},
    },
    store::indexes::Entry,
    vault::Vault,
    wire,
};

pub(crate) use changes::changes;

/// Customers on a page where the request does not say.
const DEFAULT_PAGE: i64 = 50;
/// Most customers on a page.
const MAX_PAGE: i64 = 200;
/// Most customers whose standing is asked for at once.
const MAX_STANDINGS: usize = 500;

/// The id of a customer.
pub(crate) fn customer_id(field: &str, text: &str) -> Result<CustomerId, Error> {
    let mut violations = Violations::new();
    let id = violations.check(field, CustomerId::parse(text));
    Ok(violations.finish(id)?)
}

/// A registration: party, contact, reference.
pub(crate) fn registration(
    request: &RegisterCustomerRequest,
    today: Date,
) -> Result<(Party, Contact, String), Violations> {
    let mut violations = Violations::new();
    let reference = violations.check("reference", field::reference(&request.reference));
    registered(request, "", today, reference, violations)
}

/// An item of an import, whose reference is mandatory.
pub(crate) fn import(
    item: &ImportCustomer,
    today: Date,
) -> Result<(Party, Contact, String), Violations> {
    let mut violations = Violations::new();
    let Some(request) = &item.customer else {
        violations.add("customer", "REQUIRED", "must be given");
        return Err(violations);
    };
    let reference = field::mandatory_reference(&request.reference);
    let reference = violations.check("customer.reference", reference);
    registered(request, "customer.", today, reference, violations)
}

fn registered(
    request: &RegisterCustomerRequest,
    path: &str,
    today: Date,
    reference: Option<String>,
    mut violations: Violations,
) -> Result<(Party, Contact, String), Violations> {
    let party = match &request.party {
        Some(WireParty::Person(who)) => {
            person(&mut violations, &format!("{path}person"), who, today).map(Party::Person)
        }
        Some(WireParty::Organisation(who)) => {
            let path = format!("{path}organisation");
            organisation(&mut violations, &path, who).map(Party::Organisation)
        }
        None => {
            violations.add(format!("{path}person"), "REQUIRED", "a person or an organisation");
            None
        }
    };
    let contact = match &request.contact {
        None => Some(Contact::default()),
        Some(given) => contact(&mut violations, &format!("{path}contact"), given),
    };
    let all = party.zip(contact).zip(reference);
    violations.finish(all.map(|((party, contact), reference)| (party, contact, reference)))
}

fn person(
    violations: &mut Violations,
    path: &str,
    wire: &WirePerson,
    today: Date,
) -> Option<Person> {
    let mut check = |name: &str, result| violations.check(format!("{path}.{name}"), result);
    let given_name = check("given_name", field::name(&wire.given_name));
    let family_name = check("family_name", field::name(&wire.family_name));
    let nationality = check("nationality", field::optional_country(&wire.nationality));
    let born = field::date_of_birth(&wire.date_of_birth, today);
    let date_of_birth = violations.check(format!("{path}.date_of_birth"), born);
    let path = format!("{path}.identifications");
    let all = identifications(violations, &path, &wire.identifications);
    let identifications = all.and_then(|all| violations.check(path, of_person(all)));
    Some(Person {
        given_name: given_name?,
        family_name: family_name?,
        date_of_birth: date_of_birth?,
        nationality: nationality?,
        identifications: identifications?,
    })
}

fn organisation(
    violations: &mut Violations,
    path: &str,
    wire: &WireOrganisation,
) -> Option<Organisation> {
    let legal_name = field::legal_name(&wire.legal_name);
    let legal_name = violations.check(format!("{path}.legal_name"), legal_name);
    let path = format!("{path}.identifications");
    let all = identifications(violations, &path, &wire.identifications);
    let identifications = all.and_then(|all| violations.check(path, of_organisation(all)));
    Some(Organisation { legal_name: legal_name?, identifications: identifications? })
}

/// All of them, or None where one breaks a rule.
fn identifications(
    violations: &mut Violations,
    path: &str,
    all: &[WireIdentification],
) -> Option<Vec<Identification>> {
    let read: Vec<_> = all
        .iter()
        .enumerate()
        .map(|(at, one)| identification(violations, &format!("{path}[{at}]"), one))
        .collect();
    read.into_iter().collect()
}

fn identification(
    violations: &mut Violations,
    path: &str,
    wire: &WireIdentification,
) -> Option<Identification> {
    let country = violations.check(format!("{path}.country"), field::country(&wire.country));
    let known = WireIdentificationKind::try_from(wire.kind).ok();
    let kind = known.and_then(wire::known_identification_kind);
    if kind.is_none() {
        violations.add(format!("{path}.kind"), "UNKNOWN_VALUE", "must be a kind of number");
    }
    let number = violations.check(format!("{path}.number"), field::identifier(&wire.number));
    Some(Identification { country: country?, kind: kind?, number: number? })
}

fn contact(violations: &mut Violations, path: &str, wire: &WireContact) -> Option<Contact> {
    let email = violations.check(format!("{path}.email"), field::email(&wire.email));
    let phone = violations.check(format!("{path}.phone"), field::phone(&wire.phone));
    let address = match &wire.address {
        None => Some(None),
        Some(given) => address(violations, &format!("{path}.address"), given).map(Some),
    };
    Some(Contact { email: email?, phone: phone?, address: address? })
}

fn address(violations: &mut Violations, path: &str, wire: &WireAddress) -> Option<Address> {
    let mut check = |name: &str, result| violations.check(format!("{path}.{name}"), result);
    let street = check("street", field::address_line(&wire.street, 200));
    let town = check("town", field::address_line(&wire.town, 100));
    let postal_code = check("postal_code", field::address_line(&wire.postal_code, 20));
    let country = check("country", field::country(&wire.country));
    Some(Address { street: street?, town: town?, postal_code: postal_code?, country: country? })
}

/// Size and status filter of a page.
pub(crate) fn customers_page(
    request: &ListCustomersRequest,
) -> Result<(i64, Option<KycStatus>), Violations> {
    let mut violations = Violations::new();
    let size = page_size(&mut violations, request.page_size);
    let status = match WireKycStatus::try_from(request.kyc_status) {
        Ok(WireKycStatus::Unspecified) => None,
        Ok(WireKycStatus::Pending) => Some(KycStatus::Pending),
        Ok(WireKycStatus::Verified) => Some(KycStatus::Verified),
        Ok(WireKycStatus::Rejected) => Some(KycStatus::Rejected),
        Err(_) => {
            violations.add("kyc_status", "UNKNOWN_VALUE", "must be a value of the enum");
            None
        }
    };
    violations.finish(Some((size, status)))
}

/// The customer whose relations are listed, and the size of a page.
pub(crate) fn relations_page(
    request: &ListRelationsRequest,
) -> Result<(CustomerId, i64), Violations> {
    let mut violations = Violations::new();
    let id = violations.check("customer_id", CustomerId::parse(&request.customer_id));
    let size = page_size(&mut violations, request.page_size);
    violations.finish(id.map(|id| (id, size)))
}

fn page_size(violations: &mut Violations, asked: i32) -> i64 {
    let size = i64::from(asked);
    if !(0..=MAX_PAGE).contains(&size) {
        violations.add("page_size", "OUT_OF_RANGE", format!("must be 1 to {MAX_PAGE}, 0 is 50"));
    }
    if size == 0 { DEFAULT_PAGE } else { size }
}

/// What customers are looked for by.
pub(crate) enum Wanted {
    Email(String),
    Phone(String),
    Identification(Identification),
}

impl Wanted {
    /// Its entry in the blind index.
    pub(crate) fn entry(&self, vault: &Vault) -> Entry {
        match self {
            Self::Email(address) => Entry::email(vault, address),
            Self::Phone(number) => Entry::phone(vault, number),
            Self::Identification(one) => Entry::identification(vault, one),
        }
    }
}

/// What to look for, and the size of a page.
pub(crate) fn wanted(request: &FindCustomersRequest) -> Result<(Wanted, i64), Violations> {
    let mut violations = Violations::new();
    let given = |violations: &mut Violations, name: &str, text: Option<String>| {
        if text.as_ref().is_some_and(String::is_empty) {
            violations.add(name, "REQUIRED", "must not be empty");
        }
        text
    };
    let found = match &request.by {
        None => {
            violations.add("email", "REQUIRED", "exactly one of the fields must be given");
            None
        }
        Some(By::Email(text)) => {
            let text = violations.check("email", field::email(text));
            given(&mut violations, "email", text).map(Wanted::Email)
        }
        Some(By::Phone(text)) => {
            let text = violations.check("phone", field::phone(text));
            given(&mut violations, "phone", text).map(Wanted::Phone)
        }
        Some(By::Identification(one)) => {
            identification(&mut violations, "identification", one).map(Wanted::Identification)
        }
    };
    let size = page_size(&mut violations, request.page_size);
    violations.finish(found.map(|found| (found, size)))
}

/// Customer, decision and reason of a KYC check.
pub(crate) fn kyc_decision(
    request: &DecideKycRequest,
) -> Result<(CustomerId, KycStatus, String), Violations> {
    let mut violations = Violations::new();
    let id = violations.check("customer_id", CustomerId::parse(&request.customer_id));
    let status = match WireKycStatus::try_from(request.status) {
        Ok(WireKycStatus::Verified) => Some(KycStatus::Verified),
        Ok(WireKycStatus::Rejected) => Some(KycStatus::Rejected),
        Ok(WireKycStatus::Unspecified | WireKycStatus::Pending) | Err(_) => {
            violations.add("status", "UNKNOWN_VALUE", "must be VERIFIED or REJECTED");
            None
        }
    };
    let reason = match status {
        Some(KycStatus::Rejected) => field::mandatory_reason(&request.reason),
        Some(KycStatus::Verified | KycStatus::Pending) | None => field::reason(&request.reason),
    };
    let reason = violations.check("reason", reason);
    let all = id.zip(status).zip(reason);
    violations.finish(all.map(|((id, status), reason)| (id, status, reason)))
}

/// Customer, rating and reason.
pub(crate) fn risk_rating(
    request: &RateRiskRequest,
) -> Result<(CustomerId, RiskRating, String), Violations> {
    let mut violations = Violations::new();
    let id = violations.check("customer_id", CustomerId::parse(&request.customer_id));
    let rating = match WireRiskRating::try_from(request.rating) {
        Ok(WireRiskRating::Low) => Some(RiskRating::Low),
        Ok(WireRiskRating::Medium) => Some(RiskRating::Medium),
        Ok(WireRiskRating::High) => Some(RiskRating::High),
        Ok(WireRiskRating::Unspecified) | Err(_) => {
            violations.add("rating", "UNKNOWN_VALUE", "must be LOW, MEDIUM or HIGH");
            None
        }
    };
    let reason = violations.check("reason", field::mandatory_reason(&request.reason));
    let all = id.zip(rating).zip(reason);
    violations.finish(all.map(|((id, rating), reason)| (id, rating, reason)))
}

/// Both customers of a relation and its kind.
pub(crate) fn relation(
    request: &AddRelationRequest,
) -> Result<(CustomerId, RelationKind, CustomerId), Violations> {
    let mut violations = Violations::new();
    let from = violations.check("customer_id", CustomerId::parse(&request.customer_id));
    let kind = match WireRelationKind::try_from(request.kind) {
        Ok(WireRelationKind::DirectorOf) => Some(RelationKind::Director),
        Ok(WireRelationKind::BeneficialOwnerOf) => Some(RelationKind::BeneficialOwner),
        Ok(WireRelationKind::SpouseOf) => Some(RelationKind::Spouse),
        Ok(WireRelationKind::GuardianOf) => Some(RelationKind::Guardian),
        Ok(WireRelationKind::AttorneyOf) => Some(RelationKind::Attorney),
        Ok(WireRelationKind::Unspecified) | Err(_) => {
            violations.add("kind", "UNKNOWN_VALUE", "must be a kind of relation");
            None
        }
    };
    let to = violations.check("other_customer_id", CustomerId::parse(&request.other_customer_id));
    if from.is_some() && from == to {
        violations.add("other_customer_id", "SAME_CUSTOMER", "must be another customer");
    }
    let all = from.zip(kind).zip(to);
    violations.finish(all.map(|((from, kind), to)| (from, kind, to)))
}

/// The customer that a relation starts from, and its id.
pub(crate) fn named_relation(
    request: &RemoveRelationRequest,
) -> Result<(CustomerId, RelationId), Violations> {
    let mut violations = Violations::new();
    let customer = violations.check("customer_id", CustomerId::parse(&request.customer_id));
    let id = violations.check("relation_id", RelationId::parse(&request.relation_id));
    violations.finish(customer.zip(id))
}

/// Whether the ids can be asked for.
pub(crate) fn standings(request: &GetStandingsRequest) -> Result<(), Violations> {
    let mut violations = Violations::new();
    if request.customer_ids.len() > MAX_STANDINGS {
        let text = format!("must hold at most {MAX_STANDINGS} ids");
        violations.add("customer_ids", "TOO_MANY", text);
        return Err(violations);
    }
    for (at, id) in request.customer_ids.iter().enumerate() {
        violations.check(format!("customer_ids[{at}]"), CustomerId::parse(id));
    }
    violations.finish(Some(()))
}
