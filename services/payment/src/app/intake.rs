//! Takes orders on: limits, what is returned, transfer, event and audit in one transaction,
//! which serves many. Whoever creates transfers does it here: clients, standing orders, bulk
//! files.

use std::collections::{BTreeSet, HashMap};

use florin_events::{NewEvent, Outbox, position};
use florin_kernel::{CustomerId, TransferId, UnixMicros};
use florin_proto::payment::v1::{self as wire, Reason};
use florin_rpc::Error;
use florin_store::{StoreError, Tx, audit};

use super::{advance_transfers, desk::Desk, events};
use crate::{
    domain::{
        BySubject, LimitExceeded, Limits, NotReturned, Order, Ordering, Reservation, Returned,
        Transfer, Usage, by_subject, limited,
    },
    store::{self, ClientKey, Record},
};

/// An order that is ready to be taken on.
#[derive(Debug, Clone)]
pub(super) struct Intake {
    /// The id that its transfer gets.
    pub(super) id: TransferId,
    /// The order.
    pub(super) order: Order,
    /// What limits go by.
    pub(super) ordering: Ordering,
    /// Who set it going: an encoded `florin.common.v1.Initiator`.
    pub(super) initiator: Vec<u8>,
    /// What guards it for ever: no other transfer has this key.
    pub(super) key: ClientKey,
    /// Trace of the request.
    pub(super) traceparent: Option<String>,
    /// Id of the request, or the record that caused it.
    pub(super) cause: String,
    /// Who is audited.
    pub(super) actor: String,
    /// The method that is audited.
    pub(super) method: String,
    /// On whose behalf somebody acts who is no customer.
    pub(super) on_behalf_of: Option<CustomerId>,
}

/// Why an order is not taken on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// A limit.
    Limit(LimitExceeded),
    /// What it returns.
    Return(NotReturned),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Limit(exceeded) => {
                let LimitExceeded { scope, period, limit, left, .. } = &exceeded;
                Self::new(Reason::LimitExceeded, exceeded.to_string())
                    .with("scope", *scope)
                    .with("period", period.name())
                    .with("limit", limit.amount())
                    .with("left", left.amount())
                    .with("currency", limit.currency().code())
            }
            Refused::Return(refused) => not_returned(&refused),
        }
    }
}

/// The error of a transfer that is not returned.
pub(super) fn not_returned(refused: &NotReturned) -> Error {
    let because = |cause: &str| {
        Error::new(Reason::TransferNotReturnable, refused.to_string()).with("cause", cause)
    };
    match refused {
        NotReturned::NotCompleted(status) => because("NOT_COMPLETED").with("status", *status),
        NotReturned::IsReturn => because("IS_RETURN"),
        NotReturned::IsCash => because("IS_CASH"),
        NotReturned::IsCrossBank => because("IS_CROSS_BANK"),
        NotReturned::Refunded => because("REFUNDED"),
        NotReturned::Reversed => because("REVERSED"),
        NotReturned::Exceeds { left } => {
            Error::new(Reason::RefundExceedsOriginal, refused.to_string())
                .with("left", left.amount())
                .with("currency", left.currency().code())
        }
        NotReturned::OtherCurrency(original) => {
            Error::new(florin_proto::common::v1::Reason::CurrencyMismatch, refused.to_string())
                .with("currency", original.currency().code())
        }
    }
}

/// Where orders are taken on.
#[derive(Clone)]
pub(super) struct Intakes {
    outbox: Outbox,
    limits: Limits,
    desk: Desk,
}

/// What the decisions of a batch go by, which is locked, and when they are made.
pub(super) struct Basis {
    limits: BySubject,
    usage: Usage,
    originals: HashMap<TransferId, Transfer>,
    returned: HashMap<TransferId, Returned>,
    now: UnixMicros,
}

/// What was decided of orders, and nothing of it is written.
pub(super) struct Decided {
    /// One an order: its transfer as its event tells it, or why there is none.
    pub(super) ends: Vec<Result<wire::Transfer, Refused>>,
    /// Those that are taken on, with their events.
    taken: Vec<(Record, NewEvent)>,
    /// What is used of the limits that they count against.
    usage: Usage,
}

