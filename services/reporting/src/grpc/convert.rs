//! Messages <-> domain; all violations of a request at once.

use florin_events::position;
use florin_kernel::{
    AccountId, Currency, CustomerId, Date, EventId, Money, Violations, check_text, parse_date,
};
use florin_proto::{
    common::v1::Direction as WireDirection,
    reporting::v1::{SearchTransactionsRequest, SearchTransactionsResponse},
};
use florin_rpc::{Error, page};
use prost::Message;

use crate::{
    app::Found,
    domain::{Cursor, Direction, Scope, Search, fold},
    wire,
};

const METHOD: &str = "/florin.reporting.v1.ReportingService/SearchTransactions";
const DEFAULT_PAGE: usize = 50;
const MAX_PAGE: usize = 200;
/// Longest search text, in characters, and its words.
const MAX_TEXT: usize = 200;
const MAX_WORDS: usize = 10;
/// Most writes that one read waits for.
const MAX_POSITIONS: usize = 16;

/// A request as it was understood.
pub(crate) struct Asked {
    pub(crate) search: Search,
    pub(crate) position: Vec<EventId>,
    /// What a page token is bound to.
    filter: Vec<u8>,
}

pub(crate) fn asked(request: &SearchTransactionsRequest) -> Result<Asked, Error> {
    let mut violations = Violations::new();
    let scope = scope_of(request, &mut violations);
    let (from, to) = dates_of(request, &mut violations);
    let amounts = amounts_of(request, &mut violations);
    let (kind, counterparty, words) = texts_of(request, &mut violations);
    let direction = direction_of(request.direction, &mut violations);
    let page_size = page_size_of(request.page_size, &mut violations);
    let position = positions_of(&request.positions, &mut violations);
    let filter = filter_of(request);
    let after = page::decode(METHOD, &filter, &request.page_token);
    let after = after.map(|text| text.map(|text| Cursor::parse(&text)));
    let after = match after {
        Ok(None) => None,
        Ok(Some(Some(cursor))) => Some(cursor),
        Ok(Some(None)) => return Err(Error::internal("a page token of ours has no cursor")),
        Err(error) if violations.is_empty() => return Err(error),
        Err(error) => {
            violations.add("page_token", "PAGE_TOKEN_INVALID", error.message());
            None
        }
    };
    let search = scope.map(|scope| Search {
        scope,
        from,
        to,
        currency: amounts.currency,
        min_minor: amounts.min_minor,
        max_minor: amounts.max_minor,
        kind,
        counterparty,
        words,
        direction,
        page_size,
        after,
    });
    let search = violations.finish(search).map_err(Error::invalid)?;
    Ok(Asked { search, position, filter })
}

/// The request without what may differ from page to page.
fn filter_of(request: &SearchTransactionsRequest) -> Vec<u8> {
    let mut filter = request.clone();
    filter.page_size = 0;
    filter.page_token.clear();
    filter.positions.clear();
    filter.encode_to_vec()
}

fn scope_of(request: &SearchTransactionsRequest, violations: &mut Violations) -> Option<Scope> {
    let SearchTransactionsRequest { account_id, customer_id, .. } = request;
    let account = (!account_id.is_empty())
        .then(|| violations.check("account_id", AccountId::parse(account_id)));
    let customer = (!customer_id.is_empty())
        .then(|| violations.check("customer_id", CustomerId::parse(customer_id)));
    match (account, customer) {
        (None, None) => {
            let rule = "must not be empty unless customer_id is given";
            violations.add("account_id", "REQUIRED", rule);
            None
        }
        (Some(account), None) => account.map(Scope::Account),
        (None, Some(customer)) => customer.map(Scope::Customer),
        (Some(account), Some(customer)) => Some(Scope::AccountOf(account?, customer?)),
    }
}

fn dates_of(
    request: &SearchTransactionsRequest,
    violations: &mut Violations,
) -> (Option<Date>, Option<Date>) {
    let mut date = |field: &str, text: &str| {
        if text.is_empty() { None } else { violations.check(field, parse_date(text)) }
    };
    let from = date("from_date", &request.from_date);
    let to = date("to_date", &request.to_date);
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        violations.add("to_date", "EMPTY_RANGE", "must not be before from_date");
    }
    (from, to)
}

