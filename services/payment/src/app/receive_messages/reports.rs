//! What the network says of payments and returns of ours.

use florin_iso20022::{Id, StatusReport};
use florin_kernel::UnixMicros;
use florin_store::{StoreError, Tx};

use super::refused;
use crate::{
    app::{
        advance_clearing::{ClearingWorker, apply, locked_transfer, move_to, plain},
        advance_transfers::later,
    },
    domain::{Event, Meaning, Stage},
    store::{self, Lease, Outgoing, repairs},
};

/// Answers of which the ids are kept at once: a network that sends more of one payment before it
/// is asked has no end.
const MOST_HEARD: usize = 1_000;

impl ClearingWorker {
    /// What a report says of a payment or return of ours.
    pub(super) async fn take_report(
        &self,
        tx: &Tx,
        report: &StatusReport,
    ) -> Result<String, StoreError> {
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
        let meaning = Meaning::of(status, &code);
        let said = Said { meaning, status, code: &code, by: &report.id };
        let by_people = row.stage.is_said() && repairs::is_ended_by_people(tx, id).await?;
        let finding = self.hear(&mut row, &said, by_people, now);
        let finding = match finding {
            Heard::Repeated => return Ok(format!("{status} {code} of {id} again")),
            Heard::Contradicts if row.heard.contains(&said.contradicting()) => {
                return Ok(format!("{status} {code} of {id} against its end here, again"));
            }
            Heard::Contradicts => {
                let finding = refused(format!("{status} {code} of {id} against its end here"));
                if row.document.is_some() {
                    contradict(tx, &mut row, &said).await?;
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

    /// What follows from an answer; of what people have ended it is told when it says otherwise.
    fn hear(&self, row: &mut Outgoing, said: &Said<'_>, by_people: bool, now: UnixMicros) -> Heard {
        match (row.stage, said.meaning) {
            (Stage::Settled | Stage::Done, Meaning::NeverReceived)
            | (Stage::Rejected | Stage::Unpaid, Meaning::Pending | Meaning::Duplicate)
                if by_people =>
            {
                Heard::Contradicts
            }
            // Told before the end, or of a copy: come again it is nothing new.
            (Stage::Settled | Stage::Done, Meaning::Rejected) if has_heard(row, said.by) => {
                Heard::Repeated
            }
            // Beside the copy that has settled each other one is rejected once.
            (Stage::Settled | Stage::Done, Meaning::Rejected)
                if !by_people && is_of_a_copy(row) =>
            {
                row.doubts.push(name_in(said.by));
                Heard::Waits
            }
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
        let by = name_in(said.by);
        let doubts = i64::try_from(row.doubts.len()).unwrap_or(i64::MAX);
        let is_new = !row.doubts.contains(&by) && !row.heard.contains(&by);
        if is_new && row.asks > doubts {
            row.doubts.push(by);
            if doubts.saturating_add(1) >= row.sends {
                return reject(row, said.code, now);
            }
        } else if is_new {
            // Come again, it answers no question that was asked since.
            keep_heard(row, by);
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
}

/// The network's last word on a payment that it does not take.
fn reject(row: &mut Outgoing, code: &str, now: UnixMicros) -> Heard {
    move_to(row, Stage::Rejected, now);
    row.answer = Some(code.to_owned());
    Heard::Ends(Event::Rejected(code.to_owned()))
}

/// An answer's own message id, as it is kept.
fn name_in(by: &Id) -> String {
    by.as_str().replace(' ', "_")
}

fn keep_heard(row: &mut Outgoing, by: String) {
    row.heard.push(by);
    let beyond = row.heard.len().saturating_sub(MOST_HEARD);
    row.heard.drain(..beyond);
}

fn has_heard(row: &Outgoing, by: &Id) -> bool {
    let name = name_in(by);
    row.heard.contains(&name) || row.doubts.contains(&name)
}

/// Whether one more rejection is that of a copy beside the one that has settled.
fn is_of_a_copy(row: &Outgoing) -> bool {
    i64::try_from(row.doubts.len()).is_ok_and(|doubts| doubts < row.sends.saturating_sub(1))
}

/// Keeps what was said against an end, each answer once, and ends what people were to decide
/// without knowing of it. Of a return that is what becomes of the money in suspense, too.
async fn contradict(tx: &Tx, row: &mut Outgoing, said: &Said<'_>) -> Result<(), StoreError> {
    let answer = said.answer();
    let told = format!("{answer} by {}", said.by);
    row.contradiction = Some(plain(&match row.contradiction.take() {
        None => told,
        Some(before) => format!("{before}; {told}"),
    }));
    keep_heard(row, said.contradicting());
    let outcome = format!("the network answered {answer}");
    let now = tx.now().await?;
    repairs::lapse(tx, &row.id, &outcome, now).await?;
    if let Some(came) = row.goes_back() {
        store::lock_incoming(tx, came).await?;
        repairs::lapse(tx, came, &outcome, now).await?;
    }
    store::update_outgoing(tx, row).await
}

/// What a report says.
struct Said<'a> {
    meaning: Meaning,
    status: &'a str,
    code: &'a str,
    /// Its own message id.
    by: &'a Id,
}

impl Said<'_> {
    /// Status and code.
    fn answer(&self) -> String {
        format!("{} {}", self.status, self.code).trim_end().to_owned()
    }

    /// As it is kept where it contradicts: its id may be that of another answer. A tab is in no
    /// message id.
    fn contradicting(&self) -> String {
        format!("{}\t{}", self.answer().replace(' ', "_"), name_in(self.by))
    }
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
