//! Scheduled and standing orders, read from requests.

use florin_kernel::{AccountId, Date, OrderId, Violations, parse_date};
use florin_proto::payment::v1::{
    CreateOrderRequest, CreateTransferRequest, ListOrdersRequest, OrderFrequency, OrderHolidayRule,
    SkipOrderRequest, UpdateOrderRequest,
};

use super::{MOST_PAGE_SIZE, PAGE_SIZE, TransferDraft, transfer};
use crate::domain::{Frequency, HolidayRule, Schedule};

/// Days, weeks or months between two dates at most.
const MOST_EVERY: i32 = 52;
/// Retries at most.
const MOST_RETRIES: i32 = 5;

/// What a client asks for with an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDraft {
    /// What each transfer is.
    pub transfer: TransferDraft,
    /// On which dates.
    pub schedule: Schedule,
    /// On how many later business dates a failed transfer is tried again.
    pub retries: i64,
}

impl TryFrom<&CreateOrderRequest> for OrderDraft {
    type Error = Violations;

    fn try_from(wire: &CreateOrderRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let each = CreateTransferRequest {
            from: wire.from.clone(),
            to: wire.to.clone(),
            amount: wire.amount.clone(),
            currency: wire.currency.clone(),
            description: wire.description.clone(),
        };
        let transfer = transfer(&mut violations, &each);
        let schedule = schedule(&mut violations, wire);
        if !(0..=MOST_RETRIES).contains(&wire.retries) {
            violations.add("retries", "OUT_OF_RANGE", format!("must be 0 to {MOST_RETRIES}"));
        }
        let retries = i64::from(wire.retries);
        let draft = transfer.zip(schedule);
        let draft = draft.map(|(transfer, schedule)| Self { transfer, schedule, retries });
        violations.finish(draft)
    }
}

fn schedule(violations: &mut Violations, wire: &CreateOrderRequest) -> Option<Schedule> {
    let frequency = match OrderFrequency::try_from(wire.frequency) {
        Ok(OrderFrequency::Once) => Some(Frequency::Once),
        Ok(OrderFrequency::Weekly) => Some(Frequency::Weekly),
        Ok(OrderFrequency::Monthly) => Some(Frequency::Monthly),
        Ok(OrderFrequency::Daily) => Some(Frequency::Daily),
        Ok(OrderFrequency::Unspecified) | Err(_) => {
            let rule = if wire.frequency == 0 { "REQUIRED" } else { "UNKNOWN_VALUE" };
            violations.add("frequency", rule, "must be ONCE, DAILY, WEEKLY or MONTHLY");
            None
        }
    };
    let most = if frequency == Some(Frequency::Once) { 1 } else { MOST_EVERY };
    if !(0..=most).contains(&wire.every) {
        violations.add("every", "OUT_OF_RANGE", format!("must be 1 to {most}, or 0 for 1"));
    }
    let first_on = violations.check("first_on", parse_date(&wire.first_on));
    let last_on: Option<Date> = match wire.last_on.as_str() {
        "" => None,
        text => violations.check("last_on", parse_date(text)),
    };
    if let (Some(first), Some(last)) = (first_on, last_on)
        && last < first
    {
        violations.add("last_on", "NOT_LATER", "must not be before the first date");
    }
    let holiday_rule = holiday_rule(violations, wire.holiday_rule);
    let every = i64::from(wire.every.max(1));
    let (frequency, first_on) = (frequency?, first_on?);
    Some(Schedule { frequency, every, first_on, last_on, holiday_rule: holiday_rule? })
}

fn holiday_rule(violations: &mut Violations, wire: i32) -> Option<HolidayRule> {
    match OrderHolidayRule::try_from(wire) {
        Ok(OrderHolidayRule::Unspecified | OrderHolidayRule::Following) => {
            Some(HolidayRule::Following)
        }
        Ok(OrderHolidayRule::ModifiedFollowing) => Some(HolidayRule::ModifiedFollowing),
        Ok(OrderHolidayRule::Preceding) => Some(HolidayRule::Preceding),
        Err(_) => {
            let text = "must be FOLLOWING, MODIFIED_FOLLOWING or PRECEDING";
            violations.add("holiday_rule", "UNKNOWN_VALUE", text);
            None
        }
    }
}

/// What of an order is changed; None for what stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderChange {
    /// The order.
    pub id: OrderId,
    /// The amount, in a currency that the order says.
    pub amount: Option<String>,
    /// The last date, or that there is none.
    pub last_on: Option<Option<Date>>,
}

impl TryFrom<&UpdateOrderRequest> for OrderChange {
    type Error = Violations;

    fn try_from(wire: &UpdateOrderRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.check("order_id", OrderId::parse(&wire.order_id));
        let paths = wire.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
        if paths.is_empty() {
            violations.add("update_mask", "REQUIRED", "must name at least one field");
        }
        let (mut amount, mut last_on) = (None, None);
        for path in paths {
            match path.as_str() {
                "amount" => amount = Some(wire.amount.clone()),
                "last_on" if wire.last_on.is_empty() => last_on = Some(None),
                "last_on" => {
                    last_on = violations.check("last_on", parse_date(&wire.last_on)).map(Some);
                }
                other => {
                    let text = format!("{other} is none of amount and last_on");
                    violations.add("update_mask", "UNKNOWN_PATH", text);
                }
            }
        }
        violations.finish(id.map(|id| Self { id, amount, last_on }))
    }
}

/// Reads the id of an order.
///
/// # Errors
/// The rule that it breaks.
pub fn order_id(text: &str) -> Result<OrderId, Violations> {
    let mut violations = Violations::new();
    let id = violations.check("order_id", OrderId::parse(text));
    violations.finish(id)
}

/// Reads the date that is skipped, and whether the order has an id.
///
/// # Errors
/// The rules that it breaks.
pub fn skipped_date(wire: &SkipOrderRequest) -> Result<Date, Violations> {
    let mut violations = Violations::new();
    let id = violations.check("order_id", OrderId::parse(&wire.order_id));
    let date = violations.check("date", parse_date(&wire.date));
    violations.finish(id.and(date))
}

/// Reads whose orders are listed, and how many on a page.
///
/// # Errors
/// The rules that it breaks.
pub fn orders_page(wire: &ListOrdersRequest) -> Result<(AccountId, u32), Violations> {
    let mut violations = Violations::new();
    let account = violations.check("account_id", AccountId::parse(&wire.account_id));
    let size = page_size(&mut violations, wire.page_size);
    violations.finish(account.zip(size))
}

/// How many on a page.
pub(super) fn page_size(violations: &mut Violations, size: i32) -> Option<u32> {
    match u32::try_from(size) {
        Ok(0) => Some(PAGE_SIZE),
        Ok(size) if size <= MOST_PAGE_SIZE => Some(size),
        Ok(_) | Err(_) => {
            violations.add("page_size", "OUT_OF_RANGE", "must be 1 to 200, or 0 for 50");
            None
        }
    }
}
