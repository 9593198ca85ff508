//! Works on files of transfers: checks those that are there, and executes the accepted ones in
//! parts from their dates on.
//!
//! A part is one transaction: the transfers of its lines are taken on and the lines say so, under
//! the lock of the bulk. A crash leaves all of it or nothing; whoever runs beside waits for the
//! lock and then finds those lines settled. Below that lies the key of each transfer, bulk and
//! line, which is unique for ever. Leases save double work and guard nothing.

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

use florin_kernel::{BulkId, Date, Kind as ErrorKind, Role, TransferId};
use florin_proto::account::v1::Account;
use florin_rpc::{CallContext, Error, worker_context};
use florin_store::{StoreError, Tx};
use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::{
    Payment,
    check_bulks::{CheckError, lease_micros},
    create_transfer::not_an_order,
    intake::Intake,
};
use crate::{
    domain::{BulkStatus, Order, Ordering},
    store::{
        self, ClientKey,
        bulk_lines::{Fate, Kept, scope},
        bulks::{Bulk, Told},
    },
};

/// Lines of one part.
const PART: i64 = 100;
/// Payees that are asked for at once.
const ASKED_AT_ONCE: usize = 16;
/// Bulks that are worked on in turn.
const BULKS: i64 = 16;
/// How often it is looked for bulks, at the latest.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// An upload of which nothing is heard for so long ends, in microseconds: a week.
const FORGOTTEN_AFTER: i64 = 7 * 24 * 3_600 * 1_000_000;
/// A bulk that could not be worked on waits for so long, in microseconds.
const AGAIN_AFTER: i64 = 2_000_000;
/// The channel by which limits know them.
const CHANNEL: &str = "bulk";
/// What is audited: the method by which somebody once wanted them.
const METHOD: &str = "/florin.payment.v1.BulkService/CreateBulk";

/// A line with its payee found, or the reason of its refusal.
type Found = Result<Order, String>;

impl Payment {
    /// Works on bulks until the shutdown.
    pub(crate) fn run_bulks(
        &self,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let payment = self.clone();
        async move {
            let mut look = tokio::time::interval(LOOK_EVERY);
            loop {
                let woken = async {
                    tokio::select! {
                        _ = look.tick() => {}
                        () = payment.bulks.notified() => {}
                    }
                };
                if shutdown.run_until_cancelled(woken).await.is_none() {
                    return;
                }
                let today = payment.books.known();
                let work = payment.work_on_bulks(today);
                // What is dropped here is as after a crash.
                match shutdown.run_until_cancelled(work).await {
                    None => return,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => tracing::warn!(%error, "bulks could not be worked on"),
                }
            }
        }
    }

    /// Does what is to be done on a business date, part by part in turn, until there is nothing
    /// that nobody else has; returns how many transfers came of it.
    ///
    /// # Errors
    /// Those of the database, and of `account` where payees cannot be asked for. What was
    /// committed stays; the rest is found again.
    pub async fn work_on_bulks(&self, today: Option<Date>) -> Result<usize, Error> {
        self.drop_forgotten().await.map_err(florin_runtime::internal)?;
        self.drop_spent_parts().await.map_err(florin_runtime::internal)?;
        let mut taken = 0_usize;
        loop {
            let now = self.db.now().await.map_err(florin_runtime::internal)?;
            let longest = lease_micros();
            let due = store::bulks::due(self.db.read(), today, now, longest, BULKS).await;
            let due = due.map_err(florin_runtime::internal)?;
            if due.is_empty() {
                return Ok(taken);
            }
            for id in due {
                taken = taken.saturating_add(self.work_on(id, today).await?);
            }
        }
    }

    /// One piece of work on a bulk: its check, or a part of it.
    async fn work_on(&self, id: BulkId, today: Option<Date>) -> Result<usize, Error> {
        let internal = florin_runtime::internal;
        let taken = store::bulks::take(&self.db, id, lease_micros()).await.map_err(internal)?;
        let Some(lease) = taken else { return Ok(0) };
        let bulk = store::bulks::find(self.db.read(), id).await.map_err(internal)?;
        let Some(bulk) = bulk else { return Ok(0) };
        let done = self.work_on_taken(&bulk, lease, today).await;
        if done.is_err() {
            // Others go on meanwhile; soon it is tried again, here or elsewhere.
            let hold = async |tx: Tx| {
                let until = tx.now().await?.plus_micros(AGAIN_AFTER);
                store::bulks::hold(&tx, id, lease, until).await
            };
            self.db.write(hold).await.map_err(internal)?;
        }
        done
    }

