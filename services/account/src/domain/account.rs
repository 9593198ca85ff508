//! An account and what its state allows.

use std::fmt;

use florin_kernel::{AccountId, Currency, CustomerId, Date, Money};

use super::refusal::Refusal;

/// State of an account; the numbers are those of the contract and of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Takes debits and credits.
    Open,
    /// Takes nothing until it is unfrozen.
    Frozen,
    /// Closed for good.
    Closed,
}

impl Status {
    /// The number in the table and in the contract.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Open => 1,
            Self::Frozen => 2,
            Self::Closed => 3,
        }
    }

    /// The state of a number; None for any other.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Open),
            2 => Some(Self::Frozen),
            3 => Some(Self::Closed),
            _ => None,
        }
    }
}

/// Part that a customer has in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderRole {
    /// Owns the money; may do all.
    Owner,
    /// May see and pay.
    AuthorisedUser,
    /// May see.
    Viewer,
}

impl HolderRole {
    /// The number in the table and in the contract.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Owner => 1,
            Self::AuthorisedUser => 2,
            Self::Viewer => 3,
        }
    }

    /// The role of a number; None for any other.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Owner),
            2 => Some(Self::AuthorisedUser),
            3 => Some(Self::Viewer),
            _ => None,
        }
    }
}

impl fmt::Display for HolderRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "owner",
            Self::AuthorisedUser => "authorised_user",
            Self::Viewer => "viewer",
        })
    }
}

/// A customer's part in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The customer.
    pub customer: CustomerId,
    /// The part.
    pub role: HolderRole,
}

/// An account as locked by a batch: the fold of its events so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// IBAN in electronic form.
    pub iban: String,
    /// Code of the product.
    pub product: String,
    /// GL control account that its entries are stamped with.
    pub control_gl: String,
    /// Currency.
    pub currency: Currency,
    /// State.
    pub status: Status,
    /// By how much available may be below zero, minor units.
    pub overdraft_limit: i64,
    /// Business date of opening.
    pub opened_on: Date,
    /// The caller's reference from opening, or empty.
    pub reference: String,
    /// Count of its events.
    pub version: i64,
    /// Sum of the entries, minor units.
    pub posted: i64,
    /// Sum of the open holds, minor units.
    pub held: i64,
}

/// Which of today's rules an entry obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// State and funds are checked.
    Today,
    /// History of another bank: booked as it happened.
    Import,
    /// What a hold pays for: the money was set aside when state and funds were checked.
    Captured,
    /// What has happened outside and is owed, whatever state the account is in and has in it.
    Owed,
}

impl Account {
    /// What can be spent: posted less held plus overdraft limit.
    ///
    /// # Errors
    /// [`Refusal::OutOfRange`] where that is no amount.
    pub fn available(&self) -> Result<i64, Refusal> {
        let sum = i128::from(self.posted) - i128::from(self.held);
        i64::try_from(sum + i128::from(self.overdraft_limit)).map_err(|_| self.out_of_range())
    }

    fn out_of_range(&self) -> Refusal {
        Refusal::OutOfRange { account: self.id }
    }

    /// `minor` units in the account's currency.
    #[must_use]
    pub const fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    /// Refuses a frozen or closed account.
    ///
    /// # Errors
    /// [`Refusal::Frozen`], [`Refusal::Closed`].
    pub fn takes_changes(&self) -> Result<(), Refusal> {
        match self.status {
            Status::Open => Ok(()),
            Status::Frozen => Err(Refusal::Frozen { account: self.id }),
            Status::Closed => Err(Refusal::Closed { account: self.id }),
        }
    }

    /// Adds an entry: credit positive, debit negative. Funds are checked by [`Account::covers`]
    /// once all legs of the transaction are in.
    ///
    /// # Errors
    /// State, currency, range.
    pub fn enter(&mut self, amount: Money, rules: Rules) -> Result<(), Refusal> {
        match (rules, self.status) {
            (Rules::Today, _) => self.takes_changes()?,
            (Rules::Import | Rules::Captured, Status::Closed) => {
                return Err(Refusal::Closed { account: self.id });
            }
            (Rules::Import | Rules::Captured, Status::Open | Status::Frozen) | (Rules::Owed, _) => {
            }
        }
        self.in_currency(amount)?;
        let posted = self.posted.checked_add(amount.minor());
        self.posted = posted.ok_or_else(|| self.out_of_range())?;
        self.version += 1;
        Ok(())
    }

