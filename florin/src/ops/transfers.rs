//! `florin ops transfers`: what waits between this bank and the clearing network, and how two
//! persons end it.

pub mod repairs;
mod stuck;

use std::fmt::Write as _;

use anyhow::Result;
use clap::Subcommand;
use florin_kernel::Role;
use florin_proto::payment::v1::{
    ClearingDirection, ClearingRetry, ExportClearingResponse, ProposeRepairRequest, RepairAction,
    RepairDecision, RetryClearingRequest, payment_service_client::PaymentServiceClient,
};

use self::repairs::{Grounds, Resolve};
use crate::{Outcome, connect::Caller};

#[derive(Debug, Subcommand)]
pub enum Transfers {
    /// List what has not come to its end for so long, between banks and within, with attempts
    /// and cause; and however young it is what waits for people: money in suspense, repairs,
    /// recalls. Exit 1 where there is anything.
    Stuck {
        /// What has changed since is under way, and not listed.
        #[arg(long, value_name = "MINUTES", default_value_t = 5)]
        older_than: u32,
    },
    /// Propose that the network has settled a payment, or a return, about which it says nothing.
    Settle {
        /// Message id, from the list.
        clearing_id: String,
        /// The day on which the network settled it, YYYY-MM-DD.
        #[arg(long, value_name = "DATE", default_value = "")]
        settled_on: String,
        /// The network's own reference of the settlement.
        #[arg(long, default_value = "")]
        network_reference: String,
        #[command(flatten)]
        grounds: Grounds,
    },
    /// Propose that the network has not settled a payment, or a return, and never will.
    Reject {
        /// Message id, from the list.
        clearing_id: String,
        /// The code of ISO 20022, as AC04.
        #[arg(long)]
        code: String,
        #[command(flatten)]
        grounds: Grounds,
    },
    /// Propose what becomes of money in suspense, and of messages that people have dealt with.
    #[command(subcommand)]
    Resolve(Resolve),
    /// Approve a proposal of another person: it is carried out.
    Approve {
        /// apr_ and a UUIDv7.
        approval_id: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Refuse a proposal, or withdraw one's own.
    Decline {
        /// apr_ and a UUIDv7.
        approval_id: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// List all that people have proposed, with who, why and what came of it.
    Repairs,
    /// Ask the network at once what became of a payment. Kept in the audit.
    Ask {
        /// Message id, from the list.
        clearing_id: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Send the same bytes to the network again, at once. Kept in the audit.
    Send {
        /// Message id, from the list.
        clearing_id: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// Runs one of them.
pub async fn run(caller: &Caller, command: Transfers) -> Result<Outcome> {
    match command {
        Transfers::Stuck { older_than } => stuck::run(caller, older_than).await,
        Transfers::Ask { clearing_id, reason } => {
            retry(caller, clearing_id, ClearingRetry::Ask, reason).await
        }
        Transfers::Send { clearing_id, reason } => {
            retry(caller, clearing_id, ClearingRetry::Send, reason).await
        }
        Transfers::Settle { clearing_id, settled_on, network_reference, grounds } => {
            let request = ProposeRepairRequest {
                settlement_date: settled_on,
                network_reference,
                ..repairs::request(clearing_id, RepairAction::Settle, grounds)
            };
            repairs::propose(caller, request).await
        }
        Transfers::Reject { clearing_id, code, grounds } => {
            let request = repairs::request(clearing_id, RepairAction::Reject, grounds);
            repairs::propose(caller, ProposeRepairRequest { code, ..request }).await
        }
        Transfers::Resolve(resolve) => repairs::propose(caller, resolve.request()).await,
        Transfers::Approve { approval_id, reason } => {
            repairs::decide(caller, approval_id, RepairDecision::Approve, reason).await
        }
        Transfers::Decline { approval_id, reason } => {
            repairs::decide(caller, approval_id, RepairDecision::Reject, reason).await
        }
        Transfers::Repairs => repairs::list(caller, false).await,
    }
}

fn line(item: &ExportClearingResponse) -> String {
    let way = match item.direction() {
        ClearingDirection::Out => "out",
        ClearingDirection::ReturnOut => "return out",
        ClearingDirection::In => "in",
        ClearingDirection::ReturnIn => "return in",
        ClearingDirection::Unspecified => "?",
    };
    let stage = item.stage().as_str_name().trim_start_matches("CLEARING_STAGE_");
    let amount = item.amount.as_ref().map(|money| format!("{} {}", money.amount, money.currency));
    let since = item.changed_at.map(|at| at.to_string()).unwrap_or_default();
    let (amount, attempts) = (amount.unwrap_or_default(), item.attempts);
    let mut line = format!(
        "{}  {way}  {stage}  {amount}  since {since}  attempts {attempts}  asked {}",
        item.clearing_id, item.asks
    );
    for (name, value) in [
        ("transfer", &item.transfer_id),
        ("uetr", &item.uetr),
        ("cause", &item.last_cause),
        ("CONTRADICTED", &item.contradiction),
    ] {
        if !value.is_empty() {
            // Writing into a String never fails.
            let _ = write!(line, "  {name} {value}");
        }
    }
    line
}

async fn retry(
    caller: &Caller,
    clearing_id: String,
    action: ClearingRetry,
    reason: String,
) -> Result<Outcome> {
    // Each time is a wish of its own.
    let key = florin_rpc::fresh_request_id();
    let message = RetryClearingRequest { clearing_id, action: action.into(), reason };
    let send = |channel, request| async move {
        PaymentServiceClient::new(channel).retry_clearing(request).await
    };
    caller.call_keyed(Role::Payment, &key, message, send).await?;
    println!("due now");
    Ok(Outcome::Clean)
}
