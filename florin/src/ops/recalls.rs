//! `florin ops recalls`: what banks ask each other back.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use florin_kernel::Role;
use florin_proto::payment::v1::{
    ListRecallsRequest, Recall, RecallDirection, payment_service_client::PaymentServiceClient,
};

use crate::{Outcome, connect::Caller};

/// Recalls of one page.
const PAGE: i32 = 200;

#[derive(Debug, Subcommand)]
pub enum Recalls {
    /// List the recalls that have not ended, in both directions, with the time until which people
    /// may decide, and those of which something was said against their end.
    List {
        /// Those that have ended, too.
        #[arg(long)]
        all: bool,
    },
}

/// Runs it.
pub async fn run(caller: &Caller, command: Recalls) -> Result<Outcome> {
    let Recalls::List { all } = command;
    let mut count = 0_u64;
    each(caller, !all, |recall| {
        count = count.saturating_add(1);
        println!("{}", line(recall));
        Ok(())
    })
    .await?;
    println!("{count} recalls");
    Ok(Outcome::Clean)
}

/// Does something with each recall, page by page.
pub async fn each(
    caller: &Caller,
    open_only: bool,
    mut act: impl FnMut(&Recall) -> Result<()>,
) -> Result<()> {
    let mut page_token = String::new();
    loop {
        let request = ListRecallsRequest { open_only, page_size: PAGE, page_token };
        let page = caller
            .call(Role::Payment, request, |channel, request| async move {
                PaymentServiceClient::new(channel).list_recalls(request).await
            })
            .await
            .context("listing recalls")?;
        page.recalls.iter().try_for_each(&mut act)?;
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        page_token = page.next_page_token;
    }
}

/// A recall in one line.
pub fn line(recall: &Recall) -> String {
    let way = match recall.direction() {
        RecallDirection::In => "in",
        RecallDirection::Out => "out",
        RecallDirection::Unspecified => "?",
    };
    let status = recall.status().as_str_name().trim_start_matches("RECALL_STATUS_");
    let amount = recall.amount.as_ref().map(|money| format!("{} {}", money.amount, money.currency));
    let amount = amount.unwrap_or_default();
    let mut line = format!("{}  {way}  {status}  {amount}  {}", recall.recall_id, recall.reason);
    let at = |at: Option<prost_types::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    for (name, value) in [
        ("decide by", at(recall.answer_by)),
        ("proposed", if recall.proposed { "yes".to_owned() } else { String::new() }),
        ("since", at(recall.changed_at)),
        ("case", recall.case_id.clone()),
        ("of", recall.transfer_id.clone() + &recall.clearing_id),
        ("account", recall.account_id.clone()),
        ("answer", recall.answer.clone()),
        ("cause", recall.last_cause.clone()),
    ] {
        if !value.is_empty() {
            // Writing into a String never fails.
            let _ = write!(line, "  {name} {value}");
        }
    }
    line
}
