//! Takes what is due from the accounts of the loans: the standing order of every loan.
//!
//! What is due is asked for whole; where the account does not cover it, what it has is taken. A loan
//! that is past due already is asked for no more than its account has, so that not every day makes a
//! refusal. The position names the movement, in its transaction, so a crash asks for nothing twice.

use std::collections::BTreeMap;

use florin_kernel::{Date, Kind, LoanId, Role};
use florin_proto::{
    account::v1::{GetBalanceRequest, account_service_client::AccountServiceClient},
    money_of,
};
use florin_rpc::{Error, Retry, worker_context};
use florin_runtime::Failure;
use florin_store::{StoreError, Tx, lease::Lease};

use super::Ran;
use crate::{
    app::{
        Lending,
        loaded::Loaded,
        servicing::{self, Wanted},
    },
    domain::{
        book::{Beyond, Bucket},
        loan::Overpayment,
        movement::{Movement, MovementKind, MovementState},
    },
    store::{
        days::Day,
        movements,
        positions::{self, Position, Standing},
    },
};

const GET_BALANCE: &str = "/florin.account.v1.AccountService/GetBalance";
/// Loans of a transaction.
const PAGE: i64 = 100;
/// For so long the end of a day waits for a movement of a loan, in microseconds: ten minutes. Then
/// it goes on without that loan, and a later day takes what is due.
const LONGEST_WAIT: i64 = 600_000_000;

/// What a page came to.
#[derive(Default)]
struct Page {
    /// Loans that are done with for the day.
    done: i64,
    /// Loans whose money is on its way.
    waiting: bool,
    /// Loans of whose accounts it is to be asked what they have.
    asking: Vec<(LoanId, String)>,
}

impl Lending {
    pub(super) async fn collect(&self, day: &Day, lease: &mut Lease) -> Result<Ran, StoreError> {
        let (mut done, mut waiting, mut after) = (0_i64, false, String::new());
        loop {
            let ids = positions::due(self.db.read(), day.through, &after, PAGE).await?;
            let Some(last) = ids.last() else { break };
            after = last.to_string();
            let page = self.collect_page(day, &ids, &BTreeMap::new()).await?;
            done = done.saturating_add(page.done);
            waiting |= page.waiting;
            let mut funds = BTreeMap::new();
            for (loan, account) in page.asking {
                match self.available(&account).await {
                    Ok(minor) => drop(funds.insert(loan, minor)),
                    Err(error) => {
                        let cause = format!("{account}: {}", error.message());
                        return Ok(Ran::Failed(done, cause));
                    }
                }
            }
            if !funds.is_empty() {
                let asked: Vec<LoanId> = funds.keys().copied().collect();
                let page = self.collect_page(day, &asked, &funds).await?;
                done = done.saturating_add(page.done);
                waiting |= page.waiting;
            }
            if !self.keep_lease(lease).await? {
                return Ok(Ran::Lost);
            }
        }
        Ok(if waiting { Ran::Waits(done) } else { Ran::Done(done) })
    }

