//! The worker of payments between banks: one step of one payment at a time, each written under
//! the lock of its row.
//!
//! ```text
//! NEW        commit HOLDING, with the transfer
//! HOLDING    the ledger sets the money aside; commit SUBMITTING with the exact bytes
//! SUBMITTING send the bytes; overdue, ask what became of them; again and again
//! SETTLED    the ledger takes what was set aside, against the nostro account
//! REJECTED   the ledger gives it back
//! ```
//!
//! The network's answers come by [`super::receive_messages`]; nothing else leads out of
//! SUBMITTING but two persons (`repairs`). A crash between any two writes leaves a row whose lease ends: each call of the
//! ledger is repeated under its own reference, the bytes are repeated as they are.

mod capture;
mod chart;
mod incoming;
pub(super) mod ledger;
mod recalls;
mod repairs;
mod said;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use florin_events::position;
use florin_kernel::{EventId, TransferId, UnixMicros};
use florin_runtime::clock;
use florin_store::{StoreError, Tx, rows::Claiming};
use tokio::{sync::Notify, task::JoinSet};

use self::ledger::Told;
pub(super) use self::said::plain;
use super::{Payment, advance_transfers::later, events};
use crate::{
    clearing::{Network, Sent},
    domain::{Event, Screening, Stage, Status, hold_reference, rejection, release_reference},
    store::{self, Lease, Outgoing, Record, Subject, reservations::Back},
};

/// Payments that one turn takes, each in a task of its own.
const AT_ONCE: u32 = 16;

/// The worker of payments between banks. Several may run, here and in other replicas.
#[derive(Clone)]
pub struct ClearingWorker {
    pub(super) payment: Payment,
    pub(super) network: Network,
    /// Wakes it when the network has said something.
    pub(super) woken: Arc<Notify>,
    /// The message at the head that could not be taken, by its number, and how often.
    pub(super) refused: Arc<Mutex<(u64, u32)>>,
    /// Whether payments may begin to leave.
    begins: Arc<AtomicBool>,
}

/// What a step has found out.
enum Found {
    /// The stage that follows, with what happens to the transfer, and the ledger's events.
    On(Stage, Option<Event>, Vec<EventId>),
    /// The exact bytes are ready.
    Ready(Vec<u8>),
    /// The network has taken the bytes, or a question.
    Sent,
    /// The network has got nothing.
    NotSent(String),
    /// Nor will it take it: another attempt will not help by itself.
    NotTaken(String),
    /// Nobody knows, or it was refused for now.
    Wait(String),
    /// Another attempt will not help by itself.
    Stuck(String),
}

impl ClearingWorker {
    pub(super) fn new(payment: Payment, network: Network) -> Self {
        let begins = Arc::new(AtomicBool::new(true));
        Self { payment, network, woken: Arc::default(), refused: Arc::default(), begins }
    }