impl Intakes {
    pub(super) const fn new(outbox: Outbox, limits: Limits, desk: Desk) -> Self {
        Self { outbox, limits, desk }
    }

    /// Decides orders in their order and writes those that are taken on: the transfers as their
    /// events tell them.
    pub(super) async fn take(
        &self,
        tx: &Tx,
        intakes: &[&Intake],
    ) -> Result<Vec<Result<wire::Transfer, Refused>>, StoreError> {
        let basis = Basis::lock(tx, intakes).await?;
        self.write(tx, intakes, self.decide(intakes, &basis)).await
    }

    /// Decides orders in their order.
    pub(super) fn decide(&self, intakes: &[&Intake], basis: &Basis) -> Decided {
        let mut usage = basis.usage.clone();
        let mut returned = basis.returned.clone();
        let mut taken = Vec::with_capacity(intakes.len());
        let ends = intakes.iter().map(|intake| {
            self.decide_one(intake, basis, &mut usage, &mut returned)?;
            let record = record(intake, basis.now);
            let (event, told) = events::accepted(&record, &intake.cause);
            taken.push((record, event));
            Ok(told)
        });
        let ends = ends.collect();
        usage.retain(|id, used| basis.usage.get(id) != Some(used));
        Decided { ends, taken, usage }
    }

    fn decide_one(
        &self,
        intake: &Intake,
        basis: &Basis,
        usage: &mut Usage,
        returned: &mut HashMap<TransferId, Returned>,
    ) -> Result<(), Refused> {
        if let Some(link) = intake.order.link() {
            let original = basis.originals.get(&link.original);
            let original = original.ok_or(Refused::Return(NotReturned::NotCompleted("")))?;
            let returned = returned.entry(link.original).or_default();
            original.take_back(&intake.order, returned).map_err(Refused::Return)?;
        }
        self.limits
            .reserve(&intake.order, &intake.ordering, &basis.limits, usage)
            .map_err(Refused::Limit)
    }

    /// Reserves a payment that is no transfer, or tells the limit that does not let it pass.
    pub(super) async fn reserve(
        &self,
        tx: &Tx,
        one: &Reservation,
    ) -> Result<Result<(), LimitExceeded>, StoreError> {
        let Reservation { account, ordering, amount, .. } = one;
        store::limits::go_by(tx).await?;
        let subjects = ordering.subjects(*account).collect();
        let limits = by_subject(store::limits::counted(tx, &subjects).await?);
        let counting = ordering.counting(*account, amount.currency(), &limits);
        let counters = counting.filter_map(|limit| limit.counter(Some(*account), ordering.date));
        let mut usage = store::limits::lock_used(tx, &counters.collect()).await?;
        let reserved = self.limits.reserve_from(*account, *amount, ordering, &limits, &mut usage);
        if reserved.is_ok() {
            store::limits::write_used(tx, &usage).await?;
            store::reservations::add(tx, std::slice::from_ref(one)).await?;
        }
        Ok(reserved)
    }

    /// Writes what was decided of these orders, and returns what became of each. What counts is
    /// kept, whether there is a limit or not.
    pub(super) async fn write(
        &self,
        tx: &Tx,
        intakes: &[&Intake],
        decided: Decided,
    ) -> Result<Vec<Result<wire::Transfer, Refused>>, StoreError> {
        let Decided { ends, taken, usage } = decided;
        store::limits::write_used(tx, &usage).await?;
        let orders = intakes.iter().zip(&ends).filter(|(_, end)| end.is_ok());
        let orders: Vec<&Intake> = orders.map(|(intake, _)| *intake).collect();
        let counting: Vec<_> = orders.iter().filter_map(|intake| reservation(intake)).collect();
        store::reservations::add(tx, &counting).await?;
        if !orders.is_empty() {
            self.insert(tx, &orders, taken).await?;
        }
        Ok(ends)
    }

