//! Charges the monthly fee of an account at the end of the month's last business date.

use super::{
    command::{Actor, Outcome},
    end_of_day::{Booking, book},
};
use crate::{
    domain::{
        account::Status,
        end_of_day::AccountStep,
        fee::{FeeEvent, INCOME_GL},
        interest::is_month_end,
        posting::{Leg, Target},
        refusal::Refusal,
    },
    store::working::Working,
};

/// Decides over the working set. Passes where no month ends, where no schedule asks for a fee, for
/// a closed account, and for one that another bank still had; its reference makes it once a
/// business date.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(
    working: &mut Working,
    step: &AccountStep,
    actor: &Actor,
) -> Result<Outcome, Refusal> {
    let through = step.day.through;
    let account = working.account(step.account)?.clone();
    let charged = match account.status {
        Status::Open | Status::Frozen => is_month_end(through) && account.opened_on <= through,
        Status::Closed => false,
    };
    let loaded = working.interest.loaded.get(&account.id);
    // An imported account begins here on the business date of its import.
    let begun = loaded.and_then(|loaded| loaded.accrual).is_none_or(|one| one.from <= through);
    if !charged || !begun {
        return Ok(Outcome::Passed);
    }
    let id = (account.product.clone(), account.currency, FeeEvent::Month);
    let schedules = working.interest.fees.get(&id);
    let Some((_, schedule)) = schedules.and_then(|schedules| schedules.on(through)) else {
        return Ok(Outcome::Passed);
    };
    let fee = schedule.fee(0).ok_or(Refusal::OutOfRange { account: account.id })?;
    if fee == 0 {
        return Ok(Outcome::Passed);
    }
    let leg = |target, minor| Leg {
        target,
        amount: account.money(minor),
        counterparty: account.iban.clone(),
    };
    let booking = Booking {
        kind: "account_fee",
        description: format!("Account fee through {through}"),
        legs: vec![
            leg(Target::Account(account.id), fee.saturating_neg()),
            leg(Target::Gl(INCOME_GL.to_owned()), fee),
        ],
        // The first day of the next month: the days of this one have accrued.
        value_date: through.tomorrow().unwrap_or(through),
    };
    book(working, step, booking, actor)
}
