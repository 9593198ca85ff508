//! `florin ops business-date`: shows it, advances it, keeps the calendar.

use anyhow::Result;
use clap::Subcommand;
use florin_kernel::{Date, Role};
use florin_proto::account::v1::{
    AddHolidayRequest, AdvanceBusinessDateRequest, GetBusinessDateRequest, ListHolidaysRequest,
    RemoveHolidayRequest, account_service_client::AccountServiceClient,
};

use crate::{Outcome, connect::Caller};

/// Holidays of a page, from the contract.
const PAGE: i32 = 200;

#[derive(Debug, Subcommand)]
pub enum BusinessDate {
    /// Close the open business date and open the next. There is no way back.
    Advance {
        /// The date to close, which must be the open one. It is never taken from the bank: a
        /// repeat of the same line would find the next date open, and close it too.
        #[arg(long, value_name = "DATE", value_parser = day)]
        closing: Date,
        /// The date to open; the next business day of the calendar where absent.
        #[arg(long, value_name = "DATE", value_parser = day)]
        opening: Option<Date>,
    },
    /// List the holidays of the calendar.
    Holidays,
    /// Add a holiday.
    AddHoliday {
        /// YYYY-MM-DD.
        #[arg(value_parser = day)]
        date: Date,
        /// Its name.
        name: String,
    },
    /// Take a holiday away.
    RemoveHoliday {
        /// YYYY-MM-DD.
        #[arg(value_parser = day)]
        date: Date,
    },
}

fn day(text: &str) -> Result<Date, florin_kernel::DateError> {
    florin_kernel::parse_date(text)
}

/// Runs one of them; shows the open date where none is named.
pub async fn run(caller: &Caller, command: Option<BusinessDate>) -> Result<Outcome> {
    match command {
        None => println!("{}", open(caller).await?),
        Some(BusinessDate::Advance { closing, opening }) => {
            advance(caller, closing, opening).await?;
        }
        Some(BusinessDate::Holidays) => holidays(caller).await?,
        Some(BusinessDate::AddHoliday { date, name }) => {
            // A day may become a holiday again: each change has a key of its own.
            let key = florin_rpc::fresh_request_id();
            let message = AddHolidayRequest { date: date.to_string(), name };
            let send = |channel, request| async move {
                AccountServiceClient::new(channel).add_holiday(request).await
            };
            caller.call_keyed(Role::Account, &key, message, send).await?;
            println!("{date} is a holiday");
        }
        Some(BusinessDate::RemoveHoliday { date }) => {
            let key = florin_rpc::fresh_request_id();
            let message = RemoveHolidayRequest { date: date.to_string() };
            let send = |channel, request| async move {
                AccountServiceClient::new(channel).remove_holiday(request).await
            };
            caller.call_keyed(Role::Account, &key, message, send).await?;
            println!("{date} is no holiday");
        }
    }
    Ok(Outcome::Clean)
}

/// The open business date, YYYY-MM-DD.
pub async fn open(caller: &Caller) -> Result<String> {
    let send = |channel, request| async move {
        AccountServiceClient::new(channel).get_business_date(request).await
    };
    Ok(caller.call(Role::Account, GetBusinessDateRequest {}, send).await?.business_date)
}

async fn advance(caller: &Caller, closing: Date, opening: Option<Date>) -> Result<()> {
    let opening = opening.map(|date| date.to_string()).unwrap_or_default();
    // What guards is the date to close. A key of its own for each run: a refusal is stored under
    // its key, and would be told again when its cause is long gone.
    let key = florin_rpc::fresh_request_id();
    let message = AdvanceBusinessDateRequest { closing: closing.to_string(), opening };
    let send = |channel, request| async move {
        AccountServiceClient::new(channel).advance_business_date(request).await
    };
    let opened = caller.call_keyed(Role::Account, &key, message, send).await?;
    println!("{closing} is closed, {} was opened", opened.business_date);
    Ok(())
}

async fn holidays(caller: &Caller) -> Result<()> {
    let mut page_token = String::new();
    loop {
        let message =
            ListHolidaysRequest { page_size: PAGE, page_token, ..ListHolidaysRequest::default() };
        let send = |channel, request| async move {
            AccountServiceClient::new(channel).list_holidays(request).await
        };
        let page = caller.call(Role::Account, message, send).await?;
        for holiday in page.holidays {
            println!("{}  {}", holiday.date, holiday.name);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}