    async fn insert(
        &self,
        tx: &Tx,
        orders: &[&Intake],
        taken: Vec<(Record, NewEvent)>,
    ) -> Result<(), StoreError> {
        let (mut records, told): (Vec<Record>, Vec<_>) = taken.into_iter().unzip();
        let events = self.outbox.append(tx, told).await?;
        for (record, event) in records.iter_mut().zip(&events) {
            record.position = position::encode(&[*event]);
        }
        let offer = self.desk.offer()?;
        let now = tx.now().await?;
        // Told as it was taken on, written as the worker of this process begins with it.
        // Payments between banks have a worker of their own.
        let on_us = |record: &&mut Record| record.transfer.order().route().other_bank().is_none();
        for record in records.iter_mut().filter(on_us) {
            let Some(offer) = &offer else { break };
            record.lease_token = Some(offer.token.clone());
            advance_transfers::begin(record, now)?;
        }
        store::insert(tx, &records, offer.as_ref().map(|offer| offer.until(now))).await?;
        let entries = orders.iter().map(|intake| audit::Entry {
            actor: intake.actor.clone(),
            on_behalf_of: intake.on_behalf_of.map(|customer| customer.to_string()),
            method: intake.method.clone(),
            reference: intake.id.to_string(),
            at: now,
        });
        audit::record_many(tx, entries.collect()).await?;
        let desk = self.desk.clone();
        records.retain(|record| record.lease_token.is_some());
        tx.on_commit(move || {
            if let Some(offer) = &offer {
                desk.hand(offer, records);
            }
            desk.due.notify_one();
        });
        Ok(())
    }
}

impl Basis {
    /// Locks and reads what the orders are decided by. Originals are locked before counters, here
    /// and wherever a transfer ends.
    pub(super) async fn lock(tx: &Tx, intakes: &[&Intake]) -> Result<Self, StoreError> {
        let originals: BTreeSet<TransferId> =
            intakes.iter().filter_map(|one| Some(one.order.link()?.original)).collect();
        let originals: Vec<TransferId> = originals.into_iter().collect();
        let (mut locked, mut returned) = (HashMap::new(), HashMap::new());
        if !originals.is_empty() {
            let records = store::lock(tx, &originals).await?;
            locked.extend(records.into_iter().map(|one| (one.transfer.id(), one.transfer)));
            returned = store::returned(tx, &originals).await?;
        }
        let counted = intakes.iter().filter_map(|one| Some((limited(&one.order)?, *one)));
        let subjects =
            counted.clone().flat_map(|(from, intake)| intake.ordering.subjects(from)).collect();
        let subjects: BTreeSet<_> = subjects;
        let mut limits = BySubject::new();
        if !subjects.is_empty() {
            store::limits::go_by(tx).await?;
            limits = by_subject(store::limits::counted(tx, &subjects).await?);
        }
        let counters = counted.flat_map(|(from, Intake { order, ordering, .. })| {
            let apply = ordering.applying(order, &limits);
            apply.filter_map(move |limit| limit.counter(Some(from), ordering.date))
        });
        let counters: BTreeSet<String> = counters.collect();
        let usage = store::limits::lock_used(tx, &counters).await?;
        let now = tx.now().await?;
        Ok(Self { limits, usage, originals: locked, returned, now })
    }
}

/// What of an order counts against limits; None where none counts it.
fn reservation(intake: &Intake) -> Option<Reservation> {
    Some(Reservation {
        id: intake.id.to_string(),
        account: limited(&intake.order)?,
        ordering: intake.ordering.clone(),
        amount: intake.order.amount(),
    })
}

fn record(intake: &Intake, now: UnixMicros) -> Record {
    Record {
        transfer: Transfer::accept(intake.id, intake.order.clone(), now),
        due_at: Some(now),
        position: String::new(),
        initiator: intake.initiator.clone(),
        key: intake.key.clone(),
        traceparent: intake.traceparent.clone(),
        attempts: 0,
        unanswered_at: None,
        last_cause: None,
        voided_at: None,
        lease_token: None,
        reserved: Vec::new(),
    }
}
