//! Databases for tests: a SQLite file always, a PostgreSQL schema where
//! `FLORIN_TEST_POSTGRES_URL` names a server.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU32, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use florin_store::{Database, DatabaseOptions, Engine, Migrations};
use sqlx::migrate::{Migration, MigrationType, Migrator};
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
        Database::connect(&self.options, &migrations()).await.unwrap()
    }
}

/// A service with one table.
pub fn migrations() -> Migrations {
    let table = |text, number, bytes, boolean| {
        format!(
            "CREATE TABLE things (id {text} PRIMARY KEY, number {number}, content {bytes}, \
             flag {boolean}, note {text}, due {number}, lease_until {number}, \
             lease_token {text}, CONSTRAINT small CHECK (number < 1000000000000000000));"
        )
    };
    let migrator = |sql: String| Migrator {
        migrations: Cow::Owned(vec![Migration::new(
            1,
            Cow::Borrowed("things"),
            MigrationType::Simple,
            sqlx::AssertSqlSafe(sql).into_sql_str(),
            false,
        )]),
        ..Migrator::DEFAULT
    };
    use sqlx::SqlSafeStr;
    Migrations {
        sqlite: migrator(table("TEXT", "INTEGER", "BLOB", "BOOLEAN")),
        postgres: migrator(table("TEXT COLLATE \"C\"", "BIGINT", "BYTEA", "BOOLEAN")),
    }
}

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