    /// Takes what is due, one step each; whether there was anything.
    ///
    /// # Errors
    /// Those of the database. What was taken is taken again when its lease ends.
    pub async fn turn(&self) -> Result<bool, StoreError> {
        let (token, outgoing) = self.claim_outgoing(AT_ONCE).await?;
        let mut tasks = JoinSet::new();
        let mut any = !outgoing.is_empty();
        for out in outgoing {
            let (worker, token) = (self.clone(), token.clone());
            tasks.spawn(async move { worker.advance(&out, &token).await });
        }
        any |= self.take_incoming(&mut tasks).await?;
        any |= self.take_recalls(&mut tasks).await?;
        any |= self.take_repairs(&mut tasks).await?;
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a step of a payment was not kept"),
                Err(error) => tracing::error!(%error, "a step of a payment broke off"),
            }
        }
        Ok(any)
    }

    /// One step of one payment, and no task of its own: dropped, it leaves what a crash leaves.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn step(&self) -> Result<bool, StoreError> {
        let (token, outgoing) = self.claim_outgoing(1).await?;
        if let Some(out) = outgoing.first() {
            self.advance(out, &token).await?;
            return Ok(true);
        }
        let (token, arrived) = self.claim_incoming(1).await?;
        if let Some(came) = arrived.first() {
            self.book(came, &token).await?;
            return Ok(true);
        }
        Ok(false)
    }

    async fn claim_outgoing(&self, limit: u32) -> Result<(String, Vec<Outgoing>), StoreError> {
        self.payment
            .db
            .write(async |tx: Tx| {
                let claiming = Claiming { limit, ..self.claiming(&tx).await? };
                store::claim_outgoing(&tx, &claiming).await
            })
            .await
    }

    pub(super) async fn claiming(&self, tx: &Tx) -> Result<Claiming, StoreError> {
        let now = tx.now().await?;
        let config = &self.payment.config;
        let most = config.longest_wait().max(self.network.config.patience(i64::MAX));
        Ok(Claiming {
            now,
            lease_until: later(now, config.lease()),
            longest_wait: most,
            limit: AT_ONCE,
        })
    }

    /// One step of one payment.
    async fn advance(&self, out: &Outgoing, token: &str) -> Result<(), StoreError> {
        let begins = self.begins.load(Ordering::Acquire);
        let found = match (out.stage, out.transfer()) {
            (Stage::New | Stage::Holding, Some(_)) if !begins => {
                Found::Wait("the chart has not the accounts of the clearing".to_owned())
            }
            // Nothing is given back of which the network has said both: people decide.
            (Stage::Rejected, _) if out.contradiction.is_some() => {
                Found::Stuck("the network has said since that it has settled it".to_owned())
            }
            (Stage::New, Some(_)) => return self.begin(out, token).await,
            (Stage::Holding, Some(id)) => self.hold(out, id).await?,
            (Stage::Submitting, _) => self.submit(out).await,
            (Stage::Settled, Some(id)) => self.take_held(id).await?,
            (Stage::Rejected, Some(id)) => self.give_back(out, id).await,
            (Stage::Settled | Stage::Rejected, None) => return self.end_return(out, token).await,
            (Stage::New | Stage::Holding, None) | (Stage::Done | Stage::Unpaid, _) => {
                Found::Stuck(format!("stage {} is not for a worker", out.stage.code()))
            }
        };
        self.keep(out, token, &found).await
    }

    /// Commits HOLDING before the ledger hears of it, or the end of what was cancelled.
    async fn begin(&self, out: &Outgoing, token: &str) -> Result<(), StoreError> {
        self.payment
            .db
            .write(async |tx: Tx| {
                let Some((mut row, Some(mut record))) = lock(&tx, out, token).await? else {
                    return Ok(());
                };
                let now = tx.now().await?;
                row.attempts = row.attempts.saturating_add(1);
                if record.transfer.status() == Status::Processing {
                    apply(&mut record, Event::Screened(Screening::NotScreened), now)?;
                    store::update(&tx, std::slice::from_ref(&record), Lease::GivenBack).await?;
                    move_to(&mut row, Stage::Holding, now);
                } else {
                    // Cancelled: nothing has been asked of anybody.
                    move_to(&mut row, Stage::Unpaid, now);
                }
                store::update_outgoing(&tx, &row).await
            })
            .await
    }

    async fn hold(&self, out: &Outgoing, id: TransferId) -> Result<Found, StoreError> {
        let Some(record) = store::find(self.payment.db.read(), id).await? else {
            return Ok(Found::Stuck("its transfer is not there".to_owned()));
        };
        let reference = hold_reference(id);
        Ok(match self.place_hold(&record, &reference).await {
            Told::Done(()) => {
                // A function of what is kept: a repeat makes the same bytes.
                match self.network.payment(out, record.transfer.order(), out.created_at) {
                    Some(document) => Found::Ready(document),
                    None => Found::Stuck("no message can hold it".to_owned()),
                }
            }
            Told::Refused(failure) => match self.payment.void(&reference, &failure.reason).await {
                Told::Done(()) => {
                    Found::On(Stage::Unpaid, Some(Event::Refused(failure)), Vec::new())
                }
                // An earlier call has placed it: the next one finds it.
                Told::Refused(failure) => Found::Wait(failure.message),
                Told::Unclear(cause) => Found::Wait(cause),
                Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
            },
            Told::Unclear(cause) => Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
        })
    }

    /// Sends the bytes, or asks what became of them.
    async fn submit(&self, out: &Outgoing) -> Found {
        let document = match out.sent_at {
            None => out.document.clone(),
            Some(_) => self.network.question(out, clock::now()),
        };
        let Some(document) = document else {
            return Found::Stuck("there are no bytes to send".to_owned());
        };
        match self.network.send(document).await {
            Sent::Taken => Found::Sent,
            Sent::Unreached(cause) => Found::NotSent(cause),
            Sent::Refused(cause) => Found::NotTaken(cause),
            Sent::Unclear(cause) => Found::Wait(cause),
        }
    }

    async fn give_back(&self, out: &Outgoing, id: TransferId) -> Found {
        match self.release(id, &release_reference(id), &hold_reference(id)).await {
            Told::Done(()) => {
                let code = out.answer.clone().unwrap_or_default();
                Found::On(Stage::Unpaid, Some(Event::Released(rejection(&code))), Vec::new())
            }
            Told::Refused(failure) => Found::Stuck(failure.message),
            Told::Unclear(cause) => Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
        }
    }

    /// Writes what a step has found out, where the row is still this worker's.
    async fn keep(&self, out: &Outgoing, token: &str, found: &Found) -> Result<(), StoreError> {
        let ended = self
            .payment
            .db
            .write(async |tx: Tx| {
                let Some((mut row, record)) = lock(&tx, out, token).await? else {
                    return Ok(None);
                };
                let now = tx.now().await?;
                row.attempts = row.attempts.saturating_add(1);
                let ended = self.write_down(&tx, &mut row, record, found, now).await?;
                store::update_outgoing(&tx, &row).await?;
                Ok::<_, StoreError>(ended)
            })
            .await?;
        if let Some((id, status)) = ended {
            self.payment.meter.ended(status);
            self.payment.watchers.tell([id]);
        }
        Ok(())
    }

    async fn write_down(
        &self,
        tx: &Tx,
        row: &mut Outgoing,
        record: Option<Record>,
        found: &Found,
        now: UnixMicros,
    ) -> Result<Option<(TransferId, Status)>, StoreError> {
        let (event, ledger) = match found {
            Found::On(stage, event, ledger) => {
                move_to(row, *stage, now);
                (event.clone(), ledger.as_slice())
            }
            Found::Ready(document) => {
                move_to(row, Stage::Submitting, now);
                row.document = Some(document.clone());
                (Some(Event::Held), [].as_slice())
            }
            Found::Sent => {
                row.sent_at = row.sent_at.or(Some(now));
                let patience = self.network.config.patience(row.asks);
                row.due_at = Some(later(now, patience));
                row.last_cause = None;
                return Ok(None);
            }
            Found::NotSent(cause) | Found::Wait(cause) => {
                if matches!(found, Found::NotSent(_)) {
                    uncount(row);
                }
                let wait = self.payment.config.backoff(row.attempts);
                put_off(row, cause, later(now, wait));
                return Ok(None);
            }
            Found::NotTaken(cause) | Found::Stuck(cause) => {
                if matches!(found, Found::NotTaken(_)) {
                    uncount(row);
                }
                let (payment, stage) = (row.id.as_str(), row.stage.code());
                tracing::error!(payment, stage, %cause, "a payment between banks is stuck");
                let wait = self.payment.config.backoff_stuck(row.attempts);
                put_off(row, cause, later(now, wait));
                return Ok(None);
            }
        };
        let (Some(mut record), Some(event)) = (record, event) else { return Ok(None) };
        apply(&mut record, event, now)?;
        if record.transfer.status() == Status::Failed {
            // Before positions of the outbox are drawn: nobody waits for those of one that waits
            // for a counter.
            let short = store::reservations::give_back(tx, &[Back::of(&record)]).await?;
            let meter = self.payment.meter.clone();
            tx.on_commit(move || meter.short(short));
        }
        if record.transfer.status().is_end() {
            let causation = events::causation_of(ledger, &record);
            let told = events::ended(&record, &causation);
            let ids = self.payment.outbox.append(tx, told.into_iter().collect()).await?;
            record.position = position::encode(&[ledger, &ids].concat());
        }
        store::update(tx, std::slice::from_ref(&record), Lease::GivenBack).await?;
        let status = record.transfer.status();
        Ok(status.is_end().then(|| (record.transfer.id(), status)))
    }
}

