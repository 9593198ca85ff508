//! What a batch works on: the locked rows in memory, and what is to be written.

use std::collections::{BTreeMap, VecDeque};

use florin_events::{Cause, NewEvent};
use florin_kernel::{AccountId, CustomerId, Date, EventId, HoldId, TransactionId, UnixMicros};

use super::{accruals::Interest, chain};
use crate::domain::{
    account::{Account, Holder},
    conversion::Conversion,
    end_of_day::AccountStep,
    event::{AccountEvent, EventKind},
    gl::Controls,
    hold::Hold,
    posting::{Books, Entry, GlAccount, Legs},
    record::Record,
    refusal::Refusal,
};

/// A natural reference with the content that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// In whose name it is unique: a role, or `client:NAME`.
    pub caller: String,
    /// The reference itself.
    pub text: String,
    /// Hash of the content; of a void its cause itself.
    pub fingerprint: Vec<u8>,
}

/// The caller of the claims that make reversals once only: no role and no client.
const REVERSES: &str = "reverses";

/// The caller of what the ledger does by itself: the role's own name.
pub const OWN: &str = "account";

impl Reference {
    /// The claim on being the only reversal of a transaction.
    #[must_use]
    pub fn of_reversal(original: TransactionId, fingerprint: Vec<u8>) -> Self {
        Self { caller: REVERSES.to_owned(), text: original.to_string(), fingerprint }
    }

    /// Tells it from other references within a process: half of the hash of caller and text.
    #[must_use]
    pub fn bits(&self) -> u128 {
        let hash = chain::fingerprint(&[&self.caller, &self.text]);
        hash.iter().take(16).fold(0, |bits, byte| (bits << 8) | u128::from(*byte))
    }

    /// The claim on a step of the end of day: once for an account and a business date.
    #[must_use]
    pub fn of_end_of_day(step: &AccountStep) -> Self {
        let text = step.reference();
        Self {
            caller: OWN.to_owned(),
            fingerprint: chain::fingerprint(&["end_of_day", &text]),
            text,
        }
    }

    /// The transaction that this claims to be the only reversal of; None for a caller's own
    /// reference.
    fn reverses(&self) -> Option<TransactionId> {
        if self.caller == REVERSES { self.text.parse().ok() } else { None }
    }
}

/// Who asks.
#[derive(Debug, Clone, Default)]
pub struct Actor {
    /// Scope key of the principal.
    pub principal: String,
    /// Path of the method.
    pub method: &'static str,
    /// Id of the request.
    pub request: String,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
}

impl Actor {
    /// What caused an event of a request that is no step of something greater.
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause {
            correlation: self.request.clone(),
            causation: self.request.clone(),
            traceparent: self.traceparent.clone(),
        }
    }
}

/// Caller and reference.
pub type ReferenceId = (String, String);

/// What a reference stands for, as this batch sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Hash of the content; of a void its cause itself.
    pub fingerprint: Vec<u8>,
    /// The record that it made, or will make; None while only deciding tells which.
    pub record: Option<Record>,
    /// Whether the record exists: from before, or made in this batch.
    pub made: bool,
    /// Whether this batch inserted the row.
    pub new: bool,
    /// Whether another command than the one whose content was inserted made the record.
    pub rewritten: bool,
}

/// What a reference says of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// Nothing was made under it: go on.
    New,
    /// The same content made this record.
    Replay(Record),
}

/// A journal transaction that may be reversed.
#[derive(Debug, Clone)]
pub struct Original {
    /// Its legs.
    pub legs: Legs,
    /// In whose name its reference is unique.
    pub caller: String,
    /// Whether it is itself a reversal.
    pub is_reversal: bool,
    /// Its kind.
    pub kind: String,
    /// What ties it to others.
    pub correlation: String,
    /// Its value date.
    pub value_date: Date,
}

