//! What the tests of one service stand on: a database of its own for each test, on each
//! engine that is to be had, and principals that call.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use florin_kernel::{CustomerId, Role};
use florin_rpc::{CallContext, Error, PrincipalKind, worker_context};
use florin_store::{Database, DatabaseOptions, Migrations, sql};
use tempfile::TempDir;
use tonic::{Response, Status};

use crate::{POSTGRES_URL, setting};

/// Connections of a test's PostgreSQL pools: many tests run at once.
const CONNECTIONS: u32 = 4;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Where one test's database is, and a folder for what else it needs.
#[derive(Debug)]
pub struct Place {
    /// How to open the database; nothing is synced.
    pub options: DatabaseOptions,
    /// Gone with the test.
    pub folder: TempDir,
}

/// SQLite, and PostgreSQL where the environment names a server: a new schema, or a new file,
/// at each call. `name` tells whose it is.
///
/// # Errors
/// There is no room for a folder.
pub fn places(name: &str) -> Result<Vec<Place>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join(format!("{name}.db"));
    let options = DatabaseOptions { synchronous_off: true, ..DatabaseOptions::sqlite(&file) };
    let mut places = vec![Place { options, folder }];
    match setting(POSTGRES_URL) {
        None => println!("{POSTGRES_URL} is not set: PostgreSQL is skipped"),
        Some(url) => {
            let options = DatabaseOptions {
                url,
                schema: unique(name)?,
                max_connections: CONNECTIONS,
                max_read_connections: CONNECTIONS,
                synchronous_off: true,
                ..DatabaseOptions::default()
            };
            places.push(Place { options, folder: tempfile::tempdir()? });
        }
    }
    Ok(places)
}

impl Place {
    /// Opens the database; again after a stop, or beside another replica.
    ///
    /// # Errors
    /// A migration fails.
    pub async fn database(&self, migrations: Migrations) -> Result<Database> {
        Ok(Database::connect(&self.options, migrations).await?)
    }
}

/// Unique over the processes that share a server.
#[expect(clippy::disallowed_methods, reason = "a test takes a name that was never used")]
fn unique(name: &str) -> Result<String> {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Ok(format!("{name}_{micros}_{}_{number}", std::process::id()))
}

/// A member of staff with these roles and a fresh idempotency key, at the gateway.
#[must_use]
pub fn staff(method: &'static str, roles: &[&str]) -> CallContext {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut ctx = worker_context(Role::Gateway);
    ctx.principal.kind = PrincipalKind::Staff;
    ctx.principal.subject = "eva".to_owned();
    ctx.principal.client = "branch".to_owned();
    ctx.principal.issuer = "https://id.test".to_owned();
    ctx.principal.roles = roles.iter().map(|role| (*role).to_owned()).collect();
    ctx.idempotency_key = Some(format!("key-{number}"));
    ctx.method = method;
    ctx
}

/// A customer that acts for itself, with a fresh idempotency key.
#[must_use]
pub fn customer(method: &'static str, id: CustomerId) -> CallContext {
    let mut ctx = staff(method, &[]);
    ctx.principal.kind = PrincipalKind::Customer;
    ctx.principal.subject = format!("sub-of-{id}");
    ctx.principal.customer = Some(id);
    ctx
}

/// The same caller with this idempotency key.
#[must_use]
pub fn with_key(ctx: CallContext, key: &str) -> CallContext {
    CallContext { idempotency_key: Some(key.to_owned()), ..ctx }
}

/// The single number that a query returns.
///
/// # Errors
/// It returns no row, or the first column is no number.
pub async fn number(db: &Database, query: &str) -> Result<i64> {
    let row = sql::query_one(db.read(), query, []).await?;
    Ok(row.context("the query returns a row")?.try_get_by_index(0)?)
}

/// Kinds of the events that were recorded, in their order.
///
/// # Errors
/// The outbox cannot be read.
pub async fn event_kinds(db: &Database) -> Result<Vec<String>> {
    let rows = sql::query_all(db.read(), "SELECT kind FROM outbox ORDER BY position", []).await?;
    rows.iter().map(|row| Ok(row.try_get("", "kind")?)).collect()
}

/// The reason of a refusal; "OK" where there is none.
pub fn reason<T>(result: std::result::Result<Response<T>, Status>) -> String {
    match result {
        Ok(_) => "OK".to_owned(),
        Err(status) => Error::from_status(&status).reason().to_owned(),
    }
}

/// Fields and rules of an INVALID_REQUEST; empty for any other answer.
pub fn violations<T>(result: std::result::Result<Response<T>, Status>) -> Vec<(String, String)> {
    let Err(status) = result else { return Vec::new() };
    let error = Error::from_status(&status);
    error.field_violations().iter().map(|one| (one.field.clone(), one.rule.clone())).collect()
}

/// Whether the answer, or the refusal, was given before under the same key.
pub fn was_replayed<T>(result: &std::result::Result<Response<T>, Status>) -> bool {
    let metadata = match result {
        Ok(response) => response.metadata(),
        Err(status) => status.metadata(),
    };
    metadata.get("idempotent-replayed").is_some_and(|value| value == "true")
}