/// The row, where it is still this worker's, with its transfer. Written, it is in the hands of
/// nobody but one who had it before.
async fn lock(
    tx: &Tx,
    out: &Outgoing,
    token: &str,
) -> Result<Option<(Outgoing, Option<Record>)>, StoreError> {
    let row = store::lock_outgoing(tx, &out.id).await?;
    let Some(mut row) = row.filter(|row| row.lease_token.as_deref() == Some(token)) else {
        tracing::info!(payment = %out.id, "somebody else has the payment by now");
        return Ok(None);
    };
    let mine = row.in_hand_until;
    row.in_hand_until = out.in_hand_until.filter(|until| Some(*until) <= mine);
    let record = match row.subject {
        Subject::Payment(transfer) => Some(locked_transfer(tx, transfer).await?),
        Subject::Return(_) | Subject::Recalled(_) | Subject::Repaired(..) => None,
    };
    Ok(Some((row, record)))
}

pub(super) async fn locked_transfer(tx: &Tx, id: TransferId) -> Result<Record, StoreError> {
    let record = store::lock(tx, &[id]).await?.pop();
    record.ok_or_else(|| StoreError::Corrupt(format!("transfer {id} of the clearing is not there")))
}

/// What happens to the transfer of a payment.
pub(super) fn apply(record: &mut Record, event: Event, now: UnixMicros) -> Result<(), StoreError> {
    record.due_at = None;
    record.transfer.apply(event, now).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// The stage that follows, to be worked on at once where it is no end.
pub(super) fn move_to(row: &mut Outgoing, stage: Stage, now: UnixMicros) {
    row.stage = stage;
    row.changed_at = row.changed_at.max(now);
    row.due_at = (!stage.is_end()).then_some(now);
    row.attempts = 0;
    row.last_cause = None;
}

/// The network has no copy of what the claim has counted.
fn uncount(row: &mut Outgoing) {
    let (sends, asks) = if row.sent_at.is_none() { (1, 0) } else { (0, 1) };
    row.sends = row.sends.saturating_sub(sends);
    row.asks = row.asks.saturating_sub(asks);
}

fn put_off(row: &mut Outgoing, cause: &str, due: UnixMicros) {
    row.last_cause = Some(plain(cause));
    row.due_at = Some(due);
}
