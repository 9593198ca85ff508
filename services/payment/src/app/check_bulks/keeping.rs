//! What is counted while the lines of a file are kept.

use std::collections::{HashMap, VecDeque};

use florin_kernel::{AccountId, Iban, MoneyError, UnixMicros, Violations};

use crate::{
    domain::{Announced, BatchHead, Line, Payer, Paying, Tally},
    store::{bulk_batches::Batch, bulks::Told},
};

use super::reader::Chunk;

/// Problems of a file as a whole that are kept.
const MOST_PROBLEMS: usize = 8;

/// Why an account does not pay: the rule that its lines break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotPaying {
    pub(super) rule: &'static str,
    pub(super) text: String,
}

/// A batch of which lines are to come.
struct Open {
    batch: Batch,
    not_paying: Option<NotPaying>,
}

/// What is known of a file while it is read. What it holds does not grow with the file: accounts
/// are counted, and of batches those of a chunk are here.
pub(super) struct Keeping {
    pub(super) tally: Tally,
    pub(super) problems: Vec<Told>,
    pub(super) made_at: Option<UnixMicros>,
    /// Batches that have ended.
    pub(super) batches: i64,
    pub(super) announced: Announced,
    /// What is known of the accounts behind IBANs.
    pub(super) payers: HashMap<Iban, Result<AccountId, NotPaying>>,
    /// Those that pay and are not kept yet.
    pub(super) new_payers: Vec<Payer>,
    announced_pays: bool,
    open: VecDeque<Open>,
    overflow: Option<MoneyError>,
}

impl Keeping {
    pub(super) fn new(announced: &Announced) -> Self {
        Self {
            tally: Tally::new(announced.currency),
            problems: Vec::new(),
            made_at: None,
            batches: 0,
            announced: announced.clone(),
            payers: HashMap::new(),
            new_payers: Vec::new(),
            announced_pays: false,
            open: VecDeque::new(),
            overflow: None,
        }
    }

    /// Whether a batch has that name that is not kept yet.
    pub(super) fn is_open(&self, name: &str) -> bool {
        self.open.iter().any(|one| one.batch.name == name)
    }

    /// Whether other accounts pay than the one that was announced.
    pub(super) fn has_other_payers(&self) -> bool {
        self.payers.values().any(|one| one.as_ref().is_ok_and(|id| *id != self.announced.from))
    }

    /// The account that was announced pays; true where that is new.
    pub(super) fn announced_pays(&mut self) -> bool {
        !std::mem::replace(&mut self.announced_pays, true)
    }

    /// A batch begins, and who pays for it is known.
    pub(super) fn begin(&mut self, head: &BatchHead, payer: Result<AccountId, NotPaying>) {
        let iban = match &head.paying {
            Paying::Announced => self.announced.from_iban.as_ref(),
            Paying::Iban(iban) => Some(iban),
            Paying::Nobody => None,
        };
        let (account, not_paying) = match payer {
            Ok(account) => (Some(account), None),
            Err(not_paying) => (None, Some(not_paying)),
        };
        let batch = Batch {
            number: head.number,
            name: head.name.clone(),
            account,
            iban: iban.map(|iban| iban.electronic().to_owned()),
            on: head.on.map(|on| on.to_string()).unwrap_or_default(),
            first_line: 0,
            last_line: 0,
            tally: Tally::new(self.announced.currency),
        };
        self.open.push_back(Open { batch, not_paying });
    }

    /// Marks lines for which nobody pays.
    pub(super) fn mark(&self, lines: &mut [Line]) {
        let mut open = self.open.iter().peekable();
        for line in lines {
            while open.next_if(|one| one.batch.number < line.batch).is_some() {}
            let Some(batch) = open.peek() else { return };
            if let Some(NotPaying { rule, text }) = &batch.not_paying {
                line.break_rule("DbtrAcct/Id/IBAN", rule, text);
            }
        }
    }

    /// Counts what is kept with these lines, and returns the batches that have ended with them.
    pub(super) fn count(&mut self, chunk: &Chunk) -> Vec<Batch> {
        let mut ended = Vec::new();
        for line in &chunk.lines {
            while let Some(first) = self.open.front() {
                if first.batch.number >= line.batch {
                    break;
                }
                ended.extend(self.open.pop_front().map(|one| one.batch));
            }
            if let Err(error) = self.tally.count(line) {
                self.overflow = Some(error);
            }
            if let Some(Open { batch, .. }) = self.open.front_mut() {
                // Where this overflows the whole does.
                let _ = batch.tally.count(line);
                if batch.first_line == 0 {
                    batch.first_line = line.number;
                }
                batch.last_line = line.number;
            }
        }
        self.made_at = self.made_at.or(chunk.made_at);
        self.problems.extend(chunk.problems.iter().map(Told::from));
        self.problems.truncate(MOST_PROBLEMS);
        self.ended(ended)
    }

    fn ended(&mut self, mut batches: Vec<Batch>) -> Vec<Batch> {
        batches.retain(|one| one.tally.lines > 0);
        self.batches = self.batches.saturating_add(i64::try_from(batches.len()).unwrap_or(0));
        batches
    }

    /// The file has ended: returns the batches that do with it.
    pub(super) fn finish(&mut self) -> Vec<Batch> {
        let mut violations = Violations::new();
        if let Some(error) = self.overflow.take() {
            violations.check::<(), _>("sum", Err(error));
        }
        self.tally.check(&self.announced, &mut violations);
        self.problems.extend(violations.as_slice().iter().map(Told::from));
        self.problems.truncate(MOST_PROBLEMS);
        let rest = self.open.drain(..).map(|one| one.batch).collect();
        self.ended(rest)
    }
}
