//! Posts a journal transaction: all its legs or none.

use florin_events::{Cause, NewEvent};
use florin_kernel::{Date, Money, TransactionId};
use florin_proto::{
    account::v1::{
        PostTransactionsRequest, PostTransactionsResponse, PostedLeg, TransactionPosted,
        TransactionRequest, TransactionResult, transaction_result::Outcome as Told,
    },
    common::v1::{Direction, Initiator, Reason as CommonReason},
    timestamp, wire_money,
};
use florin_rpc::{CallContext, Error};
use florin_store::id_parts;
use tonic::{Response, Status};

use super::{
    answer,
    command::{Actor, Capture, Command, Outcome, Post, Reference, Work},
    ledger::{self, Ledger},
    place_hold,
};
use crate::{
    domain::{
        account::Rules,
        conversion::Conversion,
        event::EventKind,
        hold::{Captured, Hold},
        interest,
        posting::{self, Entry, Freed, Legs, Target},
        refusal::Refusal,
    },
    grpc::convert,
    store::{
        chain,
        working::{Dates, Facts, JournalRow, Working},
    },
    wire,
};

/// A posting as asked for, before it is known who asks.
#[derive(Debug, Clone)]
pub struct Posting {
    /// Reference.
    pub reference: String,
    /// Kind.
    pub kind: String,
    /// Balanced legs.
    pub legs: Legs,
    /// Holds that pay for debits among them.
    pub captures: Vec<Capture>,
    /// Conversions of currency, which agree with the legs.
    pub conversions: Vec<Conversion>,
    /// Text for the statement.
    pub description: String,
    /// Value date.
    pub value_date: Option<Date>,
    /// Booking date of an import.
    pub booking_date: Option<Date>,
    /// Whether it has happened outside and is owed whatever state its accounts are in.
    pub owed: bool,
    /// What ties it to others.
    pub correlation: String,
    /// Whom the caller names as having set it going.
    pub initiator: Option<Initiator>,
}

impl Ledger {
    /// Posts transactions; one result an item, in order, each by its own reference.
    ///
    /// # Errors
    /// INVALID_REQUEST for too many items or none, and what fails the call: see
    /// [`Ledger::submit_items`]. An item's fault stands in its result.
    pub async fn post_transactions(
        &self,
        ctx: &CallContext,
        request: PostTransactionsRequest,
    ) -> Result<Response<PostTransactionsResponse>, Status> {
        let commands = commands(ctx, &request.transactions)?;
        let ends = self.submit_items(commands, ctx.deadline).await?;
        let results = request.transactions.iter().zip(&ends);
        let results = results.map(|(one, end)| result(&one.reference, end));
        Ok(Response::new(PostTransactionsResponse { results: results.collect() }))
    }
}

fn result(reference: &str, end: &Result<Outcome, Error>) -> TransactionResult {
    let told = match answer::item(end, answer::wire_posted) {
        Ok(posted) => Told::Posted(posted),
        Err(refusal) => Told::Refused(refusal),
    };
    TransactionResult { reference: reference.to_owned(), outcome: Some(told) }
}

/// The commands of a call's items, each by itself.
///
/// # Errors
/// INVALID_REQUEST for too many items or none.
pub(super) fn commands(
    ctx: &CallContext,
    transactions: &[TransactionRequest],
) -> Result<Vec<Result<Command, Error>>, Error> {
    // The same for all items that name nobody else.
    let asking = ledger::initiator(ctx, None);
    let commands = convert::postings(transactions)?.into_iter().map(|item| {
        let posting = item?;
        permitted(ctx, &posting)?;
        Ok(command(ctx, posting, &asking))
    });
    Ok(commands.collect())
}

/// Whoever sets a booking date imports history, and whoever says that something is owed overdraws;
/// a service posts for itself without a token, and what the end of a business date of its own came
/// to on that date, of which customers have no part.
fn permitted(ctx: &CallContext, posting: &Posting) -> Result<(), Error> {
    let needed = match (posting.booking_date, posting.owed) {
        (Some(_), _) => "ledger:import",
        (None, true) => "ledger:owed",
        (None, false) => "ledger:post",
    };
    let mut targets = posting.legs.as_slice().iter().map(|leg| &leg.target);
    let is_gl = targets.all(|target| matches!(target, Target::Gl(_)));
    let trusted = ledger::is_service(ctx) && (posting.booking_date.is_none() || is_gl);
    if trusted || ctx.principal.has_scope(needed) {
        return Ok(());
    }
    let text = format!("a posting of this sort needs the scope {needed}");
    Err(Error::new(CommonReason::ScopeMissing, text).with("scopes", needed))
}

