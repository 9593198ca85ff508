//! `florin ops clearing`: our money at the clearing network.

use anyhow::{Context as _, Result};
use clap::Subcommand;
use florin_kernel::Role;
use florin_proto::{
    common::v1::{Direction, Money},
    payment::v1::{
        NostroDifference, ReconcileClearingRequest, ReconcileClearingResponse,
        payment_service_client::PaymentServiceClient,
    },
};

use crate::{Outcome, connect::Caller};

#[derive(Debug, Subcommand)]
pub enum Clearing {
    /// Compare the network's last statement of each account with the nostro account, and list
    /// what only one of them has; exit 1 where there is a difference, or what no statement has
    /// told of in its time.
    Reconcile,
}

/// Runs it.
pub async fn run(caller: &Caller, command: Clearing) -> Result<Outcome> {
    let Clearing::Reconcile = command;
    let mut differences = 0_usize;
    for one in reconcile(caller).await?.reconciliations {
        let (closing, booked) = (shown(one.closing.as_ref()), shown(one.booked.as_ref()));
        println!("{}  closing {closing}  booked {booked}", one.statement_id);
        for difference in &one.differences {
            println!("  DIFFERENCE  {}", line(difference));
        }
        for under_way in &one.under_way {
            println!("  under way   {}", line(under_way));
        }
        for untold in &one.untold {
            println!("  UNTOLD      {}", line(untold));
        }
        let found = one.differences.len().saturating_add(one.untold.len());
        differences = differences.saturating_add(found);
    }
    println!("{differences} differences");
    Ok(if differences == 0 { Outcome::Clean } else { Outcome::Found })
}

/// The comparisons of this moment.
pub async fn reconcile(caller: &Caller) -> Result<ReconcileClearingResponse> {
    caller
        .call_long(Role::Payment, ReconcileClearingRequest {}, |channel, request| async move {
            PaymentServiceClient::new(channel).reconcile_clearing(request).await
        })
        .await
        .context("comparing the nostro account")
}

/// A difference in one line.
pub fn line(one: &NostroDifference) -> String {
    let amiss = one.amiss().as_str_name().trim_start_matches("NOSTRO_AMISS_");
    let side = match one.side() {
        Direction::Credit => "credit",
        Direction::Debit => "debit",
        Direction::Unspecified => "?",
    };
    let uetr = if one.uetr.is_empty() { String::new() } else { format!("  uetr {}", one.uetr) };
    format!("{amiss}  {side}  {}{uetr}  {}", shown(one.amount.as_ref()), one.of)
}

fn shown(money: Option<&Money>) -> String {
    money.map(|money| format!("{} {}", money.amount, money.currency)).unwrap_or_default()
}
