//! Recalls of payments between banks, one step each.
//!
//! ```text
//! RECEIVED   judged by its payment: an answer, a wait, people, or the return from suspense
//! WAITING    people decide; when their time is over, NOAS
//! DEBITING   the ledger takes the money from the account; commit the return with RETURNING
//! RETURNING  ends with the return, in `end_return`
//! ANSWERING  send the bytes of the camt.029, again and again, until the network has them
//! SENDING    so the camt.056 of ours; SENT ends by what the other bank says or returns
//! ```
//!
//! The debit has one reference a recall, one recall at a time takes a payment (a unique index),
//! and a payment that is taken back leaves DONE under the lock under which its return is made.

use florin_iso20022::Message;
use florin_kernel::{AccountId, UnixMicros};
use florin_proto::account::v1::TransactionRequest;
use florin_store::{StoreError, Tx};
use tokio::task::JoinSet;

use super::{
    ClearingWorker, Told,
    incoming::{come_to, legs, request_of},
    plain,
};
use crate::{
    app::{advance_transfers::later, decide_recall::answer, events},
    clearing::{Sent, fresh_id},
    domain::{
        ALREADY_RETURNED, Arrival, AskedBack, BY_RECALL, Judgement, NO_ANSWER, RecallStage, Target,
        days_after, debit_reference, judge, refusal_code,
    },
    store::{
        self, Incoming, Subject,
        recalls::{self, Recall},
        repairs,
    },
};

/// What a step on a recall has found out.
enum Found {
    /// Its payment, where there is one, with the account that was credited.
    Judged(Option<(String, Option<AccountId>)>),
    /// The time of people is over.
    Overdue,
    /// The account is debited.
    Debited,
    /// The account cannot be debited, and never will be by this recall.
    NotDebitable(&'static str),
    /// The network has the bytes.
    Sent,
    /// Another attempt later.
    Wait(String),
    /// People have to look.
    Stuck(String),
}

impl ClearingWorker {
    /// Takes the recalls that are due; whether there were any.
    pub(super) async fn take_recalls(
        &self,
        tasks: &mut JoinSet<Result<(), StoreError>>,
    ) -> Result<bool, StoreError> {
        let (token, due) = self
            .payment
            .db
            .write(async |tx: Tx| {
                let claiming = self.claiming(&tx).await?;
                recalls::claim(&tx, &claiming).await
            })
            .await?;
        let any = !due.is_empty();
        for one in due {
            let (worker, token) = (self.clone(), token.clone());
            tasks.spawn(async move { worker.advance_recall(&one, &token).await });
        }
        Ok(any)
    }

    async fn advance_recall(&self, recall: &Recall, token: &str) -> Result<(), StoreError> {
        let found = match recall.stage {
            RecallStage::Received => self.look_up(recall).await?,
            RecallStage::Waiting => Found::Overdue,
            RecallStage::Debiting => self.debit(recall).await?,
            RecallStage::Answering => self.deliver(recall.document.as_ref()).await,
            RecallStage::Sending => self.deliver(Some(&recall.request)).await,
            RecallStage::Returning
            | RecallStage::Sent
            | RecallStage::Accepted
            | RecallStage::Rejected => {
                Found::Stuck(format!("stage {} is not for a worker", recall.stage.code()))
            }
        };
        self.keep_recall(recall, token, &found).await
    }

    /// Finds the payment that is asked back, and whose account was credited with it.
    async fn look_up(&self, recall: &Recall) -> Result<Found, StoreError> {
        let Ok(Message::Recall(asked)) = Message::read(&recall.request) else {
            return Ok(Found::Stuck("the recall cannot be read again".to_owned()));
        };
        let name = asked.names.end_to_end.as_ref().map(ToString::to_string);
        let (id, amount) = (asked.original.id.as_str(), asked.amount);
        let named = (asked.names.uetr, id, name.as_deref(), amount);
        let found = store::asked_back(self.payment.db.read(), named.0, named.1, named.2, named.3);
        let mut found = found.await?;
        if found.len() > 1 {
            return Ok(Found::Stuck("several payments have the names that it gives".to_owned()));
        }
        let Some(came) = found.pop() else { return Ok(Found::Judged(None)) };
        if came.stage != Arrival::Done || came.reason.is_some() || came.repair.is_some() {
            return Ok(Found::Judged(Some((came.id, None))));
        }
        let Some(iban) = &came.iban else {
            return Ok(Found::Stuck(format!("{} was credited to no IBAN", came.id)));
        };
        let ctx = florin_rpc::worker_context(florin_kernel::Role::Payment);
        Ok(match self.payment.resolve(&ctx, iban).await {
            Ok(Some((account, _))) => Found::Judged(Some((came.id, Some(account)))),
            Ok(None) => Found::Stuck(format!("the account of {} is not there", came.id)),
            Err(error) => Found::Wait(error.message().to_owned()),
        })
    }

