//! What a run prints: one structure for the table and for JSON.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use crate::{
    bench::{
        Over, Work,
        check::Met,
        completion::Ended,
        latency::{Latencies, Percentiles},
        memory::Change,
        plan::Spread,
        tally::Tally,
    },
    prove::Report,
};

const MICROS: u128 = 1_000_000;

/// The settings of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Settings {
    /// What the load is made of.
    pub work: Work,
    /// By which way.
    pub over: Over,
    /// Whether calls start when they are due, whatever became of those before.
    pub open_loop: bool,
    /// Transfers a second of the open loop.
    pub rate: Option<u64>,
    /// Accounts that it is spread over.
    pub accounts: u32,
    /// How it is spread.
    pub spread: Spread,
    /// Exponent of the Zipf distribution.
    pub zipf_exponent: Option<f64>,
    /// Most transfers that are sent and not yet answered.
    pub in_flight: u32,
    /// Transfers in a call.
    pub batch: u32,
    /// Connections that the calls share.
    pub connections: u32,
    /// How long calls are started at most, warm-up included.
    pub seconds: u64,
    /// How many transfers are started at most, where that was given.
    pub count: Option<u64>,
    /// The bound of the count, given or not.
    #[serde(skip)]
    pub most_count: u64,
    /// What starts in the first seconds is not measured.
    pub warm_up_seconds: u64,
    /// Seed of accounts and amounts.
    pub seed: u64,
    /// Name of the run in references and keys.
    pub run: String,
    /// Processors that the client sees.
    pub cores: usize,
}

/// Everything that is told of a run.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// The settings.
    pub settings: Settings,
    /// What became of the transfers, warm-up included.
    pub transfers: Counts,
    /// What was measured after the warm-up.
    pub measured: Measured,
    /// Who answered card payments; of card payments.
    pub answers: Option<Answers>,
    /// From due to answered, of what was accepted, in microseconds; of card payments also of what
    /// was declined.
    pub acknowledged_micros: Percentiles,
    /// From due to COMPLETED, in microseconds; of whole transfers.
    pub completed_micros: Option<Percentiles>,
    /// The mesh's processes, where they were to be had.
    pub processes: Vec<Change>,
    /// Their processor time during the load, over what was accepted in it, in microseconds.
    pub cpu_micros_each: Option<u64>,
    /// The proof; absent where nothing was done to the bank.
    pub proof: Option<Proof>,
}

/// What is told where the proof is not clean, or where what was accepted did not end: no figure.
#[derive(Debug, Serialize)]
pub struct Unproven {
    /// The settings.
    pub settings: Settings,
    /// What became of the transfers, warm-up included.
    pub transfers: Counts,
    /// The proof.
    pub proof: Option<Proof>,
}

/// What became of the transfers, warm-up included.
#[derive(Debug, Serialize)]
pub struct Counts {
    /// Started.
    pub started: u64,
    /// Accepted.
    pub accepted: u64,
    /// Of them, those that were replays.
    pub replayed: u64,
    /// Refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Without a decision, by reason.
    pub unknown: BTreeMap<String, u64>,
    /// Due, and not started because too much was in flight.
    pub not_started: u64,
    /// Accepted and ended unpaid, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Accepted and not ended within the limit of the drain.
    pub unfinished: u64,
}

/// Who answered card payments, of what was measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Answers {
    /// Approved or declined.
    pub decided: u64,
    /// Of them, those that the stand-in answered.
    pub by_stand_in: u64,
    /// The same of a million answers.
    pub by_stand_in_per_million: u64,
}

impl Answers {
    fn new([decided, by_stand_in]: [u64; 2]) -> Self {
        let per_million = by_stand_in.saturating_mul(1_000_000).checked_div(decided);
        Self { decided, by_stand_in, by_stand_in_per_million: per_million.unwrap_or(0) }
    }
}

/// What was measured, from the first due transfer after the warm-up.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Accepted.
    pub accepted: u64,
    /// Until the last of their answers, in milliseconds.
    pub accepted_within_millis: u64,
    /// Accepted a second.
    pub accepted_per_second: u64,
    /// COMPLETED; of whole transfers.
    pub completed: Option<u64>,
    /// Until the last of them was COMPLETED, in milliseconds.
    pub completed_within_millis: Option<u64>,
    /// COMPLETED a second.
    pub completed_per_second: Option<u64>,
}

