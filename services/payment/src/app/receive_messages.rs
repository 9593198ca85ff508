//! Takes the network's messages, one after the other: each is kept with its effect in one
//! transaction, then acknowledged. It comes again where that is lost, and finds its effect.

mod aside;
mod names;
mod recalls;
mod statements;

use bytes::Bytes;
use florin_iso20022::{Account, CreditTransfer, Id, Message, PaymentReturn, StatusReport};
use florin_kernel::UnixMicros;
use florin_store::{StoreError, Tx};
use tokio_util::sync::CancellationToken;

use self::names::{digest, is_same, name_of, print_of};
use super::advance_clearing::{ClearingWorker, apply, locked_transfer, move_to, plain};
use super::advance_transfers::later;
use crate::{
    clearing::fresh_id,
    domain::{Arrival, Event, Meaning, Stage},
    store::{self, Drawer, Incoming, Lease, Outgoing, repairs},
};

/// The code of ISO 20022 under which a payment goes back whose name another has: duplication.
const NAME_TAKEN: &str = "AM05";
/// Answers of which the ids are kept at once: a network that sends more of one payment before it
/// is asked has no end.
const MOST_HEARD: usize = 1_000;

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
                    Ok(other @ (Message::StatusRequest(_) | Message::Initiation(_))) => {
                        refused(format!("a {} is not for a bank", other.kind().name()))
                    }
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

    /// What a report says of a payment or return of ours.
    async fn take_report(&self, tx: &Tx, report: &StatusReport) -> Result<String, StoreError> {
        let id = report.original.id.as_str();
        let Some(mut row) = store::lock_outgoing(tx, id).await? else {
            return Ok(refused(format!("about {id}, which was never sent")));
        };
        let other_uetr = report.names.uetr.is_some() && report.names.uetr != row.uetr;
        let other_amount = report.amount.is_some_and(|amount| amount != row.amount);
        if other_uetr || other_amount {
            return Ok(refused(format!("about {id} with another UETR or amount")));
        }
        let status = report.status.as_str();
        let code = report.reason.as_ref().and_then(|reason| reason.code.as_ref());
        let code = code.map(ToString::to_string).unwrap_or_default();
        let now = tx.now().await?;
        let said = Said { meaning: Meaning::of(status, &code), code: &code, by: &report.id };
        let finding = self.hear(&mut row, &said, now);
        let finding = match finding {
            Heard::Repeated => return Ok(format!("{status} {code} of {id} again")),
            Heard::Contradicts => {
                let finding = refused(format!("{status} {code} of {id} against its end here"));
                if row.contradiction.is_none() && row.document.is_some() {
                    let said = format!("{status} {code}");
                    let said = format!("{} by {}", said.trim_end(), report.id);
                    row.contradiction = Some(plain(&said));
                    store::update_outgoing(tx, &row).await?;
                }
                return Ok(finding);
            }
            Heard::Waits => format!("{status} {code} of {id}: not final"),
            Heard::Ends(event) => {
                if let Some(transfer) = row.transfer() {
                    let mut record = locked_transfer(tx, transfer).await?;
                    apply(&mut record, event, now)?;
                    store::update(tx, std::slice::from_ref(&record), Lease::GivenBack).await?;
                }
                // People have nothing to decide any more.
                let outcome = format!("the network answered {status} {code}");
                repairs::lapse(tx, id, outcome.trim_end(), now).await?;
                format!("{status} {code} of {id}")
            }
        };
        store::update_outgoing(tx, &row).await?;
        Ok(finding)
    }

    fn hear(&self, row: &mut Outgoing, said: &Said<'_>, now: UnixMicros) -> Heard {
        match (row.stage, said.meaning) {
            (Stage::Submitting, Meaning::Settled) => {
                move_to(row, Stage::Settled, now);
                Heard::Ends(Event::Settled)
            }
            (Stage::Submitting, Meaning::Rejected) if row.sends <= 1 => reject(row, said.code, now),
            // It never says that the payment was rejected, but that there is another copy: asked
            // ever more rarely, it waits for the word about that one, or for people.
            (Stage::Submitting, Meaning::Duplicate) if row.sends > 1 => {
                self.ask_later(row, now);
                Heard::Waits
            }
            // Also for a reason of its own a copy may be rejected beside one that was settled:
            // it came after the cut-off time.
            (Stage::Submitting, Meaning::Rejected | Meaning::Duplicate) => {
                self.doubt(row, said, now)
            }
            (Stage::Submitting, Meaning::NeverReceived) => {
                row.sent_at = None;
                row.due_at = Some(self.next_time(row.asks.saturating_sub(1), now));
                Heard::Waits
            }
            // The network has the bytes.
            (Stage::Submitting, Meaning::Pending) => {
                row.sent_at = row.sent_at.or(Some(now));
                row.due_at = Some(later(now, self.network.config.patience(row.asks)));
                Heard::Waits
            }
            (Stage::Settled | Stage::Done, Meaning::Settled)
            | (Stage::Rejected | Stage::Unpaid, Meaning::Rejected)
            | (
                Stage::Settled | Stage::Done | Stage::Rejected | Stage::Unpaid,
                Meaning::Duplicate | Meaning::NeverReceived | Meaning::Pending,
            ) => Heard::Repeated,
            (Stage::Settled | Stage::Done, Meaning::Rejected)
            | (Stage::Rejected | Stage::Unpaid, Meaning::Settled)
            | (
                Stage::New | Stage::Holding,
                Meaning::Settled
                | Meaning::Rejected
                | Meaning::Duplicate
                | Meaning::NeverReceived
                | Meaning::Pending,
            ) => Heard::Contradicts,
        }
    }

    /// A rejection that may be of one copy alone, while another has settled: the network is
    /// asked. Where one has settled, each other copy is rejected once at most. So it is the end
    /// where there are as many such answers as copies, each after a question of its own.
    fn doubt(&self, row: &mut Outgoing, said: &Said<'_>, now: UnixMicros) -> Heard {
        let by = said.by.as_str().replace(' ', "_");
        let doubts = i64::try_from(row.doubts.len()).unwrap_or(i64::MAX);
        let is_new = !row.doubts.contains(&by) && !row.heard.contains(&by);
        if is_new && row.asks > doubts {
            row.doubts.push(by);
            if doubts.saturating_add(1) >= row.sends {
                return reject(row, said.code, now);
            }
        } else if is_new {
            // Come again, it answers no question that was asked since.
            row.heard.push(by);
            let beyond = row.heard.len().saturating_sub(MOST_HEARD);
            row.heard.drain(..beyond);
        }
        self.ask_later(row, now);
        Heard::Waits
    }

    /// The network has the bytes, and has not said what became of them.
    fn ask_later(&self, row: &mut Outgoing, now: UnixMicros) {
        row.sent_at = row.sent_at.or(Some(now));
        row.due_at = Some(self.next_time(row.asks, now));
    }

    /// At once the first time, then ever later.
    fn next_time(&self, before: i64, now: UnixMicros) -> UnixMicros {
        if before <= 0 { now } else { later(now, self.network.config.patience(before)) }
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
        // The network has settled another payment under the name of one that is here: it goes
        // back, and neither is taken for the other.
        let other = Incoming {
            id: format!("{network}/{name}/{}", print_of(&arrived)),
            stage: Arrival::ToSuspense,
            reason: Some(NAME_TAKEN.to_owned()),
            ..arrived
        };
        store::arrive(tx, &other).await?;
        Ok(refused(format!("{} has the name of another payment", other.id)))
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
        if store::arrive(tx, &arrived).await? {
            return Ok(format!("{} came back", arrived.id));
        }
        let known = store::lock_incoming(tx, &arrived.id).await?;
        if known.is_some_and(|known| {
            known.message_id == arrived.message_id && is_same(&known, &arrived)
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

/// The network's last word on a payment that it does not take.
fn reject(row: &mut Outgoing, code: &str, now: UnixMicros) -> Heard {
    move_to(row, Stage::Rejected, now);
    row.answer = Some(code.to_owned());
    Heard::Ends(Event::Rejected(code.to_owned()))
}

/// What a report says.
struct Said<'a> {
    meaning: Meaning,
    code: &'a str,
    /// Its own message id.
    by: &'a Id,
}

/// What an answer does to what is on its way.
enum Heard {
    /// It had been said before.
    Repeated,
    /// It had been said otherwise: people have to look.
    Contradicts,
    /// Nothing final.
    Waits,
    /// The end at the network.
    Ends(Event),
}

/// A message that a human has to look at.
fn refused(finding: String) -> String {
    tracing::error!(%finding, "a message of the clearing network was not taken");
    finding
}
