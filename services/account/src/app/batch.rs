//! The group commit of the ledger: keys, references and accounts are locked in sorted
//! order, each command is decided in memory in the order of arrival, and all is written
//! with a statement a table (DESIGN section 4).

use std::{collections::BTreeMap, ops::Range};

use florin_events::Outbox;
use florin_kernel::{AccountId, BankIdentity, EventId};
use florin_store::{
    StoreError, Tx, audit,
    commit::Batch,
    idempotency::{self, Answer, Key, Lookup},
};

use super::{
    add_holder, answer, close_account,
    command::{Change, Command, Outcome, Work},
    end_of_day, expire_holds, freeze_account, open_account, place_hold, post_transactions,
    rehearse::rehearse,
    release_hold, remove_holder, reverse_transaction, unfreeze_account, void_references,
};
use crate::{
    domain::{record::Record, refusal::Refusal},
    store::{
        self,
        load::Needs,
        working::{Claimed, Working},
    },
};

/// The batch that the committers of the ledger apply.
pub struct LedgerBatch {
    /// Where events go.
    pub outbox: Outbox,
    /// Under which IBANs are issued.
    pub bank: BankIdentity,
}

impl Batch for LedgerBatch {
    type Command = Command;
    type Outcome = Outcome;

    fn weight(&self, command: &Command) -> usize {
        command.weight()
    }

    fn touches(&self, command: &Command) -> Vec<u128> {
        let accounts = command.accounts().into_iter().map(AccountId::bits);
        let references = command.references().into_iter().map(|one| one.bits());
        accounts.chain(references).collect()
    }

    async fn apply(&self, tx: &Tx, commands: &[Command]) -> Result<Vec<Outcome>, StoreError> {
        let settled = settled(tx, commands).await?;
        let open: Vec<&Command> = commands
            .iter()
            .zip(&settled)
            .filter(|(_, settled)| settled.is_none())
            .map(|(command, _)| command)
            .collect();
        let mut working = store::load::working(tx, &self.bank, needs(&open)).await?;
        let mut outcomes: Vec<(Outcome, Range<usize>)> = Vec::with_capacity(commands.len());
        let mut decided_here = Vec::with_capacity(commands.len());
        for (command, settled) in commands.iter().zip(settled) {
            let start = working.writes.outbox.len();
            decided_here.push(settled.is_none());
            let outcome = settled.unwrap_or_else(|| decide(&mut working, command));
            outcomes.push((outcome, start..working.writes.outbox.len()));
        }
        store::write::all(tx, &mut working).await?;
        let ids = self.outbox.append(tx, std::mem::take(&mut working.writes.outbox)).await?;
        let outcomes = with_events(outcomes, &ids);
        record_audit(tx, &mut working).await?;
        answer_keys(tx, commands, &decided_here, outcomes).await
    }
}

/// Claims the keys of a batch: what a key answers already, and None where the command is to
/// be decided. A key comes once in a batch, for [`florin_runtime::keyed::joined`] lets one
/// command of a key live in a process, a batch is of one process, and a command whose caller
/// has left is dropped before its batch forms; [`idempotency::claim_many`] asserts it.
async fn settled(tx: &Tx, commands: &[Command]) -> Result<Vec<Option<Outcome>>, StoreError> {
    let keys: Vec<Key> = commands
        .iter()
        .filter_map(|command| command.key.as_ref())
        .map(|(key, _)| key.clone())
        .collect();
    let mut lookups = idempotency::claim_many(tx, &keys).await?.into_iter();
    let settled = commands.iter().map(|command| {
        command.key.as_ref()?;
        match lookups.next()? {
            Lookup::New => None,
            Lookup::Replay(answer) => Some(Outcome::Answered(answer)),
            Lookup::OtherPayload => Some(Outcome::KeyReused),
        }
    });
    Ok(settled.collect())
}