#[derive(Default)]
struct Amounts {
    currency: Option<Currency>,
    min_minor: Option<i64>,
    max_minor: Option<i64>,
}

fn amounts_of(request: &SearchTransactionsRequest, violations: &mut Violations) -> Amounts {
    let SearchTransactionsRequest { currency: code, min_amount, max_amount, .. } = request;
    if code.is_empty() {
        if !(min_amount.is_empty() && max_amount.is_empty()) {
            let rule = "must not be empty where min_amount or max_amount is given";
            violations.add("currency", "REQUIRED", rule);
        }
        return Amounts::default();
    }
    let Some(currency) = violations.check("currency", code.parse::<Currency>()) else {
        return Amounts::default();
    };
    let mut minor = |field: &str, text: &str| {
        if text.is_empty() {
            return None;
        }
        let money = violations.check(field, Money::parse(code, text))?;
        if money.minor() < 0 {
            violations.add(field, "NEGATIVE", "must not be negative: amounts have a direction");
        }
        Some(money.minor())
    };
    let (least, most) = (minor("min_amount", min_amount), minor("max_amount", max_amount));
    if let (Some(least), Some(most)) = (least, most)
        && most < least
    {
        violations.add("max_amount", "EMPTY_RANGE", "must not be below min_amount");
    }
    Amounts { currency: Some(currency), min_minor: least, max_minor: most }
}

fn texts_of(
    request: &SearchTransactionsRequest,
    violations: &mut Violations,
) -> (Option<String>, Option<String>, Vec<String>) {
    let mut text = |field: &str, text: &str| {
        violations.check(field, check_text(text, 0, MAX_TEXT)).filter(|text| !text.is_empty())
    };
    let kind = text("kind", &request.kind);
    let counterparty = text("counterparty", &request.counterparty);
    let words = text("text", &request.text);
    let words = words.map(|text| fold::words(&text)).unwrap_or_default();
    if words.len() > MAX_WORDS {
        violations.add("text", "TOO_MANY", "must have at most 10 words");
    } else if words.is_empty() && !request.text.trim().is_empty() {
        violations.add("text", "NO_WORD", "must hold a letter or a digit");
    }
    (kind, counterparty.map(|part| fold::fold(&part)), words)
}

fn direction_of(number: i32, violations: &mut Violations) -> Option<Direction> {
    match WireDirection::try_from(number) {
        Ok(WireDirection::Unspecified) => None,
        Ok(WireDirection::Debit) => Some(Direction::Debit),
        Ok(WireDirection::Credit) => Some(Direction::Credit),
        Err(_) => {
            violations.add("direction", "UNKNOWN_VALUE", "must be a value of the enum");
            None
        }
    }
}

/// The events of all positions.
fn positions_of(positions: &[String], violations: &mut Violations) -> Vec<EventId> {
    if positions.len() > MAX_POSITIONS {
        let rule = format!("must be at most {MAX_POSITIONS}");
        violations.add("positions", "TOO_MANY", rule);
        return Vec::new();
    }
    let mut events = Vec::new();
    for (at, text) in positions.iter().enumerate() {
        match position::decode(text) {
            Ok(found) => events.extend(found),
            Err(error) => {
                let field = format!("positions[{at}]");
                violations.add(field, "MALFORMED_POSITION", error.to_string());
            }
        }
    }
    events
}

fn page_size_of(size: i32, violations: &mut Violations) -> usize {
    match usize::try_from(size) {
        Ok(0) => DEFAULT_PAGE,
        Ok(size) if size <= MAX_PAGE => size,
        Ok(_) | Err(_) => {
            violations.add("page_size", "OUT_OF_RANGE", "must be 1 to 200, or 0 for 50");
            DEFAULT_PAGE
        }
    }
}

pub(crate) fn answer(asked: &Asked, found: Found) -> SearchTransactionsResponse {
    let next =
        found.more_after.map(|cursor| page::encode(METHOD, &asked.filter, &cursor.to_text()));
    SearchTransactionsResponse {
        entries: found.entries.into_iter().map(wire::entry).collect(),
        next_page_token: next.unwrap_or_default(),
    }
}
