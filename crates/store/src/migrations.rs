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
    migrate::{AppliedMigration, Migrate, MigrateError, Migration, MigrationType, Migrator},
};

use crate::{Engine, StoreError};

/// Where the shared tables' migrations are recorded.
const SHARED_TABLE: &str = "_store_migrations";

/// The shared tables: outbox, inbox, keys, audit and what else every service has.
const SHARED: Migrations = crate::migrations![
    "0001_shared_tables",
    "0002_replay",
    "0003_operations",
    "0004_withdrawn_proposals",
    "0030_fewer_indexes"
];

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
        let mut migrator = Migrator { migrations: Cow::Owned(steps?), ..Migrator::DEFAULT };
        // A migration expands; what it made needless goes in a later release (ADR 2). So this
        // program runs on the schema of the next one: else a replica that is moved while an
        // upgrade runs could not start, and no upgrade could be taken back.
        migrator.set_ignore_missing(true);
        Ok(migrator)
    }

    /// The error in words: a changed file by its name.
    fn explain(self, error: MigrateError) -> StoreError {
        let MigrateError::VersionMismatch(version) = error else { return error.into() };
        let number = |step: &&MigrationStep| step.number() == Some(version);
        let name = self.0.iter().find(number).map_or("?", |step| step.name);
        StoreError::Migration(format!(
            "{name}.sql was changed after it had run on this database: files that have run are \
             never edited. Start the program that the database was made by, or one with that \
             file as it was"
        ))
    }

    /// Tells of what a newer program did to the database.
    fn tell_of_newer(self, table: &str, applied: &[AppliedMigration]) {
        let known: Vec<_> = self.0.iter().filter_map(MigrationStep::number).collect();
        let newer: Vec<_> =
            applied.iter().map(|one| one.version).filter(|one| !known.contains(one)).collect();
        if !newer.is_empty() {
            tracing::warn!(
                table,
                versions = ?newer,
                "the database has migrations of a newer program, which this one passes over"
            );
        }
    }

    async fn run_one<C: Migrate>(
        self,
        migrator: &Migrator,
        connection: &mut C,
    ) -> Result<(), StoreError> {
        let done = migrator.run_direct(None, connection, false).await;
        done.map_err(|error| self.explain(error))?;
        let applied = connection.list_applied_migrations(&migrator.table_name).await?;
        self.tell_of_newer(&migrator.table_name, &applied);
        Ok(())
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
                SHARED.run_one(&shared, &mut *tx).await?;
                self.run_one(&own, &mut *tx).await?;
                tx.commit().await?;
            }
            Engine::Postgres => {
                // sqlx takes an advisory lock named after the database.
                let mut connection = writer.get_postgres_connection_pool().acquire().await?;
                let mut done = SHARED.run_one(&shared, &mut *connection).await;
                if done.is_ok() {
                    done = self.run_one(&own, &mut *connection).await;
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
    fn number(&self) -> Option<i64> {
        self.name.split_once('_')?.0.parse().ok()
    }

    fn of(self, engine: Engine) -> Result<Migration, StoreError> {
        let named = || Some((self.number()?, self.name.split_once('_')?.1.replace('_', " ")));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, DatabaseOptions, sql};

    const ROWS: [&str; 4] = [
        "INSERT INTO outbox_pending (position, partition, event_id) VALUES (7, 1, 'evt_7')",
        "INSERT INTO outbox_pending (position, partition, event_id, replay) \
         VALUES (3, 2, 'evt_3', 99)",
        "INSERT INTO inbox (consumer, event_id, source, aggregate, version, processed_at) \
         VALUES ('reporting', 'evt_7', 'account', 'txn_7', 1, 5)",
        "INSERT INTO inbox (consumer, event_id, source, aggregate, version, processed_at) \
         VALUES ('payment', 'evt_7', 'account', 'txn_7', 1, 6)",
    ];

    #[tokio::test]
    async fn what_was_pending_and_what_was_applied_outlive_their_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("older.db");
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        let older = Migrations(&SHARED.0[..4]);
        let mut migrator = older.migrator(Engine::Sqlite).unwrap();
        migrator.dangerous_set_table_name(SHARED_TABLE);
        older.run_one(&migrator, &mut *pool.acquire().await.unwrap()).await.unwrap();
        for insert in ROWS {
            sqlx::query(insert).execute(&pool).await.unwrap();
        }
        pool.close().await;

        let db = Database::connect(&DatabaseOptions::sqlite(&path), Migrations::none()).await;
        let db = db.unwrap();
        let lines = async |query: &str| {
            let found = sql::query_all(db.read(), query, []).await.unwrap();
            let lines = found.iter().map(|row| row.try_get_by::<String, _>("line").unwrap());
            lines.collect::<Vec<_>>()
        };
        let pending = "SELECT position || ' ' || partition || ' ' || replay AS line \
                       FROM outbox_pending ORDER BY position";
        assert_eq!(lines(pending).await, ["3 2 99", "7 1 0"]);
        let applied = "SELECT consumer || ' ' || event_id || ' ' || processed_at AS line \
                       FROM inbox ORDER BY processed_at";
        assert_eq!(lines(applied).await, ["reporting evt_7 5", "payment evt_7 6"]);
    }
}