    /// Takes the money from the account into suspense, from where it goes back.
    async fn debit(&self, recall: &Recall) -> Result<Found, StoreError> {
        let (Some(payment), Some(account)) = (&recall.payment, recall.account) else {
            return Ok(Found::Stuck("it has no payment or no account".to_owned()));
        };
        let Some(came) = store::find_incoming(self.payment.db.read(), payment).await? else {
            return Ok(Found::Stuck(format!("{payment} is not there")));
        };
        if came.repair.is_some() {
            return Ok(Found::Stuck(format!("people have ended {payment} otherwise")));
        }
        let request = self.recalled(recall, &came, account);
        let reference = request.reference.clone();
        Ok(match self.payment.post(request).await {
            Told::Done(_) => Found::Debited,
            Told::Refused(failure) => {
                let reason = &failure.reason;
                let Some(code) = refusal_code(reason) else {
                    return Ok(Found::Stuck(failure.message));
                };
                match self.payment.void(&reference, reason).await {
                    Told::Done(()) => Found::NotDebitable(code),
                    // An earlier call has posted it: the next one finds it.
                    Told::Refused(failure) => Found::Wait(failure.message),
                    Told::Unclear(cause) => Found::Wait(cause),
                    Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
                }
            }
            Told::Unclear(cause) => Found::Wait(cause),
            Told::Reused(cause) | Told::Stuck(cause) => Found::Stuck(cause),
        })
    }

    /// A function of what is kept: a repeat asks the same.
    fn recalled(&self, recall: &Recall, came: &Incoming, account: AccountId) -> TransactionRequest {
        let suspense = Target::Gl(self.network.config.suspense_gl_code.clone());
        let shown = came.from_iban.as_deref().unwrap_or_default();
        let debited = Target::Account(account);
        let posting = legs("transfer_recalled", came.amount, debited, suspense, shown);
        request_of(&debit_reference(recall.id), &posting, came)
    }

    async fn deliver(&self, document: Option<&Vec<u8>>) -> Found {
        let Some(document) = document else {
            return Found::Stuck("there are no bytes to send".to_owned());
        };
        match self.network.send(document.clone()).await {
            Sent::Taken => Found::Sent,
            Sent::Refused(cause) => Found::Stuck(cause),
            Sent::Unreached(cause) | Sent::Unclear(cause) => Found::Wait(cause),
        }
    }

    /// Writes what a step has found out, where the row is still this worker's. The payment is
    /// locked before the recall, as everywhere.
    async fn keep_recall(
        &self,
        recall: &Recall,
        token: &str,
        found: &Found,
    ) -> Result<(), StoreError> {
        // Of one value in every run of the transaction.
        let return_id = fresh_id();
        self.payment
            .db
            .write(async |tx: Tx| {
                let payment = match found {
                    Found::Judged(met) => met.as_ref().map(|(payment, _)| payment),
                    Found::Overdue | Found::Debited => recall.payment.as_ref(),
                    Found::NotDebitable(_) | Found::Sent | Found::Wait(_) | Found::Stuck(_) => None,
                };
                let mut came = match payment {
                    Some(payment) => store::lock_incoming(&tx, payment).await?,
                    None => None,
                };
                let row = recalls::lock(&tx, recall.id).await?;
                let ours = |row: &Recall| row.lease_token.as_deref() == Some(token);
                let Some(mut row) = row.filter(ours) else { return Ok(()) };
                let now = tx.now().await?;
                row.attempts = row.attempts.saturating_add(1);
                match found {
                    Found::Judged(met) => {
                        let account = met.as_ref().and_then(|(_, account)| *account);
                        let way = (return_id.as_str(), account);
                        self.judge(&tx, &mut row, came.as_mut(), way, now).await?;
                    }
                    Found::Overdue => self.overdue(&tx, &mut row, came.as_ref(), now).await?,
                    Found::Debited => {
                        let came = came.as_mut().ok_or_else(|| gone(&row))?;
                        if came.stage != Arrival::Done || came.reason.is_some() {
                            self.wait(&mut row, "its payment is not where it was", true, now);
                        } else {
                            let subject = Subject::Return(came.id.clone());
                            self.send_back(&tx, &return_id, came, subject, now).await?;
                            row.answer = Some(BY_RECALL.to_owned());
                            row.move_to(RecallStage::Returning, now);
                        }
                    }
                    Found::NotDebitable(code) => answer(&self.network, &mut row, code, now)?,
                    Found::Sent if row.is_ours => row.move_to(RecallStage::Sent, now),
                    Found::Sent => {
                        self.end_recall(&tx, &mut row, RecallStage::Rejected, now).await?
                    }
                    Found::Wait(cause) => self.wait(&mut row, cause, false, now),
                    Found::Stuck(cause) => self.wait(&mut row, cause, true, now),
                }
                recalls::update_recall(&tx, &row).await
            })
            .await
    }

