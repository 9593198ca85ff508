//! `florin ops`: dead letters, replay, rebuild and the business date, by the operator's certificate.

mod authorisations;
pub mod business_date;
pub mod clearing;
mod dead_letters;
mod end_of_day;
mod rebuild;
pub mod recalls;
mod seals;
pub mod transfers;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use florin_kernel::Role;
use florin_proto::ops::v1::{ReplayEventsRequest, ops_service_client::OpsServiceClient};

use self::{
    authorisations::Authorisations, business_date::BusinessDate, dead_letters::DeadLetters,
    transfers::Transfers,
};
use crate::{Outcome, cli::WhereArgs, connect::Caller, mesh::Mesh};

/// Options of `florin ops`.
#[derive(Debug, Args)]
pub struct OpsArgs {
    #[command(subcommand)]
    command: OpsCommand,
    /// Name of the operator's certificate.
    #[arg(long, value_name = "NAME", global = true, default_value = crate::certs::OPERATOR)]
    operator: String,
    #[command(flatten)]
    place: WhereArgs,
}

#[derive(Debug, Subcommand)]
enum OpsCommand {
    /// Events that a service could not apply, and those parked behind them.
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Publish a role's events again; readers skip what they have. New events go before them.
    Replay {
        /// Whose outbox.
        role: Role,
        /// First position.
        #[arg(long, default_value_t = 0)]
        from: i64,
        /// Last position; 0 means to the end.
        #[arg(long, default_value_t = 0)]
        to: i64,
        /// Only events recorded at this instant or later: 2026-11-21T22:00:00Z.
        #[arg(long, value_name = "TIME", value_parser = instant)]
        since: Option<prost_types::Timestamp>,
        /// Only this event.
        #[arg(long, value_name = "EVENT_ID")]
        event: Option<String>,
    },
    /// Show the open business date of the ledger, advance it, keep the calendar.
    BusinessDate {
        #[command(subcommand)]
        command: Option<BusinessDate>,
    },
    /// Payments between banks that wait: show them, have them asked about or sent again, and end
    /// by two persons those about which nobody answers.
    #[command(subcommand)]
    Transfers(Transfers),
    /// Card payments of which the ledger may have something else than was answered.
    #[command(subcommand)]
    Authorisations(Authorisations),
    /// Our money at the clearing network.
    #[command(subcommand)]
    Clearing(clearing::Clearing),
    /// What this bank and others ask each other back.
    #[command(subcommand)]
    Recalls(recalls::Recalls),
    /// Tell how far the ends of the last business dates are: their steps, and what failed.
    EndOfDay {
        /// How many dates.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(i32).range(1..=200))]
        days: i32,
    },
    /// Write the seals of the ledger's history as JSON lines, to be kept outside the bank.
    Seals {
        /// Only those after this business date.
        #[arg(long, value_name = "DATE", value_parser = florin_kernel::parse_date)]
        after: Option<florin_kernel::Date>,
    },
    /// Build a role's read models anew from the outboxes of its sources, and wait for it. It
    /// goes on where this command is broken off.
    Rebuild {
        /// Whose read models.
        #[arg(default_value = "reporting")]
        role: Role,
        /// Only tell how the latest rebuild stands.
        #[arg(long)]
        status: bool,
    },
}

fn instant(text: &str) -> Result<prost_types::Timestamp, prost_types::TimestampError> {
    text.parse()
}

/// Runs one of them.
pub async fn run(args: OpsArgs) -> Result<Outcome> {
    let caller = Caller::operator(Mesh::find(&args.place)?, &args.operator)?;
    match args.command {
        OpsCommand::DeadLetters(command) => return dead_letters::run(&caller, command).await,
        OpsCommand::Replay { role, from, to, since, event } => {
            if from < 0 || to < 0 {
                bail!("positions are not negative");
            }
            let message = ReplayEventsRequest {
                from_position: from,
                to_position: to,
                since,
                event_id: event.unwrap_or_default(),
            };
            let queued = replay(&caller, role, message).await?;
            println!("{queued} events of {role} queued for publishing again");
        }
        OpsCommand::BusinessDate { command } => return business_date::run(&caller, command).await,
        OpsCommand::Clearing(command) => return clearing::run(&caller, command).await,
        OpsCommand::Recalls(command) => return recalls::run(&caller, command).await,
        OpsCommand::Transfers(command) => return transfers::run(&caller, command).await,
        OpsCommand::Authorisations(command) => {
            return authorisations::run(&caller, &command).await;
        }
        OpsCommand::Seals { after } => return seals::run(&caller, after).await,
        OpsCommand::EndOfDay { days } => return end_of_day::run(&caller, days).await,
        OpsCommand::Rebuild { role, status: true } => return rebuild::status(&caller, role).await,
        OpsCommand::Rebuild { role, status: false } => return rebuild::run(&caller, role).await,
    }
    Ok(Outcome::Clean)
}

async fn replay(caller: &Caller, role: Role, message: ReplayEventsRequest) -> Result<i64> {
    let response = caller
        .call_long(role, message, |channel, request| async move {
            OpsServiceClient::new(channel).replay_events(request).await
        })
        .await?;
    Ok(response.queued)
}
