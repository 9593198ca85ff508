//! Loans and the general ledger: the portfolio at each closed business date, and what the ends of
//! days booked.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result};
use florin_kernel::{Money, Role, UnixMicros};
use florin_proto::{
    account::v1::{
        ExportReferencesRequest, GetTrialBalanceRequest,
        account_service_client::AccountServiceClient, export_references_response::Item,
    },
    instant_of,
    loan::v1::{
        DayBooking, ExportPortfolioRequest, PortfolioPosition, export_portfolio_response::Part,
        loan_servicing_service_client::LoanServicingServiceClient,
    },
    money_of,
};

use crate::{connect::Caller, prove::report::Report};

/// The caller in whose name loans post.
const LOAN: &str = "loan";
/// What the references of the ends of days begin with.
const OF_A_DAY: &str = "day/";
/// So many of the last closed business dates are compared.
const DAYS: i32 = 31;

/// What loans say.
#[derive(Default)]
struct Told {
    positions: BTreeMap<String, Vec<PortfolioPosition>>,
    bookings: Vec<DayBooking>,
    in_flight: u64,
}

/// Compares the portfolio with its GL accounts at each of the last closed business dates, and every
/// booking of an end of day with its journal transaction.
pub async fn compare(
    caller: &Caller,
    settled_before: UnixMicros,
    report: &mut Report,
) -> Result<()> {
    report.part("loans and the general ledger");
    let told = told(caller, report).await?;
    let mut posted = posted(caller).await?;
    let mut accounts = 0_u64;
    for (day, positions) in &told.positions {
        accounts = accounts
            .saturating_add(compare_day(caller, day, positions, told.in_flight, report).await?);
    }
    for booking in &told.bookings {
        pair(booking, posted.remove(&booking.reference), report)?;
    }
    for (reference, one) in &posted {
        let text = format!("{} under {reference} is no booking of an end of day", one.transaction);
        // Loans were read before the ledger.
        if one.recorded_at > settled_before {
            report.in_flight(&text);
        } else {
            report.breach("portfolio", &text);
        }
    }
    report.step(&format!(
        "compared {accounts} accounts at {} closed business dates, and {} bookings; {} movements in \
         flight",
        told.positions.len(),
        told.bookings.len(),
        told.in_flight
    ));
    Ok(())
}

async fn told(caller: &Caller, report: &mut Report) -> Result<Told> {
    let request = ExportPortfolioRequest { days: DAYS };
    let mut parts = caller
        .stream(Role::Loan, request, |channel, request| async move {
            LoanServicingServiceClient::new(channel).export_portfolio(request).await
        })
        .await
        .context("exporting the portfolio of loans")?;
    let mut told = Told::default();
    while let Some(part) = parts.message().await.context("exporting the portfolio of loans")? {
        match part.part {
            Some(Part::Position(one)) => {
                told.positions.entry(one.booking_date.clone()).or_default().push(one);
            }
            Some(Part::Booking(one)) => told.bookings.push(one),
            Some(Part::Breach(one)) => {
                report.breach("portfolio", &format!("{}: {}", one.record, one.description));
            }
            Some(Part::InFlight(one)) => {
                told.in_flight = told.in_flight.saturating_add(1);
                report.in_flight(&format!("{} has not ended", one.reference));
            }
            None => {}
        }
    }
    Ok(told)
}

/// What the ledger has of an end of a day.
struct Posted {
    transaction: String,
    debits: Vec<Money>,
    recorded_at: UnixMicros,
}

/// What the ledger has of ends of days, by reference.
async fn posted(caller: &Caller) -> Result<HashMap<String, Posted>> {
    let mut references = caller
        .stream(Role::Account, ExportReferencesRequest {}, |channel, request| async move {
            AccountServiceClient::new(channel).export_references(request).await
        })
        .await
        .context("exporting references")?;
    let mut posted = HashMap::new();
    while let Some(reference) = references.message().await.context("exporting references")? {
        let Some(Item::Transaction(one)) = reference.item else { continue };
        if one.caller == LOAN && one.reference.starts_with(OF_A_DAY) {
            let debits: Result<Vec<Money>, _> =
                one.debits.iter().map(|money| money_of(Some(money))).collect();
            let recorded_at = one.recorded_at.as_ref().and_then(instant_of).unwrap_or_default();
            let (transaction, debits) = (one.transaction_id, debits?);
            posted.insert(one.reference, Posted { transaction, debits, recorded_at });
        }
    }
    Ok(posted)
}

async fn compare_day(
    caller: &Caller,
    day: &str,
    positions: &[PortfolioPosition],
    in_flight: u64,
    report: &mut Report,
) -> Result<u64> {
    let message = GetTrialBalanceRequest {
        as_of_booking_date: day.to_owned(),
        ..GetTrialBalanceRequest::default()
    };
    let response = caller
        .call_long(Role::Account, message, |channel, request| async move {
            AccountServiceClient::new(channel).get_trial_balance(request).await
        })
        .await
        .context("asking for the trial balance")?;
    let mut compared = 0_u64;
    for position in positions {
        compared = compared.saturating_add(1);
        let own = money_of(position.amount.as_ref())?;
        let code = &position.gl_code;
        let mut net = None;
        for row in response.rows.iter().filter(|row| row.code == *code) {
            let money = money_of(row.net.as_ref())?;
            net = net.or(Some(money).filter(|money| money.currency() == own.currency()));
        }
        // Debits less credits, as loans have it.
        let booked = net.map_or(Ok(Money::zero(own.currency())), Money::checked_neg)?;
        if booked == own {
            continue;
        }
        let text =
            format!("at the end of {day} loans have {own} on GL {code}, the ledger {booked}");
        if in_flight > 0 {
            report.in_flight(&text);
        } else {
            report.breach("portfolio", &text);
        }
    }
    Ok(compared)
}

fn pair(booking: &DayBooking, posted: Option<Posted>, report: &mut Report) -> Result<()> {
    let (reference, amount) = (&booking.reference, money_of(booking.amount.as_ref())?);
    match posted {
        None if booking.transaction_id.is_empty() => {
            report.in_flight(&format!("{reference} is not booked yet"));
        }
        Some(_) if booking.transaction_id.is_empty() => {
            report.in_flight(&format!("{reference} is booked, which loans have not noted yet"));
        }
        None => {
            let text = format!(
                "{reference} was booked by {}, which the ledger lacks",
                booking.transaction_id
            );
            report.breach("portfolio", &text);
        }
        Some(Posted { transaction, debits, .. }) => {
            if transaction != booking.transaction_id {
                let text = format!("{reference} is {transaction}, not {}", booking.transaction_id);
                report.breach("portfolio", &text);
            }
            if debits != [amount] {
                report.breach(
                    "portfolio",
                    &format!("{reference} is of {amount}, {transaction} of {debits:?}"),
                );
            }
        }
    }
    Ok(())
}
