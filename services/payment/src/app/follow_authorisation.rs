//! What increments, captures and reversals have in common: one operation at a time, decided to be
//! taken on under the row's lock, each under a reference of the network.

use std::time::Instant;

use florin_kernel::{Date, Money, UnixMicros, Violations};
use florin_proto::{common::v1::Reason as CommonReason, payment::v1::Reason};
use florin_rpc::{CallContext, Error};
use florin_runtime::Failure;
use florin_store::{StoreError, Tx};

use super::{
    Payment,
    advance_transfers::later,
    authorise::{Answered, Known, Named, Taken, authorisation_not_found, same_content},
    await_end::LOOK_EVERY,
    score_authorisation::Score,
};
use crate::{
    domain::{Authorisation, NotTaken, Operation, OperationKind},
    grpc::convert::OperationDraft,
    store::authorisations::{self, Card},
};

/// An operation on an authorisation that there is.
pub(super) struct Follow<'a> {
    pub(super) kind: OperationKind,
    pub(super) draft: &'a OperationDraft,
    /// SHA-256 of the request.
    pub(super) hash: &'a [u8],
    /// Of a capture: whether it is the last.
    pub(super) last: bool,
    /// Of an increment: what came of scoring it.
    pub(super) score: Score,
    /// The business date, where it is known.
    pub(super) date: Option<Date>,
    /// When whoever asks is to be answered.
    pub(super) until: Instant,
}

impl Payment {
    /// Takes an operation on, once per reference, and answers when it is decided or time is up.
    /// While another is under way it is waited for.
    ///
    /// # Errors
    /// `AUTHORISATION_NOT_FOUND`, `AUTHORISATION_STATE`, `AUTHORISATION_BUSY`,
    /// `CURRENCY_MISMATCH`, `REFERENCE_REUSED`, and what the amount is refused for.
    pub(super) async fn follow(
        &self,
        ctx: &CallContext,
        follow: &Follow<'_>,
    ) -> Result<Answered, Error> {
        let watch = self.card_watchers.watch(follow.draft.id);
        loop {
            let told = watch.ended.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            let refused = match self.take_follow(ctx, follow).await {
                Ok(taken) => return self.answer(taken, follow.until).await,
                Err(refused) => refused,
            };
            let left = follow.until.saturating_duration_since(Instant::now());
            if !is_busy(&refused) || left.is_zero() {
                return Err(refused);
            }
            let _ = tokio::time::timeout(left.min(LOOK_EVERY), told).await;
        }
    }

    async fn take_follow(&self, ctx: &CallContext, follow: &Follow<'_>) -> Result<Taken, Error> {
        let taken = self.db.write(async |tx: Tx| {
            let id = follow.draft.id;
            let card = authorisations::lock(&tx, id).await?;
            let mut card = card.ok_or_else(|| authorisation_not_found(id))?;
            if let Some(found) = self.found(&tx, &card, follow).await? {
                return Ok(found);
            }
            let now = tx.now().await?;
            let amount = self.may_follow(&card.authorisation, follow, now)?;
            let mut operation = operation_of(ctx, &card.authorisation, follow, amount, now);
            if !authorisations::add(&tx, &operation).await? {
                // Of another authorisation, a moment ago.
                let found = self.found(&tx, &card, follow).await?;
                let gone = || StoreError::Corrupt("a reference is gone".to_owned());
                return Ok(found.ok_or_else(gone)?);
            }
            if follow.kind == OperationKind::Increment {
                let customer = card.authorisation.customer;
                let known = follow.date.map(|date| Known { customer, date });
                let both = (&mut card, &mut operation);
                self.decide_first(&tx, both, known.as_ref(), &follow.score, now).await?;
            }
            let taken = self.take_on(ctx, &tx, &mut card, &operation, now).await?;
            authorisations::update_operations(&tx, &[operation]).await?;
            authorisations::update(&tx, &card).await?;
            Ok::<_, Failure>(taken)
        });
        taken.await.map_err(Error::from)
    }

