//! Pays accrued interest to an account and takes what it owes, at the end of its period. What a
//! closed account leaves behind is given up: it takes no entries any more.

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
    let Some(loaded) = working.interest.loaded.get(&account.id) else {
        return Ok(Outcome::Passed);
    };
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
    accrued && !done && (account.status == Status::Closed || rhythm.is_due(through))
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
