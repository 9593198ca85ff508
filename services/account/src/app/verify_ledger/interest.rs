//! Whether what is booked of each account's interest is the rounded sum, and that sum what its
//! entries and conditions make it from the first day on.

use std::collections::BTreeMap;

use florin_kernel::Date;
use florin_store::StoreError;

use super::{Report, Summary};
use crate::{
    domain::interest::{Point, Sides, fold},
    store::{
        conditions::{self, AllConditions},
        verify::{
            Snapshot,
            interest::{self, Row, Turned},
        },
    },
};

/// Accounts of one page: each brings what it turned over.
const PAGE: i64 = 500;
/// Accounts that one verification folds from their first day on: where there are more, those of
/// this business date, so that each has its turn.
const MOST_FOLDED: i64 = 20_000;

/// By what an account's interest is made again.
struct Basis {
    conditions: AllConditions,
    /// The business date that was closed, by the last day that then had accrued.
    closed: BTreeMap<Date, Date>,
    /// Every so manieth account is folded, from this one on.
    every: i64,
    first: i64,
}

impl Basis {
    async fn load(snapshot: &Snapshot) -> Result<Self, StoreError> {
        let closed = interest::closed_days(snapshot).await?;
        let every = interest::count(snapshot).await? / MOST_FOLDED + 1;
        let today = closed.keys().next_back().copied();
        let day = today.map_or(0, |day| i64::from(day.day_of_year()));
        let conditions = conditions::all(snapshot).await?;
        Ok(Self { conditions, closed, every, first: day.rem_euclid(every) })
    }

    /// Where the fold of all entries ends that the last end of day saw; None where none accrues,
    /// or it leaves the range.
    fn folded_anew(&self, row: &Row, through: Date, turned: &[Turned]) -> Option<Point> {
        let conditions = self.conditions.get(&(row.product.clone(), row.currency))?;
        let first = row.accrual.from.max(conditions.first_day()?);
        let before = first.yesterday().ok()?;
        let closed = self.closed.get(&through).copied().unwrap_or(through);
        let mut days: BTreeMap<Date, i128> = BTreeMap::new();
        for (valued, booked, net) in turned {
            if *valued <= through && *booked <= closed {
                *days.entry((*valued).max(before)).or_default() += i128::from(*net);
            }
        }
        let balance = i64::try_from(days.remove(&before).unwrap_or(0)).ok()?;
        let start = Point { through: before, balance, accrued: Sides::default() };
        let (end, _) = fold(start, &days, through, conditions, row.currency)?;
        Some(end)
    }
}

/// Reads every account's interest.
pub(super) async fn check<F>(
    snapshot: &Snapshot,
    summary: &mut Summary,
    report: &mut F,
) -> Result<(), StoreError>
where
    F: AsyncFnMut(Report) -> Result<(), StoreError>,
{
    let basis = Basis::load(snapshot).await?;
    let (mut after, mut done) = (String::new(), 0_i64);
    loop {
        let page = interest::accruals_after(snapshot, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.account);
        let folded = (done..).zip(&page);
        let folded = folded.filter(|(at, _)| at.rem_euclid(basis.every) == basis.first);
        let folded: Vec<&Row> = folded.map(|(_, row)| row).collect();
        let mut found = fold_again(snapshot, &basis, &folded).await?;
        for row in &page {
            done += 1;
            found.extend(rounded(row).map(|text| (row.account.clone(), text)));
        }
        for (record, description) in found {
            summary.breaches += 1;
            report(Report::Breach { check: "interest", record, description }).await?;
        }
        report(Report::Progress { check: "interest", done }).await?;
    }
}

/// What is booked otherwise than what has accrued.
fn rounded(row: &Row) -> Option<String> {
    let (accrual, booked) = (&row.accrual, row.accrual.booked);
    let exact = accrual.at.map(|at| at.accrued).unwrap_or_default();
    (exact.rounded(row.currency) != Some(booked)).then(|| {
        format!(
            "accrued are {} and {}, booked are {} and {} minor units",
            exact.credit, exact.overdraft, booked.credit, booked.overdraft
        )
    })
}

/// What has accrued otherwise than entries and conditions make it. An account that stands aside, or
/// has entries that the next end of day takes in, is left out.
async fn fold_again(
    snapshot: &Snapshot,
    basis: &Basis,
    folded: &[&Row],
) -> Result<Vec<(String, String)>, StoreError> {
    let ids: Vec<&str> = folded.iter().map(|row| row.account.as_str()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let late = interest::late(snapshot, &ids).await?;
    let turnover = interest::turnover(snapshot, &ids).await?;
    let mut found = Vec::new();
    for row in folded {
        let Some(at) = row.accrual.at else { continue };
        let closed = basis.closed.get(&at.through).copied().unwrap_or(at.through);
        let waits = late.get(&row.account);
        if waits.is_some_and(|booked| booked.is_none_or(|booked| booked <= closed)) {
            continue;
        }
        let turned = turnover.get(&row.account).map(Vec::as_slice).unwrap_or_default();
        let Some(made) = basis.folded_anew(row, at.through, turned) else { continue };
        if made != at {
            let (through, is, made) = (at.through, at.accrued, made.accrued);
            let text = format!(
                "through {through} {} and {} have accrued, its entries make it {} and {}",
                is.credit, is.overdraft, made.credit, made.overdraft
            );
            found.push((row.account.clone(), text));
        }
    }
    Ok(found)
}
