//! `florin ops rebuild`: begins a rebuild, or joins the one that runs, and waits for its end.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use florin_kernel::Role;
use florin_proto::ops::v1::{
    GetRebuildRequest, Rebuild, RebuildReadModelRequest, RebuildState,
    ops_service_client::OpsServiceClient,
};

use crate::{Outcome, connect::Caller};

/// How often it is asked how far it is.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Waits until the rebuild has ended, however long it takes: it tells how far it is, and one
/// that falls silent has failed.
pub async fn run(caller: &Caller, role: Role) -> Result<Outcome> {
    let begun = caller
        .call(role, RebuildReadModelRequest {}, |channel, request| async move {
            OpsServiceClient::new(channel).rebuild_read_model(request).await
        })
        .await?;
    let mut latest = begun.rebuild.context("an answer without a rebuild")?;
    let id = latest.rebuild_id.clone();
    while latest.state() == RebuildState::Running {
        eprintln!("{id}: {} events", latest.events);
        tokio::time::sleep(ASK_AGAIN).await;
        latest = ask(caller, role).await?;
        if latest.rebuild_id != id {
            bail!("{id} has ended and {} began; see --status", latest.rebuild_id);
        }
    }
    tell(role, &latest)
}

/// Tells how the latest rebuild stands.
pub async fn status(caller: &Caller, role: Role) -> Result<Outcome> {
    tell(role, &ask(caller, role).await?)
}

async fn ask(caller: &Caller, role: Role) -> Result<Rebuild> {
    let answer = caller
        .call(role, GetRebuildRequest {}, |channel, request| async move {
            OpsServiceClient::new(channel).get_rebuild(request).await
        })
        .await?;
    answer.rebuild.context("an answer without a rebuild")
}

fn tell(role: Role, rebuild: &Rebuild) -> Result<Outcome> {
    let Rebuild { rebuild_id, events, cause, .. } = rebuild;
    match rebuild.state() {
        RebuildState::Done => {
            println!("the read models of {role} are built anew of {events} events");
            Ok(Outcome::Clean)
        }
        RebuildState::Running => {
            println!("{rebuild_id} runs: {events} events");
            Ok(Outcome::Clean)
        }
        RebuildState::Failed => {
            println!("{rebuild_id} failed after {events} events: {cause}");
            Ok(Outcome::Found)
        }
        RebuildState::Unspecified => bail!("{role} answered a rebuild without state"),
    }
}
