//! What became of each transfer of a run, as the client knows it.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use florin_kernel::{AuthorisationId, TransactionId, TransferId, UnixMicros};

use crate::bench::latency::Latencies;

/// A record that the bank made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// A journal transaction.
    Transaction(TransactionId),
    /// A transfer.
    Transfer(TransferId),
    /// An authorisation of a card payment.
    Authorisation(AuthorisationId),
}

/// The answer to one transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Accepted under this id.
    Accepted {
        /// What was made.
        made: Made,
        /// Whether it had been made before.
        replayed: bool,
    },
    /// A card payment was answered: approved under this id, or declined for this reason, which
    /// the bank keeps.
    Decided {
        /// What was said.
        said: Result<Made, String>,
        /// Who said it.
        by: Decider,
        /// Whether it had been said before.
        replayed: bool,
    },
    /// Refused for this reason: nothing was made.
    Refused(String),
    /// Refused because another request had used the reference: its record is there.
    Taken(String),
    /// No decision came back: something may have been made, or not.
    Unknown(String),
}

/// Who answers a card payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decider {
    /// The score, the limits and the ledger.
    Bank,
    /// The stand-in, because the bank was not in time.
    StandIn,
}

/// One transfer. The client keeps one for each until the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// When it was due, in microseconds after the start of the load.
    pub due: u64,
    /// What became of it.
    pub state: State,
}

/// What became of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It could not start: too much was in flight.
    NotStarted,
    /// Sent or due, and nothing came back; or its reference was another's. One record may be
    /// there.
    Unknown,
    /// Refused.
    Refused,
    /// Accepted.
    Accepted(Made),
}

/// Everything that a run counts.
pub struct Tally {
    /// Wall clock at the start of the load.
    pub began: UnixMicros,
    /// What is due before this is not measured, in microseconds after the start.
    pub warm_up: u64,
    /// The transfers by their numbers.
    pub slots: Vec<Slot>,
    /// From due to answered, of what was accepted and is measured; of card payments also of what
    /// was declined.
    pub acknowledged: Latencies,
    /// Card payments that were answered and are measured, and those of them that the stand-in
    /// answered.
    pub answered: [u64; 2],
    /// Last answer of a measured, accepted transfer, after the start.
    pub last_answer: u64,
    /// Accepted, measured.
    pub accepted: u64,
    /// Accepted as a replay, measured or not.
    pub replayed: u64,
    /// Refused by reason, measured or not.
    pub refused: BTreeMap<String, u64>,
    /// Without a decision by reason, measured or not.
    pub unknown: BTreeMap<String, u64>,
    /// Not started, measured or not.
    pub not_started: u64,
}

impl Tally {
    /// Nothing has happened.
    ///
    /// # Errors
    /// The histogram cannot be made.
    pub fn new(began: UnixMicros, warm_up: Duration) -> Result<Self> {
        Ok(Self {
            began,
            warm_up: micros(warm_up),
            slots: Vec::new(),
            acknowledged: Latencies::new()?,
            answered: [0; 2],
            last_answer: 0,
            accepted: 0,
            replayed: 0,
            refused: BTreeMap::new(),
            unknown: BTreeMap::new(),
            not_started: 0,
        })
    }

    /// The next transfers are due; returns the number of the first.
    pub fn start(&mut self, due: Duration, count: u64, state: State) -> Result<u64> {
        let first = u64::try_from(self.slots.len())?;
        let slot = Slot { due: micros(due), state };
        for _ in 0..count {
            self.slots.push(slot);
        }
        if state == State::NotStarted {
            self.not_started = self.not_started.saturating_add(count);
        }
        Ok(first)
    }

