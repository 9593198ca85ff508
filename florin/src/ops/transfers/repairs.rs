//! What two persons decide where nobody answers.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use florin_kernel::Role;
use florin_proto::payment::v1::{
    DecideRepairRequest, ListRepairsRequest, ProposeRepairRequest, Repair, RepairAction,
    RepairDecision, RepairStatus, payment_service_client::PaymentServiceClient,
};

use crate::{Outcome, connect::Caller};

/// Repairs of one page.
const PAGE: i32 = 200;

/// Why, and by what it is known.
#[derive(Debug, Args)]
pub struct Grounds {
    /// Why.
    #[arg(long)]
    reason: String,
    /// By what it is known: who at the network said it, the line of its report.
    #[arg(long)]
    evidence: String,
}

/// What becomes of what people have to end.
#[derive(Debug, Subcommand)]
pub enum Resolve {
    /// Credit money in suspense to an account.
    Credit {
        /// Name, from the list.
        clearing_id: String,
        /// The account, acc_ and a UUIDv7.
        #[arg(long)]
        account: String,
        /// With which code of ISO 20022 a recall of it is answered.
        #[arg(long, default_value = "CUST")]
        code: String,
        #[command(flatten)]
        grounds: Grounds,
    },
    /// Send money in suspense back once more, by a return of its own.
    Return {
        /// Name, from the list.
        clearing_id: String,
        #[command(flatten)]
        grounds: Grounds,
    },
    /// Book money in suspense to a GL account, since it went elsewhere by another way.
    BookOut {
        /// Name, from the list.
        clearing_id: String,
        /// The GL account.
        #[arg(long)]
        gl: String,
        #[command(flatten)]
        grounds: Grounds,
    },
    /// End a message that could not be taken, or what the network said against an end: it was
    /// dealt with otherwise. No money moves.
    Dismiss {
        /// Name, from the list.
        clearing_id: String,
        #[command(flatten)]
        grounds: Grounds,
    },
}

impl Resolve {
    /// What it proposes.
    pub fn request(self) -> ProposeRepairRequest {
        match self {
            Self::Credit { clearing_id, account, code, grounds } => ProposeRepairRequest {
                account_id: account,
                code,
                ..request(clearing_id, RepairAction::Credit, grounds)
            },
            Self::Return { clearing_id, grounds } => {
                request(clearing_id, RepairAction::Return, grounds)
            }
            Self::BookOut { clearing_id, gl, grounds } => ProposeRepairRequest {
                gl_code: gl,
                ..request(clearing_id, RepairAction::BookOut, grounds)
            },
            Self::Dismiss { clearing_id, grounds } => {
                request(clearing_id, RepairAction::Dismiss, grounds)
            }
        }
    }
}

/// A proposal without what only some have.
pub fn request(
    clearing_id: String,
    action: RepairAction,
    grounds: Grounds,
) -> ProposeRepairRequest {
    ProposeRepairRequest {
        clearing_id,
        action: action.into(),
        reason: grounds.reason,
        evidence: grounds.evidence,
        ..ProposeRepairRequest::default()
    }
}

/// Proposes.
pub async fn propose(caller: &Caller, message: ProposeRepairRequest) -> Result<Outcome> {
    // Each time is a wish of its own; what is open already is refused.
    let key = florin_rpc::fresh_request_id();
    let send = |channel, request| async move {
        PaymentServiceClient::new(channel).propose_repair(request).await
    };
    let answer = caller.call_keyed(Role::Payment, &key, message, send).await?;
    println!("{}", line(&answer.repair.unwrap_or_default()));
    println!("another person approves it: florin ops transfers approve ID --reason ..");
    Ok(Outcome::Clean)
}

/// Approves or rejects.
pub async fn decide(
    caller: &Caller,
    approval_id: String,
    decision: RepairDecision,
    reason: String,
) -> Result<Outcome> {
    let key = florin_rpc::fresh_request_id();
    let message = DecideRepairRequest { approval_id, decision: decision.into(), reason };
    let send = |channel, request| async move {
        PaymentServiceClient::new(channel).decide_repair(request).await
    };
    let answer = caller.call_keyed(Role::Payment, &key, message, send).await?;
    println!("{}", line(&answer.repair.unwrap_or_default()));
    Ok(Outcome::Clean)
}

/// Lists the repairs.
pub async fn list(caller: &Caller, open_only: bool) -> Result<Outcome> {
    let mut count = 0_u64;
    each(caller, open_only, |repair| {
        count = count.saturating_add(1);
        println!("{}", line(repair));
        Ok(())
    })
    .await?;
    println!("{count} repairs");
    Ok(Outcome::Clean)
}

/// Does something with each repair, page by page.
pub async fn each(
    caller: &Caller,
    open_only: bool,
    mut act: impl FnMut(&Repair) -> Result<()>,
) -> Result<()> {
    let mut page_token = String::new();
    loop {
        let request = ListRepairsRequest { open_only, page_size: PAGE, page_token };
        let page = caller
            .call(Role::Payment, request, |channel, request| async move {
                PaymentServiceClient::new(channel).list_repairs(request).await
            })
            .await
            .context("listing repairs")?;
        page.repairs.iter().try_for_each(&mut act)?;
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        page_token = page.next_page_token;
    }
}

/// A repair in one line.
pub fn line(repair: &Repair) -> String {
    let action = repair.action().as_str_name().trim_start_matches("REPAIR_ACTION_");
    let status = repair.status().as_str_name().trim_start_matches("REPAIR_STATUS_");
    let amount = repair.amount.as_ref().map(|money| format!("{} {}", money.amount, money.currency));
    let waits = repair.status() == RepairStatus::Proposed;
    let until = repair.expire_time.filter(|_| waits).map(|at| at.to_string()).unwrap_or_default();
    let mut words = vec![
        repair.approval_id.clone(),
        action.to_owned(),
        status.to_owned(),
        amount.unwrap_or_default(),
    ];
    for (name, value) in [
        ("of", &repair.clearing_id),
        ("transfer", &repair.transfer_id),
        ("code", &repair.code),
        ("account", &repair.account_id),
        ("GL", &repair.gl_code),
        ("settled on", &repair.settlement_date),
        ("as", &repair.network_reference),
        ("by", &repair.maker),
        ("decided by", &repair.checker),
        ("until", &until),
        ("reason", &repair.reason),
        ("evidence", &repair.evidence),
        ("outcome", &repair.outcome),
    ] {
        if !value.is_empty() {
            words.push(format!("{name} {value}"));
        }
    }
    words.join("  ")
}
