//! The ledger's part of the proof: its own verification and the trial balance.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, bail};
use florin_kernel::{Currency, Date, Money, Role};
use florin_proto::{
    account::v1::{
        GetTrialBalanceRequest, Seal, VerifyLedgerRequest, VerifySummary,
        account_service_client::AccountServiceClient, verify_ledger_response::Part,
    },
    money_of,
};

use crate::{connect::Caller, prove::report::Report};

/// Breaches that the ledger describes before it only counts.
const MOST_BREACHES: i32 = 200;
/// Longest silence of the ledger while it verifies.
const MOST_SILENCE: Duration = Duration::from_secs(60);

/// Has the ledger verify itself, its seals from one that was kept outside where it is given.
pub async fn verify(caller: &Caller, seal: Option<Seal>, report: &mut Report) -> Result<()> {
    report.part("ledger");
    let message = VerifyLedgerRequest { most_breaches: MOST_BREACHES, seal };
    let mut parts = caller
        .stream(Role::Account, message, |channel, request| async move {
            AccountServiceClient::new(channel).verify_ledger(request).await
        })
        .await
        .context("verifying the ledger")?;
    let mut described = 0_u64;
    loop {
        let part = tokio::time::timeout(MOST_SILENCE, parts.message())
            .await
            .context("the ledger fell silent while it verified")?
            .context("verifying the ledger")?;
        let Some(part) = part else { bail!("the verification broke off before its end") };
        match part.part {
            Some(Part::Progress(progress)) => {
                tracing::debug!(check = progress.check, done = progress.done, "verifying");
            }
            Some(Part::Breach(breach)) => {
                described = described.saturating_add(1);
                let text = format!("{}: {}", breach.record, breach.description);
                report.breach(&breach.check, &text);
            }
            Some(Part::Notice(notice)) => {
                report.unfinished(&format!("{} {}", notice.record, notice.description));
            }
            Some(Part::Summary(summary)) => {
                conclude(summary, described, report);
                return Ok(());
            }
            None => {}
        }
    }
}

fn conclude(summary: VerifySummary, described: u64, report: &mut Report) {
    report.step(&format!(
        "verified {} accounts, {} events, {} journal transactions, {} seals",
        summary.accounts, summary.events, summary.transactions, summary.seals
    ));
    let counted = u64::try_from(summary.breaches).unwrap_or(0);
    report.more_breaches(counted.saturating_sub(described));
}

/// Sums the trial balance at the end of a booking date, or of all entries: zero per currency.
pub async fn trial_balance(caller: &Caller, day: Option<Date>, report: &mut Report) -> Result<()> {
    let as_of_booking_date = day.map(|day| day.to_string()).unwrap_or_default();
    let when = day.map_or_else(|| "now".to_owned(), |day| format!("at the end of {day}"));
    let message =
        GetTrialBalanceRequest { as_of_booking_date, ..GetTrialBalanceRequest::default() };
    let response = caller
        .call_long(Role::Account, message, |channel, request| async move {
            AccountServiceClient::new(channel).get_trial_balance(request).await
        })
        .await
        .context("asking for the trial balance")?;
    let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
    let mut turnover: BTreeMap<Currency, Option<i64>> = BTreeMap::new();
    for row in &response.rows {
        let net = money_of(row.net.as_ref())?;
        let so_far = turnover.entry(net.currency()).or_insert(Some(0));
        let debits = row.debits.as_ref().map(|money| money_of(Some(money))).transpose()?;
        *so_far = so_far.zip(debits).and_then(|(sum, one)| sum.checked_add(one.minor()));
        if day.is_some() {
            let (code, name) = (&row.code, &row.name);
            let (debits, credits) = (side(row.debits.as_ref())?, side(row.credits.as_ref())?);
            report.step(&format!("  {code:<10} {name:<32} {debits:>20} {credits:>20}"));
        }
        *sums.entry(net.currency()).or_default() += i128::from(net.minor());
    }
    for (currency, sum) in &sums {
        let turned = turnover.get(currency).copied().flatten();
        let debits = turned.map_or_else(
            || "beyond 64 bits".to_owned(),
            |minor| Money::new(minor, *currency).to_string(),
        );
        report.step(&format!(
            "trial balance {when}: debits {debits}, {currency} sums to {sum} minor units"
        ));
        // A first page of several sums to nothing in particular; the ledger sums all of them.
        if *sum != 0 && response.next_page_token.is_empty() {
            report.breach("trial", &format!("{when}: {currency} sums to {sum} minor units"));
        }
    }
    if sums.is_empty() {
        report.step(&format!("trial balance {when}: no entries"));
    }
    if !response.balanced {
        report.breach("trial", &format!("{when}: the ledger calls it unbalanced"));
    }
    Ok(())
}

/// One side of a row; beyond 64 bits the ledger tells only the net.
fn side(money: Option<&florin_proto::common::v1::Money>) -> Result<String> {
    match money {
        Some(_) => Ok(money_of(money)?.to_string()),
        None => Ok("beyond 64 bits".to_owned()),
    }
}
