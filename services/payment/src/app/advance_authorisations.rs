//! Brings authorisations and the ledger together: one operation at a time, each step written
//! under the row's lock by whoever has its lease.
//!
//! ```text
//! authorise, increment   set aside; refused: decline, then see to it that nothing is set aside
//!   approved by stand-in set aside afterwards; refused: it stays approved, and is not held
//!   declined             void the reference, or give back what stands under it
//! capture                one journal transaction out of the holds; refused: void, then decline
//! reverse, expire        give back
//! ```
//!
//! A crash between any two writes leaves a row whose lease ends. Whoever takes it then asks the
//! ledger the same under the same references: what is asked is a function of the row, which does
//! not change while an operation is pending.

mod ledger;

use florin_kernel::{AuthorisationId, TransactionId, UnixMicros};
use florin_store::{StoreError, Tx, rows::Claiming};
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::{Payment, advance_clearing::plain, advance_transfers::later, authorise::back_of};
use crate::{
    domain::{
        AuthorisationStatus, Decider, Decision, Failure, NotTaken, Operation, OperationKind,
        give_back,
    },
    store::authorisations::{self, Card},
};

/// Authorisations that one turn takes.
const AT_ONCE: u32 = 64;
/// Steps of one operation: a decline and what follows it are two.
const MOST_STEPS: usize = 8;

/// What a step has found out.
enum Found {
    /// It is set aside.
    Held,
    /// The ledger refuses to set it aside.
    Refused(Failure),
    /// Nothing is set aside for it, and nothing ever will be.
    NotHeld,
    /// Whoever asked should have been answered by now.
    Late,
    /// It is booked; what of it the bank paid.
    Captured(TransactionId, i64),
    /// It is not booked, and never will be.
    NotCaptured(Failure),
    /// It is given back; whether the ledger had given some of it back by time.
    Released { by_time: bool },
    /// Nobody knows.
    Wait(String),
    /// Another attempt will not help by itself.
    Stuck(String),
}

