//! Makes the statement of an account at the end of a month's last business date.

use super::command::Outcome;
use crate::{
    domain::{account::Status, end_of_day::AccountStep, interest::is_month_end, refusal::Refusal},
    store::{
        statements::{Material, Statement},
        working::Working,
    },
};

/// Decides over the working set. Passes where no month ends, where the account has its statement,
/// where another bank had it, and for a closed one once there is nothing more to tell.
///
/// # Errors
/// [`Refusal::OutOfRange`]; the working set is then as it was.
pub fn decide(working: &mut Working, step: &AccountStep) -> Result<Outcome, Refusal> {
    let through = step.day.through;
    let account = working.account(step.account)?.clone();
    let loaded = working.interest.loaded.get(&account.id);
    let begun = loaded.and_then(|loaded| loaded.accrual).is_none_or(|one| one.from <= through);
    if !is_month_end(through) || account.opened_on > through || !begun {
        return Ok(Outcome::Passed);
    }
    let Some(material) = working.statements.get(&account.id) else { return Ok(Outcome::Passed) };
    let Material { last, found } = material;
    let told = last.as_ref().is_some_and(|last| {
        last.through >= through
            || (account.status == Status::Closed && last.next_scan > found.version)
    });
    if told {
        return Ok(Outcome::Passed);
    }
    let made = Statement::after(&account, last.as_ref(), found, (through, working.now));
    let made = made.ok_or(Refusal::OutOfRange { account: account.id })?;
    working.writes.statements.push(made);
    Ok(Outcome::Passed)
}
