//! The general ledger: mappings, statements, periods.

use florin_kernel::{ApprovalId, Currency, Date, Violations, check_text, parse_date};
use florin_proto::account::v1 as proto;
use florin_rpc::Error;
use florin_store::approval::Verdict;

use super::journal::gl_code;
use crate::{app::remap_product::Remapping, store::gl_entries::Of};

/// Entries of a GL account on a page at most.
const MOST_GL_ENTRIES: i32 = 1_000;

/// Which product is mapped to what.
pub(crate) fn remapping(request: &proto::RemapProductRequest) -> Result<Remapping, Error> {
    let mut violations = Violations::new();
    let product = violations.check("product", check_text(&request.product, 1, 40));
    let currency: Option<Option<Currency>> = match request.currency.as_str() {
        "" => Some(None),
        code => violations.check("currency", code.parse()).map(Some),
    };
    let code = gl_code(&mut violations, "control_gl_code", &request.control_gl_code);
    let read = product.zip(currency).zip(code);
    let read = read.map(|((product, currency), code)| Remapping { product, currency, code });
    Ok(violations.finish(read)?)
}

/// Which entries of a GL account, and the size of a page.
pub(crate) fn gl_entries(request: &proto::ListGlEntriesRequest) -> Result<(Of, i64), Error> {
    let mut violations = Violations::new();
    let code = gl_code(&mut violations, "code", &request.code);
    let currency: Option<Currency> = violations.check("currency", request.currency.parse());
    let from = match request.from_booking_date.as_str() {
        "" => Some(None),
        date => violations.check("from_booking_date", parse_date(date)).map(Some),
    };
    let size = super::page_size(&mut violations, request.page_size, MOST_GL_ENTRIES);
    let of = code.zip(currency).zip(from);
    let of = of.map(|((code, currency), from)| (Of { code, currency, from }, size));
    Ok(violations.finish(of)?)
}

/// First and last day of a period.
pub(crate) fn period(request: &proto::GetProfitAndLossRequest) -> Result<(Date, Date), Error> {
    let mut violations = Violations::new();
    let from = violations.check("from_booking_date", parse_date(&request.from_booking_date));
    let to = violations.check("to_booking_date", parse_date(&request.to_booking_date));
    let period = from.zip(to);
    if period.is_some_and(|(from, to)| to < from) {
        violations.add("to_booking_date", "EMPTY_RANGE", "must not be before the first day");
    }
    Ok(violations.finish(period)?)
}

/// The last day of the period to close.
pub(crate) fn closed_through(request: &proto::ClosePeriodRequest) -> Result<Date, Error> {
    let mut violations = Violations::new();
    let date = violations.check("closed_through", parse_date(&request.closed_through));
    Ok(violations.finish(date)?)
}

/// The last day of the closed period, and the first that is to be open again.
pub(crate) fn reopening(request: &proto::ProposeReopeningRequest) -> Result<(Date, Date), Error> {
    let mut violations = Violations::new();
    let closed = violations.check("closed_through", parse_date(&request.closed_through));
    let open_from = violations.check("open_from", parse_date(&request.open_from));
    let reason = violations.check("reason", check_text(&request.reason, 1, 500));
    let days = closed.zip(open_from);
    if days.is_some_and(|(closed, open_from)| open_from > closed) {
        violations.add("open_from", "EMPTY_RANGE", "must not be after the closed period");
    }
    Ok(violations.finish(days.zip(reason).map(|(days, _)| days))?)
}

/// Which proposal, and what is to become of it.
pub(crate) fn decision(
    request: &proto::DecideReopeningRequest,
) -> Result<(ApprovalId, Verdict), Error> {
    let mut violations = Violations::new();
    let id = violations.check("approval_id", ApprovalId::parse(&request.approval_id));
    let verdict = match request.verdict() {
        proto::Verdict::Approve => Some(Verdict::Approve),
        proto::Verdict::Reject => Some(Verdict::Reject),
        proto::Verdict::Unspecified => {
            violations.add("verdict", "UNKNOWN_VALUE", "must be APPROVE or REJECT");
            None
        }
    };
    Ok(violations.finish(id.zip(verdict))?)
}
