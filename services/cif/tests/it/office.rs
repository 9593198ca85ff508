//! An office for one test: a database of its own and staff that calls the use cases.

use std::{ops::Deref, path::PathBuf};

use florin_cif::{Cif, Config};
use florin_events::Outbox;
use florin_kernel::{CustomerId, Role};
use florin_proto::cif::v1::{
    Contact, Customer, Identification, IdentificationKind, Organisation, Person,
    RegisterCustomerRequest, register_customer_request::Party,
};
use florin_rpc::CallContext;
use florin_store::Database;
use florin_testkit::place::{self, event_kinds, number, staff, with_key};
pub use florin_testkit::place::{reason, violations, was_replayed};

/// Where one test's database and master key are.
pub struct Place(florin_testkit::Place);

impl Deref for Place {
    type Target = florin_testkit::Place;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// A running service.
pub struct Office {
    pub cif: Cif,
    pub db: Database,
}

/// SQLite, and PostgreSQL where there is one.
pub fn places() -> Vec<Place> {
    place::places("cif").unwrap().into_iter().map(Place).collect()
}

impl Place {
    pub fn config(&self) -> Config {
        Config { master_key_file: self.master_key(), ..Config::default() }
    }

    pub fn master_key(&self) -> PathBuf {
        self.folder.path().join("master.key")
    }

    pub async fn connect(&self) -> Database {
        self.database(florin_cif::MIGRATIONS).await.unwrap()
    }

    /// Starts the service; again after a stop, or beside another replica.
    pub async fn open(&self) -> Office {
        self.open_with(&self.config()).await.unwrap()
    }

    pub async fn open_with(&self, config: &Config) -> anyhow::Result<Office> {
        let db = self.connect().await;
        let cif = Cif::open(db.clone(), Outbox::new(Role::Cif.name()), config).await?;
        Ok(Office { cif, db })
    }
}

impl Office {
    /// Registers with a key of its own.
    pub async fn register(&self, request: RegisterCustomerRequest) -> Customer {
        let ctx = teller("RegisterCustomer");
        let response = self.cif.register_customer(&ctx, request).await.unwrap();
        response.into_inner().customer.unwrap()
    }

    pub async fn count(&self, query: &str) -> i64 {
        number(&self.db, query).await.unwrap()
    }

    /// Kinds of the events, in their order.
    pub async fn events(&self) -> Vec<String> {
        event_kinds(&self.db).await.unwrap()
    }
}

/// A teller who may approve too, with a fresh idempotency key.
pub fn teller(method: &'static str) -> CallContext {
    staff(method, &["teller", "approver"])
}

pub fn teller_with_key(method: &'static str, key: &str) -> CallContext {
    with_key(teller(method), key)
}

/// A customer that acts for itself.
pub fn customer(method: &'static str, id: &str) -> CallContext {
    place::customer(method, CustomerId::parse(id).unwrap())
}

/// A Czech national identification number.
pub fn national_id(number: &str) -> Identification {
    Identification {
        country: "CZ".to_owned(),
        kind: IdentificationKind::NationalId.into(),
        number: number.to_owned(),
    }
}

/// A number in a country's register of companies.
pub fn registered(country: &str, number: &str) -> Identification {
    Identification {
        country: country.to_owned(),
        kind: IdentificationKind::CompanyRegister.into(),
        number: number.to_owned(),
    }
}

/// A person; the number makes national id and contact unique.
pub fn alena(number: u32) -> RegisterCustomerRequest {
    let person = Person {
        given_name: "Alena".to_owned(),
        family_name: "Nováková".to_owned(),
        date_of_birth: "1970-05-21".to_owned(),
        nationality: "CZ".to_owned(),
        identifications: vec![national_id(&format!("705521/{number:04}"))],
    };
    let contact = Contact {
        email: format!("Alena.{number}@Example.com"),
        phone: format!("+42060{number:07}"),
        address: None,
    };
    RegisterCustomerRequest {
        party: Some(Party::Person(person)),
        contact: Some(contact),
        reference: String::new(),
    }
}

/// An organisation.
pub fn mill(number: u32) -> RegisterCustomerRequest {
    let organisation = Organisation {
        legal_name: "Mlýn a syn".to_owned(),
        identifications: vec![registered("CZ", &format!("{number:08}"))],
    };
    RegisterCustomerRequest {
        party: Some(Party::Organisation(organisation)),
        contact: None,
        reference: String::new(),
    }
}

pub fn with_reference(
    mut request: RegisterCustomerRequest,
    reference: &str,
) -> RegisterCustomerRequest {
    reference.clone_into(&mut request.reference);
    request
}
