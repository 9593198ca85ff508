//! Streams what loans have in the general ledger, for the proof.

use std::collections::{BTreeMap, BTreeSet};

use florin_kernel::{Currency, Money};
use florin_proto::{
    loan::v1::{
        DayBooking, ExportPortfolioRequest, ExportPortfolioResponse, PortfolioBreach,
        PortfolioInFlight, PortfolioPosition, export_portfolio_response::Part,
    },
    wire_money,
};
use florin_runtime::internal;
use florin_store::StoreError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Lending, loaded::Version};
use crate::{
    domain::gl::GlCodes,
    store::{
        Connection, days, entries,
        positions::{self, Group},
        products,
    },
};

/// Answers that wait for a slow reader.
const WAITING: usize = 500;
/// Bookings of a page.
const PAGE: i64 = 500;
/// The most days that are told.
const MOST_DAYS: i32 = 366;

type Answers = mpsc::Sender<Result<ExportPortfolioResponse, Status>>;

impl Lending {
    /// Streams positions at the last ended days, bookings, and what does not agree, of one snapshot.
    pub fn export_portfolio(
        &self,
        request: &ExportPortfolioRequest,
    ) -> ReceiverStream<Result<ExportPortfolioResponse, Status>> {
        let (answers, stream) = mpsc::channel(WAITING);
        let lending = self.clone();
        let days = i64::from(request.days.clamp(0, MOST_DAYS));
        tokio::spawn(async move {
            if let Err(error) = lending.export(days, &answers).await {
                // A reader that has gone needs no error either.
                let _ = answers.send(Err(internal(error).into())).await;
            }
        });
        ReceiverStream::new(stream)
    }

    async fn export(&self, days: i64, answers: &Answers) -> Result<(), StoreError> {
        let snapshot = self.db.snapshot().await?;
        for reference in entries::in_flight(&snapshot, PAGE).await? {
            if !send(answers, Part::InFlight(PortfolioInFlight { reference })).await {
                return Ok(());
            }
        }
        let assets = assets(&snapshot).await?;
        for day in days::ended(&snapshot, days).await? {
            let booking_date = day.to_string();
            let sums = entries::sums(&snapshot, &booking_date).await?;
            for sum in sums.into_iter().filter(|sum| assets.contains(&sum.gl_code)) {
                let position = PortfolioPosition {
                    booking_date: booking_date.clone(),
                    gl_code: sum.gl_code,
                    amount: Some(wire_money(Money::new(sum.amount, sum.currency))),
                };
                if !send(answers, Part::Position(position)).await {
                    return Ok(());
                }
            }
        }
        for breach in breaches(&snapshot).await? {
            if !send(answers, Part::Breach(breach)).await {
                return Ok(());
            }
        }
        let mut after = String::new();
        loop {
            let page = days::bookings(&snapshot, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.reference);
            for one in page {
                let booking = DayBooking {
                    amount: Some(wire_money(Money::new(one.amount, one.currency))),
                    reference: one.reference,
                    transaction_id: one.transaction.unwrap_or_default(),
                    booking_date: one.booked_on.unwrap_or_default(),
                };
                if !send(answers, Part::Booking(booking)).await {
                    return Ok(());
                }
            }
        }
    }
}

/// The asset accounts of all versions by which loans were lent.
async fn assets(snapshot: &impl Connection) -> Result<BTreeSet<String>, StoreError> {
    let mut assets = BTreeSet::new();
    for sum in positions::sums(snapshot).await? {
        let gl = gl_of(snapshot, &sum.group).await?;
        assets.extend([gl.principal, gl.interest_receivable, gl.charge_receivable]);
    }
    Ok(assets)
}

async fn send(answers: &Answers, part: Part) -> bool {
    answers.send(Ok(ExportPortfolioResponse { part: Some(part) })).await.is_ok()
}

/// On each asset account: what the loans have by themselves is what their bookings come to, with what
/// of a day is not booked yet.
async fn breaches(snapshot: &impl Connection) -> Result<Vec<PortfolioBreach>, StoreError> {
    let mut sums: BTreeMap<(String, Currency), i128> = BTreeMap::new();
    let mut codes: BTreeMap<Group, GlCodes> = BTreeMap::new();
    for (sign, found) in
        [(1, positions::sums(snapshot).await?), (-1, positions::unsealed(snapshot).await?)]
    {
        for sum in found {
            let gl = match codes.get(&sum.group) {
                Some(known) => known.clone(),
                None => {
                    let gl = gl_of(snapshot, &sum.group).await?;
                    codes.insert(sum.group.clone(), gl.clone());
                    gl
                }
            };
            for (code, minor) in [
                (gl.principal, sum.left.principal),
                (gl.interest_receivable, sum.left.interest),
                (gl.charge_receivable, sum.left.charge),
            ] {
                let own = sums.entry((code, sum.group.currency)).or_default();
                *own += sign * i128::from(minor);
            }
        }
    }
    let assets: Vec<_> = sums.keys().cloned().collect();
    for one in days::all_unbooked(snapshot).await? {
        for (code, sign) in [(one.debit_gl, -1), (one.credit_gl, 1)] {
            let key = (code, one.currency);
            if assets.contains(&key) {
                *sums.entry(key).or_default() += sign * i128::from(one.amount);
            }
        }
    }
    let mut booked: BTreeMap<(String, Currency), i128> = BTreeMap::new();
    for sum in entries::sums(snapshot, "9999-99-99").await? {
        booked.insert((sum.gl_code, sum.currency), sum.amount.into());
    }
    let mut found = Vec::new();
    for (key, own) in sums {
        let booked = booked.get(&key).copied().unwrap_or(0);
        if own != booked {
            let (code, currency) = key;
            found.push(PortfolioBreach {
                record: format!("GL {code} {currency}"),
                description: format!("loans have {own} minor units, their bookings {booked}"),
            });
        }
    }
    Ok(found)
}

async fn gl_of(snapshot: &impl Connection, group: &Group) -> Result<GlCodes, StoreError> {
    let stored = products::find(snapshot, &group.product, group.version).await?;
    let gone = || StoreError::Corrupt(format!("no version {} of {}", group.version, group.product));
    Ok(Version::of(&stored.ok_or_else(gone)?)?.conditions.gl)
}