    /// The answers to the transfers from `first` on came back at `at`.
    pub fn end(&mut self, first: u64, at: Duration, answers: Vec<Answer>) -> Result<()> {
        let (first, at) = (usize::try_from(first)?, micros(at));
        let slots = self.slots.iter_mut().skip(first);
        for (slot, answer) in slots.zip(answers) {
            let is_measured = slot.due >= self.warm_up;
            if let Answer::Decided { by, .. } = &answer
                && is_measured
            {
                let [answered, by_stand_in] = &mut self.answered;
                *answered = answered.saturating_add(1);
                *by_stand_in = by_stand_in.saturating_add(u64::from(*by == Decider::StandIn));
            }
            match answer {
                Answer::Accepted { made, replayed }
                | Answer::Decided { said: Ok(made), replayed, .. } => {
                    slot.state = State::Accepted(made);
                    self.replayed = self.replayed.saturating_add(u64::from(replayed));
                    if is_measured {
                        self.accepted = self.accepted.saturating_add(1);
                        self.acknowledged.record(at.saturating_sub(slot.due));
                        self.last_answer = self.last_answer.max(at);
                    }
                }
                Answer::Decided { said: Err(reason), replayed, .. } => {
                    slot.state = State::Refused;
                    self.replayed = self.replayed.saturating_add(u64::from(replayed));
                    if is_measured {
                        self.acknowledged.record(at.saturating_sub(slot.due));
                    }
                    one_more(&mut self.refused, reason);
                }
                Answer::Refused(reason) => {
                    slot.state = State::Refused;
                    one_more(&mut self.refused, reason);
                }
                Answer::Taken(reason) => one_more(&mut self.refused, reason),
                Answer::Unknown(reason) => one_more(&mut self.unknown, reason),
            }
        }
        Ok(())
    }

    /// When the first measured transfer was due, after the start.
    pub fn first_due(&self) -> u64 {
        let due = self.slots.iter().map(|slot| slot.due).filter(|due| *due >= self.warm_up);
        due.min().unwrap_or(self.warm_up)
    }

    /// How many were accepted, measured or not.
    pub fn accepted_in_all(&self) -> u64 {
        let accepted = self.slots.iter().filter(|slot| matches!(slot.state, State::Accepted(_)));
        u64::try_from(accepted.count()).unwrap_or(u64::MAX)
    }
}

/// Counts a reason.
pub fn one_more(counts: &mut BTreeMap<String, u64>, reason: String) {
    let count = counts.entry(reason).or_default();
    *count = count.saturating_add(1);
}

/// Whole microseconds.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted() -> Answer {
        let id = TransactionId::from_parts(1, [7; 10]);
        Answer::Accepted { made: Made::Transaction(id), replayed: false }
    }

    #[test]
    fn measures_what_is_due_after_the_warm_up_and_counts_all() {
        let mut tally = Tally::new(UnixMicros(0), Duration::from_secs(1)).unwrap();
        let (early, late) = (Duration::from_millis(900), Duration::from_millis(1_500));
        let first = tally.start(early, 1, State::Unknown).unwrap();
        tally.end(first, late, vec![accepted()]).unwrap();
        let first = tally.start(late, 3, State::Unknown).unwrap();
        let answers = vec![
            accepted(),
            Answer::Refused("ACCOUNT_FROZEN".into()),
            Answer::Unknown("UNAVAILABLE".into()),
        ];
        tally.end(first, Duration::from_millis(1_502), answers).unwrap();
        tally.start(late, 2, State::NotStarted).unwrap();
        assert_eq!((tally.accepted, tally.accepted_in_all()), (1, 2));
        assert_eq!(tally.acknowledged.count(), 1);
        assert_eq!(tally.acknowledged.at(1.0), 2_000);
        assert_eq!((tally.first_due(), tally.last_answer), (1_500_000, 1_502_000));
        assert_eq!((tally.refused.len(), tally.unknown.len(), tally.not_started), (1, 1, 2));
    }

    #[test]
    fn a_declined_card_payment_is_an_answer_and_the_stand_in_is_counted() {
        let mut tally = Tally::new(UnixMicros(0), Duration::from_secs(1)).unwrap();
        let made = Made::Authorisation(AuthorisationId::from_parts(1, [7; 10]));
        let decided = |said, by| Answer::Decided { said, by, replayed: false };
        let early = tally.start(Duration::ZERO, 1, State::Unknown).unwrap();
        let at = Duration::from_millis(1_502);
        tally.end(early, at, vec![decided(Ok(made), Decider::StandIn)]).unwrap();
        let first = tally.start(Duration::from_millis(1_500), 3, State::Unknown).unwrap();
        let answers = vec![
            decided(Ok(made), Decider::Bank),
            decided(Err("INSUFFICIENT_FUNDS".into()), Decider::Bank),
            decided(Err("NOT_ANSWERED_IN_TIME".into()), Decider::StandIn),
        ];
        tally.end(first, at, answers).unwrap();
        assert_eq!(tally.answered, [3, 1], "without the warm-up");
        assert_eq!((tally.accepted, tally.acknowledged.count()), (1, 3));
        assert_eq!(tally.refused.len(), 2);
    }
}
