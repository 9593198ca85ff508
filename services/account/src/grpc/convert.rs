//! Message -> domain: every broken rule of a request is collected before it is refused.

mod calendar;
mod conversions;
mod fees;
mod gl;
mod holds;
mod interest;
mod journal;

use florin_kernel::{
    AccountId, Currency, CustomerId, Date, Iban, Money, Violations, check_text, parse_date,
};
use florin_proto::{account::v1 as proto, instant_of, money_of};
use florin_rpc::Error;

pub(crate) use self::calendar::{date, holiday, holidays_page};
pub(crate) use self::fees::{fee_schedule, quote};
pub(crate) use self::gl::{closed_through, decision, gl_entries, period, remapping, reopening};
pub(crate) use self::holds::{hold, release};
pub(crate) use self::interest::{conditions, conditions_page};
pub(crate) use self::journal::{dates, gl_account, postings, reversal, transaction_id, voids};
use crate::{
    app::{get_balance::AsOf, import_accounts::Item, open_account::Opening},
    domain::account::{self, Holder, HolderRole},
};

/// Most characters of a reference.
const REFERENCE: usize = 128;
/// Rows of a page where none is asked for.
const DEFAULT_PAGE: i64 = 50;
/// Most rows of a page.
const MOST_PAGE: i32 = 200;
/// Most entries of a page.
const MOST_ENTRIES: i32 = 500;
/// Most rows of a page of a trial balance.
const MOST_ROWS: i32 = 10_000;
/// Most items of an import.
const MOST_ITEMS: usize = 500;

/// Reads what names an account.
pub(crate) fn account_id(text: &str) -> Result<AccountId, Error> {
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(text));
    Ok(violations.finish(id)?)
}

/// Most accounts of a BatchGetAccounts.
const MOST_ACCOUNTS: usize = 500;

/// Reads account ids, 1 to 500 of them.
pub(crate) fn account_ids(texts: &[String]) -> Result<Vec<AccountId>, Error> {
    let mut violations = Violations::new();
    if texts.is_empty() {
        violations.add("account_ids", "REQUIRED", "at least one account is required");
    }
    if texts.len() > MOST_ACCOUNTS {
        let text = format!("must be at most {MOST_ACCOUNTS}");
        violations.add("account_ids", "TOO_MANY", text);
    }
    let ids: Vec<_> = texts
        .iter()
        .take(MOST_ACCOUNTS)
        .enumerate()
        .filter_map(|(at, text)| {
            violations.check(format!("account_ids[{at}]"), AccountId::parse(text))
        })
        .collect();
    Ok(violations.finish(Some(ids))?)
}

/// Reads an IBAN.
pub(crate) fn iban(text: &str) -> Result<Iban, Error> {
    let mut violations = Violations::new();
    let iban = violations.check("iban", text.parse());
    Ok(violations.finish(iban)?)
}

/// The account and the reason of a change of its state; `least` is 1 where there has to be one.
pub(crate) fn change(id: &str, reason: &str, least: usize) -> Result<(AccountId, String), Error> {
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(id));
    let reason = violations.check("reason", check_text(reason, least, 500));
    Ok(violations.finish(id.zip(reason))?)
}

/// The account and who gets a part in it.
pub(crate) fn new_holder(request: &proto::AddHolderRequest) -> Result<(AccountId, Holder), Error> {
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(&request.account_id));
    let holder = holder(&mut violations, "", &request.customer_id, request.role);
    Ok(violations.finish(id.zip(holder))?)
}

/// The account and who loses the part in it.
pub(crate) fn old_holder(
    request: &proto::RemoveHolderRequest,
) -> Result<(AccountId, CustomerId), Error> {
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(&request.account_id));
    let customer = violations.check("customer_id", CustomerId::parse(&request.customer_id));
    Ok(violations.finish(id.zip(customer))?)
}

/// The account whose balance is asked for, and as of when.
pub(crate) fn balance(request: &proto::GetBalanceRequest) -> Result<(AccountId, AsOf), Error> {
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(&request.account_id));
    let as_of = as_of(&mut violations, request);
    Ok(violations.finish(id.zip(as_of))?)
}

