//! What our books have and no statement tells of: under way for some business days, then a sign
//! that the statements have stopped coming.

use florin_kernel::{Calendar, Date, Role, parse_date};
use florin_proto::account::v1::{
    ListHolidaysRequest, account_service_client::AccountServiceClient,
};
use florin_rpc::{CallContext, Error, Retry, worker_context};
use florin_runtime::internal;
use jiff::ToSpan as _;

use super::{Found, broken};
use crate::{
    app::Payment,
    domain::Reconciliation,
    store::statements::{self, Compared, Statement},
};

const LIST_HOLIDAYS: &str = "/florin.account.v1.AccountService/ListHolidays";
/// Days before a date that are looked at for business days at most.
const MOST_DAYS: i64 = 366;
/// Holidays of a page, the most that the ledger gives.
const PAGE: i32 = 200;
/// Pages that are read at most: more holidays than days.
const MOST_PAGES: usize = 3;

impl Payment {
    /// The last booking date whose postings a statement should have told of by a business date.
    pub(super) async fn told_by(&self, today: Date) -> Result<Date, Error> {
        let from = today.checked_sub(MOST_DAYS.days()).map_err(broken)?;
        let mut request = ListHolidaysRequest {
            from: from.to_string(),
            page_size: PAGE,
            page_token: String::new(),
        };
        let (mut weekend, mut holidays) = (Vec::new(), Vec::new());
        for _ in 0..MOST_PAGES {
            let asked = request.clone();
            let ctx: CallContext = worker_context(Role::Payment);
            let page = self
                .account
                .call(&ctx, LIST_HOLIDAYS, Retry::Read, asked, |channel, request| async {
                    AccountServiceClient::new(channel).list_holidays(request).await
                })
                .await?;
            weekend = page.weekend.into_iter().filter_map(|day| i8::try_from(day).ok()).collect();
            for holiday in page.holidays {
                holidays.push(parse_date(&holiday.date).map_err(broken)?);
            }
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        let calendar = Calendar::new(weekend, holidays).map_err(|_| broken("calendar"))?;
        last_told(&calendar, today, self.config.clearing.untold_business_days)
            .ok_or_else(|| broken("the calendar has no business days"))
    }

    /// What is booked in currencies of which no statement has ever come, and should be told by
    /// now.
    pub(super) async fn without_statement(
        &self,
        told: &[Statement],
    ) -> Result<Vec<Reconciliation>, Error> {
        let network = &self.config.clearing.network;
        let mut found = Vec::new();
        if !self.config.clearing.is_connected() {
            return Ok(found);
        }
        for currency in statements::currencies(self.db.read()).await.map_err(internal)? {
            if told.iter().any(|statement| statement.currency == currency) {
                continue;
            }
            let statement = Statement::none_of(network, currency);
            let today = self.books.ask(&worker_context(Role::Payment)).await?;
            let told_by = self.told_by(today).await?;
            let nostro = self.nostro(&statement, None).await?;
            let mut left = Found::default();
            self.left_over(&statement, (None, told_by), &nostro, &mut left).await?;
            if !left.untold.is_empty() {
                found.push(Reconciliation {
                    series: statement.series.clone(),
                    statement: statement.id.clone(),
                    closing: statement.money(0),
                    booked: statement.money(nostro.balance),
                    differences: Vec::new(),
                    under_way: Vec::new(),
                    untold: left.untold,
                });
            }
        }
        Ok(found)
    }
}

/// The last date with more than so many business days after it, up to a date itself.
fn last_told(calendar: &Calendar, today: Date, business_days: u32) -> Option<Date> {
    let (mut day, mut passed) = (today, 0_u32);
    for _ in 0..MOST_DAYS {
        if calendar.is_business_day(day) {
            passed = passed.saturating_add(1);
        }
        day = day.checked_sub(1.day()).ok()?;
        if passed > business_days {
            return Some(day);
        }
    }
    None
}

impl Statement {
    /// What stands for the statement that has never come.
    fn none_of(network: &str, currency: florin_kernel::Currency) -> Self {
        Self {
            id: format!("{network} has sent no statement in {currency}"),
            series: format!("{network}/{currency}"),
            number: 0,
            currency,
            opening: 0,
            closing: 0,
            print: String::new(),
            made_at: florin_kernel::UnixMicros(0),
            received_at: florin_kernel::UnixMicros(0),
            state: Compared::Open,
            differences: 0,
            under_way: 0,
            open_from: None,
            checked_at: florin_kernel::UnixMicros(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn business_days_alone_count() {
        let christmas = Date::constant(2026, 12, 25);
        let calendar = Calendar::new([6, 7], [christmas]).expect("a weekend");
        let monday = Date::constant(2026, 12, 28);
        // Monday itself, then Thursday before the holiday and the weekend.
        for (days, last) in [(0, 27), (1, 23), (2, 22), (3, 21), (4, 20), (5, 17)] {
            let told = last_told(&calendar, monday, days);
            assert_eq!(told, Some(Date::constant(2026, 12, last)), "{days}");
        }
        assert_eq!(last_told(&calendar, monday, 400), None);
    }
}
