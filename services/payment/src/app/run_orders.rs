//! Runs the orders that have come due by the business date.
//!
//! One transaction takes on the transfers of many orders and writes how far the orders are, so a
//! crash leaves all of it or nothing; whoever runs beside waits for the rows and then finds
//! nothing to do. A transfer's key is its order, date and attempt, unique for ever.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use florin_kernel::{Date, Kind, Money, OrderId, Role, TransferId, UnixMicros};
use florin_rpc::{Error, worker_context};
use florin_store::{StoreError, Tx};
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::{
    Payment,
    create_transfer::not_an_order,
    events,
    intake::{Intake, Refused},
};
use crate::{
    domain::{Fee, Last, Opened, OrderStep as Step, Ordering, Status},
    store::{
        self, ClientKey,
        orders::{OrderRun, StandingOrder},
    },
};

/// Orders of one transaction.
const PAGE: i64 = 200;
/// How often it is looked for orders, at the latest.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The channel by which limits know them.
const CHANNEL: &str = "standing_order";
/// What is audited: the method by which somebody once wanted them.
const METHOD: &str = "/florin.payment.v1.PaymentService/CreateOrder";

/// Accounts that are asked about at once.
const AT_ONCE: usize = 64;

/// What the transfer of an order costs, and the amount of which that was asked.
type Fees = HashMap<OrderId, (Money, Result<Option<Fee>, String>)>;

/// What became of a page of orders.
struct Page {
    /// Orders that were due.
    orders: usize,
    /// Transfers that came of them.
    created: usize,
}

impl Payment {
    /// Runs until the shutdown what the business date brings.
    pub(crate) fn run_orders(
        &self,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let payment = self.clone();
        async move {
            let mut look = tokio::time::interval(LOOK_EVERY);
            while shutdown.run_until_cancelled(look.tick()).await.is_some() {
                let Some(today) = payment.books.known() else { continue };
                if let Err(error) = payment.run_orders_of(today).await {
                    tracing::warn!(%error, "orders could not be run");
                }
            }
        }
    }

    /// Runs every order that is due on a business date, and returns how many transfers came of
    /// them.
    ///
    /// # Errors
    /// Those of the database. What was committed stays; the rest is found again.
    pub async fn run_orders_of(&self, today: Date) -> Result<usize, StoreError> {
        let opened = self.books.opened(today);
        let mut created = 0_usize;
        let mut passed_by = BTreeSet::new();
        loop {
            let limit = i64::try_from(passed_by.len()).unwrap_or(PAGE).saturating_add(PAGE);
            let now = self.db.now().await?;
            let mut due = store::orders::due(self.db.read(), opened, now, limit).await?;
            due.retain(|id| !passed_by.contains(id));
            if due.is_empty() {
                return Ok(created);
            }
            let fees = self.fees_of_orders(&due).await?;
            let page = self.run_parts(opened, due, &fees, &mut passed_by).await?;
            created = created.saturating_add(page.created);
            // Others run them, or what is left cannot be read: it is looked at again later.
            if page.orders == 0 {
                return Ok(created);
            }
        }
    }

    /// Runs orders together, and in halves where one of them is what the transaction fails at:
    /// that one is passed by, for people, and holds up no other. It is tried again ever more
    /// rarely.
    async fn run_parts(
        &self,
        opened: Opened,
        due: Vec<OrderId>,
        fees: &Fees,
        passed_by: &mut BTreeSet<OrderId>,
    ) -> Result<Page, StoreError> {
        let mut whole = Page { orders: 0, created: 0 };
        let mut parts = vec![due];
        while let Some(mut ids) = parts.pop() {
            let run = self.db.write(async |tx: Tx| {
                let orders = store::orders::lock(&tx, &ids).await?;
                let read: BTreeSet<_> = orders.iter().map(|one| one.id).collect();
                Ok::<_, StoreError>((self.run_page(&tx, opened, orders, fees).await?, read))
            });
            match (run.await, ids.as_slice()) {
                (Ok((page, read)), _) => {
                    for id in ids.iter().filter(|id| !read.contains(id)) {
                        self.note_failing_order(*id, "its row cannot be read").await?;
                        passed_by.insert(*id);
                    }
                    whole.orders = whole.orders.saturating_add(page.orders);
                    whole.created = whole.created.saturating_add(page.created);
                }
                (Err(error), _) if !is_of_a_row(&error) => return Err(error),
                (Err(error), [id]) => {
                    tracing::error!(order = %id, %error, "an order cannot be run");
                    self.note_failing_order(*id, &error.to_string()).await?;
                    passed_by.insert(*id);
                }
                (Err(_), _) => {
                    let right = ids.split_off(ids.len() / 2);
                    parts.extend([right, ids]);
                }
            }
        }
        Ok(whole)
    }