fn as_of(violations: &mut Violations, request: &proto::GetBalanceRequest) -> Option<AsOf> {
    use proto::get_balance_request::AsOf as Wire;
    match &request.as_of {
        None => Some(AsOf::Now),
        Some(Wire::AsOfRecordedAt(at)) => {
            let at = instant_of(at);
            if at.is_none() {
                let text = "must be within 64-bit microseconds";
                violations.add("as_of_recorded_at", "OUT_OF_RANGE", text);
            }
            at.map(AsOf::Recorded)
        }
        Some(Wire::AsOfBookingDate(date)) => {
            violations.check("as_of_booking_date", parse_date(date)).map(AsOf::Booked)
        }
        Some(Wire::AsOfValueDate(date)) => {
            violations.check("as_of_value_date", parse_date(date)).map(AsOf::Valued)
        }
    }
}

/// The customer whose accounts are listed, None for all, and the size of a page.
pub(crate) fn accounts_page(
    request: &proto::ListAccountsRequest,
) -> Result<(Option<CustomerId>, i64), Error> {
    let mut violations = Violations::new();
    let customer = match request.customer_id.as_str() {
        "" => None,
        id => violations.check("customer_id", CustomerId::parse(id)),
    };
    let size = page_size(&mut violations, request.page_size, MOST_PAGE);
    Ok(violations.finish(Some((customer, size)))?)
}

/// The account whose entries are listed, and the size of a page.
pub(crate) fn entries_page(request: &proto::ListEntriesRequest) -> Result<(AccountId, i64), Error> {
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(&request.account_id));
    let size = page_size(&mut violations, request.page_size, MOST_ENTRIES);
    Ok(violations.finish(id.map(|id| (id, size)))?)
}

/// The account whose statements are listed, and the size of a page.
pub(crate) fn statements_page(
    request: &proto::ListStatementsRequest,
) -> Result<(AccountId, i64), Error> {
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(&request.account_id));
    let size = page_size(&mut violations, request.page_size, MOST_PAGE);
    Ok(violations.finish(id.map(|id| (id, size)))?)
}

/// The account and the last day of a statement.
pub(crate) fn statement(account_id: &str, through: &str) -> Result<(AccountId, Date), Error> {
    statement_page(account_id, through, 0).map(|(id, through, _)| (id, through))
}

/// The account and the last day of a statement, and the size of a page of its entries.
pub(crate) fn statement_page(
    account_id: &str,
    through: &str,
    asked: i32,
) -> Result<(AccountId, Date, i64), Error> {
    let mut violations = Violations::new();
    let id = violations.check("account_id", AccountId::parse(account_id));
    let through = violations.check("through", parse_date(through));
    let size = page_size(&mut violations, asked, MOST_ENTRIES);
    Ok(violations.finish(id.zip(through).map(|(id, through)| (id, through, size)))?)
}

/// The size of a page of what has no filter.
pub(crate) fn page(asked: i32) -> Result<i64, Error> {
    let mut violations = Violations::new();
    let size = page_size(&mut violations, asked, MOST_PAGE);
    Ok(violations.finish(Some(size))?)
}

fn page_size(violations: &mut Violations, asked: i32, most: i32) -> i64 {
    if !(0..=most).contains(&asked) {
        violations.add("page_size", "OUT_OF_RANGE", format!("must be 0 to {most}"));
    }
    if asked == 0 { DEFAULT_PAGE } else { i64::from(asked) }
}

/// The last booking date of a trial balance, and the size of a page.
pub(crate) fn trial_page(
    request: &proto::GetTrialBalanceRequest,
) -> Result<(Option<Date>, i64), Error> {
    let mut violations = Violations::new();
    let last = optional_date(&mut violations, "as_of_booking_date", &request.as_of_booking_date);
    let size = page_size(&mut violations, request.page_size, MOST_ROWS);
    let size = if request.page_size == 0 { i64::from(MOST_ROWS) } else { size };
    Ok(violations.finish(Some((last, size)))?)
}

/// A date that may be absent.
pub(crate) fn as_of_booking_date(text: &str) -> Result<Option<Date>, Error> {
    let mut violations = Violations::new();
    let date = optional_date(&mut violations, "as_of_booking_date", text);
    Ok(violations.finish(Some(date))?)
}

fn optional_date(violations: &mut Violations, field: &str, text: &str) -> Option<Date> {
    if text.is_empty() { None } else { violations.check(field, parse_date(text)) }
}

