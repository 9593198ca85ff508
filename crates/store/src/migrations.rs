//! Migrations: SQL files per engine, with checksums, expand then contract, never edited once
//! released. The shared tables come first, recorded in a table of their own, so that a
//! service's numbers are its own.
//!
//! The files are included by name (see [`migrations!`](crate::migrations)) and not by
//! `sqlx::migrate!`: that macro compiles sqlx, SQLite's C source and tokio a second time, for
//! the build host.

use std::borrow::Cow;

use sea_orm::DatabaseConnection;
use sqlx::{
    SqlSafeStr as _, SqlStr,
    migrate::{Migration, MigrationType, Migrator},
};

use crate::{Engine, StoreError};

/// Where the shared tables' migrations are recorded.
const SHARED_TABLE: &str = "_store_migrations";

/// The shared tables: outbox, inbox, keys, audit and what else every service has.
const SHARED: Migrations =
    crate::migrations!["0001_shared_tables", "0002_replay", "0004_withdrawn_proposals"];

/// One step, written for each engine.
#[derive(Debug, Clone, Copy)]
pub struct MigrationStep {
    /// `NUMBER_DESCRIPTION`, the name of both files without their end.
    pub name: &'static str,
    /// Its statements for SQLite.
    pub sqlite: &'static str,
    /// Its statements for PostgreSQL.
    pub postgres: &'static str,
}

/// The steps of a service, in their order.
#[derive(Debug, Clone, Copy)]
pub struct Migrations(pub &'static [MigrationStep]);

/// The migrations of the crate that names them, from `migrations/sqlite/NAME.sql` and
/// `migrations/postgres/NAME.sql`. A file that an engine lacks does not compile; one that
/// nobody names is found by `cargo xtask tidy`.
///
/// `florin_store::migrations!["0001_customers", "0002_relations"]`
#[macro_export]
macro_rules! migrations {
    ($($name:literal),* $(,)?) => {
        $crate::Migrations(&[$($crate::MigrationStep {
            name: $name,
            sqlite: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/", $name, ".sql"
            )),
            postgres: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/migrations/postgres/", $name, ".sql"
            )),
        }),*])
    };
}

impl Migrations {
    /// A service without tables of its own.
    #[must_use]
    pub const fn none() -> Self {
        Self(&[])
    }

    fn migrator(self, engine: Engine) -> Result<Migrator, StoreError> {
        let steps: Result<Vec<Migration>, StoreError> =
            self.0.iter().map(|step| step.of(engine)).collect();
        Ok(Migrator { migrations: Cow::Owned(steps?), ..Migrator::DEFAULT })
    }

    /// Brings the database up to date; concurrent starts wait for each other.
    pub(crate) async fn run(
        self,
        engine: Engine,
        writer: &DatabaseConnection,
    ) -> Result<(), StoreError> {
        let mut shared = SHARED.migrator(engine)?;
        shared.dangerous_set_table_name(SHARED_TABLE);
        let own = self.migrator(engine)?;
        match engine {
            Engine::Sqlite => {
                // sqlx has no lock on SQLite. One immediate transaction around both is the
                // lock; what sqlx begins inside becomes a savepoint.
                let pool = writer.get_sqlite_connection_pool();
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                shared.run_direct(None, &mut *tx, false).await?;
                own.run_direct(None, &mut *tx, false).await?;
                tx.commit().await?;
            }
            Engine::Postgres => {
                // sqlx takes an advisory lock named after the database.
                let mut connection = writer.get_postgres_connection_pool().acquire().await?;
                let mut done = shared.run_direct(None, &mut *connection, false).await;
                if done.is_ok() {
                    done = own.run_direct(None, &mut *connection, false).await;
                }
                if done.is_err() {
                    // A failed run keeps the lock until its session ends.
                    drop(connection.detach());
                }
                done?;
            }
        }
        Ok(())
    }
}

impl MigrationStep {
    fn of(self, engine: Engine) -> Result<Migration, StoreError> {
        let named = || {
            let (number, description) = self.name.split_once('_')?;
            Some((number.parse::<i64>().ok()?, description.replace('_', " ")))
        };
        let (number, description) = named().ok_or_else(|| {
            StoreError::Migration(format!("{:?} is not NUMBER_DESCRIPTION", self.name))
        })?;
        let statements = match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        };
        let sql: SqlStr = statements.into_sql_str();
        let description = Cow::Owned(description);
        Ok(Migration::new(number, description, MigrationType::Simple, sql, false))
    }
}