/// Stores the answers of the keys claimed here, with the effect. A key that met what time alone
/// heals is as new again.
async fn answer_keys(
    tx: &Tx,
    commands: &[Command],
    decided_here: &[bool],
    outcomes: Vec<Outcome>,
) -> Result<Vec<Outcome>, StoreError> {
    let mut answers: Vec<(Key, Answer)> = Vec::new();
    let mut given_back = Vec::new();
    let mut answered = Vec::with_capacity(outcomes.len());
    for ((command, outcome), decided) in commands.iter().zip(outcomes).zip(decided_here) {
        answered.push(match &command.key {
            Some((key, _)) if *decided && is_undecided(&outcome) => {
                given_back.push(key);
                outcome
            }
            Some((key, answer_of)) if *decided => {
                let answer = answer_of(&outcome);
                answers.push((key.clone(), answer.clone()));
                Outcome::Decided(answer)
            }
            Some(_) | None => outcome,
        });
    }
    if !answers.is_empty() {
        idempotency::store_many(tx, &answers).await?;
    }
    idempotency::give_back_many(tx, &given_back).await?;
    Ok(answered)
}

/// Whether the same request may have another outcome without anybody's doing.
fn is_undecided(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(refusal) if !answer::is_decided(refusal))
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

/// What the commands need to be locked and read.
fn needs(commands: &[&Command]) -> Needs {
    let mut needs = Needs::default();
    for command in commands {
        let record = command.record();
        needs.claims.extend(command.references().into_iter().map(|one| (one, record)));
        touch(&mut needs, command);
        if let Work::Rehearse(parts) = &command.work {
            needs.extend(needs_of_parts(parts));
        }
    }
    needs
}

/// What the parts of a rehearsal need: they look at references and claim none.
fn needs_of_parts(parts: &[Command]) -> Needs {
    let mut needs = Needs::default();
    for part in parts {
        let record = part.record();
        needs.looked_up.extend(part.references().into_iter().map(|one| (one, record)));
        touch(&mut needs, part);
    }
    needs
}

/// The records that a command touches.
fn touch(needs: &mut Needs, command: &Command) {
    match &command.work {
        Work::Post(post) => {
            needs.accounts.extend(post.legs.accounts());
            let caller = &post.reference.caller;
            let captured = post.captures.iter();
            needs.holds.extend(captured.map(|one| (caller.clone(), one.hold_reference.clone())));
        }
        Work::Reverse(reverse) => {
            needs.originals.insert(reverse.original);
        }
        Work::Place(place) => {
            needs.accounts.insert(place.account);
            let id = (place.reference.caller.clone(), place.reference.text.clone());
            needs.holds.insert(id);
        }
        Work::Release(release) => {
            let id = (release.reference.caller.clone(), release.hold_reference.clone());
            needs.holds.insert(id);
        }
        Work::Expire(expire) => {
            needs.holds.insert((expire.caller.clone(), expire.reference.clone()));
        }
        Work::EndDay(step) => {
            needs.accounts.insert(step.account);
            needs.steps.push(step.clone());
        }
        // The reference alone: it touches no account.
        Work::Void(_) => {}
        Work::Open(_) => needs.opens += 1,
        Work::Change { account, change } => {
            needs.accounts.insert(*account);
            needs.changed.insert(*account);
            if matches!(change, Change::Close(_)) {
                needs.closes.insert(*account);
            }
        }
        Work::Rehearse(_) => {}
    }
}

/// Decides one command over the working set: the answer of before where its references made a
/// record, and its work otherwise.
pub fn decide(working: &mut Working, command: &Command) -> Outcome {
    let claimed = if let Work::Void(void) = &command.work {
        void_references::claimed(working, void)
    } else {
        working.claimed(command.references())
    };
    let decided = match claimed {
        Ok(Claimed::Replay(record)) => replay(working, command, record),
        Ok(Claimed::New) => execute(working, command).inspect(|outcome| {
            // What made no record gives its reference back.
            if let Some(record) = outcome.record() {
                working.settle(command.references(), Some(record));
            }
        }),
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
        Work::Expire(expire) => expire_holds::decide(working, expire, actor),
        Work::Void(void) => Ok(void_references::decide(working, void, actor)),
        Work::Open(open) => open_account::decide(working, open, actor),
        Work::Rehearse(parts) => {
            Ok(Outcome::Rehearsed(rehearse(working, parts, &needs_of_parts(parts))))
        }
        Work::EndDay(step) => end_of_day::decide(working, step, actor),
        Work::Change { account, change } => match change {
            Change::Freeze(reason) => freeze_account::decide(working, *account, reason, actor),
            Change::Unfreeze(reason) => unfreeze_account::decide(working, *account, reason, actor),
            Change::Close(reason) => close_account::decide(working, *account, reason, actor),
            Change::AddHolder(holder) => add_holder::decide(working, *account, holder, actor),
            Change::RemoveHolder(customer) => {
                remove_holder::decide(working, *account, *customer, actor)
            }
        },
    }
}