/// What the proof after the run found.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Proof {
    /// Whether there is no breach and each accepted transfer is there exactly once.
    pub clean: bool,
    /// Breaches of the ledger, the pairing and the events.
    pub breaches: u64,
    /// Transfers that had not ended.
    pub unfinished: u64,
    /// Changes that were too young to judge.
    pub in_flight: u64,
    /// The client's own list.
    pub client: Met,
}

impl Proof {
    /// Puts both parts together.
    pub const fn new(report: &Report, client: Met) -> Self {
        Self {
            clean: report.breaches() == 0 && client.is_clean(),
            breaches: report.breaches(),
            unfinished: report.stuck(),
            in_flight: report.younger(),
            client,
        }
    }

    /// Whether nothing is wrong.
    pub const fn is_clean(&self) -> bool {
        self.clean
    }
}

impl Figures {
    /// Sums a run up.
    ///
    /// # Errors
    /// A count is out of range.
    pub fn new(
        settings: Settings,
        tally: &Tally,
        ended: Option<Ended>,
        processes: Vec<Change>,
        proof: Option<Proof>,
    ) -> Result<Self> {
        let due = u64::try_from(tally.slots.len())?;
        let first = tally.first_due();
        let accepted_within = tally.last_answer.saturating_sub(first);
        let completed = ended.as_ref().map(|ended| ended.completed.count());
        let completed_within = ended.as_ref().map(|ended| ended.last.saturating_sub(first));
        let completed_micros = ended.as_ref().map(|ended| &ended.completed);
        let measured = Measured {
            accepted: tally.accepted,
            accepted_within_millis: accepted_within / 1_000,
            accepted_per_second: per_second(tally.accepted, accepted_within),
            completed,
            completed_within_millis: completed_within.map(|micros| micros / 1_000),
            completed_per_second: completed
                .zip(completed_within)
                .map(|(count, within)| per_second(count, within)),
        };
        let answers = (settings.work == Work::Authorisation).then(|| Answers::new(tally.answered));
        let acknowledged_micros = tally.acknowledged.percentiles();
        let completed_micros = completed_micros.map(Latencies::percentiles);
        let transfers = Counts {
            started: due.saturating_sub(tally.not_started),
            accepted: tally.accepted_in_all(),
            replayed: tally.replayed,
            refused: tally.refused.clone(),
            unknown: tally.unknown.clone(),
            not_started: tally.not_started,
            unfinished: ended.as_ref().map_or(0, |ended| ended.unfinished),
            failed: ended.map(|ended| ended.failed).unwrap_or_default(),
        };
        let millis: u64 = processes.iter().map(|one| one.cpu_millis).sum();
        let cpu_micros_each = millis.saturating_mul(1_000).checked_div(transfers.accepted);
        Ok(Self {
            settings,
            transfers,
            measured,
            answers,
            acknowledged_micros,
            completed_micros,
            cpu_micros_each: cpu_micros_each.filter(|_| !processes.is_empty()),
            processes,
            proof,
        })
    }

    /// The figures, if the proof after the run is clean and all that was accepted has ended.
    ///
    /// # Errors
    /// What can be told without.
    pub fn if_proven(self) -> Result<Self, Box<Unproven>> {
        let clean = self.proof.as_ref().is_none_or(Proof::is_clean);
        if clean && self.transfers.unfinished == 0 {
            return Ok(self);
        }
        let Self { settings, transfers, proof, .. } = self;
        Err(Box::new(Unproven { settings, transfers, proof }))
    }
}

/// Whole units a second, rounded down; 0 where no time passed.
fn per_second(count: u64, micros: u64) -> u64 {
    let rate = (u128::from(count) * MICROS).checked_div(u128::from(micros)).unwrap_or(0);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::per_second;

    #[test]
    fn a_rate_needs_time() {
        assert_eq!(per_second(3_000, 1_500_000), 2_000);
        assert_eq!(per_second(3_000, 0), 0);
    }
}
