//! Whether the database takes writes, and why it does not.

use std::time::Duration;

use sea_orm::ConnectionTrait as _;
use tokio::time::timeout;

use super::{Database, postgres};
use crate::{Engine, StoreError, Tx, id_parts, rows, sql};

/// How long one connection outside the pools may take to come up.
const DIAL: Duration = Duration::from_secs(1);

impl Database {
    /// Says whether a reader of the pool answers within the limit.
    ///
    /// # Errors
    /// `Timeout` where no reader is free in time although the server can be reached;
    /// `Unavailable`, with the true cause, where it cannot.
    pub async fn check_readers(&self, limit: Duration) -> Result<(), StoreError> {
        let answer = timeout(limit, self.inner.reader.execute_unprepared("SELECT 1")).await;
        let late = match answer {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => StoreError::from(error),
            Err(_) => late("reader", limit),
        };
        Err(self.dial().await.err().unwrap_or(late))
    }

    /// Writes a row and deletes it again, in one transaction of the writers that commits:
    /// what was rolled back would show neither a full disk nor a standby that refuses. The
    /// cause is kept until the next success: the pools only know that they waited.
    ///
    /// # Errors
    /// `Timeout` where no writer is free in time, or a lock is held; `Unavailable` where the
    /// server is away, refuses to write or has no room.
    pub async fn check_writable(&self, limit: Duration) -> Result<(), StoreError> {
        let outcome = match timeout(limit, self.write_and_delete()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(late("writer", limit)),
        };
        let away = match &outcome {
            Ok(()) => None,
            Err(_) => self.dial().await.err(),
        };
        self.inner.set_away(away.clone());
        away.map_or(outcome, Err)
    }

    async fn write_and_delete(&self) -> Result<(), StoreError> {
        let (_, random) = id_parts();
        let name = format!("health/{}", rows::hex(&random));
        self.write(async |tx: Tx| {
            let insert =
                "INSERT INTO leases (name, holder, token, until) VALUES ($1, 'health', 0, 0)";
            sql::execute(&tx, insert, [name.as_str().into()]).await?;
            let delete = "DELETE FROM leases WHERE name = $1";
            sql::execute(&tx, delete, [name.as_str().into()]).await?;
            Ok(())
        })
        .await
    }

    /// One connection outside the pools, which tell a server that is away from one that is
    /// busy by nothing. SQLite has no server.
    async fn dial(&self) -> Result<(), StoreError> {
        match self.inner.engine {
            Engine::Sqlite => Ok(()),
            Engine::Postgres => {
                let dialled = timeout(DIAL, postgres::dial(&self.inner.options)).await;
                let cause = || format!("no connection within {} s", DIAL.as_secs());
                dialled.unwrap_or_else(|_| Err(StoreError::Unavailable(cause())))
            }
        }
    }
}

fn late(who: &str, limit: Duration) -> StoreError {
    StoreError::Timeout(format!("no {who} free within {} s", limit.as_secs()))
}