    /// What the transfers of these orders cost by now: asked before the transaction that takes
    /// them on.
    async fn fees_of_orders(&self, due: &[OrderId]) -> Result<Fees, StoreError> {
        let orders = store::orders::of(self.db.read(), due).await?;
        let mut fees = Fees::with_capacity(orders.len());
        for group in orders.chunks(AT_ONCE) {
            let asked = join_all(group.iter().map(|one| self.fee_of_order(one))).await;
            for (one, fee) in group.iter().zip(asked) {
                fees.insert(one.id, (one.order.amount(), fee?));
            }
        }
        Ok(fees)
    }

    /// The fee, or why the order is refused as a transfer of its own would be.
    async fn fee_of_order(
        &self,
        one: &StandingOrder,
    ) -> Result<Result<Option<Fee>, String>, StoreError> {
        let Some(debtor) = one.order.route().debtor() else { return Ok(Ok(None)) };
        let away = |error: Error| StoreError::Unavailable(error.to_string());
        let ctx = worker_context(Role::Payment);
        // The ledger refuses what an account pays that is not there.
        let Some(account) = self.account_of_bank(&ctx, debtor).await.map_err(away)? else {
            return Ok(Ok(None));
        };
        match self.charged(&ctx, one.order.clone(), &account).await {
            Ok(order) => Ok(Ok(order.fee().cloned())),
            // It holds up no other order, and is not paid without its fee.
            Err(error) if error.kind() == Kind::Invalid || error.kind().is_decided() => {
                tracing::error!(order = %one.id, %error, "the fee of an order");
                Ok(Err(error.reason().to_owned()))
            }
            Err(error) => Err(away(error)),
        }
    }

