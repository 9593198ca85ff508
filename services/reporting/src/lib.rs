//! `reporting`: read models made from the other domains' events.
//!
//! The transaction history of accounts and customers, searchable. It stores ids, amounts and
//! the texts of statements, never a customer's name. Everything can be made anew from the
//! sources' outboxes.

pub mod app;
mod config;
mod consume;
pub mod domain;
mod grpc;
pub mod store;
mod wire;

use std::sync::Arc;

use florin_kernel::Role;
use florin_proto::{
    common::v1::Reason,
    ops::v1::{ListOutboxEventsRequest, ops_service_client::OpsServiceClient},
    reporting::v1::reporting_service_server::ReportingServiceServer,
};
use florin_rpc::{Dependency, Retry, worker_context};
use florin_runtime::{Runtime, Started};

pub use app::{Reporting, rebuild_read_model::rebuild};
pub use config::Config;
pub use consume::History;
pub use grpc::ReportingApi;
pub use store::MIGRATIONS;

/// Starts the consumer and builds the service.
///
/// # Errors
/// The role has no database.
pub async fn start(runtime: &Runtime, config: Config) -> anyhow::Result<Started> {
    let db = runtime.database()?;
    let consumer = florin_events::consume(
        db.clone(),
        runtime.bus.clone(),
        Arc::new(History),
        runtime.shutdown.clone(),
    );
    runtime.tasks.spawn("reporting consumer", consumer);
    let (account, cif) = (runtime.dependency(Role::Account), runtime.dependency(Role::Cif));
    let api = ReportingApi::new(Arc::new(Reporting::new(db.clone(), account, cif, &config)));
    let rebuilding = runtime.clone();
    let rebuild: florin_events::Rebuild = Arc::new(move |progress| {
        let (db, runtime) = (db.clone(), rebuilding.clone());
        Box::pin(async move {
            let fetch = |source: Role, ask| {
                let page = fetch_page(runtime.dependency(source), ask);
                let (shutdown, progress) = (runtime.shutdown.clone(), progress.clone());
                async move {
                    // A rebuild that is broken off frees its lease while there is time.
                    let page = shutdown.run_until_cancelled(page).await;
                    let page = page.unwrap_or_else(|| Err(stopping()))?;
                    progress.add(i64::try_from(page.events.len()).unwrap_or(i64::MAX));
                    Ok(page)
                }
            };
            Ok(rebuild(&db, fetch).await?)
        })
    });
    Ok(Started::new()
        .with(|server| server.add_service(ReportingServiceServer::new(api)))
        .with_rebuild(rebuild))
}

fn stopping() -> florin_rpc::Error {
    florin_rpc::Error::new(Reason::Unavailable, "the process stops")
}

async fn fetch_page(
    source: Dependency,
    ask: ListOutboxEventsRequest,
) -> Result<florin_proto::ops::v1::ListOutboxEventsResponse, florin_rpc::Error> {
    let method = "/florin.ops.v1.OpsService/ListOutboxEvents";
    let ctx = worker_context(Role::Reporting);
    source
        .call(&ctx, method, Retry::Read, ask, |channel, request| async move {
            OpsServiceClient::new(channel).list_outbox_events(request).await
        })
        .await
}
