//! Fee schedules and quotes.

use florin_kernel::{AccountId, Currency, Money, Rate, Violations, check_text, parse_date};
use florin_proto::{account::v1 as proto, common::v1::Money as WireMoney, money_of};
use florin_rpc::Error;

use crate::{
    domain::fee::{FeeEvent, FeeSchedule, FeeTier, MOST_TIERS},
    store::fees::ScheduleId,
};

/// A version of a schedule.
pub(crate) fn fee_schedule(
    request: &proto::SetFeeScheduleRequest,
) -> Result<(ScheduleId, FeeSchedule), Error> {
    let mut violations = Violations::new();
    let empty = proto::FeeSchedule::default();
    let told = request.schedule.as_ref().unwrap_or(&empty);
    let read = version(&mut violations, told);
    Ok(violations.finish(read)?)
}

fn version(
    violations: &mut Violations,
    told: &proto::FeeSchedule,
) -> Option<(ScheduleId, FeeSchedule)> {
    let product = violations.check("schedule.product", check_text(&told.product, 1, 40));
    let currency: Option<Currency> = violations.check("schedule.currency", told.currency.parse());
    let event = event(violations, "schedule.event", told.event);
    let valid_from = violations.check("schedule.valid_from", parse_date(&told.valid_from));
    let mut amount = |field: String, money: Option<&WireMoney>| match money {
        None => Some(None),
        Some(_) => in_currency(violations, field, money, currency).map(Some),
    };
    let minimum = amount("schedule.minimum".to_owned(), told.minimum.as_ref());
    let maximum = amount("schedule.maximum".to_owned(), told.maximum.as_ref());
    let tiers = tiers(violations, &told.tiers, currency);
    let (minimum, maximum) = (minimum?.unwrap_or(0), maximum?);
    let id = (product?, currency?, event?, valid_from?);
    let schedule = FeeSchedule::new(tiers?, minimum, maximum);
    if schedule.is_none() {
        let text = "tiers must begin at zero and rise, the maximum must not be below the minimum";
        violations.add("schedule.tiers", "OUT_OF_RANGE", text);
    }
    Some((id, schedule?))
}

fn tiers(
    violations: &mut Violations,
    told: &[proto::FeeTier],
    currency: Option<Currency>,
) -> Option<Vec<FeeTier>> {
    if told.len() > MOST_TIERS {
        let text = format!("must be at most {MOST_TIERS}");
        violations.add("schedule.tiers", "TOO_MANY", text);
        return None;
    }
    let mut read = Vec::with_capacity(told.len());
    for (at, tier) in told.iter().enumerate() {
        let path = format!("schedule.tiers[{at}]");
        let from = in_currency(violations, format!("{path}.from"), tier.from.as_ref(), currency);
        let flat = match &tier.flat {
            None => Some(0),
            flat => in_currency(violations, format!("{path}.flat"), flat.as_ref(), currency),
        };
        let rate = match tier.rate_percent.as_str() {
            "" => Some(Rate::default()),
            percent => violations.check(format!("{path}.rate_percent"), percent.parse()),
        };
        let tier = from.zip(flat).zip(rate);
        read.push(tier.map(|((from, flat), rate)| FeeTier { from, flat, rate }));
    }
    read.into_iter().collect()
}

/// Minor units of an amount that is not negative, in the currency of the schedule.
fn in_currency(
    violations: &mut Violations,
    field: String,
    money: Option<&WireMoney>,
    currency: Option<Currency>,
) -> Option<i64> {
    let read = violations.check(field.clone(), money_of(money))?;
    if currency.is_some_and(|currency| read.currency() != currency) {
        let text = "must be in the currency of the schedule";
        violations.add(field, "CURRENCY_MISMATCH", text);
        return None;
    }
    if read.minor() < 0 {
        violations.add(field, "NEGATIVE", "must not be negative");
        return None;
    }
    violations.check(field, read.movable()).map(Money::minor)
}

fn event(violations: &mut Violations, field: &str, number: i32) -> Option<FeeEvent> {
    let event = FeeEvent::from_number(number.into());
    if event.is_none() {
        violations.add(field, "UNKNOWN_VALUE", "must be TRANSFER, WITHDRAWAL or MONTH");
    }
    event
}

/// The account, what for, and the amount where there is one.
pub(crate) fn quote(
    request: &proto::QuoteFeeRequest,
) -> Result<(AccountId, FeeEvent, Option<Money>), Error> {
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(&request.account_id));
    let event = event(&mut violations, "event", request.event);
    let amount = match &request.amount {
        None => Some(None),
        money => violations.check("amount", money_of(money.as_ref())).map(Some),
    };
    if amount.flatten().is_some_and(|amount| amount.minor() < 0) {
        violations.add("amount", "NEGATIVE", "must not be negative");
    }
    let read = id.zip(event).zip(amount).map(|((id, event), amount)| (id, event, amount));
    Ok(violations.finish(read)?)
}
