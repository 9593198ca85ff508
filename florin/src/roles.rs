//! Starts a role in a process: the same for `up` and for `serve`.

use anyhow::{Context as _, Result};
use florin_gateway::GatewayConfig;
use florin_kernel::Role;
use florin_runtime::{Process, Section, Settings, serve_role};
use tokio::net::TcpListener;

/// Every service with its crate, which has `start`, `MIGRATIONS` and `Config`. A role that
/// is missing here does not compile.
macro_rules! with_services {
    ($then:ident) => {
        $then! {
            Cif => florin_cif,
            Account => florin_account,
            Payment => florin_payment,
            Reporting => florin_reporting,
            Loan => florin_loan,
        }
    };
}

/// The settings of the gateway come from the caller: `up` adds the development issuer.
pub async fn start(
    process: &Process,
    role: Role,
    gateway: &GatewayConfig,
    listener: TcpListener,
) -> Result<()> {
    macro_rules! start_one {
        ($($service:ident => $crate_name:ident,)*) => {
            match role {
                $(Role::$service => {
                    let runtime = process.runtime(role, Some($crate_name::MIGRATIONS)).await?;
                    let config = process.settings.section(role)?;
                    let started = $crate_name::start(&runtime, config).await;
                    serve_role(&runtime, started.with_context(|| starting(role))?, listener)
                })*
                Role::Gateway => {
                    let runtime = process.runtime(role, None).await?;
                    let started = florin_gateway::start(runtime, gateway.clone(), listener).await;
                    started.with_context(|| starting(role))
                }
            }
        };
    }
    with_services!(start_one)
}

fn starting(role: Role) -> String {
    format!("starting {role}")
}

/// The own settings of each role, for the example.
pub fn sections() -> Vec<Section> {
    macro_rules! list {
        ($($service:ident => $crate_name:ident,)*) => {
            vec![
                $(Section::of::<$crate_name::Config>(Role::$service),)*
                Section::of::<GatewayConfig>(Role::Gateway),
            ]
        };
    }
    with_services!(list)
}

/// Reads the own settings of every role, as starting them would.
#[cfg(test)]
fn check_sections(settings: &Settings) -> Result<GatewayConfig> {
    macro_rules! read {
        ($($service:ident => $crate_name:ident,)*) => {
            $(let _: $crate_name::Config = settings.section(Role::$service)?;)*
        };
    }
    with_services!(read);
    Ok(settings.section(Role::Gateway)?)
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
        let gateway = check_sections(&settings)?;
        assert_eq!(settings.role(Role::Payment).address, "payment:7400");
        let scopes = gateway.issuer.clients.iter().flat_map(|client| &client.scopes);
        for scope in scopes {
            let mut known = florin_proto::policy::POLICIES.iter().flat_map(|one| one.scopes);
            assert!(known.any(|known| known == scope), "{scope} opens nothing");
        }
        Ok(())
    }
}
