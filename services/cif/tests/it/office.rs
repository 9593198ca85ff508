//! An office for one test: a database of its own and staff that calls the use cases.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use florin_cif::{Cif, Config};
use florin_events::Outbox;
use florin_kernel::{CustomerId, Role};
use florin_proto::cif::v1::{
    Contact, Customer, Organisation, Person, RegisterCustomerRequest,
    register_customer_request::Party,
};
use florin_rpc::{CallContext, Error, PrincipalKind, worker_context};
use florin_store::{Database, DatabaseOptions, sql};
use tempfile::TempDir;
use tonic::{Response, Status};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Where one test's database is.
pub struct Place {
    options: DatabaseOptions,
    pub folder: TempDir,
}

/// A running service.
pub struct Office {
    pub cif: Cif,
    pub db: Database,
}

/// SQLite, and PostgreSQL where there is one.
pub fn places() -> Vec<Place> {
    let folder = tempfile::tempdir().unwrap();
    let options = DatabaseOptions {
        synchronous_off: true,
        ..DatabaseOptions::sqlite(&folder.path().join("cif.db"))
    };
    let mut places = vec![Place { options, folder }];
    places.extend(postgres());
    places
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment")]
fn postgres() -> Option<Place> {
    let Ok(url) = std::env::var("FLORIN_TEST_POSTGRES_URL") else {
        println!("FLORIN_TEST_POSTGRES_URL is not set: PostgreSQL is skipped");
        return None;
    };
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let schema = format!("cif_{micros}_{}_{number}", std::process::id());
    let options =
        DatabaseOptions { url, schema, synchronous_off: true, ..DatabaseOptions::default() };
    Some(Place { options, folder: tempfile::tempdir().unwrap() })
}

impl Place {
    pub fn config(&self) -> Config {
        Config { master_key_file: self.master_key(), ..Config::default() }
    }

    pub fn master_key(&self) -> PathBuf {
        self.folder.path().join("master.key")
    }

    pub async fn connect(&self) -> Database {
        Database::connect(&self.options, florin_cif::MIGRATIONS).await.unwrap()
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
        let row = sql::query_one(self.db.read(), query, []).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// Kinds of the events, in their order.
    pub async fn events(&self) -> Vec<String> {
        let query = "SELECT kind FROM outbox ORDER BY position";
        let rows = sql::query_all(self.db.read(), query, []).await.unwrap();
        rows.iter().map(|row| row.try_get("", "kind").unwrap()).collect()
    }
}

/// A teller with a fresh idempotency key.
pub fn teller(method: &'static str) -> CallContext {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut ctx = worker_context(Role::Gateway);
    ctx.principal.kind = PrincipalKind::Staff;
    ctx.principal.subject = "eva".to_owned();
    ctx.principal.client = "branch".to_owned();
    ctx.principal.issuer = "https://id.test".to_owned();
    ctx.principal.roles = vec!["teller".to_owned(), "approver".to_owned()];
    ctx.idempotency_key = Some(format!("key-{number}"));
    ctx.method = method;
    ctx
}

pub fn teller_with_key(method: &'static str, key: &str) -> CallContext {
    CallContext { idempotency_key: Some(key.to_owned()), ..teller(method) }
}

/// A customer that acts for itself.
pub fn customer(method: &'static str, id: &str) -> CallContext {
    let mut ctx = teller(method);
    ctx.principal.kind = PrincipalKind::Customer;
    ctx.principal.subject = format!("sub-of-{id}");
    ctx.principal.customer = Some(CustomerId::parse(id).unwrap());
    ctx.principal.roles.clear();
    ctx
}

/// A person; the number makes national id and contact unique.
pub fn alena(number: u32) -> RegisterCustomerRequest {
    let person = Person {
        given_name: "Alena".to_owned(),
        family_name: "Nováková".to_owned(),
        date_of_birth: "1970-05-21".to_owned(),
        national_id: format!("705521/{number:04}"),
        nationality: "CZ".to_owned(),
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
        registration_number: format!("{number:08}"),
        country: "CZ".to_owned(),
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

/// The reason of a refusal.
pub fn reason<T>(result: Result<Response<T>, Status>) -> String {
    match result {
        Ok(_) => "OK".to_owned(),
        Err(status) => Error::from_status(&status).reason().to_owned(),
    }
}

/// Fields and rules of an INVALID_REQUEST.
pub fn violations<T>(result: Result<Response<T>, Status>) -> Vec<(String, String)> {
    let Err(status) = result else { return Vec::new() };
    let error = Error::from_status(&status);
    assert_eq!(error.reason(), "INVALID_REQUEST");
    error.field_violations().iter().map(|one| (one.field.clone(), one.rule.clone())).collect()
}

pub fn was_replayed<T>(result: &Result<Response<T>, Status>) -> bool {
    let metadata = match result {
        Ok(response) => response.metadata(),
        Err(status) => status.metadata(),
    };
    metadata.get("idempotent-replayed").is_some_and(|value| value == "true")
}
