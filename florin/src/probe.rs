//! `florin probe`: asks the probe port of a role whether it is ready.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use florin_runtime::Settings;
use http::Method;

use crate::{Outcome, cli::WhereArgs, https::Https, mesh::Mesh};

/// Options of `florin probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// What to ask: `http://127.0.0.1:9090/readyz`.
    #[arg(
        value_name = "URL",
        required_unless_present_any = ["config", "data"],
        conflicts_with_all = ["config", "data"]
    )]
    url: Option<String>,
    /// Settings that say where the probe port of this container is.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    config: Option<PathBuf>,
    /// Folder of a running `florin up`.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Exit 0 where it is ready, 1 where it says that it is not, 2 where nobody answers.
pub async fn run(args: ProbeArgs) -> Result<Outcome> {
    let url = match (args.url, args.config, args.data) {
        (Some(url), _, _) => url,
        (None, Some(file), _) => {
            let settings = Settings::load(&file)?;
            format!("http://127.0.0.1:{}/readyz", settings.probe.listen.port())
        }
        (None, None, Some(data)) => {
            let mesh = Mesh::find(&WhereArgs { data, config: None, certs: None })?;
            format!("{}/readyz", mesh.probe)
        }
        (None, None, None) => bail!("name a URL, a file of settings or a data folder"),
    };
    let answer = Https::plain().send(Method::GET, &url, &[], Vec::new()).await;
    let answer = answer.with_context(|| format!("nobody answers at {url}"))?;
    let said = String::from_utf8_lossy(&answer.body);
    println!("{} {}", answer.status.as_u16(), said.trim());
    Ok(if answer.status.is_success() { Outcome::Clean } else { Outcome::Found })
}
