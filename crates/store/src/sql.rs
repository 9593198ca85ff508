//! Which engine, and statements for it.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};

use crate::StoreError;

/// The two engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// SQLite in this process, one file a service.
    Sqlite,
    /// A PostgreSQL server, or what speaks its protocol.
    Postgres,
}

impl Engine {
    /// The engine behind a connection.
    pub fn of(connection: &impl ConnectionTrait) -> Self {
        if connection.get_database_backend() == DbBackend::Postgres {
            Self::Postgres
        } else {
            Self::Sqlite
        }
    }

    /// sea-orm's name of the engine.
    #[must_use]
    pub const fn backend(self) -> DbBackend {
        match self {
            Self::Sqlite => DbBackend::Sqlite,
            Self::Postgres => DbBackend::Postgres,
        }
    }

    /// A statement with placeholders `$1`, `$2` .., which both engines understand.
    pub fn statement(
        self,
        sql: impl Into<String>,
        values: impl IntoIterator<Item = Value>,
    ) -> Statement {
        Statement::from_sql_and_values(self.backend(), sql, values)
    }

    /// What a portable SELECT ends with to lock its rows. SQLite's writer has the whole
    /// database to itself and knows no such clause.
    #[must_use]
    pub const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// What a portable SELECT ends with to lock its rows against writers only.
    #[must_use]
    pub const fn for_share(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR SHARE",
        }
    }
}

/// Runs a statement and returns how many rows it changed.
///
/// # Errors
/// Those of the database.
pub async fn execute(
    connection: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, StoreError> {
    let statement = Engine::of(connection).statement(sql, values);
    Ok(connection.execute_raw(statement).await?.rows_affected())
}

/// Runs a query and returns its rows.
///
/// # Errors
/// Those of the database.
pub async fn query_all(
    connection: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, StoreError> {
    let statement = Engine::of(connection).statement(sql, values);
    Ok(connection.query_all_raw(statement).await?)
}

/// Runs a query and returns its first row.
///
/// # Errors
/// Those of the database.
pub async fn query_one(
    connection: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<QueryResult>, StoreError> {
    let statement = Engine::of(connection).statement(sql, values);
    Ok(connection.query_one_raw(statement).await?)
}
