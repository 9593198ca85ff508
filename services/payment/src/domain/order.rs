//! What a client asks for: how much moves from where to where.

use florin_kernel::{AccountId, BeneficiaryId, Bic, Iban, Money};

use super::Link;

/// How a client names the account that is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payee {
    /// By its id.
    Account(AccountId),
    /// By its IBAN, which may be another bank's.
    Iban(Iban),
    /// By the beneficiary that a customer keeps.
    Beneficiary(BeneficiaryId),
}

/// What sort of payment it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Between two accounts.
    Transfer,
    /// Cash paid in at the till.
    CashDeposit,
    /// Cash paid out at the till.
    CashWithdrawal,
}

impl Kind {
    /// Every sort.
    pub const ALL: &'static [Self] = &[Self::Transfer, Self::CashDeposit, Self::CashWithdrawal];

    /// The number in the contract and in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Transfer => 1,
            Self::CashDeposit => 2,
            Self::CashWithdrawal => 3,
        }
    }

    /// The sort of a number; None where there is none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

/// Where the money comes from and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// From one account to another of this bank.
    Transfer {
        /// The account that pays.
        from: AccountId,
        /// Its IBAN, for the statement of the account that is paid.
        from_iban: Option<Iban>,
        /// The account that is paid.
        to: AccountId,
        /// Its IBAN where the client named it by that.
        to_iban: Option<Iban>,
    },
    /// From an account of this bank to one of another, by the clearing network.
    CrossBank {
        /// The account that pays.
        from: AccountId,
        /// Its IBAN, by which the other bank knows it.
        from_iban: Iban,
        /// The account that is paid.
        to_iban: Iban,
        /// Its bank.
        to_bank: Bic,
        /// The GL account of our money at the network.
        nostro_gl_code: String,
    },
    /// Cash over the counter into an account.
    CashDeposit {
        /// The account that is paid.
        to: AccountId,
        /// Its IBAN.
        to_iban: Option<Iban>,
        /// The GL account of the cash.
        cash_gl_code: String,
    },
    /// Cash over the counter out of an account.
    CashWithdrawal {
        /// The account that pays.
        from: AccountId,
        /// Its IBAN.
        from_iban: Option<Iban>,
        /// The GL account of the cash.
        cash_gl_code: String,
    },
}

impl Route {
    /// What sort of payment it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Transfer { .. } | Self::CrossBank { .. } => Kind::Transfer,
            Self::CashDeposit { .. } => Kind::CashDeposit,
            Self::CashWithdrawal { .. } => Kind::CashWithdrawal,
        }
    }

    /// The account that pays; None for a cash deposit.
    #[must_use]
    pub const fn debtor(&self) -> Option<AccountId> {
        match self {
            Self::Transfer { from, .. }
            | Self::CrossBank { from, .. }
            | Self::CashWithdrawal { from, .. } => Some(*from),
            Self::CashDeposit { .. } => None,
        }
    }

    /// The IBAN of the account that pays, where it is known.
    #[must_use]
    pub const fn debtor_iban(&self) -> Option<&Iban> {
        match self {
            Self::Transfer { from_iban, .. } | Self::CashWithdrawal { from_iban, .. } => {
                from_iban.as_ref()
            }
            Self::CrossBank { from_iban, .. } => Some(from_iban),
            Self::CashDeposit { .. } => None,
        }
    }

    /// The IBAN of the account that is paid: of a transfer where the client named it by that.
    #[must_use]
    pub const fn creditor_iban(&self) -> Option<&Iban> {
        match self {
            Self::Transfer { to_iban, .. } | Self::CashDeposit { to_iban, .. } => to_iban.as_ref(),
            Self::CrossBank { to_iban, .. } => Some(to_iban),
            Self::CashWithdrawal { .. } => None,
        }
    }

    /// The other bank of a payment between banks.
    #[must_use]
    pub const fn other_bank(&self) -> Option<&Bic> {
        match self {
            Self::CrossBank { to_bank, .. } => Some(to_bank),
            Self::Transfer { .. } | Self::CashDeposit { .. } | Self::CashWithdrawal { .. } => None,
        }
    }

    /// The account that is paid; None for a cash withdrawal, and where another bank has it.
    #[must_use]
    pub const fn creditor(&self) -> Option<AccountId> {
        match self {
            Self::Transfer { to, .. } | Self::CashDeposit { to, .. } => Some(*to),
            Self::CrossBank { .. } | Self::CashWithdrawal { .. } => None,
        }
    }
}

/// Why an order is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Zero or below.
    #[error("amount must be greater than zero")]
    NotPositive,
    /// More than [`florin_kernel::LARGEST_MOVEMENT`].
    #[error("amount is above the largest that one transfer may move")]
    TooLarge,
    /// Both sides are one account.
    #[error("the account that is paid must be another than the one that pays")]
    SameAccount,
}

