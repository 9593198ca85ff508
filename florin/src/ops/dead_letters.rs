//! `florin ops dead-letters`: list, retry, discard.

use anyhow::{Context as _, Result};
use clap::Subcommand;
use florin_kernel::Role;
use florin_proto::ops::v1::{
    DeadLetter, DiscardDeadLetterRequest, ListDeadLettersRequest, RetryDeadLetterRequest,
    ops_service_client::OpsServiceClient,
};

use crate::{Outcome, connect::Caller};

/// Dead letters of a page, from the contract.
const PAGE: i32 = 500;

#[derive(Debug, Subcommand)]
pub enum DeadLetters {
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
pub async fn run(caller: &Caller, command: DeadLetters) -> Result<Outcome> {
    match command {
        DeadLetters::List { role } => return list_all(caller, role).await,
        DeadLetters::Retry { role, event_id } => {
            let applied = retry(caller, role, event_id).await?;
            println!("{applied} events applied");
        }
        DeadLetters::Discard { role, event_id, reason } => {
            let applied = discard(caller, role, event_id, reason).await?;
            println!("discarded; {applied} events applied that were parked behind it");
        }
    }
    Ok(Outcome::Clean)
}

/// A role that is away does not hide the letters of the others; the command fails at its end.
async fn list_all(caller: &Caller, role: Option<Role>) -> Result<Outcome> {
    let roles = role.map_or_else(|| Role::ALL.to_vec(), |role| vec![role]);
    let mut failed = None;
    for role in roles.into_iter().filter(|role| role.is_service()) {
        if let Err(error) = list(caller, role).await {
            println!("{role}: not asked: {error:#}");
            failed = Some(error);
        }
    }
    failed.map_or(Ok(Outcome::Clean), |error| Err(error.context("not every role answered")))
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
