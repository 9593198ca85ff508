//! What authorisations and increments have in common: who is asked, who decides, and that whoever
//! asked is answered in time.
//!
//! ```text
//! read     account, business date; score: each within its part of the budget
//! commit   the operation under its reference, with limits reserved; declined by score or limit
//!          it has ended
//! hold     a task of this process, or a worker after a crash, asks the ledger
//! answer   what that decided; or, when the budget is used up, the stand-in decides
//! ```
//!
//! Whoever decides does so under the row's lock where nobody has decided yet, so there is one
//! decision, and it is what every repeat is told. Where the ledger has, or may have, something
//! else than was decided, the operation stays pending and the worker brings both together.

mod refusals;
mod stand_in;

use std::time::Instant;

use florin_kernel::{AccountId, AuthorisationId, CustomerId, Date, Money, UnixMicros};
use florin_rpc::{CallContext, Error};
use florin_runtime::internal;
use florin_store::{StoreError, Tx, audit};
use prost::Message as _;

pub(super) use self::refusals::{authorisation_not_found, decided, same_content};
use self::refusals::{by_score, failure_of};
pub(super) use self::stand_in::back_of;
use self::stand_in::reservation_id;
use super::{
    Payment,
    accounts::owner,
    advance_transfers::later,
    await_end::LOOK_EVERY,
    create_transfer::{debtor_not_found, same_currency},
    events,
    intake::Refused,
    score_authorisation::Score,
};
use crate::{
    domain::{Decider, Decision, Operation, OperationKind, Ordering, Reservation},
    store::authorisations::{self, Card},
};

/// What is told of an operation.
pub(super) struct Answered {
    /// The authorisation now.
    pub(super) card: Card,
    /// The operation.
    pub(super) operation: Operation,
    /// Whether its reference had been seen before.
    pub(super) replayed: bool,
}

/// What is known of whoever pays.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// Whose limits count it.
    pub(super) customer: Option<CustomerId>,
    /// The business date.
    pub(super) date: Date,
}

/// The names of an operation.
pub(super) struct Named<'a> {
    pub(super) id: AuthorisationId,
    pub(super) number: i64,
    pub(super) kind: OperationKind,
    pub(super) network: &'a str,
    pub(super) reference: &'a str,
    /// SHA-256 of the request.
    pub(super) hash: &'a [u8],
}

impl Named<'_> {
    /// The operation, undecided.
    pub(super) fn operation(&self, ctx: &CallContext, amount: Money, now: UnixMicros) -> Operation {
        Operation {
            authorisation: self.id,
            number: self.number,
            kind: self.kind,
            network: self.network.to_owned(),
            reference: self.reference.to_owned(),
            request_hash: self.hash.to_vec(),
            amount,
            last: false,
            hold_seconds: 1,
            answer_by: None,
            initiator: ctx.principal.to_initiator().encode_to_vec(),
            traceparent: ctx.traceparent.clone(),
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
        }
    }
}

/// What came of taking an operation on.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) id: AuthorisationId,
    pub(super) number: i64,
    /// The lease under which the ledger is to be asked; None where it is not.
    pub(super) token: Option<String>,
    pub(super) replayed: bool,
}

impl Taken {
    pub(super) const fn again(found: &Operation) -> Self {
        Self { id: found.authorisation, number: found.number, token: None, replayed: true }
    }
}

