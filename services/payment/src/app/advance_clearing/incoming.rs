//! What came from the network goes into the books: to the customer, or to suspense and back.

use florin_kernel::{AccountId, Money, UnixMicros};
use florin_proto::account::v1::TransactionRequest;
use florin_store::{StoreError, Tx, rows::Claiming};
use tokio::task::JoinSet;

use super::{AT_ONCE, ClearingWorker, Told, move_to, plain, put_off};
use crate::{
    app::{
        advance_transfers::{later, wire_leg},
        events,
    },
    clearing::fresh_id,
    domain::{Arrival, Failure, Leg, Posting, Side, Stage, Status, Target, return_code},
    store::{self, Comeback, Incoming, Outgoing, Subject},
};

/// What a step on something that came in has found out.
enum Found {
    /// It is booked to the customer.
    Credited,
    /// It cannot be, for this code of ISO 20022.
    NotCreditable(String),
    /// It is in suspense.
    Suspended,
    /// Another attempt later.
    Wait(String),
    /// People have to look.
    Stuck(String),
}

/// Why there is no account to credit.
enum Unpayable {
    /// There is none, in the words of the ledger.
    Never(&'static str),
    /// Nobody knows for now.
    Now(Found),
}

impl ClearingWorker {
    /// Takes what has come in and is due; whether there was anything.
    pub(super) async fn take_incoming(
        &self,
        tasks: &mut JoinSet<Result<(), StoreError>>,
    ) -> Result<bool, StoreError> {
        let (token, arrived) = self.claim_incoming(AT_ONCE).await?;
        let any = !arrived.is_empty();
        for one in arrived {
            let (worker, token) = (self.clone(), token.clone());
            tasks.spawn(async move { worker.book(&one, &token).await });
        }
        Ok(any)
    }

    pub(super) async fn claim_incoming(
        &self,
        limit: u32,
    ) -> Result<(String, Vec<Incoming>), StoreError> {
        self.payment
            .db
            .write(async |tx: Tx| {
                let claiming = Claiming { limit, ..self.claiming(&tx).await? };
                store::claim_incoming(&tx, &claiming).await
            })
            .await
    }

    /// One step of what came in.
    pub(super) async fn book(&self, came: &Incoming, token: &str) -> Result<(), StoreError> {
        let found = match came.stage {
            Arrival::Received => self.credit(came).await?,
            Arrival::ToSuspense => self.suspend(came).await,
            Arrival::Returning | Arrival::Done | Arrival::Kept => {
                Found::Stuck(format!("stage {} is not for a worker", came.stage.code()))
            }
        };
        self.keep_incoming(came, token, &found).await
    }

    async fn credit(&self, came: &Incoming) -> Result<Found, StoreError> {
        let reference = format!("{}/credit", came.id);
        let account = match self.account_to_credit(came).await? {
            Ok(account) => account,
            // An earlier attempt may have found the account, and its answer was lost.
            Err(Unpayable::Never(reason)) => {
                return Ok(self.not_creditable(&reference, reason).await);
            }
            Err(Unpayable::Now(found)) => return Ok(found),
        };
        let shown = came.from_iban.as_deref().unwrap_or_default();
        let kind = if came.is_return { "transfer_returned" } else { "transfer_in" };
        let nostro = Target::Gl(self.network.config.nostro_gl_code.clone());
        let posting = legs(kind, came.amount, nostro, Target::Account(account), shown);
        Ok(match self.payment.post(request_of(&reference, &posting, came)).await {
            Told::Done(_) => Found::Credited,
            Told::Refused(failure) => self.not_creditable(&reference, &failure.reason).await,
            Told::Unclear(cause) => Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
        })
    }

    /// Ensures that it is not credited and never will be, before it goes to suspense.
    async fn not_creditable(&self, reference: &str, reason: &str) -> Found {
        let Some(code) = return_code(reason) else {
            // It is not for its account that it was refused: nobody is to lose money by it.
            return Found::Stuck(format!("the ledger refused it: {reason}"));
        };
        match self.payment.void_or_posted(reference, reason).await {
            Told::Done(None) => Found::NotCreditable(code.to_owned()),
            // An earlier attempt has, whose answer was lost.
            Told::Done(Some(_)) => Found::Credited,
            Told::Refused(failure) => Found::Stuck(failure.message),
            Told::Unclear(cause) => Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
        }
    }