fn command(ctx: &CallContext, posting: Posting, asking: &str) -> Command {
    let (millis, random) = id_parts();
    let reference = Reference {
        caller: ledger::caller(ctx),
        fingerprint: content_of(&posting),
        text: posting.reference,
    };
    let rules = match (posting.booking_date, posting.owed) {
        (Some(_), _) => Rules::Import,
        (None, true) => Rules::Owed,
        (None, false) => Rules::Today,
    };
    let post = Post {
        reference,
        id: TransactionId::from_parts(millis, random),
        kind: posting.kind,
        description: posting.description,
        legs: posting.legs,
        captures: posting.captures,
        conversions: posting.conversions,
        booking_date: posting.booking_date,
        value_date: posting.value_date,
        rules,
        correlation: posting.correlation,
        initiator: match &posting.initiator {
            Some(named) => ledger::initiator(ctx, Some(named)),
            None => asking.to_owned(),
        },
    };
    Command { work: Work::Post(post), key: None, actor: ledger::actor(ctx) }
}

/// What a reference stands for: everything that the journal keeps but who asked and when. By which
/// rules it was decided is not among it: what is asked for again as owed is the same.
fn content_of(posting: &Posting) -> Vec<u8> {
    let date = |date: Option<Date>| date.map(|date| date.to_string());
    let mut fields = vec![
        "post".to_owned(),
        posting.kind.clone(),
        posting.description.clone(),
        date(posting.value_date).unwrap_or_default(),
        date(posting.booking_date).unwrap_or_default(),
    ];
    for leg in posting.legs.as_slice() {
        // These words are stored as hashes: they stay.
        fields.push(match &leg.target {
            Target::Account(id) => format!("account {id}"),
            Target::Gl(code) => format!("gl {code}"),
        });
        fields.push(leg.amount.to_string());
        fields.push(leg.counterparty.clone());
    }
    for capture in &posting.captures {
        fields.push(format!("capture {}", capture.hold_reference));
        fields.push(capture.amount.map(|amount| amount.to_string()).unwrap_or_default());
        fields.push(if capture.keep_rest { "keep" } else { "give back" }.to_owned());
    }
    for one in &posting.conversions {
        fields.push(format!("sold {}", one.sold()));
        fields.push(format!("bought {}", one.bought()));
        fields.push(format!("rate {}", one.rate()));
    }
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    chain::fingerprint(&fields)
}

/// Decides one transaction over the working set.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(working: &mut Working, post: &Post, actor: &Actor) -> Result<Outcome, Refusal> {
    if let Some(code) = interest::kept_gl(&post.legs) {
        return Err(Refusal::GlIsControl { code });
    }
    let (booking_date, value_date) =
        working.books.dates(post.booking_date, post.value_date, post.rules)?;
    let captured = capture(working, post)?;
    let freeing: Vec<_> = captured.iter().map(|(hold, freed)| (hold.account, *freed)).collect();
    let decided =
        posting::decide(&post.legs, &freeing, post.rules, &mut working.accounts, &working.chart)?;
    let captures: Vec<_> = captured.into_iter().zip(decided.freed).collect();
    for ((hold, freed), accounts) in &captures {
        record_capture(working, post.id, hold, *freed, accounts)?;
    }
    let row = JournalRow {
        id: post.id,
        caller: post.reference.caller.clone(),
        reference: post.reference.text.clone(),
        kind: post.kind.clone(),
        description: post.description.clone(),
        booking_date,
        value_date,
        reverses: None,
        conversions: post.conversions.clone(),
        correlation: post.correlation.clone(),
        initiator: post.initiator.clone(),
        entries: decided.entries,
    };
    let outcome = record(working, row, actor, post.rules == Rules::Import);
    // After the event of the transaction, which alone is the position of the answer.
    for ((hold, _), accounts) in captures {
        let last = accounts.given_back.as_ref().unwrap_or(&accounts.captured);
        let cause = (post.correlation.as_str(), post.reference.text.as_str());
        place_hold::announce(working, &hold, last, cause, actor);
    }
    Ok(outcome.with_captured(working, post))
}

/// The holds of a posting after their captures, each with what it frees; nothing is changed.
fn capture(working: &Working, post: &Post) -> Result<Vec<(Hold, Captured)>, Refusal> {
    let mut captured: Vec<(Hold, Captured)> = Vec::with_capacity(post.captures.len());
    for one in &post.captures {
        let key = (post.reference.caller.clone(), one.hold_reference.clone());
        // An earlier capture of this transaction counts.
        let before = captured.iter().rev().find(|(hold, _)| hold.reference == one.hold_reference);
        let found = before.map(|(hold, _)| hold).or_else(|| working.holds.get(&key)).cloned();
        let mut hold =
            found.ok_or_else(|| Refusal::HoldNotFound { reference: one.hold_reference.clone() })?;
        let freed = hold.capture(one.amount, one.keep_rest, working.time_of(hold.account))?;
        captured.push((hold, freed));
    }
    Ok(captured)
}

