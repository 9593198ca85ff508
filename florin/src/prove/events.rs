//! Every event of every outbox against the inbox of each of its readers.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use florin_kernel::{Role, UnixMicros};
use florin_proto::{
    instant_of,
    ops::v1::{
        FindMissingEventsRequest, FindMissingEventsResponse, ListOutboxEventsRequest,
        ops_service_client::OpsServiceClient,
    },
};

use crate::{connect::Caller, prove::report::Report};

/// Events of a page, from the contract; also the most that an inbox is asked for at once.
const PAGE: i32 = 1000;
/// How often a reader that is behind is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// An event that a reader lacks.
#[derive(Clone)]
struct Missing {
    reader: Role,
    source: Role,
    event_id: String,
    kind: String,
    dead: bool,
    young: bool,
}

impl Missing {
    /// Whether the reader is only behind.
    const fn may_yet_come(&self) -> bool {
        !self.dead && !self.young
    }
}

/// Compares all; readers that are behind get `patience` to catch up.
pub async fn compare(
    caller: &Caller,
    settled_before: UnixMicros,
    patience: Duration,
    report: &mut Report,
) -> Result<()> {
    report.part("events");
    let mut missing = Vec::new();
    for source in services() {
        let readers = readers_of(caller, source).await?;
        let before = missing.len();
        let events = walk(caller, source, &readers, settled_before, &mut missing).await?;
        let names: Vec<&str> = readers.iter().map(|reader| reader.name()).collect();
        let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        let lacking = missing.len() - before;
        report.step(&format!("{source}: {events} events, read by {names}, {lacking} not yet"));
    }
    for one in catch_up(caller, missing, patience).await? {
        let Missing { reader, source, event_id, kind, .. } = &one;
        let text = format!("{reader} lacks {event_id} ({kind}) of {source}");
        if one.dead {
            let text = format!("{text}: a dead letter or parked; see florin ops dead-letters");
            report.breach("events", &text);
        } else if one.young {
            report.in_flight(&text);
        } else {
            report.breach("events", &text);
        }
    }
    Ok(())
}

fn services() -> impl Iterator<Item = Role> {
    Role::ALL.iter().copied().filter(|role| role.is_service())
}

async fn readers_of(caller: &Caller, source: Role) -> Result<Vec<Role>> {
    let mut readers = Vec::new();
    for reader in services() {
        if find(caller, reader, source, Vec::new()).await?.reads_source {
            readers.push(reader);
        }
    }
    Ok(readers)
}

async fn find(
    caller: &Caller,
    reader: Role,
    source: Role,
    event_ids: Vec<String>,
) -> Result<FindMissingEventsResponse> {
    let message = FindMissingEventsRequest { source: source.name().to_owned(), event_ids };
    caller
        .call(reader, message, |channel, request| async move {
            OpsServiceClient::new(channel).find_missing_events(request).await
        })
        .await
        .with_context(|| format!("asking {reader} for events of {source}"))
}

/// Walks one outbox and notes what its readers lack; returns how many events there are.
async fn walk(
    caller: &Caller,
    source: Role,
    readers: &[Role],
    settled_before: UnixMicros,
    missing: &mut Vec<Missing>,
) -> Result<u64> {
    let (mut after_position, mut count) = (0, 0_u64);
    loop {
        let message = ListOutboxEventsRequest { after_position, page_size: PAGE, keys_only: true };
        let page = caller
            .call(source, message, |channel, request| async move {
                OpsServiceClient::new(channel).list_outbox_events(request).await
            })
            .await
            .with_context(|| format!("listing the outbox of {source}"))?;
        let Some(last) = page.events.last() else { return Ok(count) };
        after_position = last.position;
        count = count.saturating_add(u64::try_from(page.events.len())?);
        for reader in readers {
            let ids = page.events.iter().map(|event| event.event_id.clone()).collect();
            let found = find(caller, *reader, source, ids).await?;
            let events: BTreeMap<&str, _> =
                page.events.iter().map(|event| (event.event_id.as_str(), event)).collect();
            for event_id in found.missing {
                let event = events.get(event_id.as_str()).context("missing what nobody asked")?;
                let recorded_at = event.recorded_at.as_ref().and_then(instant_of);
                missing.push(Missing {
                    reader: *reader,
                    source,
                    kind: event.kind.clone(),
                    dead: found.dead_or_parked.contains(&event_id),
                    young: recorded_at.unwrap_or_default() > settled_before,
                    event_id,
                });
            }
        }
    }
}

/// Asks again for what readers lack, until they have it or patience ends.
async fn catch_up(
    caller: &Caller,
    mut missing: Vec<Missing>,
    patience: Duration,
) -> Result<Vec<Missing>> {
    let began = Instant::now();
    missing.sort_by_key(|one| (one.reader, one.source));
    while missing.iter().any(Missing::may_yet_come) && began.elapsed() < patience {
        eprintln!("  waiting for readers that are behind by {} events", missing.len());
        tokio::time::sleep(ASK_AGAIN).await;
        missing = ask_again(caller, missing).await?;
    }
    Ok(missing)
}

/// What is still missing, in the same order.
async fn ask_again(caller: &Caller, missing: Vec<Missing>) -> Result<Vec<Missing>> {
    let mut left = Vec::new();
    let same =
        |one: &Missing, other: &Missing| (one.reader, one.source) == (other.reader, other.source);
    for pair in missing.chunk_by(same) {
        for part in pair.chunks(usize::try_from(PAGE)?) {
            let [first, ..] = part else { continue };
            let ids = part.iter().map(|one| one.event_id.clone()).collect();
            let found = find(caller, first.reader, first.source, ids).await?;
            let lacks: BTreeSet<String> = found.missing.into_iter().collect();
            let dead: BTreeSet<String> = found.dead_or_parked.into_iter().collect();
            let still = part.iter().filter(|one| lacks.contains(&one.event_id));
            left.extend(
                still.map(|one| Missing { dead: dead.contains(&one.event_id), ..one.clone() }),
            );
        }
    }
    Ok(left)
}
