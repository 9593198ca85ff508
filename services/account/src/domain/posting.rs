//! A journal transaction: legs that sum to zero in each currency, decided over the
//! accounts that a batch has locked.

use std::collections::{BTreeMap, btree_map::Entry as Slot};

use florin_kernel::{AccountId, Currency, Date, Money};

use super::{
    account::{Account, Rules},
    hold::Captured,
    refusal::Refusal,
};

/// Most legs of one journal transaction.
pub const MOST_LEGS: usize = 64;

/// Most days by which a value date may lie before or after its booking date, where no history
/// is imported: interest counts from it, and a slip in the year would be a year's interest.
pub const MOST_VALUE_DAYS: u32 = 366;

/// Most days from the date that is closed to the one that is opened: over a long holiday, not
/// into another year by a slip, for the business date never goes back.
pub const MOST_CLOSED_DAYS: u32 = 10;

/// Where a leg goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An account of a customer.
    Account(AccountId),
    /// A GL posting account, by code.
    Gl(String),
}

/// One leg; the amount is positive for a credit, negative for a debit, never zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Where it goes.
    pub target: Target,
    /// Signed amount.
    pub amount: Money,
    /// The other side, for the statement.
    pub counterparty: String,
}

/// Legs that are known to sum to zero in each currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legs(Vec<Leg>);

/// Why legs make no journal transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnbalancedLegs {
    /// Fewer than two, or more than [`MOST_LEGS`].
    #[error("a journal transaction has 2 to 64 legs, not {0}")]
    Count(usize),
    /// Debits and credits of a currency differ.
    #[error("legs in {currency} sum to {sum}, not to zero")]
    Sum {
        /// The currency.
        currency: Currency,
        /// Credits less debits.
        sum: Money,
    },
    /// More than [`florin_kernel::LARGEST_MOVEMENT`].
    #[error("leg {0} is above 10^15 minor units")]
    TooLarge(usize),
    /// A leg of nothing.
    #[error("leg {0} has a zero amount")]
    Zero(usize),
    /// A sum leaves the range.
    #[error("the sum of the legs leaves the range of 64 bits of minor units")]
    OutOfRange,
}

impl Legs {
    /// Checks count, amounts and sums.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn new(legs: Vec<Leg>) -> Result<Self, UnbalancedLegs> {
        if !(2..=MOST_LEGS).contains(&legs.len()) {
            return Err(UnbalancedLegs::Count(legs.len()));
        }
        let mut sums: BTreeMap<Currency, Money> = BTreeMap::new();
        for (at, leg) in legs.iter().enumerate() {
            if leg.amount.minor() == 0 {
                return Err(UnbalancedLegs::Zero(at));
            }
            if leg.amount.movable().is_err() {
                return Err(UnbalancedLegs::TooLarge(at));
            }
            let currency = leg.amount.currency();
            let sum = sums.entry(currency).or_insert_with(|| Money::zero(currency));
            *sum = sum.checked_add(leg.amount).map_err(|_| UnbalancedLegs::OutOfRange)?;
        }
        match sums.into_iter().find(|(_, sum)| sum.minor() != 0) {
            Some((currency, sum)) => Err(UnbalancedLegs::Sum { currency, sum }),
            None => Ok(Self(legs)),
        }
    }

    /// The legs in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[Leg] {
        &self.0
    }

    /// The accounts of customers among the targets; one may come twice.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.0.iter().filter_map(|leg| match &leg.target {
            Target::Account(id) => Some(*id),
            Target::Gl(_) => None,
        })
    }

    /// The same legs with the other sign: a whole reversal. Each amount has an opposite, for
    /// [`Legs::new`] takes none above [`florin_kernel::LARGEST_MOVEMENT`].
    #[must_use]
    pub fn reversed(&self) -> Self {
        let turned = self.0.iter().map(|leg| {
            let opposite = leg.amount.minor().saturating_neg();
            Leg { amount: Money::new(opposite, leg.amount.currency()), ..leg.clone() }
        });
        Self(turned.collect())
    }
}

/// A GL account of the chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlAccount {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Class: 1 asset, 2 liability, 3 equity, 4 income, 5 expense.
    pub class: i32,
    /// Whether it sums customer entries and takes none itself.
    pub control: bool,
}

/// The dates of the bank's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Books {
    /// The open business date.
    pub business_date: Date,
    /// The last day of the closed period; dates up to it are refused.
    pub closed_through: Option<Date>,
}

impl Books {
    /// Booking and value date of a transaction: the business date unless history is
    /// imported; the booking date unless a value date is given.
    ///
    /// # Errors
    /// [`Refusal::PeriodClosed`] for either, [`Refusal::BookedAhead`], and but for an import
    /// [`Refusal::ValuedTooFar`].
    pub fn dates(
        &self,
        booking: Option<Date>,
        value: Option<Date>,
        rules: Rules,
    ) -> Result<(Date, Date), Refusal> {
        let booking = booking.unwrap_or(self.business_date);
        let value = value.unwrap_or(booking);
        if booking > self.business_date {
            return Err(Refusal::BookedAhead { booking, business_date: self.business_date });
        }
        if rules != Rules::Import && days_between(booking, value) > MOST_VALUE_DAYS {
            return Err(Refusal::ValuedTooFar { value, booking });
        }
        for date in [booking, value] {
            if let Some(closed_through) = self.closed_through.filter(|closed| date <= *closed) {
                return Err(Refusal::PeriodClosed { date, closed_through });
            }
        }
        Ok((booking, value))
    }
}

/// Days between two dates, whichever is the later one.
#[must_use]
pub fn days_between(one: Date, other: Date) -> u32 {
    other.since(one).map_or(u32::MAX, |span| span.get_days().unsigned_abs())
}

