//! Runs the orders that have come due by the business date.
//!
//! One transaction takes on the transfers of many orders and writes how far the orders are, so a
//! crash leaves all of it or nothing; whoever runs beside waits for the rows and then finds
//! nothing to do. A transfer's key is its order, date and attempt, unique for ever.

use std::time::Duration;

use florin_kernel::{Date, TransferId};
use florin_rpc::Error;
use florin_store::{StoreError, Tx};
use tokio_util::sync::CancellationToken;

use super::{
    Payment,
    intake::{Intake, Refused},
};
use crate::{
    domain::{Last, OrderStep as Step, Ordering, Status},
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
        let mut created = 0_usize;
        loop {
            let due = store::orders::due(self.db.read(), today, PAGE).await?;
            if due.is_empty() {
                return Ok(created);
            }
            let run = self.db.write(async |tx: Tx| {
                let orders = store::orders::lock(&tx, &due).await?;
                self.run_page(&tx, today, orders).await
            });
            let page = run.await?;
            created = created.saturating_add(page.created);
            // Others run them, or what is left cannot be read: it is looked at again later.
            if page.orders == 0 {
                return Ok(created);
            }
        }
    }

    async fn run_page(
        &self,
        tx: &Tx,
        today: Date,
        mut orders: Vec<StandingOrder>,
    ) -> Result<Page, StoreError> {
        // Somebody else may have run them between the look and the lock.
        orders.retain(|one| one.standing.run_on().is_some_and(|run_on| run_on <= today));
        let mut paying = Vec::new();
        for (at, one) in orders.iter_mut().enumerate() {
            let last = match last(tx, one).await {
                // It waits for people, pays nothing again, and holds up no other.
                Err(StoreError::Corrupt(error)) => {
                    tracing::error!(order = %one.id, %error, "the last transfer of an order");
                    Last::Waits
                }
                last => last?,
            };
            match one.standing.step(today, last) {
                Step::Wait => {}
                Step::Pay { date, attempt } => {
                    paying.push((at, date, attempt, intake(one, today, date, attempt)));
                }
            }
        }
        let intakes: Vec<_> = paying.iter().map(|(_, _, _, intake)| intake).collect();
        let taken = self.intakes.take(tx, &intakes).await?;
        let now = tx.now().await?;
        let mut runs = Vec::with_capacity(paying.len());
        let mut created = 0_usize;
        for ((at, date, attempt, intake), taken) in paying.iter().zip(taken) {
            let Some(one) = orders.get_mut(*at) else { continue };
            let refused = taken.err();
            one.last_transfer = refused.is_none().then_some(intake.id);
            created = created.saturating_add(usize::from(refused.is_none()));
            runs.push(OrderRun {
                order: one.id,
                date: *date,
                attempt: *attempt,
                transfer: one.last_transfer,
                reason: refused.map(reason_of),
                at: now,
            });
        }
        store::orders::record(tx, &runs).await?;
        store::orders::update(tx, &orders).await?;
        Ok(Page { orders: orders.len(), created })
    }
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
        key: ClientKey {
            scope: Some(format!("order {}", one.id)),
            key: format!("{date}/{attempt}"),
            request_hash: None,
        },
        traceparent: None,
        cause: one.id.to_string(),
        actor: one.actor.clone(),
        method: METHOD.to_owned(),
        on_behalf_of: None,
    }
}
