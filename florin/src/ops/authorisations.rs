//! `florin ops authorisations`: card payments of which the ledger may have something else than
//! was answered.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use florin_kernel::Role;
use florin_proto::payment::v1::{
    ExportAuthorisationsRequest, ExportAuthorisationsResponse,
    payment_service_client::PaymentServiceClient,
};

use crate::{Outcome, connect::Caller};

#[derive(Debug, Subcommand)]
pub enum Authorisations {
    /// List those in doubt; exit 1 where there are any. A worker is on them.
    InDoubt,
}

/// Runs one of them.
pub async fn run(caller: &Caller, command: &Authorisations) -> Result<Outcome> {
    match command {
        Authorisations::InDoubt => in_doubt(caller).await,
    }
}

async fn in_doubt(caller: &Caller) -> Result<Outcome> {
    let request = ExportAuthorisationsRequest { in_doubt_only: true };
    let mut items = caller
        .stream(Role::Payment, request, |channel, request| async move {
            PaymentServiceClient::new(channel).export_authorisations(request).await
        })
        .await
        .context("exporting authorisations")?;
    let mut count = 0_u64;
    while let Some(item) = items.message().await.context("exporting authorisations")? {
        count = count.saturating_add(1);
        println!("{}", line(&item));
    }
    println!("{count} in doubt");
    Ok(if count == 0 { Outcome::Clean } else { Outcome::Found })
}

fn line(item: &ExportAuthorisationsResponse) -> String {
    let Some(one) = &item.authorisation else { return "without its record".to_owned() };
    let status = one.status().as_str_name().trim_start_matches("AUTHORISATION_STATUS_");
    let money = one.authorised.as_ref();
    let money = money.map(|money| format!("{} {}", money.amount, money.currency));
    let since = one.changed_at.map(|at| at.to_string()).unwrap_or_default();
    let mut line = format!(
        "{}  {status}  {}  {}  since {since}  attempts {}",
        one.authorisation_id,
        one.network,
        money.unwrap_or_default(),
        item.attempts
    );
    if !item.last_cause.is_empty() {
        // Writing into a String never fails.
        let _ = write!(line, "  cause {}", item.last_cause);
    }
    line
}
