//! `florin ops end-of-day`: how far the ends of the last business dates are.

use anyhow::{Context as _, Result};
use florin_kernel::Role;
use florin_proto::{
    account::v1::{
        BusinessDay, EndOfDayProgress, ListBusinessDaysRequest,
        account_service_client::AccountServiceClient,
    },
    instant_of,
    ops::v1::{GetDayWorkRequest, ops_service_client::OpsServiceClient},
};

use crate::{Outcome, connect::Caller};

/// Prints the last business dates, newest first; tells of a failed step by its exit code.
pub async fn run(caller: &Caller, days: i32) -> Result<Outcome> {
    let message = ListBusinessDaysRequest { page_size: days, page_token: String::new() };
    let send = |channel, request| async move {
        AccountServiceClient::new(channel).list_business_days(request).await
    };
    let page = caller.call(Role::Account, message, send).await?;
    for day in &page.days {
        print_day(day);
        print_others(caller, &day.closed).await?;
    }
    if page.days.is_empty() {
        println!("no business date was closed yet");
    }
    let failed = page.days.iter().flat_map(|day| &day.steps).any(|step| step.refused > 0);
    Ok(if failed { Outcome::Found } else { Outcome::Clean })
}

/// The services that do something by the business date, beside the ledger.
const OTHERS: [Role; 1] = [Role::Payment];

async fn print_others(caller: &Caller, business_date: &str) -> Result<()> {
    for role in OTHERS {
        let message = GetDayWorkRequest { business_date: business_date.to_owned() };
        let send = |channel, request| async move {
            OpsServiceClient::new(channel).get_day_work(request).await
        };
        let work = caller.call(role, message, send).await;
        for step in work.with_context(|| format!("asking {role}"))?.steps {
            let name = format!("{role} {}", step.step);
            let state = if step.done { "done".to_owned() } else { format!("{} left", step.open) };
            println!("  {name:<16} {state}");
        }
    }
    Ok(())
}

fn print_day(day: &BusinessDay) {
    let state = if day.ended_at.is_some() { "ended" } else { "to be ended" };
    println!("{}  {state}", day.closed);
    for step in &day.steps {
        let name = step.step().as_str_name().trim_start_matches("END_OF_DAY_STEP_").to_lowercase();
        println!("  {name:<16} {}", progress(step));
    }
}

fn progress(step: &EndOfDayProgress) -> String {
    let EndOfDayProgress { accounts, refused, cause, .. } = step;
    let begun = step.begun_at.as_ref().and_then(instant_of);
    let finished = step.finished_at.as_ref().and_then(instant_of);
    match begun.zip(finished) {
        Some((begun, finished)) => {
            let millis = finished.0.saturating_sub(begun.0) / 1_000;
            format!("done in {millis} ms, {accounts} accounts in the last run")
        }
        None if *refused > 0 => format!("failed at {refused} of {accounts} accounts: {cause}"),
        None => "under way".to_owned(),
    }
}
