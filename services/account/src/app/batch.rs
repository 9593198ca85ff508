//! The group commit of the ledger: keys, references and accounts are locked in sorted
//! order, each command is decided in memory in the order of arrival, and all is written
//! with a statement a table (DESIGN section 4).

use std::{
    collections::{BTreeMap, btree_map::Entry as Slot},
    ops::Range,
};

use florin_events::Outbox;
use florin_kernel::{BankIdentity, EventId};
use florin_store::{
    StoreError, Tx, audit,
    commit::Batch,
    idempotency::{self, Answer, Key, Lookup},
};

use super::{
    add_holder, close_account,
    command::{Change, Command, Outcome, Work},
    freeze_account, open_account, place_hold, post_transactions, release_hold, remove_holder,
    reverse_transaction, unfreeze_account,
    working::{Claimed, Working},
};
use crate::{domain::refusal::Refusal, store};

/// The batch that the committers of the ledger apply.
pub struct LedgerBatch {
    /// Where events go.
    pub outbox: Outbox,
    /// Under which IBANs are issued.
    pub bank: BankIdentity,
}

type KeyId = (String, String, String);

/// What the keys say before anything is decided.
struct Keys {
    /// The first command of each key: its position, the hash of its request, and what the
    /// store knows of the key.
    first: BTreeMap<KeyId, (usize, [u8; 32], Lookup)>,
}

impl Batch for LedgerBatch {
    type Command = Command;
    type Outcome = Outcome;

    fn weight(&self, command: &Command) -> usize {
        command.weight()
    }

    async fn apply(&self, tx: &Tx, commands: &[Command]) -> Result<Vec<Outcome>, StoreError> {
        let keys = Keys::claim(tx, commands).await?;
        let open: Vec<&Command> = commands
            .iter()
            .enumerate()
            .filter(|(at, command)| keys.settled(*at, command).is_none())
            .map(|(_, command)| command)
            .collect();
        let mut working = store::load::working(tx, &self.bank, &open).await?;
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(commands.len());
        let mut ranges: Vec<Range<usize>> = Vec::with_capacity(commands.len());
        for (at, command) in commands.iter().enumerate() {
            let start = working.writes.outbox.len();
            let outcome = match keys.settled(at, command) {
                Some(outcome) => outcome,
                None => Some(decide(&mut working, command)),
            };
            outcomes.push(outcome);
            ranges.push(start..working.writes.outbox.len());
        }
        store::write::all(tx, &mut working).await?;
        let ids = self.outbox.append(tx, std::mem::take(&mut working.writes.outbox)).await?;
        for (outcome, range) in outcomes.iter_mut().zip(ranges) {
            if let Some(outcome) = outcome {
                outcome.with_events(ids.get(range).unwrap_or_default());
            }
        }
        record_audit(tx, &mut working).await?;
        keys.answer(tx, commands, outcomes).await
    }
}

async fn record_audit(tx: &Tx, working: &mut Working) -> Result<(), StoreError> {
    let at = working.now;
    let entries = std::mem::take(&mut working.writes.audit).into_iter();
    let entries = entries.map(|(actor, reference)| audit::Entry {
        actor: actor.principal,
        on_behalf_of: None,
        method: actor.method.to_owned(),
        reference,
        at,
    });
    audit::record_many(tx, entries.collect()).await
}

fn decide(working: &mut Working, command: &Command) -> Outcome {
    let decided = match working.claimed(command) {
        Ok(Claimed::Replay(record)) => replay(working, command, &record),
        Ok(Claimed::New) => execute(working, command).inspect(|_| working.settle(command)),
        Err(refusal) => Err(refusal),
    };
    decided.unwrap_or_else(Outcome::Refused)
}

fn execute(working: &mut Working, command: &Command) -> Result<Outcome, Refusal> {
    let actor = &command.actor;
    match &command.work {
        Work::Post(post) => post_transactions::decide(working, post, actor),
        Work::Reverse(reverse) => reverse_transaction::decide(working, reverse, actor),
        Work::Place(place) => place_hold::decide(working, place, actor),
        Work::Release(release) => release_hold::decide(working, release, actor),
        Work::Open(open) => open_account::decide(working, open, actor),
        Work::Change { account, change } => match change {
            Change::Freeze(reason) => freeze_account::decide(working, account, reason, actor),
            Change::Unfreeze(reason) => unfreeze_account::decide(working, account, reason, actor),
            Change::Close(reason) => close_account::decide(working, account, reason, actor),
            Change::AddHolder(holder) => add_holder::decide(working, account, holder, actor),
            Change::RemoveHolder(customer) => {
                remove_holder::decide(working, account, customer, actor)
            }
        },
    }
}

