//! Decides postings without booking them: by the code that books, under the same locks, over a
//! copy of the working set whose writes go nowhere.

use std::collections::BTreeMap;

use florin_kernel::TransactionId;

use super::{
    batch,
    command::{Command, Outcome, Work},
};
use crate::{
    domain::hold::Hold,
    store::{
        load::Needs,
        working::{JournalRow, Working},
    },
};

/// What would be booked.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The journal transaction with its entries; its id is nobody's.
    pub row: JournalRow,
    /// The holds that it would capture, as they would then stand.
    pub captured: Vec<Hold>,
}

/// Decides commands in their order, each over what those before it would leave.
#[must_use]
pub fn rehearse(working: &Working, parts: &[Command], needs: &Needs) -> Vec<Outcome> {
    let mut copy = working.copy(needs);
    let mut shown: BTreeMap<TransactionId, Preview> = BTreeMap::new();
    let decided = parts.iter().map(|part| {
        let outcome = batch::decide(&mut copy, part);
        let Outcome::Posted { transaction, replayed, captured, .. } = &outcome else {
            return outcome;
        };
        if !replayed && let Some(row) = copy.writes.journal.last() {
            let preview = Preview { row: row.clone(), captured: captured.clone() };
            shown.insert(*transaction, preview);
        }
        // What was posted before the rehearsal is told as it is.
        shown.get(transaction).map_or(outcome, |preview| Outcome::Previewed(preview.clone().into()))
    });
    decided.collect()
}

/// One command that rehearses these.
#[must_use]
pub fn command(parts: Vec<Command>) -> Command {
    let actor = parts.first().map(|part| part.actor.clone()).unwrap_or_default();
    Command { work: Work::Rehearse(parts), key: None, actor }
}