    /// The account that is to be credited, or what follows where there is none.
    async fn account_to_credit(
        &self,
        came: &Incoming,
    ) -> Result<Result<AccountId, Unpayable>, StoreError> {
        let unknown = || Err(Unpayable::Never("ACCOUNT_NOT_FOUND"));
        let wait = |cause: &str| Err(Unpayable::Now(Found::Wait(cause.to_owned())));
        if came.is_return {
            let Some(id) = came.transfer else { return Ok(unknown()) };
            let Some(record) = store::find(self.payment.db.read(), id).await? else {
                return Ok(unknown());
            };
            if !record.transfer.status().is_end() {
                // The network's answer to the payment is on its way still.
                return Ok(wait("the payment has not been booked"));
            }
            if record.transfer.status() != Status::Completed {
                return Ok(unknown());
            }
            return Ok(record.transfer.order().route().debtor().map_or_else(unknown, Ok));
        }
        let Some(iban) = came.iban.as_ref().filter(|iban| self.payment.bank.issued(iban)) else {
            return Ok(unknown());
        };
        let ctx = florin_rpc::worker_context(florin_kernel::Role::Payment);
        Ok(match self.payment.resolve(&ctx, iban).await {
            Ok(Some((account, currency))) if currency == came.amount.currency().code() => {
                Ok(account)
            }
            Ok(Some(_)) => Err(Unpayable::Never("CURRENCY_MISMATCH")),
            Ok(None) => unknown(),
            Err(error) => wait(error.message()),
        })
    }

    async fn suspend(&self, came: &Incoming) -> Found {
        let config = &self.network.config;
        let (nostro, suspense) = (&config.nostro_gl_code, &config.suspense_gl_code);
        let shown = came.from_iban.as_deref().unwrap_or_default();
        let (nostro, suspense) = (Target::Gl(nostro.clone()), Target::Gl(suspense.clone()));
        let posting = legs("transfer_suspended", came.amount, nostro, suspense, shown);
        let reference = format!("{}/suspense", came.id);
        match self.payment.post(request_of(&reference, &posting, came)).await {
            Told::Done(_) => Found::Suspended,
            Told::Refused(failure) => Found::Stuck(failure.message),
            Told::Unclear(cause) => Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
        }
    }

    async fn keep_incoming(
        &self,
        came: &Incoming,
        token: &str,
        found: &Found,
    ) -> Result<(), StoreError> {
        // Of one value in every run of the transaction.
        let return_id = fresh_id();
        self.payment
            .db
            .write(async |tx: Tx| {
                let row = store::lock_incoming(&tx, &came.id).await?;
                let ours = |row: &Incoming| row.lease_token.as_deref() == Some(token);
                let Some(mut row) = row.filter(ours) else { return Ok(()) };
                let now = tx.now().await?;
                row.attempts = row.attempts.saturating_add(1);
                match found {
                    Found::Credited => {
                        come_to(&mut row, Arrival::Done, now);
                        self.came_back(&tx, &row, now).await?;
                        self.tell_return(&tx, &row).await?;
                    }
                    Found::NotCreditable(code) => {
                        row.reason = Some(code.clone());
                        come_to(&mut row, Arrival::ToSuspense, now);
                    }
                    // What came back once does not go back again: people look after it.
                    Found::Suspended if row.is_return => {
                        let id = row.id.as_str();
                        tracing::error!(id, "a returned payment is in suspense for people");
                        self.came_back(&tx, &row, now).await?;
                        come_to(&mut row, Arrival::Kept, now);
                    }
                    Found::Suspended => {
                        let subject = Subject::Return(row.id.clone());
                        let code = row.reason.as_deref();
                        let back = self.going_back(&return_id, &row, code, subject, now)?;
                        store::send(&tx, &[back]).await?;
                        come_to(&mut row, Arrival::Returning, now);
                    }
                    Found::Wait(cause) => {
                        let wait = self.payment.config.backoff(row.attempts);
                        row.last_cause = Some(plain(cause));
                        row.due_at = Some(later(now, wait));
                    }
                    Found::Stuck(cause) => {
                        let id = row.id.as_str();
                        tracing::error!(id, %cause, "a payment that came in is stuck");
                        let wait = self.payment.config.backoff_stuck(row.attempts);
                        row.last_cause = Some(plain(cause));
                        row.due_at = Some(later(now, wait));
                    }
                }
                store::update_incoming(&tx, &row).await
            })
            .await
    }

    /// Publishes that a payment of ours is on its account again, in the transaction that says so.
    async fn tell_return(&self, tx: &Tx, came: &Incoming) -> Result<(), StoreError> {
        let Some(id) = came.transfer.filter(|_| came.is_return) else { return Ok(()) };
        let Some(record) = store::find(tx, id).await? else { return Ok(()) };
        let event = events::returned(&record, &Comeback::of(came));
        self.payment.outbox.append(tx, vec![event]).await?;
        Ok(())
    }