/// A row of the journal.
#[derive(Debug, Clone)]
pub struct JournalRow {
    /// Its id.
    pub id: TransactionId,
    /// In whose name the reference is unique.
    pub caller: String,
    /// Natural reference.
    pub reference: String,
    /// Kind.
    pub kind: String,
    /// Text for the statement.
    pub description: String,
    /// Business date under which it is booked.
    pub booking_date: Date,
    /// Date from which interest counts it.
    pub value_date: Date,
    /// The transaction that it reverses.
    pub reverses: Option<TransactionId>,
    /// Conversions of currency in it.
    pub conversions: Vec<Conversion>,
    /// Ties together what one request caused.
    pub correlation: String,
    /// Who set it going, as JSON.
    pub initiator: String,
    /// Its legs as decided.
    pub entries: Vec<Entry>,
}

/// Under which dates an entry counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dates {
    /// The value date.
    pub valued: Date,
    /// The booking date.
    pub booked: Date,
}

/// What the batch writes at its end, with multi-row statements.
#[derive(Debug, Default)]
pub struct Writes {
    /// Events with their hashes.
    pub events: Vec<(AccountEvent, Vec<u8>)>,
    /// Accounts that were opened.
    pub opened: Vec<AccountId>,
    /// Journal transactions with their legs.
    pub journal: Vec<JournalRow>,
    /// Net per account and dates; wide enough for any batch.
    pub turnover: BTreeMap<(AccountId, Dates), i128>,
    /// Holds that were placed, with their initiator.
    pub placed: Vec<(Hold, String)>,
    /// Holds that changed.
    pub changed_holds: Vec<Hold>,
    /// Holders that were added.
    pub holders_added: Vec<(AccountId, Holder)>,
    /// Holders that were removed.
    pub holders_removed: Vec<(AccountId, CustomerId)>,
    /// Outbox events.
    pub outbox: Vec<NewEvent>,
    /// Records changed without money, for the audit.
    pub audit: Vec<(Actor, String)>,
    /// Steps of the end of day whose accounts stand aside, and why.
    pub set_aside: Vec<(AccountStep, String)>,
}

/// The locked rows in memory.
pub struct Working {
    /// The bank's dates.
    pub books: Books,
    /// Accounts to close for which the end of this business date is not done.
    pub unended: BTreeMap<AccountId, Date>,
    /// The chart of accounts.
    pub chart: BTreeMap<String, GlAccount>,
    /// Which control account the entries of which product are stamped with.
    pub controls: Controls,
    /// Locked accounts.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Hash of the last event of each.
    pub hashes: BTreeMap<AccountId, Vec<u8>>,
    /// Holders of those whose holders matter.
    pub holders: BTreeMap<AccountId, Vec<Holder>>,
    /// Holds by caller and reference.
    pub holds: BTreeMap<ReferenceId, Hold>,
    /// Transactions that are to be reversed.
    pub originals: BTreeMap<TransactionId, Original>,
    /// References.
    pub claims: BTreeMap<ReferenceId, Claim>,
    /// Booking dates of transactions that were posted before.
    pub posted_before: BTreeMap<TransactionId, Date>,
    /// Event ids of records made before.
    pub events_before: BTreeMap<Record, Vec<EventId>>,
    /// Interest of accounts with a step of the end of day.
    pub interest: Interest,
    /// IBANs reserved for accounts to open.
    pub ibans: VecDeque<String>,
    /// Database clock, read after the locks.
    pub now: UnixMicros,
    /// When the last event of each locked account was recorded.
    pub clocks: BTreeMap<AccountId, UnixMicros>,
    /// What to write.
    pub writes: Writes,
}

/// What an event adds to an account's history.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Journal transaction of an entry.
    pub transaction_id: Option<TransactionId>,
    /// Number of the leg.
    pub leg: i64,
    /// The hold concerned.
    pub hold_id: Option<HoldId>,
    /// By how much posted changed.
    pub delta: i64,
    /// By how much held changed.
    pub held_delta: i64,
    /// The other side of an entry.
    pub counterparty: String,
    /// What the kind needs.
    pub detail: String,
    /// Booking and value date where they are not the business date.
    pub dates: Option<(Date, Date)>,
}

