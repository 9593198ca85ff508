//! Pays accrued interest to an account and takes what it owes, at the end of its period or before
//! the account is closed. What still comes to a closed account, by entries that were booked late,
//! is given up: it takes no entries any more.

use super::{
    command::{Actor, Outcome},
    end_of_day::{Booking, book},
};
use crate::{
    domain::{
        account::{Account, Status},
        end_of_day::AccountStep,
        interest::{self, Capitalisation, Conditions, EXPENSE_GL, INCOME_GL, Sides},
        posting::Target,
        refusal::Refusal,
    },
    store::{
        accruals::{Accrual, Written},
        working::Working,
    },
};

/// Decides over the working set. Passes where no period ends, where its end was capitalised, or
/// where nothing is due.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(
    working: &mut Working,
    step: &AccountStep,
    actor: &Actor,
) -> Result<Outcome, Refusal> {
    let account = working.account(step.account)?.clone();
    if step.settles && account.status == Status::Closed {
        return Err(Refusal::Closed { account: account.id });
    }
    let Some(loaded) = working.interest.loaded.get(&account.id) else {
        return Ok(Outcome::Passed);
    };
    // The end of a later date has accrued it since somebody asked: the answer is not for ever.
    if let Some(at) = loaded.accrual.and_then(|accrual| accrual.at)
        && step.settles
        && at.through > step.day.through
    {
        return Err(Refusal::EndOfDayOpen { day: at.through });
    }
    let Some(accrual) =
        loaded.accrual.filter(|accrual| is_due(&account, accrual, step, &loaded.conditions))
    else {
        return Ok(Outcome::Passed);
    };
    let due = accrual.booked.checked_sub(accrual.capitalised);
    let due = due.ok_or(Refusal::OutOfRange { account: account.id })?;
    let outcome = book(working, step, booking(&account, due, step), actor)?;
    let through = Some(step.day.through);
    let accrual = Accrual { capitalised: accrual.booked, capitalised_through: through, ..accrual };
    let written = Written { account: account.id, accrual, points: Vec::new(), folding: None };
    working.interest.written.push(written);
    Ok(outcome)
}

fn is_due(
    account: &Account,
    accrual: &Accrual,
    step: &AccountStep,
    conditions: &Conditions,
) -> bool {
    let through = step.day.through;
    let accrued = accrual.at.is_some_and(|at| at.through == through);
    let done = accrual.capitalised_through.is_some_and(|done| done >= through);
    // Where a product has ended its interest, what is left is paid at the next month's end.
    let rhythm = conditions.on(through).map_or(Capitalisation::Monthly, |on| on.capitalisation);
    let is_time = step.settles || account.status == Status::Closed || rhythm.is_due(through);
    accrued && !done && is_time
}

fn booking(account: &Account, due: Sides<i64>, step: &AccountStep) -> Booking {
    let through = step.day.through;
    let own = Target::Account(account.id);
    let gl = |code: &str| Target::Gl(code.to_owned());
    let given_up = (gl(EXPENSE_GL), gl(INCOME_GL));
    let (kind, description, (pays, takes)) = match account.status {
        Status::Open | Status::Frozen => {
            ("interest_capitalisation", format!("Interest through {through}"), (own.clone(), own))
        }
        Status::Closed => {
            ("interest_given_up", format!("Interest given up through {through}"), given_up)
        }
    };
    Booking {
        kind,
        description,
        legs: interest::capitalisation_legs(due, (&pays, &takes), account.currency, &account.iban),
        // The first day of the next period, which has not accrued.
        value_date: through.tomorrow().unwrap_or(through),
    }
}