    async fn work_on_taken(
        &self,
        bulk: &Bulk,
        lease: i64,
        today: Option<Date>,
    ) -> Result<usize, Error> {
        let internal = florin_runtime::internal;
        match (bulk.status, today) {
            (BulkStatus::Checking, _) => match self.check_bulk(bulk.id, lease).await {
                Ok(()) => self.drop_spent_parts().await.map(|()| 0).map_err(internal),
                Err(CheckError::Lost) => Ok(0),
                Err(CheckError::Store(error)) => Err(internal(error)),
                Err(CheckError::Away(error)) => Err(error),
            },
            (BulkStatus::Accepted, Some(today)) => self.run_part(bulk, lease, today).await,
            (
                BulkStatus::Accepted
                | BulkStatus::Receiving
                | BulkStatus::Rejected
                | BulkStatus::Done
                | BulkStatus::Cancelled,
                _,
            ) => Ok(0),
        }
    }

    async fn run_part(&self, bulk: &Bulk, lease: i64, today: Date) -> Result<usize, Error> {
        let internal = florin_runtime::internal;
        let lines = store::bulk_lines::waiting(self.db.read(), bulk, today, PART).await;
        let lines = lines.map_err(internal)?;
        let found = self.find_payees(bulk, lines).await?;
        let settle = async |tx: Tx| self.settle(&tx, bulk.id, lease, today, &found).await;
        self.db.write(settle).await.map_err(internal)
    }

    /// Takes on the transfers of lines that still wait, and says so.
    async fn settle(
        &self,
        tx: &Tx,
        id: BulkId,
        lease: i64,
        today: Date,
        found: &HashMap<i64, Found>,
    ) -> Result<usize, StoreError> {
        let Some(mut bulk) = store::bulks::lock(tx, id).await? else { return Ok(0) };
        // Cancelled meanwhile, or done by whoever took it when our lease was over.
        if bulk.status != BulkStatus::Accepted {
            return Ok(0);
        }
        let mut fates = Vec::new();
        let mut paying = Vec::new();
        // Under the lock: those that somebody else has settled are not among them.
        for line in store::bulk_lines::waiting(tx, &bulk, today, PART).await? {
            match found.get(&line.number) {
                Some(Ok(order)) => paying.push(intake(&bulk, &line, order.clone(), today)),
                Some(Err(reason)) => fates.push((line.number, Fate::Refused(reason.clone()))),
                None => {}
            }
        }
        let intakes: Vec<_> = paying.iter().map(|(_, intake)| intake).collect();
        let taken = self.intakes.take(tx, &intakes).await?;
        let mut count = 0_usize;
        for ((line, intake), taken) in paying.iter().zip(taken) {
            count = count.saturating_add(usize::from(taken.is_ok()));
            fates.push((
                *line,
                match taken {
                    Ok(_) => Fate::Taken(intake.id),
                    Err(refused) => Fate::Refused(Error::from(refused).reason().to_owned()),
                },
            ));
        }
        store::bulk_lines::settle(tx, id, &fates).await?;
        let new = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        bulk.taken = bulk.taken.saturating_add(new(count));
        bulk.refused = bulk.refused.saturating_add(new(fates.len().saturating_sub(count)));
        bulk.run_on = store::bulk_lines::next_on(tx, id).await?;
        if bulk.run_on.is_none() {
            bulk.status = BulkStatus::Done;
            bulk.changed_at = tx.now().await?;
            self.tell_of_bulk(tx, &mut bulk).await?;
        }
        store::bulks::update(tx, &bulk).await?;
        // The next part is anybody's.
        let now = tx.now().await?;
        store::bulks::hold(tx, id, lease, now).await?;
        Ok(count)
    }

    /// Finds the accounts that lines pay, and what each costs, some at a time.
    async fn find_payees(
        &self,
        bulk: &Bulk,
        lines: Vec<Kept>,
    ) -> Result<HashMap<i64, Found>, Error> {
        let ctx = worker_context(Role::Payment);
        let mut debtors = HashMap::new();
        for line in &lines {
            let payer = line.payer.account;
            if let Entry::Vacant(entry) = debtors.entry(payer) {
                entry.insert(self.account_of_bank(&ctx, payer).await?);
            }
        }
        let (ctx, debtors) = (&ctx, &debtors);
        let found = stream::iter(lines)
            .map(|line| async move {
                // The ledger refuses what an account pays that is not there.
                let debtor = debtors.get(&line.payer.account).and_then(Option::as_ref);
                let order = match self.find_payee(ctx, bulk, &line).await? {
                    Ok(order) => self.with_fee_of_line(ctx, order, debtor).await?,
                    refused => refused,
                };
                Ok::<_, Error>((line.number, order))
            })
            .buffer_unordered(ASKED_AT_ONCE);
        let found: Vec<_> = found.collect().await;
        found.into_iter().collect()
    }

