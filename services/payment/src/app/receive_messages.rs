//! Takes the network's messages, one after the other: each is kept with its effect in one
//! transaction, then acknowledged. It comes again where that is lost, and finds its effect.

mod aside;
mod names;
mod recalls;
mod reports;
mod statements;

use bytes::Bytes;
use florin_iso20022::{Account, CreditTransfer, Message, PaymentReturn};
use florin_store::{StoreError, Tx};
use tokio_util::sync::CancellationToken;

use self::names::{digest, is_same, name_of, print_of, print_with_text};
use super::advance_clearing::{ClearingWorker, plain};
use crate::{
    clearing::fresh_id,
    domain::{Arrival, return_text},
    store::{self, Drawer, Incoming},
};

/// The code of ISO 20022 under which a payment goes back whose name another has: duplication.
const NAME_TAKEN: &str = "AM05";
impl ClearingWorker {
    /// Receives until the shutdown.
    pub(crate) async fn receive_messages(self, shutdown: CancellationToken) {
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            let pause = match self.receive_next().await {
                Ok(true) => {
                    failures = 0;
                    continue;
                }
                Ok(false) => {
                    failures = 0;
                    self.network.config.poll()
                }
                Err(cause) => {
                    failures += 1;
                    if u64::try_from(failures).is_ok_and(u64::is_power_of_two) {
                        tracing::warn!(%cause, failures, "no messages from the clearing network");
                    }
                    self.network.config.poll().max(self.payment.config.backoff(failures))
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes the oldest message; whether there was one.
    ///
    /// # Errors
    /// In words, why it could not be had, kept or acknowledged.
    pub async fn receive_next(&self) -> Result<bool, String> {
        let Some(delivered) = self.network.next().await? else { return Ok(false) };
        self.take_or_set_aside(&delivered).await.map_err(|error| error.to_string())?;
        self.network.acknowledge(delivered.number).await?;
        self.woken.notify_one();
        Ok(true)
    }

    async fn take_message(&self, document: &Bytes) -> Result<(), StoreError> {
        let message = Message::read(document);
        let log_id = fresh_id();
        self.payment
            .db
            .write(async |tx: Tx| {
                let finding = match &message {
                    Ok(Message::StatusReport(report)) => self.take_report(&tx, report).await?,
                    Ok(Message::CreditTransfer(transfer)) => {
                        self.take_credit(&tx, transfer).await?
                    }
                    Ok(Message::PaymentReturn(back)) => self.take_return(&tx, back).await?,
                    Ok(Message::Recall(asked)) => self.take_recall(&tx, asked, document).await?,
                    Ok(Message::RecallAnswer(said)) => {
                        self.take_recall_answer(&tx, said, document).await?
                    }
                    Ok(Message::Statement(said)) => {
                        self.take_statement(&tx, said, document).await?
                    }
                    Ok(
                        other @ (Message::StatusRequest(_)
                        | Message::Initiation(_)
                        | Message::CustomerReport(_)),
                    ) => refused(format!("a {} is not for a bank", other.kind().name())),
                    Err(error) => refused(format!("unreadable: {error}")),
                };
                let finding = plain(&finding);
                if message.is_err() {
                    store::file(&tx, Drawer::Unread, &log_id, &finding, document).await?;
                }
                store::file(&tx, Drawer::Log, &log_id, &finding, document).await
            })
            .await
    }

    /// A payment of another bank to one of our customers.
    async fn take_credit(&self, tx: &Tx, came: &CreditTransfer) -> Result<String, StoreError> {
        let network = &self.network.config.network;
        // Without a UETR the message's own name has to do, which is one of the bank that sends.
        let name = came.names.uetr.map_or_else(|| name_of(came), |uetr| uetr.to_string());
        let (iban, account_number) = match &came.creditor.account {
            Some(Account::Iban(iban)) => (Some(iban.clone()), None),
            Some(Account::Other(number)) => (None, Some(number.to_string())),
            None => (None, Some(String::new())),
        };
        let from_iban = match &came.debtor.account {
            Some(Account::Iban(iban)) => Some(iban.electronic().to_owned()),
            Some(Account::Other(number)) => Some(number.to_string()),
            None => None,
        };
        let now = tx.now().await?;
        let arrived = Incoming {
            id: format!("{network}/{name}"),
            is_return: false,
            stage: Arrival::Received,
            message_id: came.id.to_string(),
            uetr: came.names.uetr,
            end_to_end: came.names.end_to_end.as_ref().map(ToString::to_string),
            amount: came.amount,
            iban,
            account_number,
            from_iban,
            description: came.remittance.as_ref().map(ToString::to_string).unwrap_or_default(),
            transfer: None,
            reason: None,
            repair: None,
            created_at: now,
            changed_at: now,
            due_at: Some(now),
            lease_token: None,
            attempts: 0,
            last_cause: None,
        };
        if store::arrive(tx, &arrived).await? {
            return Ok(format!("{} came in", arrived.id));
        }
        let known = store::lock_incoming(tx, &arrived.id).await?;
        if known.is_some_and(|known| is_same(&known, &arrived)) {
            return Ok(format!("{} again", arrived.id));
        }
        keep_beside(tx, &format!("{network}/{name}"), arrived).await
    }

    /// A payment of ours comes back.
    async fn take_return(&self, tx: &Tx, back: &PaymentReturn) -> Result<String, StoreError> {
        let network = &self.network.config.network;
        let name = back.names.uetr.map(|uetr| uetr.to_string());
        let name = name.unwrap_or_else(|| digest(&[back.id.as_str()]));
        let payment = match back.names.uetr {
            Some(uetr) => store::payment_of(tx, uetr).await?,
            None => None,
        };
        // More than went out, or in another currency, is not this payment's.
        let payment = payment.filter(|payment| {
            payment.amount.currency() == back.amount.currency()
                && payment.amount.minor() >= back.amount.minor()
        });
        let now = tx.now().await?;
        let code = back.reason.as_ref().and_then(|reason| reason.code.as_ref());
        let arrived = Incoming {
            id: format!("{network}/{name}/return"),
            is_return: true,
            stage: Arrival::Received,
            message_id: back.id.to_string(),
            uetr: back.names.uetr,
            end_to_end: back.names.end_to_end.as_ref().map(ToString::to_string),
            amount: back.amount,
            iban: None,
            account_number: None,
            from_iban: None,
            description: String::new(),
            transfer: payment.and_then(|payment| payment.transfer()),
            reason: code.map(ToString::to_string),
            repair: None,
            created_at: now,
            changed_at: now,
            due_at: Some(now),
            lease_token: None,
            attempts: 0,
            last_cause: None,
        };
        if store::arrive(tx, &told_by_its_payment(tx, arrived.clone()).await?).await? {
            return Ok(format!("{} came back", arrived.id));
        }
        let known = store::lock_incoming(tx, &arrived.id).await?;
        if known.is_some_and(|known| {
            // Where it had gone, and the text, are ours: what came before they were kept has none.
            let (from_iban, description) = (known.from_iban.clone(), known.description.clone());
            let again = Incoming { from_iban, description, ..arrived.clone() };
            known.message_id == again.message_id && is_same(&known, &again)
        }) {
            return Ok(format!("{} again", arrived.id));
        }
        // The network has settled another return of it: nobody of ours is to have that twice.
        let id = format!("{network}/{name}/{}/return", print_of(&arrived));
        let second = Incoming { id, transfer: None, ..arrived };
        store::arrive(tx, &second).await?;
        Ok(refused(format!("{} is a second return of {name}", second.id)))
    }
}

/// The network has settled another payment under the name of one that is here: it goes back, and
/// neither is taken for the other.
async fn keep_beside(tx: &Tx, name: &str, arrived: Incoming) -> Result<String, StoreError> {
    let mut other = Incoming {
        id: format!("{name}/{}", print_of(&arrived)),
        stage: Arrival::ToSuspense,
        reason: Some(NAME_TAKEN.to_owned()),
        ..arrived
    };
    if !store::arrive(tx, &other).await? {
        let known = store::lock_incoming(tx, &other.id).await?;
        if known.is_some_and(|known| is_same(&known, &other)) {
            return Ok(format!("{} again", other.id));
        }
        // A third, which differs from the second in its text alone.
        other.id = format!("{name}/{}", print_with_text(&other));
        if !store::arrive(tx, &other).await? {
            return Ok(format!("{} again", other.id));
        }
    }
    Ok(refused(format!("{} has the name of another payment", other.id)))
}

/// What came back, with the account that it had gone to and a text for the one that it returns to.
async fn told_by_its_payment(tx: &Tx, mut back: Incoming) -> Result<Incoming, StoreError> {
    let Some(id) = back.transfer else { return Ok(back) };
    let Some(record) = store::find(tx, id).await? else { return Ok(back) };
    let order = record.transfer.order();
    back.from_iban = order.route().creditor_iban().map(|iban| iban.electronic().to_owned());
    back.description = return_text(back.reason.as_deref(), order.description());
    Ok(back)
}

/// A message that a human has to look at.
fn refused(finding: String) -> String {
    tracing::error!(%finding, "a message of the clearing network was not taken");
    finding
}
