//! `florin prove`: the ledger verifies itself from one snapshot, then the services are
//! paired with it and with each other by key. Exit 1 on any breach.
//!
//! What changed less than ten seconds before the proof began is listed as in flight: a
//! transfer between two of its steps is not a breach.

mod bulks;
#[cfg(test)]
mod checks;
mod events;
mod keys;
mod ledger;
mod limits;
mod pairs;
mod portfolio;
mod report;

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::Args;
use florin_kernel::{Date, UnixMicros};
use florin_proto::account::v1::Seal;

use crate::{Outcome, cli::WhereArgs, connect::Caller, mesh::Mesh};

pub use report::Report;

/// What changed more recently than this before the proof began is in flight.
const IN_FLIGHT: Duration = Duration::from_secs(10);

/// Options of `florin prove`.
#[derive(Debug, Args)]
pub struct ProveArgs {
    /// Also print the trial balance at the end of this booking date, YYYY-MM-DD.
    #[arg(long, value_name = "DATE", value_parser = day)]
    as_of: Option<Date>,
    /// A seal that was kept outside, as DATE=HASH: the one of that date is compared with it. The
    /// history is checked from the first seal on, with or without it.
    #[arg(long, value_name = "DATE=HASH", value_parser = seal)]
    seal: Option<Seal>,
    /// A file of accepted idempotency keys, one a line: each must have exactly one transfer.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Seconds that readers behind with their events get to catch up.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    wait: u64,
    /// Name of the operator's certificate.
    #[arg(long, value_name = "NAME", default_value = crate::certs::OPERATOR)]
    operator: String,
    #[command(flatten)]
    place: WhereArgs,
}

fn day(text: &str) -> Result<Date, florin_kernel::DateError> {
    florin_kernel::parse_date(text)
}

fn seal(text: &str) -> Result<Seal, String> {
    let (date, hash) = text.split_once('=').ok_or("must be DATE=HASH")?;
    let date = day(date).map_err(|error| error.to_string())?;
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("the hash must have 64 hexadecimal digits".to_owned());
    }
    let (business_date, hash) = (date.to_string(), hash.to_ascii_lowercase());
    Ok(Seal { business_date, hash, ..Seal::default() })
}

/// Proves.
pub async fn run(args: ProveArgs) -> Result<Outcome> {
    let caller = Caller::operator(Mesh::find(&args.place)?, &args.operator)?;
    let keys = args.keys.as_deref().map(keys::Keys::read).transpose()?;
    let settled_before = now().plus_micros(-micros(IN_FLIGHT));
    let mut report = Report::default();
    ledger::verify(&caller, args.seal, &mut report).await?;
    ledger::trial_balance(&caller, None, &mut report).await?;
    if let Some(day) = args.as_of {
        ledger::trial_balance(&caller, Some(day), &mut report).await?;
    }
    pairs::pair(&caller, settled_before, keys, &mut report).await?;
    bulks::pair(&caller, &mut report).await?;
    limits::compare(&caller, &mut report).await?;
    portfolio::compare(&caller, settled_before, &mut report).await?;
    events::compare(&caller, settled_before, Duration::from_secs(args.wait), &mut report).await?;
    report.print_end();
    Ok(if report.breaches() == 0 { Outcome::Clean } else { Outcome::Found })
}

/// The same proof for a command that has ended its own load: nothing counts as in flight.
///
/// # Errors
/// A service refuses or stays away; a breach is no error.
pub async fn at_rest(caller: &Caller, wait: Duration, report: &mut Report) -> Result<()> {
    let settled_before = now();
    ledger::verify(caller, None, report).await?;
    ledger::trial_balance(caller, None, report).await?;
    pairs::pair(caller, settled_before, None, report).await?;
    bulks::pair(caller, report).await?;
    limits::compare(caller, report).await?;
    portfolio::compare(caller, settled_before, report).await?;
    events::compare(caller, settled_before, wait, report).await?;
    report.print_end();
    Ok(())
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The time on this computer, near enough to the databases' to tell what is in flight.
pub fn now() -> UnixMicros {
    #[expect(clippy::disallowed_methods, reason = "no record is written by it")]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMicros(micros(since))
}
