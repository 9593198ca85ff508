//! Starts the role: the committers, the workers, the gRPC service.

use florin_proto::payment::v1::payment_service_server::PaymentServiceServer;
use florin_runtime::{Runtime, Started};

use crate::{App, Config, grpc::PaymentRpc};

/// Starts the workers on the role's database and gives the service to be served.
///
/// # Errors
/// Says which setting is wrong.
pub async fn start(runtime: &Runtime, config: Config) -> anyhow::Result<Started> {
    let workers = config.workers;
    let app = App::new(runtime, config)?;
    for number in 0..workers {
        let worker = app.worker();
        let name = format!("payment worker {number}");
        runtime.tasks.spawn(name, worker.run(runtime.shutdown.clone()));
    }
    runtime.tasks.spawn("payment meter", app.measure(runtime.shutdown.clone()));
    runtime.tasks.spawn("payment keys", app.guard_keys(runtime.shutdown.clone()));
    let service = PaymentRpc::new(app);
    Ok(Started::new().with(|server| server.add_service(PaymentServiceServer::new(service))))
}