    /// What an account has; nothing where it is none any more.
    async fn available(&self, account: &str) -> Result<i64, Error> {
        let request =
            GetBalanceRequest { account_id: account.to_owned(), ..GetBalanceRequest::default() };
        let ctx = worker_context(Role::Loan);
        let answer = self
            .account
            .call(&ctx, GET_BALANCE, Retry::Read, request, |channel, request| async {
                AccountServiceClient::new(channel).get_balance(request).await
            })
            .await;
        match answer {
            Ok(answer) => {
                let available = answer.available;
                let money = money_of(available.as_ref());
                money.map(|money| money.minor()).map_err(|error| Error::internal(error.to_string()))
            }
            Err(error) if error.kind() == Kind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    async fn collect_page(
        &self,
        day: &Day,
        ids: &[LoanId],
        funds: &BTreeMap<LoanId, i64>,
    ) -> Result<Page, StoreError> {
        self.db
            .write(async |tx: Tx| {
                let mut page = Page::default();
                let mut loaded = servicing::lock(&tx, ids).await?;
                let mut found = positions::lock(&tx, ids).await?;
                for position in &mut found {
                    let of_loan = loaded.iter_mut().find(|one| one.record.id == position.loan);
                    let Some(of_loan) = of_loan else { continue };
                    let funds = funds.get(&position.loan).copied();
                    self.collect_one(&tx, day, (position, of_loan), funds, &mut page).await?;
                }
                positions::update(&tx, &found).await?;
                Ok(page)
            })
            .await
    }

    async fn collect_one(
        &self,
        tx: &Tx,
        day: &Day,
        (position, loaded): (&mut Position, &mut Loaded),
        funds: Option<i64>,
        page: &mut Page,
    ) -> Result<(), StoreError> {
        let through = day.through;
        let is_due = position.due_on.is_some_and(|due| due <= through);
        let is_done = position.collected_through.is_some_and(|done| done >= through);
        if is_done || !is_due || position.standing != Standing::Running {
            return Ok(());
        }
        if let Some(reference) = position.collecting.clone() {
            let movement = movements::lock(tx, &[reference]).await?.pop();
            let state = movement.as_ref().map(|one| one.movement.state);
            if let Some(open) = movement.filter(|one| one.movement.state.is_open()) {
                return wait_for(tx, &open.movement, position, through, page).await;
            }
            position.collecting = None;
            if state == Some(MovementState::Done) || position.attempts > 1 {
                finish(position, through, page);
                return Ok(());
            }
        }
        if let Some(open) = movements::open_of(tx, position.loan).await? {
            return wait_for(tx, &open.movement, position, through, page).await;
        }
        let is_known_short = position.attempts > 0 || position.bucket > Bucket::Current;
        if is_known_short && funds.is_none() {
            page.asking.push((position.loan, loaded.record.account.to_string()));
            return Ok(());
        }
        let decided = match self.decide(position, loaded, day, funds) {
            Ok(decided) => decided,
            // One loan of which nothing can be told holds up no other.
            Err(StoreError::Corrupt(cause)) => {
                tracing::error!(loan = %position.loan, cause, "nothing was taken for a loan");
                None
            }
            Err(other) => return Err(other),
        };
        match decided {
            None => finish(position, through, page),
            Some(wanted) => {
                let ctx = worker_context(Role::Loan);
                let movement = self.move_money(tx, &ctx, loaded, wanted).await.map_err(stored)?;
                position.collecting = Some(movement.reference);
                position.attempts = position.attempts.saturating_add(1);
                page.waiting = true;
            }
        }
        Ok(())
    }

    /// The repayment that takes what is due; None where nothing is, or nothing is there to take.
    fn decide(
        &self,
        position: &Position,
        loaded: &Loaded,
        day: &Day,
        funds: Option<i64>,
    ) -> Result<Option<Wanted>, StoreError> {
        let refused = |error: String| {
            StoreError::Corrupt(format!("{} cannot be repaid: {error}", position.loan))
        };
        let Some(book) = loaded.loan.book() else { return Ok(None) };
        let on = day_of(day, position.due_on).max(book.through());
        let due = book.due_by(on).map_err(|error| refused(error.to_string()))?.total();
        let amount = funds.map_or(due, |funds| due.min(funds));
        if amount <= 0 {
            return Ok(None);
        }
        let kind = MovementKind::Repayment;
        let reference = servicing::next_reference(loaded, kind);
        let decided =
            loaded.loan.repay(&reference, (on, amount), Beyond::Ahead, Overpayment::Returned);
        let event = decided.map_err(|error| refused(error.to_string()))?.pop();
        let Some(event) = event else { return Ok(None) };
        let legs = servicing::legs_of(loaded, &event);
        let legs = legs.map_err(|error| refused(error.to_string()))?;
        Ok(legs.map(|legs| Wanted { kind, event, legs, on }))
    }
}

/// The day waits for a movement that is under way, and not for ever.
async fn wait_for(
    tx: &Tx,
    movement: &Movement,
    position: &mut Position,
    through: Date,
    page: &mut Page,
) -> Result<(), StoreError> {
    let until = movement.created_at.plus_micros(LONGEST_WAIT);
    if tx.now().await? < until {
        page.waiting = true;
        return Ok(());
    }
    let (loan, reference) = (position.loan, &movement.reference);
    tracing::error!(%loan, reference, "a movement does not end: the day goes on without its loan");
    finish(position, through, page);
    Ok(())
}

/// The day by which it counts: the date that is closed, or a later due date before the next one.
fn day_of(day: &Day, due_on: Option<Date>) -> Date {
    due_on.filter(|due| *due <= day.through).map_or(day.closed, |due| due.max(day.closed))
}

/// The end of day asks for what the domain has decided: a refusal is a defect.
fn stored(failure: Failure) -> StoreError {
    match failure {
        Failure::Store(error) => error,
        Failure::Refused(error) => StoreError::Corrupt(error.message().to_owned()),
    }
}

const fn finish(position: &mut Position, through: Date, page: &mut Page) {
    position.collected_through = Some(through);
    position.attempts = 0;
    page.done = page.done.saturating_add(1);
}