    async fn judge(
        &self,
        tx: &Tx,
        row: &mut Recall,
        came: Option<&mut Incoming>,
        (return_id, account): (&str, Option<AccountId>),
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let taken = match &came {
            Some(came) => recalls::taking(tx, &came.id).await?.map(|other| other.stage),
            None => None,
        };
        let met = came.as_ref().map(|came| AskedBack {
            stage: came.stage,
            uncreditable: came.reason.is_some(),
            is_repaired: came.repair.is_some(),
            taken,
        });
        if let Some(came) = &came {
            row.payment = Some(came.id.clone());
            row.amount = Some(came.amount);
        }
        match (judge(met), came) {
            (Judgement::Answer(code), _) => answer(&self.network, row, code, now)?,
            (Judgement::Later(cause), _) => self.wait(row, cause, false, now),
            (Judgement::People, _) if account.is_none() => {
                // It was credited since it was looked up.
                self.wait(row, "the payment has just been credited", false, now);
            }
            (Judgement::People, _) => {
                let days = self.network.config.recall_answer_days;
                let answer_by = days_after(row.created_at, days);
                row.account = account;
                row.answer_by = Some(answer_by);
                row.move_to(RecallStage::Waiting, now);
                row.due_at = Some(answer_by);
            }
            (Judgement::SendBack, Some(came)) => {
                let subject = Subject::Recalled(came.id.clone());
                self.send_back(tx, return_id, came, subject, now).await?;
                row.answer = Some(BY_RECALL.to_owned());
                row.move_to(RecallStage::Returning, now);
            }
            (Judgement::SendBack, None) => return Err(gone(row)),
        }
        Ok(())
    }

    /// Nobody has decided in time: that is the answer, but for a payment that is back already.
    async fn overdue(
        &self,
        tx: &Tx,
        row: &mut Recall,
        came: Option<&Incoming>,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let other = match came {
            Some(came) => recalls::taking(tx, &came.id).await?.map(|other| other.stage),
            None => None,
        };
        match (other, row.answer_by) {
            (Some(RecallStage::Accepted), _) => {
                answer(&self.network, row, ALREADY_RETURNED, now)?;
            }
            (Some(_), _) => self.wait(row, "another recall has taken its payment", false, now),
            // Taken before its time, by a clock that was ahead.
            (None, Some(answer_by)) if now < answer_by => row.due_at = Some(answer_by),
            (None, _) => answer(&self.network, row, NO_ANSWER, now)?,
        }
        Ok(())
    }

    /// The return of what came in, in the transaction in which it leaves where it was.
    async fn send_back(
        &self,
        tx: &Tx,
        return_id: &str,
        came: &mut Incoming,
        subject: Subject,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let back = self.going_back(return_id, came, Some(BY_RECALL), subject, now)?;
        store::send(tx, &[back]).await?;
        repairs::lapse(tx, &came.id, "a recall of the other bank takes it back", now).await?;
        come_to(came, Arrival::Returning, now);
        store::update_incoming(tx, came).await
    }

    /// Ends a recall and says so.
    pub(in crate::app) async fn end_recall(
        &self,
        tx: &Tx,
        row: &mut Recall,
        stage: RecallStage,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        row.move_to(stage, now);
        self.payment.outbox.append(tx, vec![events::recall_ended(row)]).await?;
        Ok(())
    }

    /// What came in has gone back, or stays in suspense: so ends the recall that took it.
    pub(super) async fn returned_by_recall(
        &self,
        tx: &Tx,
        came: &Incoming,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let Some(found) = recalls::taking(tx, &came.id).await? else { return Ok(()) };
        let Some(mut row) = recalls::lock(tx, found.id).await? else { return Ok(()) };
        if row.stage != RecallStage::Returning {
            return Ok(());
        }
        if came.stage == Arrival::Done {
            self.end_recall(tx, &mut row, RecallStage::Accepted, now).await?;
        } else {
            row.last_cause = Some("the network rejected the return: it is in suspense".to_owned());
        }
        recalls::update_recall(tx, &row).await
    }

    /// A payment of ours has come back: so ends our recall of it, where one is open.
    pub(super) async fn came_back(
        &self,
        tx: &Tx,
        came: &Incoming,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let Some(transfer) = came.transfer.filter(|_| came.is_return) else { return Ok(()) };
        let Some(found) = recalls::asking(tx, transfer).await? else { return Ok(()) };
        let Some(mut row) = recalls::lock(tx, found.id).await? else { return Ok(()) };
        if row.stage.is_end() {
            return Ok(());
        }
        // Of what is in suspense the reason is ours, for not crediting it.
        let said = came.reason.clone().filter(|_| came.stage == Arrival::Done);
        row.answer = Some(said.unwrap_or_else(|| BY_RECALL.to_owned()));
        self.end_recall(tx, &mut row, RecallStage::Accepted, now).await?;
        recalls::update_recall(tx, &row).await
    }

    fn wait(&self, row: &mut Recall, cause: &str, is_stuck: bool, now: UnixMicros) {
        let config = &self.payment.config;
        let wait = if is_stuck {
            let (recall, stage) = (row.id, row.stage.code());
            tracing::error!(%recall, stage, %cause, "a recall is stuck");
            config.backoff_stuck(row.attempts)
        } else {
            config.backoff(row.attempts)
        };
        row.last_cause = Some(plain(cause));
        row.due_at = Some(later(now, wait));
    }
}

fn gone(row: &Recall) -> StoreError {
    StoreError::Corrupt(format!("recall {} has no payment", row.id))
}