    /// Refuses a spending of more than was available; `before` is the account as it was, and
    /// `captured` what holds pay for. A transaction that only adds, or that spends no more than
    /// it captures, is never refused for want of funds; what it gives back of a hold pays for
    /// nothing in it.
    ///
    /// # Errors
    /// [`Refusal::InsufficientFunds`], [`Refusal::OutOfRange`].
    pub fn covers(&self, before: &Self, captured: i64) -> Result<(), Refusal> {
        let beyond = before.posted.checked_sub(self.posted);
        let beyond = beyond.and_then(|debit| debit.checked_sub(captured));
        let beyond = beyond.ok_or_else(|| self.out_of_range())?;
        if beyond <= 0 {
            return Ok(());
        }
        let had = before.available()?;
        if had >= beyond {
            return Ok(());
        }
        Err(Refusal::InsufficientFunds {
            account: self.id,
            available: self.money(had),
            needed: self.money(beyond),
        })
    }

    /// Sets money aside.
    ///
    /// # Errors
    /// State, currency, funds.
    pub fn hold(&mut self, amount: Money) -> Result<(), Refusal> {
        self.takes_changes()?;
        self.in_currency(amount)?;
        let available = self.available()?;
        if available < amount.minor() {
            return Err(Refusal::InsufficientFunds {
                account: self.id,
                available: self.money(available),
                needed: amount,
            });
        }
        let held = self.held.checked_add(amount.minor());
        self.held = held.ok_or_else(|| self.out_of_range())?;
        self.version += 1;
        Ok(())
    }

    /// Gives money on hold back; allowed in every state.
    ///
    /// # Errors
    /// [`Refusal::OutOfRange`] where less is held than is given back: a defect.
    pub fn unhold(&mut self, minor: i64) -> Result<(), Refusal> {
        let held = self.held.checked_sub(minor).filter(|held| *held >= 0);
        self.held = held.ok_or_else(|| self.out_of_range())?;
        self.version += 1;
        Ok(())
    }

    /// Freezes an open account.
    ///
    /// # Errors
    /// It is frozen or closed already.
    pub fn freeze(&mut self) -> Result<(), Refusal> {
        self.takes_changes()?;
        self.status = Status::Frozen;
        self.version += 1;
        Ok(())
    }

    /// Opens a frozen account again; tells whether it was frozen. A closed one stays closed.
    ///
    /// # Errors
    /// [`Refusal::Closed`].
    pub fn unfreeze(&mut self) -> Result<bool, Refusal> {
        match self.status {
            Status::Closed => Err(Refusal::Closed { account: self.id }),
            Status::Open => Ok(false),
            Status::Frozen => {
                self.status = Status::Open;
                self.version += 1;
                Ok(true)
            }
        }
    }

    /// Closes the account for good: only at zero and without holds.
    ///
    /// # Errors
    /// State, balance, holds.
    pub fn close(&mut self) -> Result<(), Refusal> {
        self.takes_changes()?;
        if self.held != 0 {
            let held = self.money(self.held);
            return Err(Refusal::HasHolds { account: self.id, held });
        }
        if self.posted != 0 {
            let posted = self.money(self.posted);
            return Err(Refusal::NotEmpty { account: self.id, posted });
        }
        self.status = Status::Closed;
        self.version += 1;
        Ok(())
    }

    fn in_currency(&self, amount: Money) -> Result<(), Refusal> {
        if amount.currency() == self.currency {
            return Ok(());
        }
        Err(Refusal::CurrencyMismatch {
            account: self.id,
            expected: self.currency,
            given: amount.currency(),
        })
    }
}

/// Whether a customer has a part already.
#[must_use]
pub fn is_holder(holders: &[Holder], customer: CustomerId) -> bool {
    holders.iter().any(|holder| holder.customer == customer)
}

/// Adds a holder.
///
/// # Errors
/// [`Refusal::HolderExists`].
pub fn add_holder(
    account: AccountId,
    holders: &mut Vec<Holder>,
    new: Holder,
) -> Result<(), Refusal> {
    if is_holder(holders, new.customer) {
        return Err(Refusal::HolderExists { account, customer: new.customer });
    }
    holders.push(new);
    Ok(())
}

/// Takes a holder away; the last owner stays.
///
/// # Errors
/// [`Refusal::HolderNotFound`], [`Refusal::LastOwner`].
pub fn remove_holder(
    account: AccountId,
    holders: &mut Vec<Holder>,
    customer: CustomerId,
) -> Result<(), Refusal> {
    let Some(at) = holders.iter().position(|holder| holder.customer == customer) else {
        return Err(Refusal::HolderNotFound { account, customer });
    };
    let owners = holders.iter().filter(|holder| holder.role == HolderRole::Owner).count();
    if owners == 1 && holders.get(at).is_some_and(|holder| holder.role == HolderRole::Owner) {
        return Err(Refusal::LastOwner { account, customer });
    }
    holders.remove(at);
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
