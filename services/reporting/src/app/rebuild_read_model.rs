//! Builds the read models anew from the outboxes of their sources.

use std::time::Duration;

use florin_events::{ConsumeError, Envelope};
use florin_kernel::{EventId, Role};
use florin_proto::{
    common::v1::Reason,
    ops::v1::{ListOutboxEventsRequest, ListOutboxEventsResponse},
};
use florin_rpc::Error;
use florin_runtime::internal;
use florin_store::{Database, StoreError, Tx, lease};

use crate::{
    consume::facts_of,
    store::{generations, write},
};

/// The sources that tell something of the history; `payment` and `cif` do not.
const SOURCES: [Role; 1] = [Role::Account];
/// Events of a page.
const PAGE: i32 = 500;
/// One rebuild at a time; a killed one is waited for so long.
const LEASE: &str = "rebuild";
const LEASE_TTL: Duration = Duration::from_secs(60);
/// How long a rebuild that failed clears what it wrote, before it frees the lease.
const CLEARING: Duration = Duration::from_secs(2);
/// How long to wait for a writer of the source that is still open, and how often: its time
/// limit is below that.
const OPEN_WRITER_WAIT: Duration = Duration::from_millis(200);
const OPEN_WRITER_WAITS: u32 = 600;

/// Fills a new generation and lets it answer. While it is filled the consumer writes every
/// new event to both. `fetch` asks a source for a page of its outbox. Returns how many events
/// were read.
///
/// # Errors
/// `CONCURRENT_CHANGE` while another rebuild runs; what the sources answered; an internal
/// error for an event that cannot be applied. The live generation stays as it was.
pub async fn rebuild<F, Fut>(db: &Database, fetch: F) -> Result<i64, Error>
where
    F: Fn(Role, ListOutboxEventsRequest) -> Fut + Send + Sync,
    Fut: Future<Output = Result<ListOutboxEventsResponse, Error>> + Send,
{
    let (millis, random) = florin_store::id_parts();
    let holder = EventId::from_parts(millis, random).to_string();
    let held = lease::acquire(db, LEASE, &holder, LEASE_TTL).await.map_err(internal)?;
    let Some(mut held) = held else {
        return Err(Error::new(Reason::ConcurrentChange, "another rebuild is running"));
    };
    let built = generations::begin(db).await.map_err(internal)?;
    let outcome = fill(db, built, &mut held, &fetch).await;
    let outcome = match outcome {
        Ok(applied) => generations::switch_to(db, built).await.map(|()| applied).map_err(internal),
        Err(error) => Err(error),
    };
    if outcome.is_err() {
        generations::abandon(db, built).await.map_err(internal)?;
        // What is left the next rebuild clears: a process that stops must free the lease.
        let cleared = tokio::time::timeout(CLEARING, generations::clear_retired(db)).await;
        lease::release(db, &held).await.map_err(internal)?;
        return cleared.map_or(Ok(()), |done| done.map_err(internal)).and(outcome);
    }
    generations::clear_retired(db).await.map_err(internal)?;
    lease::release(db, &held).await.map_err(internal)?;
    outcome
}

async fn fill<F, Fut>(
    db: &Database,
    built: i64,
    held: &mut lease::Lease,
    fetch: &F,
) -> Result<i64, Error>
where
    F: Fn(Role, ListOutboxEventsRequest) -> Fut + Send + Sync,
    Fut: Future<Output = Result<ListOutboxEventsResponse, Error>> + Send,
{
    let mut applied = 0;
    for source in SOURCES {
        let mut after = 0;
        let mut waits = 0;
        // What was recorded by now may have been consumed before the generation was there:
        // it must come from the outbox. The consumer brings whatever is recorded later.
        let mut until = None;
        loop {
            let ask = ListOutboxEventsRequest {
                after_position: after,
                page_size: PAGE,
                keys_only: false,
            };
            let page = fetch(source, ask).await?;
            let until = *until.get_or_insert(page.last_position);
            if let Some(last) = page.events.last() {
                after = last.position;
                applied += apply(db, built, source, page).await?;
                *held = renewed(db, held).await?;
                if after >= until {
                    break;
                }
            } else if page.settled_position >= until {
                break;
            } else {
                waits += 1;
                if waits > OPEN_WRITER_WAITS {
                    let text = format!("a writer of {source} stays open");
                    return Err(Error::new(Reason::Unavailable, text));
                }
                tokio::time::sleep(OPEN_WRITER_WAIT).await;
            }
        }
    }
    Ok(applied)
}

async fn renewed(db: &Database, held: &lease::Lease) -> Result<lease::Lease, Error> {
    let lost = || Error::new(Reason::ConcurrentChange, "another rebuild has taken over");
    lease::renew(db, held, LEASE_TTL).await.map_err(internal)?.ok_or_else(lost)
}

async fn apply(
    db: &Database,
    built: i64,
    source: Role,
    page: ListOutboxEventsResponse,
) -> Result<i64, Error> {
    let events: Vec<_> = page
        .events
        .into_iter()
        .map(|event| Envelope::from_listed(source.name(), event))
        .collect::<Result<_, _>>()
        .map_err(|error| Error::internal(error.to_string()))?;
    let mut facts = write::Facts::default();
    for event in &events {
        match facts_of(&[event]) {
            Ok(told) => facts.extend(told),
            // The consumer has it among its dead letters: what it tells is in no generation.
            Err(ConsumeError::Refused(reason)) => {
                tracing::warn!(event_id = %event.id, reason, "event left out of the rebuild");
            }
            Err(ConsumeError::Store(error)) => return Err(internal(error)),
        }
    }
    let facts = &facts;
    db.write(async |tx: Tx| write::write(&tx, &[built], facts).await)
        .await
        .map_err(|error: StoreError| internal(error))?;
    Ok(i64::try_from(events.len()).unwrap_or(i64::MAX))
}