/// The first answer again, from the record that the reference made.
fn replay(working: &Working, command: &Command, record: &str) -> Result<Outcome, Refusal> {
    let events = working.events_before.get(record).cloned().unwrap_or_default();
    match &command.work {
        Work::Post(_) | Work::Reverse(_) => {
            let date = working.posted_before.get(record).copied();
            let transaction = record.to_owned();
            match date {
                Some(booking_date) => {
                    Ok(Outcome::Posted { transaction, booking_date, replayed: true, events })
                }
                None => Err(Refusal::TransactionNotFound { transaction }),
            }
        }
        Work::Place(place) => held_before(working, &place.reference.caller, &place.reference.text),
        Work::Release(release) => {
            held_before(working, &release.reference.caller, &release.hold_reference)
        }
        Work::Open(_) | Work::Change { .. } => {
            let account = working.accounts.get(record).cloned();
            let account =
                account.ok_or_else(|| Refusal::AccountNotFound { account: record.to_owned() })?;
            let holders = working.holders.get(record).cloned().unwrap_or_default();
            Ok(Outcome::Account { account, holders, replayed: true, events })
        }
    }
}

fn held_before(working: &Working, caller: &str, reference: &str) -> Result<Outcome, Refusal> {
    let hold = working.holds.get(&(caller.to_owned(), reference.to_owned())).cloned();
    let hold = hold.ok_or_else(|| Refusal::HoldNotFound { reference: reference.to_owned() })?;
    Ok(Outcome::Held { hold, replayed: true })
}

impl Outcome {
    /// Sets the ids of the events that the command caused.
    fn with_events(&mut self, ids: &[EventId]) {
        match self {
            Self::Posted { events, .. } | Self::Account { events, .. } if !ids.is_empty() => {
                *events = ids.to_vec();
            }
            Self::Posted { .. }
            | Self::Account { .. }
            | Self::Held { .. }
            | Self::Refused(_)
            | Self::Decided(_)
            | Self::Answered(_)
            | Self::KeyReused => {}
        }
    }
}

fn key_id(key: &Key) -> KeyId {
    (key.scope.clone(), key.method.clone(), key.key.clone())
}

impl Keys {
    /// Claims each key once, for its first command.
    async fn claim(tx: &Tx, commands: &[Command]) -> Result<Self, StoreError> {
        let mut first: BTreeMap<KeyId, (usize, [u8; 32], Lookup)> = BTreeMap::new();
        let mut distinct = Vec::new();
        for (at, command) in commands.iter().enumerate() {
            let Some((key, _)) = &command.key else { continue };
            if let Slot::Vacant(slot) = first.entry(key_id(key)) {
                slot.insert((at, key.fingerprint, Lookup::New));
                distinct.push(key.clone());
            }
        }
        let lookups = idempotency::claim_many(tx, &distinct).await?;
        for (key, lookup) in distinct.iter().zip(lookups) {
            if let Some(known) = first.get_mut(&key_id(key)) {
                known.2 = lookup;
            }
        }
        Ok(Self { first })
    }

    /// None: the command is to be decided. Some(Some): its key answers it. Some(None): it
    /// joins the first command of its key in this batch.
    fn settled(&self, at: usize, command: &Command) -> Option<Option<Outcome>> {
        let (key, _) = command.key.as_ref()?;
        let (first, fingerprint, lookup) = self.first.get(&key_id(key))?;
        match lookup {
            Lookup::Replay(answer) if key.fingerprint == *fingerprint => {
                Some(Some(Outcome::Answered(answer.clone())))
            }
            Lookup::Replay(_) => Some(Some(Outcome::KeyReused)),
            Lookup::OtherPayload => Some(Some(Outcome::KeyReused)),
            Lookup::New if *first == at => None,
            Lookup::New => Some(None),
        }
    }

    /// Stores the answers of the keys claimed here and gives them to those that joined.
    async fn answer(
        &self,
        tx: &Tx,
        commands: &[Command],
        outcomes: Vec<Option<Outcome>>,
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut answers: Vec<(Key, Answer)> = Vec::new();
        let mut by_key: BTreeMap<KeyId, (Key, Answer)> = BTreeMap::new();
        for (at, (command, outcome)) in commands.iter().zip(&outcomes).enumerate() {
            let (Some((key, answer_of)), Some(outcome)) = (&command.key, outcome) else { continue };
            if self.settled(at, command).is_none() {
                let answer = answer_of(outcome);
                answers.push((key.clone(), answer.clone()));
                by_key.insert(key_id(key), (key.clone(), answer));
            }
        }
        if !answers.is_empty() {
            idempotency::store_many(tx, &answers).await?;
        }
        let joined = commands.iter().zip(outcomes).map(|(command, outcome)| {
            let own = command.key.as_ref().and_then(|(key, _)| by_key.get(&key_id(key)));
            match (outcome, own) {
                (Some(Outcome::Answered(answer)), _) => return Ok(Outcome::Answered(answer)),
                (Some(Outcome::KeyReused), _) => return Ok(Outcome::KeyReused),
                (Some(_), Some((_, answer))) => return Ok(Outcome::Decided(answer.clone())),
                (Some(outcome), None) => return Ok(outcome),
                (None, _) => {}
            }
            let key = command.key.as_ref().map(|(key, _)| key);
            let first = key.and_then(|key| Some((key, by_key.get(&key_id(key))?)));
            let (key, (first, answer)) =
                first.ok_or_else(|| StoreError::Corrupt("a joined key has no first".into()))?;
            if key.fingerprint == first.fingerprint {
                Ok(Outcome::Answered(answer.clone()))
            } else {
                Ok(Outcome::KeyReused)
            }
        });
        joined.collect()
    }
}
