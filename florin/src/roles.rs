//! Starts a role in a process: the same for `up` and for `serve`.

use anyhow::{Context as _, Result};
use florin_gateway::GatewayConfig;
use florin_kernel::Role;
use florin_runtime::{Process, Section, Settings, serve_role};
use tokio::net::TcpListener;

/// The settings of the gateway come from the caller: `up` adds the development issuer.
pub async fn start(
    process: &Process,
    role: Role,
    gateway: &GatewayConfig,
    listener: TcpListener,
) -> Result<()> {
    let settings = &process.settings;
    let started = match role {
        Role::Cif => {
            let runtime = process.runtime(role, Some(&florin_cif::migrations())).await?;
            let started = florin_cif::start(runtime.clone(), settings.section(role)?).await;
            started.map(|started| (runtime, started))
        }
        Role::Account => {
            let runtime = process.runtime(role, Some(&florin_account::store::migrations())).await?;
            let started = florin_account::start(&runtime, settings.section(role)?).await;
            started.map(|started| (runtime, started))
        }
        Role::Payment => {
            let runtime = process.runtime(role, Some(&florin_payment::migrations())).await?;
            let started = florin_payment::start(&runtime, settings.section(role)?).await;
            started.map(|started| (runtime, started))
        }
        Role::Reporting => {
            let runtime = process.runtime(role, Some(&florin_reporting::migrations())).await?;
            let started = florin_reporting::start(runtime.clone(), settings.section(role)?).await;
            started.map(|started| (runtime, started))
        }
        Role::Gateway => {
            let runtime = process.runtime(role, None).await?;
            florin_gateway::start(runtime, gateway.clone(), listener)
                .await
                .with_context(|| format!("starting {role}"))?;
            return Ok(());
        }
    };
    let (runtime, started) = started.with_context(|| format!("starting {role}"))?;
    serve_role(&runtime, started, listener)
}

/// The own settings of each role, for the example.
pub fn sections() -> Vec<Section> {
    vec![
        Section::of::<florin_cif::Config>(Role::Cif),
        Section::of::<florin_account::Config>(Role::Account),
        Section::of::<florin_payment::Config>(Role::Payment),
        Section::of::<florin_reporting::Config>(Role::Reporting),
        Section::of::<GatewayConfig>(Role::Gateway),
    ]
}

/// The text of `florin.example.toml`.
pub fn example() -> String {
    Settings::example(&sections())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_the_containers_name_only_what_there_is() -> Result<()> {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/florin.toml");
        let settings = Settings::load(std::path::Path::new(file))?;
        let _: florin_cif::Config = settings.section(Role::Cif)?;
        let _: florin_account::Config = settings.section(Role::Account)?;
        let _: florin_payment::Config = settings.section(Role::Payment)?;
        let _: florin_reporting::Config = settings.section(Role::Reporting)?;
        let gateway: GatewayConfig = settings.section(Role::Gateway)?;
        let scopes = gateway.issuer.clients.iter().flat_map(|client| &client.scopes);
        for scope in scopes {
            let mut known = florin_proto::policy::POLICIES.iter().flat_map(|one| one.scopes);
            assert!(known.any(|known| known == scope), "{scope} opens nothing");
        }
        Ok(())
    }
}
