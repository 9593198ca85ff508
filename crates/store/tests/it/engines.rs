//! Databases for tests: a SQLite file always, a PostgreSQL schema where
//! `FLORIN_TEST_POSTGRES_URL` names a server.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use florin_store::{Database, DatabaseOptions, Engine, MigrationStep, Migrations};
use tempfile::TempDir;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// How to open a database of its own for one test.
pub struct Place {
    pub options: DatabaseOptions,
    _folder: Option<TempDir>,
}

/// Where this run can test: SQLite, and PostgreSQL if there is one.
pub fn places() -> Vec<Place> {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = DatabaseOptions {
        synchronous_off: true,
        ..DatabaseOptions::sqlite(&folder.path().join("new/folder/test.db"))
    };
    let mut places = vec![Place { options: sqlite, _folder: Some(folder) }];
    places.extend(postgres());
    places
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment and take unique names"
)]
pub fn postgres() -> Option<Place> {
    let Ok(url) = std::env::var("FLORIN_TEST_POSTGRES_URL") else {
        println!("FLORIN_TEST_POSTGRES_URL is not set: PostgreSQL is skipped");
        return None;
    };
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let schema = format!("store_{micros}_{}_{number}", std::process::id());
    let options = DatabaseOptions {
        url,
        schema,
        max_connections: 4,
        max_read_connections: 2,
        synchronous_off: true,
        ..DatabaseOptions::default()
    };
    Some(Place { options, _folder: None })
}

impl Place {
    pub async fn open(&self) -> Database {
        Database::connect(&self.options, MIGRATIONS).await.unwrap()
    }
}

/// A service with one table.
pub const MIGRATIONS: Migrations = Migrations(&[MigrationStep {
    name: "0001_things",
    sqlite: "CREATE TABLE things (id TEXT PRIMARY KEY, number INTEGER, content BLOB, \
             flag BOOLEAN, note TEXT, due INTEGER, lease_until INTEGER, lease_token TEXT, \
             CONSTRAINT small CHECK (number < 1000000000000000000));",
    postgres: "CREATE TABLE things (id TEXT COLLATE \"C\" PRIMARY KEY, number BIGINT, \
               content BYTEA, flag BOOLEAN, note TEXT COLLATE \"C\", due BIGINT, \
               lease_until BIGINT, lease_token TEXT COLLATE \"C\", \
               CONSTRAINT small CHECK (number < 1000000000000000000));",
}]);

/// Whether a test's database is PostgreSQL.
pub fn is_postgres(db: &Database) -> bool {
    db.engine() == Engine::Postgres
}

/// The single number that a query returns.
pub async fn number(db: &Database, sql: &str) -> i64 {
    use sea_orm::ConnectionTrait;
    let statement = db.engine().statement(sql, []);
    let row = db.read().query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}