/// The first answer again, from the record that the reference made.
fn replay(working: &Working, command: &Command, record: Record) -> Result<Outcome, Refusal> {
    let events = working.events_before.get(&record).cloned().unwrap_or_default();
    match (record, &command.work) {
        (Record::Transaction(transaction), _) => {
            match working.posted_before.get(&transaction).copied() {
                Some(booking_date) => {
                    let captured = Vec::new();
                    let replayed = true;
                    let posted =
                        Outcome::Posted { transaction, booking_date, replayed, captured, events };
                    Ok(match &command.work {
                        Work::Post(post) => posted.with_captured(working, post),
                        Work::Reverse(_)
                        | Work::Place(_)
                        | Work::Release(_)
                        | Work::Expire(_)
                        | Work::Void(_)
                        | Work::Open(_)
                        | Work::Rehearse(_)
                        | Work::EndDay(_)
                        | Work::Change { .. } => posted,
                    })
                }
                None => Err(Refusal::TransactionNotFound { transaction }),
            }
        }
        (Record::Hold(_), Work::Release(release)) => {
            held_before(working, &release.reference.caller, &release.hold_reference)
        }
        (Record::Hold(id), _) => {
            let hold = working.holds.values().find(|hold| hold.id == id).cloned();
            let hold = hold.ok_or_else(|| Refusal::HoldNotFound { reference: id.to_string() })?;
            Ok(Outcome::Held { hold, replayed: true })
        }
        (Record::Void, _) => {
            let mut causes =
                command.references().into_iter().filter_map(|one| working.voided(&one));
            let cause = causes.next().unwrap_or_default();
            Ok(Outcome::Voided { cause, replayed: true })
        }
        (Record::Account(id), _) => {
            let account = working.accounts.get(&id).cloned();
            let account = account.ok_or(Refusal::AccountNotFound { account: id })?;
            let holders = working.holders.get(&id).cloned().unwrap_or_default();
            Ok(Outcome::Account { account, holders, replayed: true, events })
        }
    }
}

fn held_before(working: &Working, caller: &str, reference: &str) -> Result<Outcome, Refusal> {
    let hold = working.holds.get(&(caller.to_owned(), reference.to_owned())).cloned();
    let hold = hold.ok_or_else(|| Refusal::HoldNotFound { reference: reference.to_owned() })?;
    Ok(Outcome::Held { hold, replayed: true })
}

/// Gives each outcome the ids of its events: those in its range, or for a replay of what this
/// batch made those of the first.
fn with_events(outcomes: Vec<(Outcome, Range<usize>)>, ids: &[EventId]) -> Vec<Outcome> {
    let mut made: BTreeMap<Record, &[EventId]> = BTreeMap::new();
    let mut told = Vec::with_capacity(outcomes.len());
    for (mut outcome, range) in outcomes {
        let own = ids.get(range).unwrap_or_default();
        if let Some(record) = outcome.record() {
            let of_record = made.entry(record).or_insert(own);
            outcome.with_events(if own.is_empty() { of_record } else { own });
        }
        told.push(outcome);
    }
    told
}

impl Outcome {
    /// Sets the ids of the events that the command caused: of a posting that of the transaction
    /// itself, the first, which is all that a replay finds.
    fn with_events(&mut self, ids: &[EventId]) {
        match self {
            Self::Account { events, .. } if !ids.is_empty() => *events = ids.to_vec(),
            Self::Posted { events, .. } if !ids.is_empty() => {
                *events = ids.iter().take(1).copied().collect();
            }
            Self::Posted { .. }
            | Self::Account { .. }
            | Self::Held { .. }
            | Self::Passed
            | Self::SetAside
            | Self::Voided { .. }
            | Self::Previewed(_)
            | Self::Rehearsed(_)
            | Self::Refused(_)
            | Self::Decided(_)
            | Self::Answered(_)
            | Self::KeyReused => {}
        }
    }
}
