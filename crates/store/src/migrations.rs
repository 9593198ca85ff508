//! Migrations: SQL files per engine, with checksums, expand then contract, never edited once
//! released. The shared tables come first, recorded in a table of their own, so that a
//! service's numbers are its own.

use sea_orm::DatabaseConnection;
use sqlx::migrate::Migrator;

use crate::{Engine, StoreError};

/// Where the shared tables' migrations are recorded.
const SHARED_TABLE: &str = "_store_migrations";

/// The migrations of a service, embedded by `sqlx::migrate!("migrations/sqlite")` and
/// `sqlx::migrate!("migrations/postgres")`.
#[derive(Debug)]
pub struct Migrations {
    /// For SQLite.
    pub sqlite: Migrator,
    /// For PostgreSQL.
    pub postgres: Migrator,
}

impl Migrations {
    /// A service without tables of its own.
    #[must_use]
    pub const fn none() -> Self {
        Self { sqlite: Migrator::DEFAULT, postgres: Migrator::DEFAULT }
    }

    fn shared() -> Self {
        let mut shared = Self {
            sqlite: sqlx::migrate!("migrations/sqlite"),
            postgres: sqlx::migrate!("migrations/postgres"),
        };
        shared.sqlite.dangerous_set_table_name(SHARED_TABLE);
        shared.postgres.dangerous_set_table_name(SHARED_TABLE);
        shared
    }

    /// Brings the database up to date; concurrent starts wait for each other.
    pub(crate) async fn run(
        &self,
        engine: Engine,
        writer: &DatabaseConnection,
    ) -> Result<(), StoreError> {
        let shared = Self::shared();
        match engine {
            Engine::Sqlite => {
                // sqlx has no lock on SQLite. One immediate transaction around both is the
                // lock; what sqlx begins inside becomes a savepoint.
                let pool = writer.get_sqlite_connection_pool();
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                shared.sqlite.run_direct(None, &mut *tx, false).await?;
                self.sqlite.run_direct(None, &mut *tx, false).await?;
                tx.commit().await?;
            }
            Engine::Postgres => {
                // sqlx takes an advisory lock named after the database.
                let mut connection = writer.get_postgres_connection_pool().acquire().await?;
                let mut done = shared.postgres.run_direct(None, &mut *connection, false).await;
                if done.is_ok() {
                    done = self.postgres.run_direct(None, &mut *connection, false).await;
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
