//! Accrues every loan: by its track where nothing happens on the day, else by folding it.

use florin_kernel::{Date, LoanId};
use florin_store::{StoreError, Tx, lease::Lease};
use futures_util::{StreamExt as _, stream};

use super::Ran;
use crate::{
    app::{Lending, events::DayFact, loaded::Loaded, servicing},
    domain::{
        day::{DayEnd, Earned, Track},
        loan::State,
    },
    store::{
        days::{self, Day},
        positions::{self, Group, Position, Standing},
    },
};

/// Loans of a transaction that have a track.
const TRACKED: i64 = 2_000;
/// Loans of a transaction that are folded.
const FOLDED: i64 = 200;
/// Days of a track: more than a month, so that most are made again by what falls due.
const LONGEST_TRACK: usize = 40;

impl Lending {
    /// Accrues the loans of every group whose chunk of the day is not sealed.
    pub(super) async fn accrue(&self, day: &Day, lease: &mut Lease) -> Result<Ran, StoreError> {
        let sealed = days::sealed(self.db.read(), day.closed).await?;
        let mut groups = positions::groups(self.db.read()).await?;
        groups.retain(|group| !sealed.contains(group));
        // Owned: what runs at once borrows nothing of this call.
        let work: Vec<_> = groups
            .into_iter()
            .map(|group| {
                let (lending, day) = (self.clone(), day.clone());
                async move { lending.accrue_group(&day, &group).await }
            })
            .collect();
        let mut running = stream::iter(work).buffer_unordered(self.config.end_of_day_workers);
        let mut done = 0_i64;
        while let Some(accrued) = running.next().await {
            done = done.saturating_add(accrued?);
            if !self.keep_lease(lease).await? {
                return Ok(Ran::Lost);
            }
        }
        Ok(Ran::Done(done))
    }

    async fn accrue_group(&self, day: &Day, group: &Group) -> Result<i64, StoreError> {
        let (mut done, mut after) = (0_i64, String::new());
        while let Some((accrued, last)) = self.tracked(day, group, &after).await? {
            done = done.saturating_add(accrued);
            after = last.to_string();
        }
        loop {
            let ids = positions::waiting(self.db.read(), (group, day.through), "", FOLDED).await?;
            if !ids.is_empty() {
                done = done.saturating_add(self.folded(day, group, &ids).await?);
                continue;
            }
            if self.seal(day, group).await? {
                return Ok(done);
            }
        }
    }

    /// Accrues loans by their tracks; None where there are no more.
    async fn tracked(
        &self,
        day: &Day,
        group: &Group,
        after: &str,
    ) -> Result<Option<(i64, LoanId)>, StoreError> {
        self.db
            .write(async |tx: Tx| {
                let key = (group, day.through);
                let found = positions::lock_tracked(&tx, key, after, TRACKED).await?;
                let Some(last) = found.last().map(|one| one.loan) else { return Ok(None) };
                let mut sum = 0_i64;
                let mut accrued = Vec::with_capacity(found.len());
                for one in &found {
                    let Some(interest) = one.interest else { continue };
                    let more = interest.checked_sub(one.booked);
                    sum = more.and_then(|more| sum.checked_add(more)).ok_or_else(beyond)?;
                    accrued.push((one.loan, interest));
                }
                positions::accrued(&tx, day.through, &accrued).await?;
                let earned = Earned { interest: sum, ..Earned::default() };
                let loans = i64::try_from(accrued.len()).unwrap_or(0);
                add(&tx, day.closed, group, (loans, earned)).await?;
                Ok(Some((loans, last)))
            })
            .await
    }