impl Payment {
    /// Works until the shutdown on what waits for the ledger and on what expires.
    pub(crate) fn advance_authorisations(
        &self,
        shutdown: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let payment = self.clone();
        async move {
            while !shutdown.is_cancelled() {
                match payment.advance_due_authorisations().await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "authorisations did not move"),
                }
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = tokio::time::sleep(payment.config.poll()) => {}
                }
            }
        }
    }

    /// Expires what is over, and takes what waits for the ledger as far as that decides; whether
    /// there was anything.
    ///
    /// # Errors
    /// Those of the database. What was taken is taken again when its lease ends.
    pub async fn advance_due_authorisations(&self) -> Result<bool, StoreError> {
        // What cannot be expired holds up nothing that waits.
        let expired = self.expire_authorisations().await.unwrap_or_else(|error| {
            tracing::error!(%error, "authorisations could not be expired");
            false
        });
        let (token, cards) = self
            .db
            .write(async |tx: Tx| {
                let now = tx.now().await?;
                let claiming = Claiming {
                    now,
                    lease_until: later(now, self.config.lease()),
                    longest_wait: self.config.longest_wait(),
                    limit: AT_ONCE,
                };
                authorisations::claim(&tx, &claiming).await
            })
            .await?;
        let work = cards.iter().map(|card| {
            let (id, token) = (card.authorisation.id, token.as_str());
            async move {
                if let Err(error) = self.advance_authorisation(id, token).await {
                    tracing::warn!(authorisation = %id, %error, "an operation was not advanced");
                }
            }
        });
        join_all(work).await;
        Ok(expired || !cards.is_empty())
    }

    /// Begins the end of those whose time is over; whether there were any.
    async fn expire_authorisations(&self) -> Result<bool, StoreError> {
        let now = self.db.now().await?;
        let ids = authorisations::expiring(self.db.read(), now, AT_ONCE).await?;
        let mut any = false;
        for id in &ids {
            match self.db.write(async |tx: Tx| self.expire(&tx, *id).await).await {
                Ok(()) => any = true,
                Err(error) => tracing::error!(authorisation = %id, %error, "it does not expire"),
            }
        }
        Ok(any)
    }

    /// Takes the expiry on as an operation of the bank's own, where nobody was faster.
    async fn expire(&self, tx: &Tx, id: AuthorisationId) -> Result<(), StoreError> {
        let Some(mut card) = authorisations::lock(tx, id).await? else { return Ok(()) };
        let now = tx.now().await?;
        let one = &mut card.authorisation;
        let over = one.status == AuthorisationStatus::Authorised && one.expires_at <= now;
        if !over || one.pending.is_some() {
            return Ok(());
        }
        one.operations = one.operations.saturating_add(1);
        one.pending = Some(one.operations);
        one.changed_at = one.changed_at.max(now);
        let operation = Operation {
            authorisation: id,
            number: one.operations,
            kind: OperationKind::Expire,
            network: String::new(),
            reference: format!("{id}/expire"),
            request_hash: Vec::new(),
            amount: one.money(one.remainder()),
            last: false,
            hold_seconds: 1,
            answer_by: None,
            initiator: Vec::new(),
            traceparent: None,
            score: Vec::new(),
            created_at: now,
            decision: Decision::Pending,
            decided_by: None,
            decided_at: None,
            failure: None,
            transaction: None,
            shortfall: 0,
            reserved: Vec::new(),
            given_back: 0,
        };
        card.due_at = Some(now);
        if !authorisations::add(tx, &operation).await? {
            return Err(StoreError::Corrupt(format!("{id} expires again")));
        }
        authorisations::update(tx, &card).await
    }

    /// Takes the pending operation as far as the ledger decides, while the lease is this one.
    pub(super) async fn advance_authorisation(
        &self,
        id: AuthorisationId,
        token: &str,
    ) -> Result<(), StoreError> {
        for _ in 0..MOST_STEPS {
            let card = authorisations::find(self.db.read(), id).await?;
            let card = card.filter(|card| card.lease_token.as_deref() == Some(token));
            let Some((card, number)) = card.and_then(|card| {
                let number = card.authorisation.pending?;
                Some((card, number))
            }) else {
                return Ok(());
            };
            let operation = authorisations::operation(self.db.read(), id, number).await?;
            let found = self.ask_ledger(&card.authorisation, &operation).await?;
            if !self.keep_found(id, token, &operation, found).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Writes what a step has found out, where the row is still this worker's and nobody has
    /// decided meanwhile; whether there is another step.
    async fn keep_found(
        &self,
        id: AuthorisationId,
        token: &str,
        seen: &Operation,
        found: Found,
    ) -> Result<bool, StoreError> {
        self.db
            .write(async |tx: Tx| {
                let card = authorisations::lock(&tx, id).await?;
                let card = card.filter(|card| {
                    card.lease_token.as_deref() == Some(token)
                        && card.authorisation.pending == Some(seen.number)
                });
                let Some(mut card) = card else {
                    tracing::info!(authorisation = %id, "another worker has it by now");
                    return Ok(false);
                };
                let mut operation = authorisations::operation(&tx, id, seen.number).await?;
                if operation.decision != seen.decision {
                    // The stand-in was faster: what follows from its decision is another step.
                    return Ok(true);
                }
                let now = tx.now().await?;
                card.authorisation.changed_at = card.authorisation.changed_at.max(now);
                let both = (&mut card, &mut operation);
                let more = self.write_found(&tx, both, &found, now).await?;
                authorisations::update_operations(&tx, &[operation]).await?;
                authorisations::update(&tx, &card).await?;
                Ok(more)
            })
            .await
    }

    async fn write_found(
        &self,
        tx: &Tx,
        (card, operation): (&mut Card, &mut Operation),
        found: &Found,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        match found {
            Found::Held => {
                card.authorisation.hold(operation.number, operation.amount.minor());
                if operation.decision == Decision::Pending {
                    operation.decide(Decision::Approved, Decider::Ledger, now);
                    super::authorise::decided(card, operation)?;
                    ended(card);
                    self.tell(tx, card, operation).await?;
                } else {
                    ended(card);
                }
            }
            Found::Refused(failure) => {
                let (failure, by) = (failure.clone(), Decider::Ledger);
                self.decline(tx, (card, operation), failure, by, now).await?;
                self.tell(tx, card, operation).await?;
                return Ok(true);
            }
            Found::Late => {
                let date = self.books.known();
                self.stand_in(tx, (card, operation), date, now).await?;
                self.tell(tx, card, operation).await?;
                return Ok(true);
            }
            Found::NotHeld => ended(card),
            Found::Captured(..) | Found::NotCaptured(_) | Found::Released { .. } => {
                self.write_followed(tx, (card, operation), found, now).await?;
            }
            Found::Wait(cause) => put_off(card, cause, later(now, self.backoff(card))),
            Found::Stuck(cause) => {
                let (authorisation, number) = (card.authorisation.id, operation.number);
                tracing::error!(%authorisation, number, %cause, "an authorisation is stuck");
                let wait = self.config.backoff_stuck(card.attempts.saturating_add(1));
                put_off(card, cause, later(now, wait));
            }
        }
        Ok(false)
    }

    fn backoff(&self, card: &Card) -> std::time::Duration {
        self.config.backoff(card.attempts.saturating_add(1))
    }

    /// Writes the end of a capture, a reversal or an expiry.
    async fn write_followed(
        &self,
        tx: &Tx,
        (card, operation): (&mut Card, &mut Operation),
        found: &Found,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let one = &mut card.authorisation;
        let amount = operation.amount.minor();
        let decider = Decider::Ledger;
        match found {
            Found::Captured(transaction, shortfall) => {
                operation.decide(Decision::Approved, decider, now);
                operation.transaction = Some(*transaction);
                operation.shortfall = *shortfall;
                let plan = one.plan_capture(amount, operation.last);
                let booked = one.capture(amount, operation.last, &plan);
                booked.map_err(|error: NotTaken| StoreError::Corrupt(error.to_string()))?;
            }
            Found::NotCaptured(failure) => {
                if is_over(&failure.reason) {
                    // The ledger's clock says so: what it has given back is noticed at once.
                    one.expires_at = one.expires_at.min(now);
                }
                operation.decline(failure.clone(), decider, now);
            }
            Found::Released { by_time } => {
                operation.decide(Decision::Approved, decider, now);
                if operation.kind == OperationKind::Expire {
                    one.end(AuthorisationStatus::Expired);
                } else {
                    let plan = one.plan_reversal(amount);
                    one.reverse(amount, &plan);
                    if *by_time {
                        one.expires_at = one.expires_at.min(now);
                    }
                }
            }
            Found::Held
            | Found::Refused(_)
            | Found::NotHeld
            | Found::Late
            | Found::Wait(_)
            | Found::Stuck(_) => {}
        }
        ended(card);
        // Before a position of the outbox is drawn: nobody waits for those of one that waits.
        self.give_back_unused(tx, card).await?;
        self.tell(tx, card, operation).await
    }

    /// Gives back to limits what will not be captured any more.
    async fn give_back_unused(&self, tx: &Tx, card: &Card) -> Result<(), StoreError> {
        let one = &card.authorisation;
        let mut approved = authorisations::operations(tx, one.id).await?;
        approved.retain(|operation| {
            operation.asks_approval() && operation.decision == Decision::Approved
        });
        let sum = |sum: i64, operation: &Operation| sum.saturating_add(operation.amount.minor());
        let together = approved.iter().fold(0, sum);
        let used = match one.status {
            AuthorisationStatus::Pending | AuthorisationStatus::Authorised => one.authorised,
            AuthorisationStatus::Declined
            | AuthorisationStatus::Captured
            | AuthorisationStatus::Reversed
            | AuthorisationStatus::Expired => one.captured,
        };
        let back = give_back(&mut approved, together.saturating_sub(used).max(0));
        if back.is_empty() {
            return Ok(());
        }
        let short = crate::store::reservations::give_back(tx, &back_of(one.id, back)).await?;
        let meter = self.meter.clone();
        tx.on_commit(move || meter.short(short));
        authorisations::update_operations(tx, &approved).await
    }
}

/// Whether a refusal says that the ledger has ended a hold.
fn is_over(reason: &str) -> bool {
    ["HOLD_EXPIRED", "HOLD_NOT_OPEN"].contains(&reason)
}

/// Nothing waits for the ledger any more.
fn ended(card: &mut Card) {
    card.authorisation.pending = None;
    card.due_at = None;
    card.lease_until = None;
    card.lease_token = None;
    card.attempts = 0;
    card.last_cause = None;
}

fn put_off(card: &mut Card, cause: &str, due: UnixMicros) {
    card.attempts = card.attempts.saturating_add(1);
    card.last_cause = Some(plain(cause));
    card.due_at = Some(due);
    card.lease_until = None;
    card.lease_token = None;
}
