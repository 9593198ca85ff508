//! Opens the bus that the settings name.

use florin_events::{Bus, NatsOptions};
use florin_kernel::Role;
use florin_rpc::tls::TlsFiles;

use crate::{Settings, settings::BusKind};

/// The process's own bus, or JetStream with the role's certificate.
pub(crate) async fn open(
    settings: &Settings,
    role: Role,
    files: &TlsFiles,
    embedded: &Bus,
) -> anyhow::Result<Bus> {
    match settings.bus.kind {
        BusKind::Embedded => Ok(embedded.clone()),
        BusKind::Jetstream => {
            let options = NatsOptions {
                servers: settings.bus.url.clone(),
                role: role.name().to_owned(),
                ca: Some(files.ca.clone()),
                cert: Some(files.cert.clone()),
                key: Some(files.key.clone()),
                replicas: usize::from(settings.bus.replicas),
                keep_days: settings.bus.keep_days,
                metrics: embedded.metrics().clone(),
            };
            Ok(Bus::jetstream(&options).await?)
        }
    }
}
