//! How much transfers may move: each alone, in a day, in a month.

use std::collections::{BTreeMap, HashMap};

use florin_kernel::{AccountId, Currency, CustomerId, Date, Money};

use super::{Order, Route, counters::counter_id};

/// Whose transfers a limit counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Those that a customer orders, or staff on its behalf.
    Customer(CustomerId),
    /// Those from an account.
    Account(AccountId),
    /// Those from each single account that are ordered through a channel.
    Channel(String),
}

impl Subject {
    /// The name of the scope in refusals.
    #[must_use]
    pub const fn scope(&self) -> &'static str {
        match self {
            Self::Customer(_) => "CUSTOMER",
            Self::Account(_) => "ACCOUNT",
            Self::Channel(_) => "CHANNEL",
        }
    }

    /// The key in the table.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Customer(id) => format!("customer/{id}"),
            Self::Account(id) => format!("account/{id}"),
            Self::Channel(name) => format!("channel/{name}"),
        }
    }

    /// The subject of a key; None for what is none.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        let (scope, rest) = key.split_once('/')?;
        match scope {
            "customer" => rest.parse().ok().map(Self::Customer),
            "account" => rest.parse().ok().map(Self::Account),
            "channel" => Some(Self::Channel(rest.to_owned())),
            _ => None,
        }
    }
}

/// For how long a limit counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// Each transfer alone.
    Transfer,
    /// The transfers of a business date.
    Day,
    /// The transfers of a month of business dates.
    Month,
}

impl Period {
    /// Every period.
    pub const ALL: &'static [Self] = &[Self::Transfer, Self::Day, Self::Month];

    /// The number in the contract and in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Transfer => 1,
            Self::Day => 2,
            Self::Month => 3,
        }
    }

    /// The period of a number; None where there is none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|period| period.code() == code)
    }

    /// The name in refusals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transfer => "TRANSFER",
            Self::Day => "DAY",
            Self::Month => "MONTH",
        }
    }
}

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Whose transfers.
    pub subject: Subject,
    /// For how long together.
    pub period: Period,
    /// The most.
    pub maximum: Money,
}

/// Who orders a transfer, through what and when: what limits go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordering {
    /// The customer that orders, or on whose behalf staff does.
    pub customer: Option<CustomerId>,
    /// The channel.
    pub channel: String,
    /// The business date.
    pub date: Date,
}

impl Ordering {
    /// The subjects whose limits count a transfer from an account.
    pub fn subjects(&self, from: AccountId) -> impl Iterator<Item = Subject> {
        let fixed = [Subject::Account(from), Subject::Channel(self.channel.clone())];
        fixed.into_iter().chain(self.customer.map(Subject::Customer))
    }

    /// The limits that count an order.
    pub fn applying<'l>(
        &self,
        order: &Order,
        limits: &'l BySubject,
    ) -> impl Iterator<Item = &'l Limit> {
        let currency = order.amount().currency();
        limited(order).into_iter().flat_map(move |from| self.counting(from, currency, limits))
    }

    /// The limits that count a payment from an account.
    pub fn counting<'l>(
        &self,
        from: AccountId,
        currency: Currency,
        limits: &'l BySubject,
    ) -> impl Iterator<Item = &'l Limit> {
        let subjects = self.subjects(from);
        let of_these = subjects.filter_map(move |subject| limits.get(&subject)).flatten();
        of_these.filter(move |limit| limit.maximum.currency() == currency)
    }
}

/// Limits by whose transfers they count: a batch looks each order's subjects up.
pub type BySubject = HashMap<Subject, Vec<Limit>>;

/// Sorts limits by whose transfers they count, and keeps their order.
#[must_use]
pub fn by_subject(limits: impl IntoIterator<Item = Limit>) -> BySubject {
    let mut sorted = BySubject::new();
    for limit in limits {
        sorted.entry(limit.subject.clone()).or_default().push(limit);
    }
    sorted
}

impl Limit {
    /// The id under which is kept what is used of the limit on a date, for the transfers from an
    /// account; None for a limit of each transfer alone.
    #[must_use]
    pub fn counter(&self, from: Option<AccountId>, date: Date) -> Option<String> {
        counter_id(&self.subject, self.period, from, date, self.maximum.currency())
    }
}

/// What is used, minor units by counter.
pub type Usage = BTreeMap<String, i64>;

/// The amount is above what a limit leaves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {} limit of the {} leaves {left} of {limit}, {amount} is asked for", period.name(), scope)]
pub struct LimitExceeded {
    /// Whose limit: BANK, CUSTOMER, ACCOUNT or CHANNEL.
    pub scope: &'static str,
    /// For how long together.
    pub period: Period,
    /// The limit.
    pub limit: Money,
    /// What is left of it.
    pub left: Money,
    /// The amount asked for.
    pub amount: Money,
}

/// The most that one transfer of this bank may move, per currency: from the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits(BTreeMap<Currency, Money>);

impl Limits {
    /// Sets the limit of a currency.
    pub fn set(&mut self, limit: Money) {
        self.0.insert(limit.currency(), limit);
    }

    /// Decides an order by the bank's limits and by those of its subjects, and reserves its
    /// amount in `usage`. Cash is limited by what lies in the till, and money that goes back by
    /// what came.
    ///
    /// # Errors
    /// The first limit that does not let it pass; then nothing is reserved.
    pub fn reserve(
        &self,
        order: &Order,
        ordering: &Ordering,
        limits: &BySubject,
        usage: &mut Usage,
    ) -> Result<(), LimitExceeded> {
        match limited(order) {
            Some(from) => self.reserve_from(from, order.amount(), ordering, limits, usage),
            None => Ok(()),
        }
    }

    /// As [`Limits::reserve`], of a payment of so much from an account.
    ///
    /// # Errors
    /// The first limit that does not let it pass; then nothing is reserved.
    pub fn reserve_from(
        &self,
        from: AccountId,
        amount: Money,
        ordering: &Ordering,
        limits: &BySubject,
        usage: &mut Usage,
    ) -> Result<(), LimitExceeded> {
        if let Some(limit) = self.0.get(&amount.currency())
            && amount.minor() > limit.minor()
        {
            let (scope, period) = ("BANK", Period::Transfer);
            return Err(LimitExceeded { scope, period, limit: *limit, left: *limit, amount });
        }
        let mut counters = Vec::new();
        for limit in ordering.counting(from, amount.currency(), limits) {
            let counter = limit.counter(Some(from), ordering.date);
            let used = counter.as_ref().and_then(|id| usage.get(id)).copied().unwrap_or(0);
            let left = limit.maximum.minor().saturating_sub(used).max(0);
            if amount.minor() > left {
                return Err(LimitExceeded {
                    scope: limit.subject.scope(),
                    period: limit.period,
                    limit: limit.maximum,
                    left: Money::new(left, amount.currency()),
                    amount,
                });
            }
            counters.extend(counter);
        }
        for counter in counters {
            let used = usage.entry(counter).or_default();
            *used = used.saturating_add(amount.minor());
        }
        Ok(())
    }
}

/// The account whose transfers limits count; None for an order that none counts.
#[must_use]
pub fn limited(order: &Order) -> Option<AccountId> {
    match order.route() {
        Route::CashDeposit { .. } | Route::CashWithdrawal { .. } => None,
        Route::Transfer { from, .. } | Route::CrossBank { from, .. } => {
            order.link().is_none().then_some(*from)
        }
    }
}

#[cfg(test)]
mod tests;
