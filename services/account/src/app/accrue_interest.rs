//! Accrues an account's interest at the end of a business date: folds the days since the last
//! and books the difference of the rounded sums.

use super::{
    command::{Actor, Outcome},
    end_of_day::{Booking, book},
};
use crate::{
    domain::{
        end_of_day::AccountStep,
        interest::{self, Sides},
        refusal::Refusal,
    },
    store::{
        accruals::{Accrual, Fold, Written},
        working::Working,
    },
};

/// Decides over the working set. Passes where the day has accrued, or nothing accrues yet.
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
    let out_of_range = || Refusal::OutOfRange { account: account.id };
    let folding = match loaded.fold.clone() {
        Fold::Nothing => return Ok(Outcome::Passed),
        Fold::OutOfRange => return Err(out_of_range()),
        Fold::Of(folding) => folding,
    };
    let before = loaded.accrual.unwrap_or(Accrual {
        from: account.opened_on,
        at: None,
        booked: Sides::default(),
        capitalised: Sides::default(),
        capitalised_through: None,
    });
    let currency = account.currency;
    let (start, last) = (folding.start, step.day.through);
    let folded = interest::fold(start, &folding.turnover, last, &loaded.conditions, currency);
    let (at, points) = folded.ok_or_else(out_of_range)?;
    let sum = at.accrued.rounded(currency).ok_or_else(out_of_range)?;
    let due = sum.checked_sub(before.booked).ok_or_else(out_of_range)?;
    let booking = Booking {
        kind: "interest_accrual",
        description: format!("Interest accrued through {last}"),
        legs: interest::accrual_legs(due, currency, &account.iban),
        value_date: step.day.closed,
    };
    let outcome = book(working, step, booking, actor)?;
    let accrual = Accrual { at: Some(at), booked: sum, ..before };
    let folding = Some(folding);
    working.interest.written.push(Written { account: account.id, accrual, points, folding });
    Ok(outcome)
}
