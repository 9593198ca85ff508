//! What the committer is asked to do and what became of it.

use florin_kernel::{AccountId, CustomerId, Date, EventId, HoldId, Money, TransactionId};
use florin_store::idempotency::{Answer, Key};

use super::rehearse::Preview;
use crate::domain::{
    account::{Account, Holder, Rules},
    conversion::Conversion,
    end_of_day::AccountStep,
    hold::Hold,
    posting::Legs,
    record::Record,
    refusal::Refusal,
};
use crate::store::working::Working;
pub use crate::store::working::{Actor, Reference};

/// A journal transaction to post.
#[derive(Debug, Clone)]
pub struct Post {
    /// Its reference.
    pub reference: Reference,
    /// The id that it gets: minted by the caller, so that a repeated batch is the same.
    pub id: TransactionId,
    /// Kind, lower snake case.
    pub kind: String,
    /// Text for the statement.
    pub description: String,
    /// Legs that sum to zero.
    pub legs: Legs,
    /// Holds that pay for debits among them.
    pub captures: Vec<Capture>,
    /// Conversions of currency, which agree with the legs.
    pub conversions: Vec<Conversion>,
    /// Booking date of an import.
    pub booking_date: Option<Date>,
    /// Value date where it is not the booking date.
    pub value_date: Option<Date>,
    /// Today's rules, or history as it happened.
    pub rules: Rules,
    /// Ties together what one request caused.
    pub correlation: String,
    /// Who set it going, as JSON for the audit.
    pub initiator: String,
}

/// A hold of the same caller to turn into a debit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The reference under which it was placed.
    pub hold_reference: String,
    /// Positive; all that remains where absent.
    pub amount: Option<Money>,
    /// Whether the rest stays set aside.
    pub keep_rest: bool,
}

/// A reversal of a whole journal transaction.
#[derive(Debug, Clone)]
pub struct Reverse {
    /// Its reference.
    pub reference: Reference,
    /// The id that it gets.
    pub id: TransactionId,
    /// The transaction to reverse.
    pub original: TransactionId,
    /// Text for the statement.
    pub description: String,
    /// Who set it going, as JSON.
    pub initiator: String,
}

/// A hold to place.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its reference.
    pub reference: Reference,
    /// The id that it gets.
    pub id: HoldId,
    /// The account.
    pub account: AccountId,
    /// Positive.
    pub amount: Money,
    /// Microseconds from its recording until it is given back by time; None for never.
    pub expires_after: Option<i64>,
    /// Ties together what one request caused.
    pub correlation: String,
    /// Who set it going, as JSON.
    pub initiator: String,
}

/// A hold to give back by time, where its time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expire {
    /// In whose name its reference is unique.
    pub caller: String,
    /// The reference under which it was placed.
    pub reference: String,
}

/// A hold to give back.
#[derive(Debug, Clone)]
pub struct Release {
    /// The release's own reference.
    pub reference: Reference,
    /// The reference under which the same caller placed it.
    pub hold_reference: String,
    /// Ties together what one request caused.
    pub correlation: String,
}

/// A reference to void.
#[derive(Debug, Clone)]
pub struct Void {
    /// The reference. Its content is the cause itself, as bytes, so that whoever comes too
    /// late is told it.
    pub reference: Reference,
}

/// An account to open.
#[derive(Debug, Clone)]
pub struct Open {
    /// Its reference, where the caller gave one.
    pub reference: Option<Reference>,
    /// The id that it gets.
    pub id: AccountId,
    /// Code of the product.
    pub product: String,
    /// GL control account of the product.
    pub control_gl: String,
    /// Zero of the account's currency.
    pub overdraft_limit: Money,
    /// The holders, the owner first.
    pub holders: Vec<Holder>,
    /// Business date on which another bank opened it, for imports.
    pub opened_on: Option<Date>,
    /// Whether its event tells of the past.
    pub historical: bool,
}

/// A change of an account's state or holders.
#[derive(Debug, Clone)]
pub enum Change {
    /// Freeze, for a reason.
    Freeze(String),
    /// Unfreeze, for a reason.
    Unfreeze(String),
    /// Close, for a reason.
    Close(String),
    /// Give a customer a part.
    AddHolder(Holder),
    /// Take a customer's part away.
    RemoveHolder(CustomerId),
}

/// The work of a command.
#[derive(Debug, Clone)]
pub enum Work {
    /// Post a journal transaction.
    Post(Post),
    /// Reverse one.
    Reverse(Reverse),
    /// Place a hold.
    Place(Place),
    /// Release a hold.
    Release(Release),
    /// Give a hold back by time.
    Expire(Expire),
    /// Void a reference.
    Void(Void),
    /// Open an account.
    Open(Open),
    /// Decide postings and reversals, and book none of them.
    Rehearse(Vec<Command>),
    /// Change an account.
    Change {
        /// The account.
        account: AccountId,
        /// What to change.
        change: Change,
    },
    /// A step of the end of day.
    EndDay(AccountStep),
}

/// How the outcome of a keyed command becomes the stored answer.
pub type AnswerOf = fn(&Outcome) -> Answer;

/// A command, with the client's idempotency key where it has one.
#[derive(Clone, Debug)]
pub struct Command {
    /// What to do.
    pub work: Work,
    /// The client's key and the form of its answer.
    pub key: Option<(Key, AnswerOf)>,
    /// Who asks, for the audit: principal, on whose behalf, method.
    pub actor: Actor,
}

