//! Dead letters: list, retry, discard.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use florin_proto::{
    ops::v1::{DeadLetter as WireDeadLetter, ListDeadLettersRequest, ListDeadLettersResponse},
    timestamp,
};
use florin_store::{Database, StoreError, Tx};

use super::{OpsError, Record, refusal};
use crate::{
    consume::{Desk, dead_letters, dead_letters::DeadLetter, drain_key},
    inbox,
};

const DEFAULT_PAGE: i32 = 100;
const MAX_PAGE: i32 = 500;
/// Longest reason of a discard, in bytes.
const MAX_REASON: usize = 500;

pub(super) async fn list(
    db: &Database,
    role: &str,
    request: &ListDeadLettersRequest,
) -> Result<ListDeadLettersResponse, OpsError> {
    let size = match request.page_size {
        0 => DEFAULT_PAGE,
        size @ 1..=MAX_PAGE => size,
        _ => return Err(refusal::invalid("page_size", "must be 1 to 500, or 0 for 100")),
    };
    let after = ordinal_of(&request.page_token)?;
    let limit = i64::from(size) + 1;
    let mut found = dead_letters::page(db, role, after, limit).await?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(|last| token_of(last.ordinal));
    let dead_letters = found.into_iter().map(wire).collect();
    Ok(ListDeadLettersResponse { dead_letters, next_page_token: next.unwrap_or_default() })
}

fn token_of(ordinal: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("dead-letters/{ordinal}"))
}

fn ordinal_of(token: &str) -> Result<i64, OpsError> {
    if token.is_empty() {
        return Ok(0);
    }
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|text| String::from_utf8(text).ok());
    text.and_then(|text| text.strip_prefix("dead-letters/")?.parse().ok())
        .ok_or_else(|| OpsError::ForeignPageToken)
}

fn wire(dead: DeadLetter) -> WireDeadLetter {
    let DeadLetter { event, attempts, reason, at, ordinal: _ } = dead;
    WireDeadLetter {
        event_id: event.id.to_string(),
        source: event.source,
        kind: event.kind,
        aggregate: event.aggregate,
        version: event.version,
        attempts: i32::try_from(attempts).unwrap_or(i32::MAX),
        reason,
        at: Some(timestamp(at)),
        parked: attempts == 0,
    }
}

/// Applies the events of the dead letter's key in order. The retry of a retry finds it done.
pub(super) async fn retry(
    db: &Database,
    desk: Option<Arc<Desk>>,
    event_id: &str,
    record: &Record,
) -> Result<i32, OpsError> {
    let desk = desk.ok_or_else(|| refusal::not_found(event_id))?;
    let found = dead_letters::find(db.read(), desk.name, event_id, "").await;
    let Some(dead) = found? else {
        return already_done(db, event_id).await;
    };
    db.write(async |tx: Tx| record.write(&tx).await).await?;
    drain(db, &desk, &dead, event_id).await
}

/// Gives the event up; then what is parked behind a dead letter goes on.
pub(super) async fn discard(
    db: &Database,
    desk: Option<Arc<Desk>>,
    (event_id, reason): (&str, &str),
    record: &Record,
) -> Result<i32, OpsError> {
    if reason.is_empty() || reason.len() > MAX_REASON {
        return Err(refusal::invalid("reason", "must be given, in at most 500 bytes"));
    }
    let desk = desk.ok_or_else(|| refusal::not_found(event_id))?;
    let discarded = db
        .write(async |tx: Tx| {
            let found = dead_letters::discard(&tx, desk.name, event_id, reason).await?;
            if found.is_some() {
                record.write(&tx).await?;
            }
            Ok::<_, StoreError>(found)
        })
        .await?;
    let Some(dead) = discarded else {
        return already_done(db, event_id).await;
    };
    if dead.attempts == 0 {
        // It only waited: the dead letter in front of it still stands.
        return Ok(0);
    }
    let drained = drain_key(db, &desk, &dead.event.source, &dead.event.aggregate).await;
    Ok(drained?.applied)
}

async fn already_done(db: &Database, event_id: &str) -> Result<i32, OpsError> {
    let missing = inbox::missing(db, &[event_id.to_owned()]).await;
    if missing?.is_empty() {
        return Ok(0);
    }
    Err(refusal::not_found(event_id))
}

async fn drain(
    db: &Database,
    desk: &Desk,
    dead: &DeadLetter,
    event_id: &str,
) -> Result<i32, OpsError> {
    let drained = drain_key(db, desk, &dead.event.source, &dead.event.aggregate).await?;
    match drained.refused {
        // Something behind it is the dead letter now; this one is done.
        Some(reason) => {
            let still = dead_letters::find(db.read(), desk.name, event_id, "").await;
            if still?.is_some() {
                return Err(OpsError::RefusedAgain(reason));
            }
            Ok(drained.applied)
        }
        None => Ok(drained.applied),
    }
}