/// Writes a capture: an event of its account for what becomes an entry and one for what is
/// given back, which name the transaction, and the hold.
fn record_capture(
    working: &mut Working,
    transaction: TransactionId,
    hold: &Hold,
    freed: Captured,
    accounts: &Freed,
) -> Result<(), Refusal> {
    let captured = Some((&accounts.captured, EventKind::HoldCaptured, freed.spent));
    let rest = accounts.given_back.as_ref();
    let rest = rest.map(|after| (after, EventKind::HoldReleased, freed.given_back));
    for (account, kind, minor) in captured.into_iter().chain(rest) {
        let held_delta = minor.checked_neg();
        let facts = Facts {
            hold_id: Some(hold.id),
            held_delta: held_delta.ok_or(Refusal::OutOfRange { account: account.id })?,
            detail: transaction.to_string(),
            ..Facts::default()
        };
        working.append(account, kind, facts);
    }
    working.holds.insert((hold.caller.clone(), hold.reference.clone()), hold.clone());
    working.writes.changed_holds.push(hold.clone());
    Ok(())
}

/// Writes a decided transaction: events, journal, turnover and the outbox event.
pub(super) fn record(
    working: &mut Working,
    row: JournalRow,
    actor: &Actor,
    historical: bool,
) -> Outcome {
    for (leg, entry) in (1_i64..).zip(&row.entries) {
        let Some(account) = entry.account else { continue };
        let kind = if entry.amount.minor() > 0 { EventKind::Credited } else { EventKind::Debited };
        let facts = Facts {
            transaction_id: Some(row.id),
            leg,
            delta: entry.amount.minor(),
            counterparty: entry.counterparty.clone(),
            dates: Some((row.booking_date, row.value_date)),
            ..Facts::default()
        };
        let after = (entry.version, entry.posted_after, entry.held_after);
        working.append_at(account, after, kind, facts);
        let dates = Dates { valued: row.value_date, booked: row.booking_date };
        let net = working.writes.turnover.entry((account, dates)).or_default();
        *net += i128::from(entry.amount.minor());
    }
    let cause = Cause {
        correlation: row.correlation.clone(),
        causation: row.reference.clone(),
        traceparent: actor.traceparent.clone(),
    };
    let told = NewEvent::of(&posted_event(&row, working), &row.id, 1, cause);
    working.writes.outbox.push(NewEvent { historical, ..told });
    working.posted_before.insert(row.id, row.booking_date);
    let outcome = Outcome::Posted {
        transaction: row.id,
        booking_date: row.booking_date,
        replayed: false,
        captured: Vec::new(),
        events: Vec::new(),
    };
    working.writes.journal.push(row);
    outcome
}

fn posted_event(row: &JournalRow, working: &Working) -> TransactionPosted {
    TransactionPosted {
        transaction_id: row.id.to_string(),
        caller: row.caller.clone(),
        reference: row.reference.clone(),
        kind: row.kind.clone(),
        legs: row.entries.iter().map(posted_leg).collect(),
        description: row.description.clone(),
        booking_date: row.booking_date.to_string(),
        value_date: row.value_date.to_string(),
        recorded_at: Some(timestamp(working.recorded_at(&row.entries))),
        reverses: wire::optional(row.reverses),
        conversions: row.conversions.iter().map(wire::conversion).collect(),
    }
}

pub(super) fn posted_leg(entry: &Entry) -> PostedLeg {
    let currency = entry.amount.currency();
    let money = |minor| wire_money(Money::new(minor, currency));
    let of_customer = entry.account.is_some();
    let minor = entry.amount.minor();
    PostedLeg {
        account_id: entry.account.map(|id| id.to_string()).unwrap_or_default(),
        gl_code: entry.gl_code.clone(),
        direction: direction(minor).into(),
        amount: Some(money(minor.saturating_abs())),
        account_version: entry.version,
        posted_after: of_customer.then(|| money(entry.posted_after)),
        available_after: of_customer.then(|| money(entry.available_after)),
        counterparty: entry.counterparty.clone(),
    }
}

/// The side of a signed amount: credit positive.
#[must_use]
pub const fn direction(minor: i64) -> Direction {
    if minor > 0 { Direction::Credit } else { Direction::Debit }
}
