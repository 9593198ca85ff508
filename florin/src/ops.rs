//! `florin ops`: dead letters, replay and rebuild, by the operator's certificate.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use florin_kernel::Role;
use florin_proto::ops::v1::{
    DeadLetter, DiscardDeadLetterRequest, ListDeadLettersRequest, RebuildReadModelRequest,
    ReplayEventsRequest, RetryDeadLetterRequest, ops_service_client::OpsServiceClient,
};

use crate::{Outcome, cli::WhereArgs, connect::Caller, mesh::Mesh};

/// Dead letters of a page, from the contract.
const PAGE: i32 = 500;

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
    /// Publish a role's events again; readers skip what they have.
    Replay {
        /// Whose outbox.
        role: Role,
        /// First position.
        #[arg(long, default_value_t = 0)]
        from: i64,
        /// Last position; 0 means to the end.
        #[arg(long, default_value_t = 0)]
        to: i64,
    },
    /// Build a role's read models anew from the outboxes of its sources.
    Rebuild {
        /// Whose read models.
        #[arg(default_value = "reporting")]
        role: Role,
    },
}

#[derive(Debug, Subcommand)]
enum DeadLetters {
    /// List them, oldest first.
    List {
        /// Of this role; of every role where absent.
        role: Option<Role>,
    },
    /// Apply one again, then what is parked behind it, in order.
    Retry {
        /// The role that could not apply it.
        role: Role,
        /// Event id.
        event_id: String,
    },
    /// Give one up: it counts as processed, and what is parked behind it goes on.
    Discard {
        /// The role that could not apply it.
        role: Role,
        /// Event id.
        event_id: String,
        /// Why, for the audit.
        #[arg(long)]
        reason: String,
    },
}

/// Runs one of them.
pub async fn run(args: OpsArgs) -> Result<Outcome> {
    let caller = Caller::operator(Mesh::find(&args.place)?, &args.operator)?;
    match args.command {
        OpsCommand::DeadLetters(DeadLetters::List { role }) => {
            let roles = role.map_or_else(|| Role::ALL.to_vec(), |role| vec![role]);
            for role in roles.into_iter().filter(|role| role.is_service()) {
                list(&caller, role).await?;
            }
        }
        OpsCommand::DeadLetters(DeadLetters::Retry { role, event_id }) => {
            let applied = retry(&caller, role, event_id).await?;
            println!("{applied} events applied");
        }
        OpsCommand::DeadLetters(DeadLetters::Discard { role, event_id, reason }) => {
            let applied = discard(&caller, role, event_id, reason).await?;
            println!("discarded; {applied} events applied that were parked behind it");
        }
        OpsCommand::Replay { role, from, to } => {
            let queued = replay(&caller, role, from, to).await?;
            println!("{queued} events of {role} queued for publishing again");
        }
        OpsCommand::Rebuild { role } => {
            let applied = rebuild(&caller, role).await?;
            println!("the read models of {role} are built anew of {applied} events");
        }
    }
    Ok(Outcome::Clean)
}

async fn list(caller: &Caller, role: Role) -> Result<()> {
    let (mut page_token, mut count) = (String::new(), 0_usize);
    loop {
        let message = ListDeadLettersRequest { page_size: PAGE, page_token };
        let page = caller
            .call(role, message, |channel, request| async move {
                OpsServiceClient::new(channel).list_dead_letters(request).await
            })
            .await
            .with_context(|| format!("listing the dead letters of {role}"))?;
        count = count.saturating_add(page.dead_letters.len());
        for letter in &page.dead_letters {
            print_letter(role, letter);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    println!("{role}: {count} dead letters and parked events");
    Ok(())
}

fn print_letter(role: Role, letter: &DeadLetter) {
    let DeadLetter { event_id, source, kind, aggregate, version, attempts, reason, .. } = letter;
    let what = format!("{role}  {event_id}  {source}/{kind}  {aggregate} version {version}");
    if letter.parked {
        println!("{what}  parked");
    } else {
        println!("{what}  refused {attempts} times: {reason}");
    }
}

async fn retry(caller: &Caller, role: Role, event_id: String) -> Result<i32> {
    let response = caller
        .call(role, RetryDeadLetterRequest { event_id }, |channel, request| async move {
            OpsServiceClient::new(channel).retry_dead_letter(request).await
        })
        .await?;
    Ok(response.applied)
}

async fn discard(caller: &Caller, role: Role, event_id: String, reason: String) -> Result<i32> {
    let message = DiscardDeadLetterRequest { event_id, reason };
    let response = caller
        .call(role, message, |channel, request| async move {
            OpsServiceClient::new(channel).discard_dead_letter(request).await
        })
        .await?;
    Ok(response.applied)
}

async fn replay(caller: &Caller, role: Role, from: i64, to: i64) -> Result<i64> {
    let message = ReplayEventsRequest { from_position: from, to_position: to };
    let response = caller
        .call(role, message, |channel, request| async move {
            OpsServiceClient::new(channel).replay_events(request).await
        })
        .await?;
    Ok(response.queued)
}

async fn rebuild(caller: &Caller, role: Role) -> Result<i64> {
    let response = caller
        .call_long(role, RebuildReadModelRequest {}, |channel, request| async move {
            OpsServiceClient::new(channel).rebuild_read_model(request).await
        })
        .await?;
    Ok(response.applied)
}