/// What became of a command.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Posted, now or before.
    Posted {
        /// The journal transaction.
        transaction: TransactionId,
        /// Its booking date.
        booking_date: Date,
        /// Whether it had been posted before.
        replayed: bool,
        /// The holds that it captured, as they stand.
        captured: Vec<Hold>,
        /// Ids of the events.
        events: Vec<EventId>,
    },
    /// A hold was placed or released, now or before.
    Held {
        /// The hold.
        hold: Hold,
        /// Whether it had been done before.
        replayed: bool,
    },
    /// The reference was voided, now or before.
    Voided {
        /// Why it was first voided.
        cause: String,
        /// Whether it had been voided before.
        replayed: bool,
    },
    /// An account was opened or changed.
    Account {
        /// The account after it.
        account: Account,
        /// Its holders.
        holders: Vec<Holder>,
        /// Whether it had been done before.
        replayed: bool,
        /// Ids of the events.
        events: Vec<EventId>,
    },
    /// Would be posted: told by a rehearsal.
    Previewed(Box<Preview>),
    /// What would become of each part of a rehearsal; nothing changed.
    Rehearsed(Vec<Self>),
    /// A step of the end of day moved no money: nothing was due, or it was done before.
    Passed,
    /// A step of the end of day met figures beyond the range: the account stands aside.
    SetAside,
    /// The domain refused; nothing changed.
    Refused(Refusal),
    /// Decided here under a key, and stored: the answer of the first call.
    Decided(Answer),
    /// The key met its stored answer.
    Answered(Answer),
    /// The key was used with another payload.
    KeyReused,
}

impl Command {
    /// How many legs the command weighs in a batch.
    #[must_use]
    pub fn weight(&self) -> usize {
        match &self.work {
            Work::Post(post) => post.legs.as_slice().len() + post.captures.len(),
            Work::Reverse(_) | Work::EndDay(_) => 4,
            Work::Rehearse(parts) => parts.iter().map(Self::weight).sum(),
            Work::Place(_)
            | Work::Release(_)
            | Work::Expire(_)
            | Work::Void(_)
            | Work::Open(_)
            | Work::Change { .. } => 1,
        }
    }

    /// The accounts that it names, and so will lock. Those of the original, or of the hold, of
    /// a reversal or a release are known only once they are read.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountId> {
        match &self.work {
            Work::Post(post) => post.legs.accounts().collect(),
            Work::Place(place) => vec![place.account],
            Work::Change { account, .. } => vec![*account],
            Work::Rehearse(parts) => parts.iter().flat_map(Self::accounts).collect(),
            Work::EndDay(step) => vec![step.account],
            Work::Reverse(_)
            | Work::Release(_)
            | Work::Expire(_)
            | Work::Open(_)
            | Work::Void(_) => Vec::new(),
        }
    }

    /// The references that it claims.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        match &self.work {
            Work::Post(post) => vec![post.reference.clone()],
            Work::Reverse(reverse) => vec![reverse.reference.clone(), reverse.once()],
            Work::Place(place) => vec![place.reference.clone()],
            Work::Release(release) => vec![release.reference.clone()],
            Work::Void(void) => vec![void.reference.clone()],
            Work::Open(open) => open.reference.clone().into_iter().collect(),
            Work::EndDay(step) => vec![Reference::of_end_of_day(step)],
            // The hold's own state makes it once only; a rehearsal claims nothing.
            Work::Expire(_) | Work::Rehearse(_) | Work::Change { .. } => Vec::new(),
        }
    }

    /// The record that its references stand for once it is done; None for a release, whose
    /// hold only deciding tells, for a step of the end of day, which may make none, and for a
    /// change, which has no reference.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        match &self.work {
            Work::Post(post) => Some(Record::Transaction(post.id)),
            Work::Reverse(reverse) => Some(Record::Transaction(reverse.id)),
            Work::Place(place) => Some(Record::Hold(place.id)),
            Work::Void(_) => Some(Record::Void),
            Work::Open(open) => Some(Record::Account(open.id)),
            Work::Release(_)
            | Work::Expire(_)
            | Work::EndDay(_)
            | Work::Rehearse(_)
            | Work::Change { .. } => None,
        }
    }
}

impl Outcome {
    /// The record that was made or changed; None where there is none.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        match self {
            Self::Posted { transaction, .. } => Some(Record::Transaction(*transaction)),
            Self::Held { hold, .. } => Some(Record::Hold(hold.id)),
            Self::Account { account, .. } => Some(Record::Account(account.id)),
            Self::Voided { .. } => Some(Record::Void),
            Self::Previewed(_)
            | Self::Rehearsed(_)
            | Self::Passed
            | Self::SetAside
            | Self::Refused(_)
            | Self::Decided(_)
            | Self::Answered(_)
            | Self::KeyReused => None,
        }
    }
}

impl Outcome {
    /// The same posting with the holds that the command captures, as they stand by now.
    #[must_use]
    pub fn with_captured(mut self, working: &Working, post: &Post) -> Self {
        if let Self::Posted { captured, .. } = &mut self {
            let named = post.captures.iter().filter_map(|one| {
                let id = (post.reference.caller.clone(), one.hold_reference.clone());
                working.holds.get(&id).cloned()
            });
            *captured = named.collect();
        }
        self
    }
}

impl Reverse {
    /// The claim that makes a reversal once only, whatever its reference.
    #[must_use]
    pub fn once(&self) -> Reference {
        Reference::of_reversal(self.original, self.reference.fingerprint.clone())
    }
}