impl Working {
    /// Whether a command's own references were used before.
    ///
    /// # Errors
    /// [`Refusal::ReferenceReused`] where it was with other content,
    /// [`Refusal::ReferenceVoided`] where nothing is to come under it; for a reversal under a
    /// new reference [`Refusal::AlreadyReversed`].
    pub fn claimed(&self, references: Vec<Reference>) -> Result<Claimed, Refusal> {
        for reference in references {
            let id = (reference.caller.clone(), reference.text.clone());
            let Some(claim) = self.claims.get(&id).filter(|claim| claim.made) else { continue };
            if let Some(transaction) = reference.reverses() {
                return Err(Refusal::AlreadyReversed { transaction });
            }
            if let Some(cause) = self.voided(&reference) {
                return Err(Refusal::ReferenceVoided { reference: reference.text, cause });
            }
            if claim.fingerprint != reference.fingerprint {
                return Err(Refusal::ReferenceReused { reference: reference.text });
            }
            if let Some(record) = claim.record {
                return Ok(Claimed::Replay(record));
            }
        }
        Ok(Claimed::New)
    }

    /// Why a reference was voided; None where it was not.
    #[must_use]
    pub fn voided(&self, reference: &Reference) -> Option<String> {
        let claim = self.claims.get(&(reference.caller.clone(), reference.text.clone()))?;
        let void = claim.made && claim.record == Some(Record::Void);
        void.then(|| String::from_utf8_lossy(&claim.fingerprint).into_owned())
    }

    /// Notes that a command's references stand for its record from now on.
    pub fn settle(&mut self, references: Vec<Reference>, record: Option<Record>) {
        for Reference { caller, text, fingerprint } in references {
            let Some(claim) = self.claims.get_mut(&(caller, text)) else { continue };
            claim.made = true;
            claim.rewritten = claim.record != record || claim.fingerprint != fingerprint;
            claim.record = record;
            claim.fingerprint = fingerprint;
        }
    }

    /// The account, locked.
    ///
    /// # Errors
    /// [`Refusal::AccountNotFound`].
    pub fn account(&mut self, id: AccountId) -> Result<&mut Account, Refusal> {
        self.accounts.get_mut(&id).ok_or(Refusal::AccountNotFound { account: id })
    }

    /// When this batch records something of an account: the database's clock, never below the
    /// account's own last. What a neighbour in the batch was recorded at says nothing.
    #[must_use]
    pub fn time_of(&self, account: AccountId) -> UnixMicros {
        self.clocks.get(&account).copied().unwrap_or_default().max(self.now)
    }

    /// When a journal transaction is recorded: at the latest of its entries.
    #[must_use]
    pub fn recorded_at(&self, entries: &[Entry]) -> UnixMicros {
        let accounts = entries.iter().filter_map(|entry| entry.account);
        accounts.map(|id| self.time_of(id)).max().unwrap_or(self.now)
    }

    /// Appends an event with the account's present balances and version to its history.
    pub fn append(&mut self, account: &Account, kind: EventKind, facts: Facts) {
        let (posted, held) = (account.posted, account.held);
        self.append_at(account.id, (account.version, posted, held), kind, facts);
    }

    /// Appends an event with version, posted and held as given: one of several legs.
    pub fn append_at(
        &mut self,
        account: AccountId,
        (version, posted_after, held_after): (i64, i64, i64),
        kind: EventKind,
        facts: Facts,
    ) {
        let today = self.books.business_date;
        let (booking_date, value_date) = facts.dates.unwrap_or((today, today));
        let event = AccountEvent {
            account_id: account,
            version,
            kind: kind.name().to_owned(),
            transaction_id: facts.transaction_id,
            leg: facts.leg,
            hold_id: facts.hold_id,
            delta: facts.delta,
            held_delta: facts.held_delta,
            posted_after,
            held_after,
            counterparty: facts.counterparty,
            detail: facts.detail,
            booking_date,
            value_date,
            recorded_at: self.time_of(account),
        };
        let previous = self.hashes.get(&account).map_or(chain::GENESIS.as_slice(), Vec::as_slice);
        let hash = chain::link(previous, &event);
        self.hashes.insert(account, hash.clone());
        self.writes.events.push((event, hash));
    }
}