    /// The order of a line, or why it is refused as a transfer of its own would be.
    async fn find_payee(
        &self,
        ctx: &CallContext,
        bulk: &Bulk,
        line: &Kept,
    ) -> Result<Found, Error> {
        let Some(asked) = line.order() else {
            tracing::error!(bulk = %bulk.id, line = line.number, "a stored line is no order");
            return Ok(Err("INTERNAL".to_owned()));
        };
        let (from, from_iban) = (line.payer.account, line.payer.iban.clone());
        let code = bulk.announced.currency.code();
        let route = match self.route_to(ctx, from, from_iban, asked.to, code).await {
            Ok(route) => route,
            Err(error) if is_refusal(&error) => return Ok(Err(error.reason().to_owned())),
            Err(error) => return Err(error),
        };
        let order = Order::new(route, asked.amount, asked.description);
        Ok(order.map_err(|error| not_an_order(error).reason().to_owned()))
    }

    /// The order with what it costs by now, as a transfer of its own would: the same schedule.
    async fn with_fee_of_line(
        &self,
        ctx: &CallContext,
        order: Order,
        debtor: Option<&Account>,
    ) -> Result<Found, Error> {
        let Some(debtor) = debtor else { return Ok(Ok(order)) };
        match self.charged(ctx, order, debtor).await {
            Ok(order) => Ok(Ok(order)),
            Err(error) if is_refusal(&error) => Ok(Err(error.reason().to_owned())),
            Err(error) => Err(error),
        }
    }

    /// Ends uploads of which nothing was heard for long.
    async fn drop_forgotten(&self) -> Result<(), StoreError> {
        let since = self.db.now().await?.plus_micros(FORGOTTEN_AFTER.saturating_neg());
        for id in store::bulks::forgotten(self.db.read(), since, BULKS).await? {
            self.db
                .write(async |tx: Tx| {
                    let bulk = store::bulks::lock(&tx, id).await?;
                    let still =
                        |one: &Bulk| one.status == BulkStatus::Receiving && one.changed_at < since;
                    let Some(mut bulk) = bulk.filter(still) else { return Ok(()) };
                    let text = "was not sent to its end in time";
                    bulk.problems = vec![Told("data".into(), "REQUIRED".into(), text.into())];
                    self.cancel_locked(&tx, &mut bulk).await
                })
                .await?;
        }
        Ok(())
    }

    /// Cancels a bulk that is open and locked: what has not begun never does.
    pub(super) async fn cancel_locked(&self, tx: &Tx, bulk: &mut Bulk) -> Result<(), StoreError> {
        bulk.status = BulkStatus::Cancelled;
        bulk.run_on = None;
        bulk.changed_at = tx.now().await?;
        self.tell_of_bulk(tx, bulk).await?;
        store::bulks::update(tx, bulk).await
    }
}

/// What stands to the account of the line, and not of a neighbour that is away.
fn is_refusal(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Invalid
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Refused
        | ErrorKind::Unprocessable => true,
        ErrorKind::Unauthenticated
        | ErrorKind::Forbidden
        | ErrorKind::Aborted
        | ErrorKind::Exhausted
        | ErrorKind::TooLarge
        | ErrorKind::Deadline
        | ErrorKind::Unavailable
        | ErrorKind::Unimplemented
        | ErrorKind::Cancelled
        | ErrorKind::Internal => false,
    }
}

fn intake(bulk: &Bulk, line: &Kept, order: Order, today: Date) -> (i64, Intake) {
    let (millis, random) = florin_store::id_parts();
    let intake = Intake {
        id: TransferId::from_parts(millis, random),
        order,
        ordering: Ordering {
            customer: line.payer.customer,
            channel: CHANNEL.to_owned(),
            date: today,
        },
        initiator: bulk.initiator.clone(),
        key: ClientKey {
            scope: Some(scope(bulk.id)),
            key: line.number.to_string(),
            request_hash: None,
        },
        traceparent: None,
        cause: bulk.id.to_string(),
        actor: bulk.actor.clone(),
        method: METHOD.to_owned(),
        on_behalf_of: None,
    };
    (line.number, intake)
}