    /// The return of what is in suspense, ready to be sent.
    pub(in crate::app) fn going_back(
        &self,
        id: &str,
        came: &Incoming,
        code: Option<&str>,
        subject: Subject,
        now: UnixMicros,
    ) -> Result<Outgoing, StoreError> {
        let document = self.network.return_of(id, came, code, now);
        let document = document
            .ok_or_else(|| StoreError::Corrupt(format!("no message can return {}", came.id)))?;
        Ok(Outgoing {
            id: id.to_owned(),
            subject,
            stage: Stage::Submitting,
            uetr: came.uetr,
            amount: came.amount,
            document: Some(document),
            sent_at: None,
            asks: 0,
            sends: 0,
            doubts: Vec::new(),
            heard: Vec::new(),
            answer: None,
            contradiction: None,
            created_at: now,
            changed_at: now,
            due_at: Some(now),
            lease_token: None,
            in_hand_until: None,
            attempts: 0,
            last_cause: None,
        })
    }

    /// Books a return that the network has settled, or leaves in suspense what it has rejected.
    pub(super) async fn end_return(&self, out: &Outgoing, token: &str) -> Result<(), StoreError> {
        let Some(came) = out.goes_back() else { return Ok(()) };
        let posted = if out.stage == Stage::Settled {
            self.payment.post(self.returned(came, out.amount)).await
        } else {
            Told::Refused(crate::domain::rejection(out.answer.as_deref().unwrap_or_default()))
        };
        self.payment
            .db
            .write(async |tx: Tx| {
                let Some((mut row, _)) = super::lock(&tx, out, token).await? else {
                    return Ok(());
                };
                let now = tx.now().await?;
                row.attempts = row.attempts.saturating_add(1);
                let arrival = match &posted {
                    Told::Done(_) => Some((Stage::Done, Arrival::Done)),
                    Told::Refused(_) if out.stage == Stage::Rejected => {
                        tracing::error!(id = %came, "a return was rejected: it stays in suspense");
                        Some((Stage::Unpaid, Arrival::Kept))
                    }
                    Told::Unclear(cause) => {
                        let wait = self.payment.config.backoff(row.attempts);
                        put_off(&mut row, cause, later(now, wait));
                        None
                    }
                    // The money is gone, and stands in suspense.
                    Told::Refused(Failure { message: cause, .. })
                    | Told::Reused(cause)
                    | Told::Stuck(cause) => {
                        tracing::error!(id = %came, %cause, "a return is settled and not booked");
                        let wait = self.payment.config.backoff_stuck(row.attempts);
                        put_off(&mut row, cause, later(now, wait));
                        None
                    }
                };
                if let Some((stage, arrival)) = arrival {
                    move_to(&mut row, stage, now);
                    if let Some(mut came) = store::lock_incoming(&tx, came).await? {
                        come_to(&mut came, arrival, now);
                        store::update_incoming(&tx, &came).await?;
                        self.returned_by_recall(&tx, &came, now).await?;
                    }
                }
                store::update_outgoing(&tx, &row).await
            })
            .await
    }

    fn returned(&self, came: &str, amount: Money) -> TransactionRequest {
        let config = &self.network.config;
        let suspense = Target::Gl(config.suspense_gl_code.clone());
        let nostro = Target::Gl(config.nostro_gl_code.clone());
        let posting = legs("transfer_sent_back", amount, suspense, nostro, "");
        TransactionRequest {
            reference: format!("{came}/returned"),
            kind: posting.kind.to_owned(),
            legs: posting.legs.iter().map(wire_leg).collect(),
            correlation: came.to_owned(),
            ..TransactionRequest::default()
        }
    }
}

pub(super) fn come_to(row: &mut Incoming, stage: Arrival, now: UnixMicros) {
    row.stage = stage;
    row.changed_at = row.changed_at.max(now);
    row.due_at = (!stage.rests()).then_some(now);
    row.attempts = 0;
    row.last_cause = None;
}

pub(super) fn request_of(
    reference: &str,
    posting: &Posting,
    came: &Incoming,
) -> TransactionRequest {
    TransactionRequest {
        reference: reference.to_owned(),
        kind: posting.kind.to_owned(),
        legs: posting.legs.iter().map(wire_leg).collect(),
        description: came.description.clone(),
        // A payment of ours that comes back belongs to its transfer.
        correlation: match came.transfer.filter(|_| came.is_return) {
            Some(transfer) => transfer.to_string(),
            None => came.id.clone(),
        },
        ..TransactionRequest::default()
    }
}

/// Two legs between a GL account and another or a customer's.
pub(super) fn legs(
    kind: &'static str,
    amount: Money,
    debit: Target,
    credit: Target,
    shown: &str,
) -> Posting {
    let leg = |target, side| Leg { target, side, amount, counterparty: shown.to_owned() };
    Posting { kind, legs: vec![leg(debit, Side::Debit), leg(credit, Side::Credit)] }
}
