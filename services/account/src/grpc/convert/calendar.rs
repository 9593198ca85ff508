//! Holidays of the bank's calendar.

use florin_kernel::{Date, Violations, check_text, parse_date};
use florin_proto::account::v1 as proto;
use florin_rpc::Error;

use super::{MOST_PAGE, optional_date, page_size};

/// Most characters of a holiday's name.
const NAME: usize = 100;

/// A day and its name.
pub(crate) fn holiday(request: &proto::AddHolidayRequest) -> Result<(Date, String), Error> {
    let mut violations = Violations::new();
    let date = violations.check("date", parse_date(&request.date));
    let name = violations.check("name", check_text(&request.name, 1, NAME));
    Ok(violations.finish(date.zip(name))?)
}

/// A day.
pub(crate) fn date(text: &str) -> Result<Date, Error> {
    let mut violations = Violations::new();
    let date = violations.check("date", parse_date(text));
    Ok(violations.finish(date)?)
}

/// The first day of interest, None for all, and the size of a page.
pub(crate) fn holidays_page(
    request: &proto::ListHolidaysRequest,
) -> Result<(Option<Date>, i64), Error> {
    let mut violations = Violations::new();
    let from = optional_date(&mut violations, "from", &request.from);
    let size = page_size(&mut violations, request.page_size, MOST_PAGE);
    Ok(violations.finish(Some((from, size)))?)
}
