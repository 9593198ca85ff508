//! A rebuild of a read model: it runs as a task of the service, however long its caller waits,
//! and stands in the database, so that any replica tells how far it is.

use std::{
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use florin_kernel::{EventId, UnixMicros};
use florin_proto::{
    ops::v1::{Rebuild as WireRebuild, RebuildState},
    timestamp,
};
use florin_store::{Database, StoreError, Tx, id_parts, sql};
use futures_util::{FutureExt as _, future::BoxFuture};
use sea_orm::QueryResult;
use tonic::Status;

use super::Record;

/// Builds a service's read models anew; returns how many events were applied. It tells the
/// [`Progress`] what it has read on its way.
pub type Rebuild = Arc<dyn Fn(Progress) -> BoxFuture<'static, Result<i64, Status>> + Send + Sync>;

/// How often a running rebuild gives a sign of life.
const BEAT: Duration = Duration::from_secs(2);
/// One that was silent for so long has lost its process.
const SILENCE_MICROS: i64 = 30_000_000;

const SELECTED: &str = "id, state, events, cause, began_at, heard_at";

/// How many events a rebuild has read. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicI64>);

impl Progress {
    /// So many more were read.
    pub fn add(&self, events: i64) {
        self.0.fetch_add(events, Ordering::Relaxed);
    }

    fn read(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The rebuild that runs: a new one, or the one that runs already.
pub(super) enum Begun {
    New(WireRebuild),
    Running(WireRebuild),
}

/// Notes a new rebuild and who asked for it, unless one runs.
pub(super) async fn begin(db: &Database, record: &Record) -> Result<Begun, StoreError> {
    db.write(async |tx: Tx| {
        let now = tx.now().await?;
        let latest = latest_in(&tx, now).await?;
        if let Some(running) = latest.filter(|one| one.state() == RebuildState::Running) {
            return Ok(Begun::Running(running));
        }
        record.write(&tx).await?;
        let (millis, random) = id_parts();
        let id = EventId::from_parts(millis, random).to_string();
        let id = id.replacen(EventId::PREFIX, "rbd", 1);
        let insert = "INSERT INTO rebuilds (id, state, events, cause, began_at, heard_at) \
                      VALUES ($1, 'running', 0, '', $2, $2)";
        sql::execute(&tx, insert, [id.as_str().into(), now.0.into()]).await?;
        Ok(Begun::New(WireRebuild {
            rebuild_id: id,
            state: RebuildState::Running.into(),
            events: 0,
            cause: String::new(),
            began_at: Some(timestamp(now)),
            heard_at: Some(timestamp(now)),
        }))
    })
    .await
}

/// The latest rebuild, whichever replica runs it.
pub(super) async fn latest(db: &Database) -> Result<Option<WireRebuild>, StoreError> {
    db.write(async |tx: Tx| {
        let now = tx.now().await?;
        latest_in(&tx, now).await
    })
    .await
}

async fn latest_in(tx: &Tx, now: UnixMicros) -> Result<Option<WireRebuild>, StoreError> {
    let query = format!("SELECT {SELECTED} FROM rebuilds ORDER BY began_at DESC, id DESC LIMIT 1");
    let row = sql::query_one(tx, query, []).await?;
    row.map(|row| read(&row, now)).transpose()
}

fn read(row: &QueryResult, now: UnixMicros) -> Result<WireRebuild, StoreError> {
    let stored: String = row.try_get("", "state")?;
    let heard_at: i64 = row.try_get("", "heard_at")?;
    let mut cause: String = row.try_get("", "cause")?;
    let silent = now.0.saturating_sub(heard_at) > SILENCE_MICROS;
    let state = match stored.as_str() {
        "running" if silent => {
            "the process that ran it has ended".clone_into(&mut cause);
            RebuildState::Failed
        }
        "running" => RebuildState::Running,
        "done" => RebuildState::Done,
        "failed" => RebuildState::Failed,
        other => return Err(StoreError::Corrupt(format!("rebuild in state {other:?}"))),
    };
    Ok(WireRebuild {
        rebuild_id: row.try_get("", "id")?,
        state: state.into(),
        events: row.try_get("", "events")?,
        cause,
        began_at: Some(timestamp(UnixMicros(row.try_get("", "began_at")?))),
        heard_at: Some(timestamp(UnixMicros(heard_at))),
    })
}

/// Runs a rebuild to its end and notes how it ended.
pub(super) async fn run(db: Database, role: &'static str, id: String, rebuild: Rebuild) {
    tracing::info!(role, rebuild_id = id, "rebuild begins");
    let progress = Progress::default();
    let mut work = pin!(AssertUnwindSafe(rebuild(progress.clone())).catch_unwind());
    let mut beats = pin!(async {
        loop {
            tokio::time::sleep(BEAT).await;
            if let Err(error) = note(&db, &id, "running", progress.read(), "").await {
                tracing::debug!(role, %error, "sign of life of a rebuild not written");
            }
        }
    });
    // Side by side: on SQLite both want the one writer.
    let outcome = tokio::select! {
        outcome = &mut work => outcome,
        () = &mut beats => return,
    };
    let (state, events, cause) = match outcome {
        Ok(Ok(applied)) => ("done", applied, String::new()),
        Ok(Err(refused)) => ("failed", progress.read(), refused.message().to_owned()),
        Err(_) => ("failed", progress.read(), "it panicked; the log tells where".to_owned()),
    };
    if cause.is_empty() {
        tracing::info!(role, rebuild_id = id, events, "rebuild done");
    } else {
        tracing::error!(role, rebuild_id = id, events, cause, "rebuild failed");
    }
    if let Err(error) = note(&db, &id, state, events, &cause).await {
        tracing::warn!(role, rebuild_id = id, %error, "the end of a rebuild is not noted");
    }
}

async fn note(
    db: &Database,
    id: &str,
    state: &str,
    events: i64,
    cause: &str,
) -> Result<(), StoreError> {
    db.write(async |tx: Tx| {
        let now = tx.now().await?;
        let update = "UPDATE rebuilds SET state = $2, events = $3, cause = $4, heard_at = $5 \
                      WHERE id = $1 AND state = 'running'";
        let values = [id.into(), state.into(), events.into(), cause.into(), now.0.into()];
        sql::execute(&tx, update, values).await?;
        Ok(())
    })
    .await
}