    /// Accrues loans by folding them, and makes their tracks.
    async fn folded(&self, day: &Day, group: &Group, ids: &[LoanId]) -> Result<i64, StoreError> {
        self.db
            .write(async |tx: Tx| {
                let mut loaded = servicing::lock(&tx, ids).await?;
                let mut found = positions::lock(&tx, ids).await?;
                found.retain(|one| is_waiting(one, day.through));
                let mut sum = Earned::default();
                let mut tracks = Vec::with_capacity(found.len());
                let mut facts = Vec::new();
                for position in &mut found {
                    let of_loan = loaded.iter().find(|one| one.record.id == position.loan);
                    let Some(of_loan) = of_loan else {
                        return Err(StoreError::Corrupt(format!("{} is gone", position.loan)));
                    };
                    let before = position.clone();
                    let (track, told) = match end_day(position, of_loan, day.through) {
                        Ok(ended) => ended,
                        // One loan of which nothing can be told holds up no other; a later day
                        // books the difference.
                        Err(StoreError::Corrupt(cause)) => {
                            tracing::error!(cause, "a loan did not accrue on a day");
                            position.clone_from(&before);
                            position.accrued_through = Some(day.through);
                            (Track::default(), Vec::new())
                        }
                        Err(other) => return Err(other),
                    };
                    let more = position.earned.since(&before.earned);
                    sum = more.and_then(|more| sum.plus(&more)).ok_or_else(beyond)?;
                    tracks.push((position.loan, track));
                    facts.extend(told.into_iter().map(|fact| (position.loan, fact)));
                }
                positions::update(&tx, &found).await?;
                positions::set_tracks(&tx, &tracks).await?;
                let loans = i64::try_from(found.len()).unwrap_or(0);
                add(&tx, day.closed, group, (loans, sum)).await?;
                self.tell(&tx, &mut loaded, facts).await?;
                Ok(loans)
            })
            .await
    }
}

fn is_waiting(position: &Position, through: Date) -> bool {
    position.standing == Standing::Running
        && position.accrued_through.is_none_or(|last| last < through)
}

/// Adds to what the chunk of a group came to. It is locked last.
async fn add(
    tx: &Tx,
    closed: Date,
    group: &Group,
    (loans, earned): (i64, Earned),
) -> Result<(), StoreError> {
    let mut chunk = days::lock_chunk(tx, closed, group).await?;
    if chunk.sealed {
        // Somebody else came to its end first: what is left waits for the next day.
        return Err(StoreError::Conflict { constraint: format!("{closed} is sealed") });
    }
    chunk.loans = chunk.loans.saturating_add(loans);
    chunk.earned = chunk.earned.plus(&earned).ok_or_else(beyond)?;
    days::update_chunk(tx, closed, group, &chunk).await
}

/// What the day leaves of a loan; gives the track of the days to come, and what is to be told. Where
/// something happened on a later day already, the loan is folded as it was at the end of this one.
fn end_day(
    position: &mut Position,
    loaded: &Loaded,
    through: Date,
) -> Result<(Track, Vec<DayFact>), StoreError> {
    let loan = position.loan;
    let refused = |error| StoreError::Corrupt(format!("{loan}: {error}"));
    let then = loaded.loan.as_of(through).map_err(refused)?;
    position.accrued_through = Some(through);
    let Some(book) = then.book() else { return Ok((Track::default(), Vec::new())) };
    let end: DayEnd = book.day_end(through).map_err(refused)?;
    position.earned = end.earned;
    if loaded.loan.book().is_some_and(|book| book.through() > through) {
        // How it stands by now was written with what happened.
        return Ok((Track::default(), Vec::new()));
    }
    let bucket = position.bucket;
    position.stands(&end);
    if then.state() == State::Closed {
        position.standing = Standing::Even;
        return Ok((Track::default(), Vec::new()));
    }
    let mut facts = Vec::new();
    if position.bucket > bucket {
        let (days, overdue) = (position.days_past_due, position.overdue);
        facts.push(DayFact::Overdue { bucket: position.bucket, days, overdue, on: through });
    }
    let until = match end.due_on.filter(|due| *due > through) {
        None => None,
        Some(due_on) => {
            let told_on = told_on(due_on, loaded.version.conditions.remind_days);
            if position.told_due < Some(due_on) && told_on.is_some_and(|on| on <= through) {
                position.told_due = Some(due_on);
                facts.push(DayFact::Due { due_on, due: end.due, on: through });
            }
            let untold = told_on.filter(|_| position.told_due < Some(due_on));
            Some(untold.unwrap_or(due_on))
        }
    };
    Ok((Track::of(book, through, until, LONGEST_TRACK), facts))
}

/// The day at whose end an instalment is told of; None for never.
fn told_on(due_on: Date, days: u16) -> Option<Date> {
    let span = jiff::Span::new().try_days(i64::from(days)).ok()?;
    due_on.checked_sub(span).ok().filter(|_| days > 0)
}

fn beyond() -> StoreError {
    StoreError::Corrupt("what loans of a chunk earned leaves 64 bits".into())
}
