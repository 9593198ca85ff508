//! Transfers, cash deposits, cash withdrawals and card payments. Transfers are accepted in one transaction with their
//! client's key, then advanced by workers until they are COMPLETED, FAILED or CANCELLED.
//!
//! ```text
//! create_*   reads of `account`, then one group commit: key, transfer, event, stored 202; in
//!            POSTING and with a lease where a worker of this process waits (ADR 100)
//! worker     take (PROCESSING -> POSTING), post (the ledger), settle (-> COMPLETED | FAILED)
//! cancel     PROCESSING -> CANCELLED under the row's lock
//! ```
//!
//! A transfer's posting has the natural reference `trf_../post` and no other, for ever, so
//! that whatever is repeated after a crash meets its own work in the ledger.

mod app;
mod bulk_file;
mod clearing;
mod config;
pub mod domain;
mod grpc;
mod meter;
mod store;
mod wire;

use std::sync::Arc;

use florin_events::DayWork;
use florin_proto::payment::v1::{
    bulk_service_server::BulkServiceServer, payment_service_server::PaymentServiceServer,
};
use florin_runtime::{Runtime, Started};

pub use app::{Attendance, ClearingWorker, Payment, ScoreRequest, Scorer, Scoring, Turn, Worker};
pub use config::{CardsConfig, ClearingConfig, Config, ConfigError, ScoreConfig, ToleranceConfig};
pub use grpc::{BulkApi, PaymentApi};
pub use store::MIGRATIONS;

/// Starts the committers and the workers, and builds the service.
///
/// # Errors
/// Says which setting is wrong.
pub async fn start(runtime: &Runtime, config: Config) -> anyhow::Result<Started> {
    config.warn_of_the_gone();
    let workers = config.workers;
    let payment = Payment::new(runtime, config)?;
    for number in 0..workers {
        let worker = payment.worker();
        let name = format!("payment worker {number}");
        runtime.tasks.spawn(name, worker.run(runtime.shutdown.clone()));
    }
    if let Some(clearing) = payment.clearing_worker() {
        let sender = clearing.clone().run(runtime.shutdown.clone());
        runtime.tasks.spawn("payment clearing", sender);
        let compare = payment.clone().reconcile_from_time_to_time(runtime.shutdown.clone());
        runtime.tasks.spawn("payment nostro", compare);
        let receiver = clearing.receive_messages(runtime.shutdown.clone());
        runtime.tasks.spawn("payment clearing messages", receiver);
    } else {
        let warn = payment.clone().warn_of_what_waits(runtime.shutdown.clone());
        runtime.tasks.spawn("payment clearing", warn);
    }
    runtime.tasks.spawn("payment meter", payment.measure(runtime.shutdown.clone()));
    let authorisations = payment.advance_authorisations(runtime.shutdown.clone());
    runtime.tasks.spawn("payment authorisations", authorisations);
    let void_failed = payment.clone().void_failed_from_time_to_time(runtime.shutdown.clone());
    runtime.tasks.spawn("payment voids", void_failed);
    runtime.tasks.spawn("payment keys", payment.guard_keys(runtime.shutdown.clone()));
    runtime.tasks.spawn("payment books", payment.watch_books(runtime.shutdown.clone()));
    runtime.tasks.spawn("payment limits", payment.prune_counters(runtime.shutdown.clone()));
    runtime.tasks.spawn("payment orders", payment.run_orders(runtime.shutdown.clone()));
    runtime.tasks.spawn("payment bulks", payment.run_bulks(runtime.shutdown.clone()));
    let bulks = BulkApi::new(payment.clone());
    let api = PaymentApi::new(payment.clone());
    let day: DayWork = Arc::new(move |date| {
        let payment = payment.clone();
        Box::pin(async move { payment.day_work(date).await })
    });
    let started = Started::new().with(|server| {
        let server = server.add_service(BulkServiceServer::new(bulks));
        server.add_service(PaymentServiceServer::new(api))
    });
    Ok(started.with_day_work(day))
}
