//! Has the accounts that stand aside do the steps that they lack, in order.

use florin_store::{StoreError, Tx, lease};

use super::worker::{LEASE, Worker};
use crate::{
    domain::end_of_day::{ClosedDay, Step},
    store::{
        chart, end_of_day,
        set_aside::{self, SetAside},
    },
};

/// Accounts that are read at once.
const PAGE: i64 = 200;
/// Business dates of an account that are read at once.
const DAYS: i64 = 64;

/// What the steps of a day came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    /// All went through.
    Done,
    /// Its days have not accrued. The end of a later date may accrue them with its own, for it sees
    /// what was booked since; what was to be paid is then paid when the next period ends.
    NotAccrued,
    /// Something else is still beyond the range.
    Lacks,
}

impl Worker {
    /// Tries the steps that each account set aside lacks, while no business date is to be ended;
    /// how many have caught up.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn catch_up(&self) -> Result<u64, StoreError> {
        let waiting = set_aside::page(self.db.read(), "", 1).await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let taken = lease::acquire(&self.db, LEASE, &self.holder, self.lease).await?;
        let Some(mut lease) = taken else { return Ok(0) };
        let (mut caught_up, mut after) = (0_u64, String::new());
        loop {
            let page = set_aside::page(self.db.read(), &after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.account.to_string();
            for one in &page {
                if self.one(one).await? {
                    caught_up = caught_up.saturating_add(1);
                }
                let renewed = lease::renew(&self.db, &lease, self.lease).await?;
                let Some(renewed) = renewed else { return Ok(caught_up) };
                lease = renewed;
            }
        }
        lease::release(&self.db, &lease).await?;
        Ok(caught_up)
    }

    /// Whether the account stands aside no more.
    async fn one(&self, aside: &SetAside) -> Result<bool, StoreError> {
        let (mut from, mut last_day) = (aside.closed, Day::NotAccrued);
        loop {
            let days = end_of_day::ended_from(self.db.read(), from, DAYS).await?;
            let Some(last) = days.last() else { break };
            for day in &days {
                last_day = self.day(aside, *day).await?;
                if last_day == Day::Lacks {
                    return Ok(false);
                }
            }
            let Ok(next) = last.closed.tomorrow() else { break };
            from = next;
        }
        if last_day != Day::Done {
            return Ok(false);
        }
        let account = aside.account;
        let back = self.db.write(async |tx: Tx| {
            // Under the lock of the books no date is closed: the next one finds the account.
            let books = chart::books_shared(&tx).await?;
            let under_way = end_of_day::open_day(&tx, books.business_date).await?;
            let more = end_of_day::ended_from(&tx, from, 1).await?;
            if under_way.is_some() || !more.is_empty() {
                return Ok::<_, StoreError>(false);
            }
            set_aside::remove(&tx, account).await?;
            Ok(true)
        });
        let back = back.await?;
        if back {
            tracing::info!(%account, "an account that was set aside has caught up");
        }
        Ok(back)
    }

    /// Does the steps of a day that the account lacks.
    async fn day(&self, aside: &SetAside, day: ClosedDay) -> Result<Day, StoreError> {
        let mut accrued = true;
        for step in Step::ALL.iter().copied() {
            let done = day.closed == aside.closed && step < aside.step;
            if done || step == Step::Seal {
                continue;
            }
            let tally = self.chunk(step, day, &[aside.account.to_string()]).await?;
            match (step, tally.refused == 0 && tally.set_aside == 0) {
                (_, true) => {}
                (Step::Accrual, false) => accrued = false,
                (Step::Capitalisation | Step::Fees | Step::Statement | Step::Seal, false) => {
                    return Ok(Day::Lacks);
                }
            }
        }
        Ok(if accrued { Day::Done } else { Day::NotAccrued })
    }
}
