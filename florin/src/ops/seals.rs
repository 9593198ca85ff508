//! `florin ops seals`: writes the seals as JSON lines, to be kept where nobody of the bank can
//! change them.

use anyhow::{Context as _, Result};
use florin_kernel::{Date, Role};
use florin_proto::account::v1::{ExportSealsRequest, account_service_client::AccountServiceClient};

use crate::{Outcome, connect::Caller};

/// Prints the seals after a business date, or all, a line each.
pub async fn run(caller: &Caller, after: Option<Date>) -> Result<Outcome> {
    let after_business_date = after.map(|date| date.to_string()).unwrap_or_default();
    let message = ExportSealsRequest { after_business_date };
    let mut seals = caller
        .stream(Role::Account, message, |channel, request| async move {
            AccountServiceClient::new(channel).export_seals(request).await
        })
        .await?;
    while let Some(told) = seals.message().await.context("exporting the seals")? {
        let Some(seal) = told.seal else { continue };
        let line = serde_json::json!({
            "businessDate": seal.business_date, "hash": seal.hash,
            "previousHash": seal.previous_hash, "accounts": seal.accounts,
            "sealedAt": seal.sealed_at.map(|at| at.to_string()),
        });
        println!("{line}");
    }
    Ok(Outcome::Clean)
}
