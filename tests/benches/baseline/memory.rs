//! Memory of the bank's processes.

use std::time::Duration;

use anyhow::Result;
use florin_testkit::Bank;
use serde_json::{Value, json};

use crate::{Options, cases};

/// How long the bank rests before its idle memory is read.
const REST: Duration = Duration::from_secs(5);

/// Resident memory of all processes of the bank together, in KiB.
pub fn resident_kib(bank: &Bank) -> Result<u64> {
    bank.processes().iter().map(|name| bank.resident_kib(name)).sum()
}

/// Memory of `florin up` idle and after so many whole transfers.
pub async fn after(options: &Options, transfers: u64) -> Result<Value> {
    let bank = Bank::embedded().await?;
    tokio::time::sleep(REST).await;
    let idle = resident_kib(&bank)?;
    eprintln!("idle: {idle} KiB; {transfers} transfers follow");
    let (accounts, count) = (options.number("accounts")?.to_string(), transfers.to_string());
    let words = ["bench", "--json", "--work", "transfer", "--accounts", &accounts];
    let words = [&words[..], &["--count", &count, "--drain", "3600"]].concat();
    let figures = cases::bench(&bank, &words, true).await?;
    let proven = resident_kib(&bank)?;
    tokio::time::sleep(REST).await;
    let rested = resident_kib(&bank)?;
    Ok(json!({
        "idle_kib": idle, "after_proof_kib": proven, "rested_kib": rested, "figures": figures,
    }))
}