    async fn found(
        &self,
        tx: &Tx,
        card: &Card,
        follow: &Follow<'_>,
    ) -> Result<Option<Taken>, Failure> {
        let network = &card.authorisation.network;
        let found = authorisations::of_reference(tx, network, &follow.draft.reference).await?;
        match found {
            Some(found) => {
                same_content(&found, (follow.kind, follow.hash))?;
                Ok(Some(Taken::again(&found)))
            }
            None => Ok(None),
        }
    }

    /// The amount, where the operation is taken on.
    fn may_follow(
        &self,
        one: &Authorisation,
        follow: &Follow<'_>,
        now: UnixMicros,
    ) -> Result<Money, Error> {
        one.is_free(now).map_err(not_taken)?;
        let amount = follow.draft.amount.unwrap_or_else(|| one.money(one.remainder()));
        let (given, of_it) = (amount.currency(), one.currency);
        if given != of_it {
            let text = format!("the authorisation is in {of_it}, the amount is in {given}");
            return Err(Error::new(CommonReason::CurrencyMismatch, text)
                .with("account_currency", of_it.code())
                .with("currency", given.code()));
        }
        let minor = amount.minor();
        let may = match follow.kind {
            OperationKind::Increment => one.may_increment(minor),
            OperationKind::Capture => {
                one.may_capture(minor, self.cards.tolerance(&one.merchant.mcc, of_it))
            }
            OperationKind::Reverse => one.may_reverse(minor),
            OperationKind::Authorise | OperationKind::Expire => Err(NotTaken::State(one.status)),
        };
        may.map(|()| amount).map_err(not_taken)
    }
}

fn operation_of(
    ctx: &CallContext,
    one: &Authorisation,
    follow: &Follow<'_>,
    amount: Money,
    now: UnixMicros,
) -> Operation {
    let named = Named {
        id: one.id,
        number: one.operations.saturating_add(1),
        kind: follow.kind,
        network: &one.network,
        reference: &follow.draft.reference,
        hash: follow.hash,
    };
    // Whole seconds, not before the authorisation expires.
    let left = one.expires_at.0.saturating_sub(now.0).saturating_add(999_999) / 1_000_000;
    let asks = follow.kind == OperationKind::Increment;
    let answer = follow.until.saturating_duration_since(Instant::now());
    Operation {
        last: follow.last,
        hold_seconds: left.max(1),
        answer_by: asks.then(|| later(now, answer)),
        score: follow.score.rules(),
        ..named.operation(ctx, amount, now)
    }
}

fn is_busy(error: &Error) -> bool {
    use florin_proto::ErrorReason as _;
    error.reason() == Reason::AuthorisationBusy.name()
}

fn not_taken(refused: NotTaken) -> Error {
    let text = refused.to_string();
    match refused {
        NotTaken::State(status) => {
            Error::new(Reason::AuthorisationState, text).with("status", status.name())
        }
        NotTaken::Busy => Error::new(Reason::AuthorisationBusy, text).retry_after(ASK_AGAIN),
        NotTaken::TooManyHolds => Error::new(Reason::TooManyIncrements, text),
        NotTaken::AboveTolerance { left } => Error::new(Reason::CaptureAboveTolerance, text)
            .with("field", "amount")
            .with("rule", "TOLERANCE")
            .with("left", left.amount())
            .with("currency", left.currency().code()),
        NotTaken::AboveRemainder { left } => Error::new(Reason::ReversalExceedsRemainder, text)
            .with("left", left.amount())
            .with("currency", left.currency().code()),
        NotTaken::OutOfRange => {
            let mut violations = Violations::new();
            violations.add("amount", "AMOUNT_TOO_LARGE", text);
            Error::invalid(violations)
        }
    }
}

/// When another attempt is worth it while an operation is under way.
const ASK_AGAIN: std::time::Duration = std::time::Duration::from_secs(1);