    async fn run_page(
        &self,
        tx: &Tx,
        opened: Opened,
        mut orders: Vec<StandingOrder>,
        fees: &Fees,
    ) -> Result<Page, StoreError> {
        // Somebody else may have run them between the look and the lock.
        orders.retain(|one| one.standing.is_due(opened));
        // Or have changed the amount: the fee is that of another one. It is found again soon.
        orders.retain(|one| {
            fees.get(&one.id).is_some_and(|(amount, _)| *amount == one.order.amount())
        });
        let (mut paying, mut refused) = (Vec::new(), Vec::new());
        for (at, one) in orders.iter_mut().enumerate() {
            let last = match last(tx, one).await {
                // It waits for people, pays nothing again, and holds up no other.
                Err(StoreError::Corrupt(error)) => {
                    tracing::error!(order = %one.id, %error, "the last transfer of an order");
                    Last::Waits
                }
                last => last?,
            };
            match one.standing.step(opened, last) {
                Step::Wait => {}
                Step::Pay { date, attempt } => {
                    let due = Due { at, date, attempt };
                    let fee = fees.get(&one.id).map_or(Ok(None), |(_, fee)| fee.clone());
                    let too_large = |error| not_an_order(error).reason().to_owned();
                    match fee.and_then(|fee| one.order.clone().charged(fee).map_err(too_large)) {
                        Ok(order) => {
                            let intake = Intake { order, ..intake(one, opened.on, date, attempt) };
                            paying.push((due, intake));
                        }
                        Err(reason) => refused.push((due, reason)),
                    }
                }
            }
        }
        let intakes: Vec<_> = paying.iter().map(|(_, intake)| intake).collect();
        let taken = self.intakes.take(tx, &intakes).await?;
        let now = tx.now().await?;
        let mut runs = Vec::new();
        for ((due, intake), taken) in paying.iter().zip(taken) {
            match taken {
                Ok(_) => runs.push(due.run(&mut orders, Ok(intake.id), now)),
                Err(why) => refused.push((*due, reason_of(why))),
            }
        }
        let created = runs.len();
        let mut told = Vec::new();
        for (due, reason) in refused {
            let run = due.run(&mut orders, Err(reason), now);
            if let (Some(run), Some(one)) = (&run, orders.get_mut(due.at)) {
                one.events = one.events.saturating_add(1);
                told.push(events::order_run_refused(one, run));
            }
            runs.push(run);
        }
        let runs: Vec<OrderRun> = runs.into_iter().flatten().collect();
        store::orders::record(tx, &runs).await?;
        store::orders::update(tx, &orders).await?;
        let run: Vec<_> = orders.iter().map(|one| one.id).collect();
        store::failing_orders::forget(tx, &run).await?;
        self.outbox.append(tx, told).await?;
        Ok(Page { orders: orders.len(), created })
    }
}

/// A date of an order of a page that has come due.
#[derive(Debug, Clone, Copy)]
struct Due {
    /// Where the order stands in the page.
    at: usize,
    /// The order's own date.
    date: Date,
    /// From 1.
    attempt: i64,
}

impl Due {
    /// What became of it: a transfer, or the reason why there is none.
    fn run(
        self,
        orders: &mut [StandingOrder],
        outcome: Result<TransferId, String>,
        now: UnixMicros,
    ) -> Option<OrderRun> {
        let one = orders.get_mut(self.at)?;
        let (transfer, reason) = match outcome {
            Ok(transfer) => (Some(transfer), None),
            Err(reason) => (None, Some(reason)),
        };
        one.last_transfer = transfer;
        let (date, attempt) = (self.date, self.attempt);
        Some(OrderRun { order: one.id, date, attempt, transfer, reason, at: now })
    }
}

/// Whether a row of the database is what a transaction failed at, and not the database.
const fn is_of_a_row(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt(_) | StoreError::Conflict { .. })
}

fn reason_of(refused: Refused) -> String {
    Error::from(refused).reason().to_owned()
}

/// What became of the last attempt of an order that is looked at again.
async fn last(tx: &Tx, order: &StandingOrder) -> Result<Last, StoreError> {
    let Some(id) = order.last_transfer else { return Ok(Last::Unpaid) };
    let record = store::find(tx, id).await?;
    let gone = || StoreError::Corrupt(format!("transfer {id} of order {} is gone", order.id));
    Ok(match record.ok_or_else(gone)?.transfer.status() {
        Status::Processing
        | Status::Posting
        | Status::Holding
        | Status::Submitting
        | Status::Settling
        | Status::Releasing => Last::Waits,
        Status::Failed => Last::Unpaid,
        // Who cancelled it does not want it tried again.
        Status::Completed | Status::Cancelled => Last::Settled,
    })
}

fn intake(one: &StandingOrder, today: Date, date: Date, attempt: i64) -> Intake {
    let (millis, random) = florin_store::id_parts();
    Intake {
        id: TransferId::from_parts(millis, random),
        order: one.order.clone(),
        ordering: Ordering { customer: one.customer, channel: CHANNEL.to_owned(), date: today },
        initiator: one.initiator.clone(),
        key: ClientKey::of_order(one.id, date, attempt),
        traceparent: None,
        cause: one.id.to_string(),
        actor: one.actor.clone(),
        method: METHOD.to_owned(),
        on_behalf_of: None,
    }
}
