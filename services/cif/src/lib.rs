//! Customers: who they are, whether the bank knows them, how they are related.
//!
//! What tells who a customer is lies sealed in the database (see [`vault`]) and leaves only
//! in answers to those who may read it: never in events, the audit, errors or logs.

pub mod app;
mod config;
pub mod domain;
mod events;
mod grpc;
mod store;
pub mod vault;
mod wire;

use std::sync::Arc;

use florin_proto::cif::v1::cif_service_server::CifServiceServer;
use florin_runtime::{Runtime, Started};

pub use app::Cif;
pub use config::{Config, RetiredMasterKey};
pub use grpc::CifApi;
pub use store::MIGRATIONS;

/// Opens the vault and builds the service.
///
/// # Errors
/// The master key is absent, malformed or another than the one that sealed the database.
pub async fn start(runtime: &Runtime, config: Config) -> anyhow::Result<Started> {
    let db = runtime.database()?;
    let cif = Cif::open(db, runtime.outbox.clone(), &config).await?;
    let api = CifApi::new(Arc::new(cif));
    Ok(Started::new().with(|server| server.add_service(CifServiceServer::new(api))))
}
