//! `florin ops end-of-day`: how far the ends of the last business dates are.

use anyhow::Result;
use florin_kernel::Role;
use florin_proto::{
    account::v1::{
        BusinessDay, EndOfDayProgress, ListBusinessDaysRequest,
        account_service_client::AccountServiceClient,
    },
    instant_of,
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
    }
    if page.days.is_empty() {
        println!("no business date was closed yet");
    }
    let failed = page.days.iter().flat_map(|day| &day.steps).any(|step| step.refused > 0);
    Ok(if failed { Outcome::Found } else { Outcome::Clean })
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