impl Payment {
    /// When whoever asks now is to be answered.
    pub(super) fn answer_until(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.cards.answer).unwrap_or(now)
    }

    /// The operation of a reference that was seen before.
    ///
    /// # Errors
    /// `REFERENCE_REUSED` for other content.
    pub(super) async fn seen_before(
        &self,
        network: &str,
        reference: &str,
        asked: (OperationKind, &[u8]),
    ) -> Result<Option<Operation>, Error> {
        let found = authorisations::of_reference(self.db.read(), network, reference).await;
        match found.map_err(internal)? {
            Some(found) => same_content(&found, asked).map(|()| Some(found)),
            None => Ok(None),
        }
    }

    /// What is known of an account: read, or, where `account` does not answer in half of the
    /// time that there is, of an authorisation before. None where nothing is known.
    ///
    /// # Errors
    /// `DEBTOR_ACCOUNT_NOT_FOUND`, `CURRENCY_MISMATCH`.
    pub(super) async fn known(
        &self,
        ctx: &CallContext,
        account: AccountId,
        currency: &str,
    ) -> Result<Option<Known>, Error> {
        let half = Instant::now().checked_add(self.cards.answer / 2).unwrap_or_else(Instant::now);
        let read = async {
            let date = self.books.today(ctx).await?;
            Ok::<_, Error>((self.account_of_bank(ctx, account).await?, date))
        };
        match tokio::time::timeout_at(half.into(), read).await {
            Ok(Ok((Some(account), date))) => {
                same_currency(&account.currency, currency, "debtor")?;
                return Ok(Some(Known { customer: owner(ctx, &account), date }));
            }
            Ok(Ok((None, _))) => return Err(debtor_not_found()),
            Ok(Err(error)) => {
                let (reason, cause) = (error.reason(), error.message());
                tracing::warn!(reason, cause, "an account could not be read for a card payment");
            }
            Err(_) => tracing::warn!("an account was not read in time for a card payment"),
        }
        let before = authorisations::last_approved(self.db.read(), account).await;
        let before = before.map_err(internal)?.map(|card| card.authorisation);
        let before = before.filter(|one| one.currency.code() == currency);
        let known = before.zip(self.books.known());
        Ok(known.map(|(before, date)| Known { customer: before.customer, date }))
    }

    /// Decides what needs no ledger: score, limits, and the stand-in where the score is late.
    pub(super) async fn decide_first(
        &self,
        tx: &Tx,
        (card, operation): (&mut Card, &mut Operation),
        known: Option<&Known>,
        score: &Score,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let Some(known) = known else {
            return self.stand_in(tx, (card, operation), None, now).await;
        };
        if let Score::Met(rules) = score {
            let failure = by_score(rules);
            operation.decline(failure, Decider::Score, now);
            return decided(card, operation);
        }
        let (customer, channel) = (known.customer, card.authorisation.channel.clone());
        let ordering = Ordering { customer, channel, date: known.date };
        let (id, number) = (card.authorisation.id, operation.number);
        let (account, amount) = (card.authorisation.account, operation.amount);
        let one = Reservation { id: reservation_id(id, number), account, ordering, amount };
        if matches!(score, Score::Late) {
            // The stand-in may give it back in this transaction, and gates come before counters;
            // that of limits before those of names, as everywhere.
            crate::store::limits::go_by(tx).await?;
            crate::store::reservations::alone(tx, &one).await?;
        }
        match self.intakes.reserve(tx, &one).await? {
            Ok(()) => {}
            Err(exceeded) => {
                let failure = failure_of(&Error::from(Refused::Limit(exceeded)));
                operation.decline(failure, Decider::Limit, now);
                return decided(card, operation);
            }
        }
        match score {
            Score::Late => self.stand_in(tx, (card, operation), Some(known.date), now).await,
            Score::Passed | Score::Met(_) => Ok(()),
        }
    }

    /// Leases what waits for the ledger to this call, tells what was decided, and audits.
    pub(super) async fn take_on(
        &self,
        ctx: &CallContext,
        tx: &Tx,
        card: &mut Card,
        operation: &Operation,
        now: UnixMicros,
    ) -> Result<Taken, StoreError> {
        let needs_ledger = match operation.decision {
            Decision::Pending => true,
            Decision::Approved => operation.asks_approval(),
            Decision::Declined => false,
        };
        let token = needs_ledger.then(florin_rpc::fresh_request_id);
        let one = &mut card.authorisation;
        one.pending = needs_ledger.then_some(operation.number);
        one.operations = operation.number;
        one.changed_at = one.changed_at.max(now);
        card.due_at = needs_ledger.then_some(now);
        card.lease_until = needs_ledger.then(|| later(now, self.config.lease()));
        card.lease_token.clone_from(&token);
        card.attempts = 0;
        card.last_cause = None;
        if operation.decision != Decision::Pending {
            self.tell(tx, card, operation).await?;
        }
        let entry = audit::Entry {
            actor: ctx.principal.scope_key(),
            on_behalf_of: card.authorisation.customer.map(|customer| customer.to_string()),
            method: ctx.method.to_owned(),
            reference: format!("{}/{}", card.authorisation.id, operation.number),
            at: now,
        };
        audit::record(tx, entry).await?;
        let (id, number) = (card.authorisation.id, operation.number);
        Ok(Taken { id, number, token, replayed: false })
    }

    /// Appends the event of an operation, and wakes those who wait for it after the commit.
    pub(super) async fn tell(
        &self,
        tx: &Tx,
        card: &mut Card,
        operation: &Operation,
    ) -> Result<(), StoreError> {
        card.authorisation.version = card.authorisation.version.saturating_add(1);
        let event = events::of_authorisation(card, operation);
        self.outbox.append(tx, vec![event]).await?;
        let (watchers, id) = (self.card_watchers.clone(), card.authorisation.id);
        tx.on_commit(move || watchers.tell([id]));
        Ok(())
    }

    /// Has the ledger asked by a task of this process, and answers when it is decided. When time
    /// is up, an approval is decided by the stand-in, and anything else is told as it is.
    pub(super) async fn answer(&self, taken: Taken, until: Instant) -> Result<Answered, Error> {
        let Taken { id, number, token, replayed } = taken;
        if let Some(token) = token {
            // It goes on when whoever asked has gone; after a crash a worker does.
            let payment = self.clone();
            tokio::spawn(async move {
                if let Err(error) = payment.advance_authorisation(id, &token).await {
                    tracing::warn!(authorisation = %id, %error, "an operation was not advanced");
                }
            });
        }
        let watch = self.card_watchers.watch(id);
        loop {
            let told = watch.ended.notified();
            tokio::pin!(told);
            // Before the read, so that a decision between read and wait is not missed.
            told.as_mut().enable();
            let operation = authorisations::operation(self.db.read(), id, number).await;
            let operation = operation.map_err(internal)?;
            let left = until.saturating_duration_since(Instant::now());
            if operation.decision == Decision::Pending
                && left.is_zero()
                && operation.asks_approval()
            {
                self.stand_in_for(id, number).await.map_err(internal)?;
                continue;
            }
            if operation.decision != Decision::Pending || left.is_zero() {
                let card = self.card(id).await?;
                return Ok(Answered { card, operation, replayed });
            }
            let _ = tokio::time::timeout(left.min(LOOK_EVERY), told).await;
        }
    }

    /// An authorisation.
    ///
    /// # Errors
    /// `AUTHORISATION_NOT_FOUND`.
    pub(super) async fn card(&self, id: AuthorisationId) -> Result<Card, Error> {
        let found = authorisations::find(self.db.read(), id).await.map_err(internal)?;
        found.ok_or_else(|| authorisation_not_found(id))
    }
}