/// An order: a positive amount, no larger than one movement may be, on a route between two
/// different accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    route: Route,
    amount: Money,
    description: String,
    link: Option<Link>,
}

impl Order {
    /// Checks the order.
    ///
    /// # Errors
    /// The amount is not positive or too large, or both sides are one account.
    pub fn new(route: Route, amount: Money, description: String) -> Result<Self, OrderError> {
        if amount.movable().is_err() {
            return Err(OrderError::TooLarge);
        }
        Self::restore(route, amount, description)
    }

    /// An order as it was stored. Some were accepted before one movement had a bound: they are
    /// to be seen and mended, so they are read.
    ///
    /// # Errors
    /// The amount is not positive, or both sides are one account.
    pub fn restore(route: Route, amount: Money, description: String) -> Result<Self, OrderError> {
        if amount.minor() <= 0 {
            return Err(OrderError::NotPositive);
        }
        if route.debtor().is_some() && route.debtor() == route.creditor() {
            return Err(OrderError::SameAccount);
        }
        Ok(Self { route, amount, description, link: None })
    }

    /// The order as one that returns another transfer.
    #[must_use]
    pub const fn linked(mut self, link: Link) -> Self {
        self.link = Some(link);
        self
    }

    /// The transfer that it returns; None for a payment of its own.
    #[must_use]
    pub const fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// Where the money comes from and where it goes.
    #[must_use]
    pub const fn route(&self) -> &Route {
        &self.route
    }

    /// How much.
    #[must_use]
    pub const fn amount(&self) -> Money {
        self.amount
    }

    /// Text for the statements.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u8) -> AccountId {
        AccountId::from_parts(u64::from(number), [number; 10])
    }

    fn transfer(from: AccountId, to: AccountId) -> Route {
        Route::Transfer { from, from_iban: None, to, to_iban: None }
    }

    #[test]
    fn refuses_an_amount_that_is_not_positive() {
        for amount in ["0", "-0.01"] {
            let amount = Money::parse("EUR", amount).expect("amount");
            let order = Order::new(transfer(account(1), account(2)), amount, String::new());
            assert_eq!(order, Err(OrderError::NotPositive));
        }
    }

    #[test]
    fn refuses_more_than_one_movement_may_be_and_reads_what_was_accepted_before() {
        let order = |minor| {
            let amount = Money::new(minor, "EUR".parse().expect("currency"));
            (amount, transfer(account(1), account(2)))
        };
        let (most, route) = order(florin_kernel::LARGEST_MOVEMENT);
        assert!(Order::new(route, most, String::new()).is_ok());
        let (more, route) = order(florin_kernel::LARGEST_MOVEMENT + 1);
        assert_eq!(Order::new(route.clone(), more, String::new()), Err(OrderError::TooLarge));
        assert!(Order::restore(route, more, String::new()).is_ok());
    }

    #[test]
    fn refuses_a_transfer_from_an_account_to_itself() {
        let amount = Money::parse("EUR", "1").expect("amount");
        let order = Order::new(transfer(account(1), account(1)), amount, String::new());
        assert_eq!(order, Err(OrderError::SameAccount));
    }

    #[test]
    fn an_order_keeps_what_was_asked_for() {
        let amount = Money::parse("EUR", "0.01").expect("amount");
        let route = transfer(account(1), account(2));
        let order = Order::new(route.clone(), amount, "rent".into()).expect("order");
        assert_eq!((order.route(), order.amount(), order.description()), (&route, amount, "rent"));
        assert_eq!((route.debtor(), route.creditor()), (Some(account(1)), Some(account(2))));
    }

    #[test]
    fn cash_may_come_and_go_on_any_account() {
        let amount = Money::parse("EUR", "1").expect("amount");
        let deposit =
            Route::CashDeposit { to: account(1), to_iban: None, cash_gl_code: "1010".into() };
        let withdrawal = Route::CashWithdrawal {
            from: account(1),
            from_iban: None,
            cash_gl_code: "1010".into(),
        };
        for route in [deposit, withdrawal] {
            assert!(Order::new(route, amount, String::new()).is_ok());
        }
    }

    #[test]
    fn cash_has_one_account() {
        let deposit =
            Route::CashDeposit { to: account(1), to_iban: None, cash_gl_code: "1010".into() };
        assert_eq!((deposit.debtor(), deposit.creditor()), (None, Some(account(1))));
        let withdrawal = Route::CashWithdrawal {
            from: account(1),
            from_iban: None,
            cash_gl_code: "1010".into(),
        };
        assert_eq!((withdrawal.debtor(), withdrawal.creditor()), (Some(account(1)), None));
    }
}