/// What one leg did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The account, for a customer leg.
    pub account: Option<AccountId>,
    /// GL code: the leg's own, or the control account of the customer's product.
    pub gl_code: String,
    /// Signed amount: credit positive.
    pub amount: Money,
    /// The other side.
    pub counterparty: String,
    /// Version of the account after it; 0 for a GL leg.
    pub version: i64,
    /// Posted after it, minor units.
    pub posted_after: i64,
    /// Held after it, minor units.
    pub held_after: i64,
    /// Available after it, minor units.
    pub available_after: i64,
}

/// What a transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// One a leg, in order.
    pub entries: Vec<Entry>,
    /// One a capture, in order.
    pub freed: Vec<Freed>,
}

/// An account on its way through a capture, before the legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freed {
    /// After what becomes an entry left its hold.
    pub captured: Account,
    /// After the rest of the hold was given back; None where nothing was.
    pub given_back: Option<Account>,
}

/// Decides a transaction over the locked accounts: all its captures and legs, or nothing
/// changes. The captures come first, each with the account whose hold it is.
///
/// Funds are checked on the net of all legs of an account, so that a credit in the same
/// transaction counts.
///
/// # Errors
/// The first refusal; `accounts` is then as it was.
pub fn decide(
    legs: &Legs,
    captures: &[(AccountId, Captured)],
    rules: Rules,
    accounts: &mut BTreeMap<AccountId, Account>,
    chart: &BTreeMap<String, GlAccount>,
) -> Result<Decided, Refusal> {
    let mut changed: BTreeMap<AccountId, Account> = BTreeMap::new();
    let mut freed = Vec::with_capacity(captures.len());
    let mut captured: BTreeMap<AccountId, i64> = BTreeMap::new();
    for (id, capture) in captures {
        let account = working(&mut changed, accounts, *id)?;
        freed.push(free(account, *capture)?);
        let sum = captured.entry(*id).or_default();
        let both = sum.checked_add(capture.spent);
        *sum = both.ok_or(Refusal::OutOfRange { account: *id })?;
    }
    let mut entries = Vec::with_capacity(legs.as_slice().len());
    for leg in legs.as_slice() {
        let entry = match &leg.target {
            Target::Gl(code) => gl_entry(leg, code, chart)?,
            Target::Account(id) => {
                let account = working(&mut changed, accounts, *id)?;
                let paid = captured.contains_key(id) && leg.amount.minor() < 0;
                let is_paid = paid && rules != Rules::Owed;
                account.enter(leg.amount, if is_paid { Rules::Captured } else { rules })?;
                customer_entry(leg, account)?
            }
        };
        entries.push(entry);
    }
    for (id, after) in &changed {
        let Some(before) = accounts.get(id) else { continue };
        let captured = captured.get(id).copied();
        if let Some(captured) = captured {
            spends(before, after, captured, rules)?;
        }
        if rules == Rules::Today {
            after.covers(before, captured.unwrap_or_default())?;
        }
    }
    accounts.extend(changed);
    Ok(Decided { entries, freed })
}

/// Takes a capture out of what the account holds: what becomes an entry, then what is given
/// back, a version each.
fn free(account: &mut Account, capture: Captured) -> Result<Freed, Refusal> {
    account.unhold(capture.spent)?;
    let captured = account.clone();
    let given_back = match capture.given_back {
        0 => None,
        rest => {
            account.unhold(rest)?;
            Some(account.clone())
        }
    };
    Ok(Freed { captured, given_back })
}

/// The account as this transaction has it so far.
fn working<'a>(
    changed: &'a mut BTreeMap<AccountId, Account>,
    accounts: &BTreeMap<AccountId, Account>,
    id: AccountId,
) -> Result<&'a mut Account, Refusal> {
    match changed.entry(id) {
        Slot::Occupied(slot) => Ok(slot.into_mut()),
        Slot::Vacant(slot) => {
            let found = accounts.get(&id).cloned();
            Ok(slot.insert(found.ok_or(Refusal::AccountNotFound { account: id })?))
        }
    }
}

/// Money on hold becomes an entry of its account: as much as is captured is debited, net. What
/// is debited beyond it is a spending like any other.
fn spends(before: &Account, after: &Account, captured: i64, rules: Rules) -> Result<(), Refusal> {
    let account = before.id;
    let debit = before.posted.checked_sub(after.posted).ok_or(Refusal::OutOfRange { account })?;
    if debit < captured {
        return Err(Refusal::CaptureExceedsDebit { account, debit: before.money(debit) });
    }
    if debit > captured && rules != Rules::Owed { before.takes_changes() } else { Ok(()) }
}

fn customer_entry(leg: &Leg, account: &Account) -> Result<Entry, Refusal> {
    Ok(Entry {
        account: Some(account.id),
        gl_code: account.control_gl.clone(),
        amount: leg.amount,
        counterparty: leg.counterparty.clone(),
        version: account.version,
        posted_after: account.posted,
        held_after: account.held,
        available_after: account.available()?,
    })
}

fn gl_entry(leg: &Leg, code: &str, chart: &BTreeMap<String, GlAccount>) -> Result<Entry, Refusal> {
    let gl = chart.get(code).ok_or_else(|| Refusal::GlNotFound { code: code.to_owned() })?;
    if gl.control {
        return Err(Refusal::GlIsControl { code: code.to_owned() });
    }
    Ok(Entry {
        account: None,
        gl_code: code.to_owned(),
        amount: leg.amount,
        counterparty: leg.counterparty.clone(),
        version: 0,
        posted_after: 0,
        held_after: 0,
        available_after: 0,
    })
}

#[cfg(test)]
mod tests;