/// A reference; an empty one only where it is optional.
fn reference(violations: &mut Violations, field: &str, text: &str, least: usize) -> Option<String> {
    violations.check(field, check_text(text, least, REFERENCE))
}

fn holder(violations: &mut Violations, path: &str, customer: &str, role: i32) -> Option<Holder> {
    let id = violations.check(format!("{path}customer_id"), CustomerId::parse(customer));
    let known = HolderRole::from_number(i64::from(role));
    if known.is_none() {
        let text = "must be OWNER, AUTHORISED_USER or VIEWER";
        violations.add(format!("{path}role"), "UNKNOWN_VALUE", text);
    }
    Some(Holder { customer: id?, role: known? })
}

/// What to open. A customer sets no limit.
pub(crate) fn opening(
    request: &proto::OpenAccountRequest,
    by_customer: bool,
) -> Result<Opening, Error> {
    let mut violations = Violations::new();
    let opening = opened(&mut violations, "", request, 0);
    if by_customer && request.overdraft_limit.is_some() {
        let text = "is set by staff, not by customers";
        violations.add("overdraft_limit", "STAFF_ONLY", text);
    }
    Ok(violations.finish(opening)?)
}

fn opened(
    violations: &mut Violations,
    path: &str,
    request: &proto::OpenAccountRequest,
    reference_least: usize,
) -> Option<Opening> {
    let customer =
        violations.check(format!("{path}customer_id"), CustomerId::parse(&request.customer_id));
    let product = violations.check(format!("{path}product"), check_text(&request.product, 1, 40));
    let currency: Option<Currency> =
        violations.check(format!("{path}currency"), request.currency.parse());
    let limit_field = format!("{path}overdraft_limit");
    let limit = match &request.overdraft_limit {
        None => currency.map(Money::zero),
        Some(_) => {
            violations.check(limit_field.clone(), money_of(request.overdraft_limit.as_ref()))
        }
    };
    if let (Some(limit), Some(currency)) = (limit, currency) {
        if limit.currency() != currency {
            let text = "must be in the currency of the account";
            violations.add(limit_field, "CURRENCY_MISMATCH", text);
        } else if limit.minor() < 0 {
            violations.add(limit_field, "NEGATIVE", "must not be negative");
        }
    }
    let field = format!("{path}reference");
    let reference = reference(violations, &field, &request.reference, reference_least);
    Some(Opening {
        customer: customer?,
        product: product?,
        overdraft_limit: limit?,
        reference: reference?,
    })
}

/// The items of an import, each by itself; an error where there are too many or none.
pub(crate) fn imports(
    request: &proto::ImportAccountsRequest,
) -> Result<Vec<Result<Item, Error>>, Error> {
    let mut violations = Violations::new();
    if !(1..=MOST_ITEMS).contains(&request.items.len()) {
        violations.add("items", "OUT_OF_RANGE", format!("must be 1 to {MOST_ITEMS}"));
        return Err(violations.into());
    }
    let items = request.items.iter().map(|item| {
        let mut violations = Violations::new();
        let read = import(&mut violations, item);
        Ok(violations.finish(read)?)
    });
    Ok(items.collect())
}

fn import(violations: &mut Violations, item: &proto::ImportAccount) -> Option<Item> {
    let empty = proto::OpenAccountRequest::default();
    let request = item.account.as_ref().unwrap_or(&empty);
    let opening = opened(violations, "account.", request, 1);
    let opened_on = violations.check("opened_on", parse_date(&item.opened_on));
    let mut others = Vec::new();
    for (at, one) in item.holders.iter().enumerate() {
        let path = format!("holders[{at}].");
        others.push(holder(violations, &path, &one.customer_id, one.role));
    }
    let opening = opening?;
    let mut holders = vec![Holder { customer: opening.customer, role: HolderRole::Owner }];
    for other in others.into_iter().collect::<Option<Vec<_>>>()? {
        if account::is_holder(&holders, other.customer) {
            let text = format!("customer {} is named twice", other.customer);
            violations.add("holders", "DUPLICATE", text);
        } else {
            holders.push(other);
        }
    }
    Some(Item { opening, opened_on: opened_on?, holders })
}
