//! How much one transfer may move.

use std::collections::BTreeMap;

use florin_kernel::{Currency, Money};

use super::{Order, Route};

/// The most that one transfer may move, per currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits(BTreeMap<Currency, Money>);

/// The amount is above the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a transfer may move {limit} at most, not {amount}")]
pub struct LimitExceeded {
    /// The limit.
    pub limit: Money,
    /// The amount asked for.
    pub amount: Money,
}

impl Limits {
    /// Sets the limit of a currency.
    pub fn set(&mut self, limit: Money) {
        self.0.insert(limit.currency(), limit);
    }

    /// Checks an order. Cash is limited by what lies in the till.
    ///
    /// # Errors
    /// The limit, where a transfer is above it.
    pub fn check(&self, order: &Order) -> Result<(), LimitExceeded> {
        let amount = order.amount();
        match order.route() {
            Route::CashDeposit { .. } | Route::CashWithdrawal { .. } => Ok(()),
            Route::Transfer { .. } | Route::CrossBank { .. } => {
                match self.0.get(&amount.currency()) {
                    Some(limit) if amount.minor() > limit.minor() => {
                        Err(LimitExceeded { limit: *limit, amount })
                    }
                    Some(_) | None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use florin_kernel::AccountId;

    use super::*;

    #[test]
    fn a_limit_holds_for_transfers_of_its_currency_and_includes_itself() {
        let account = |number| AccountId::from_parts(number, [1; 10]);
        let order = |currency, amount, cash: bool| {
            let route = if cash {
                Route::CashDeposit { to: account(1), to_iban: None, cash_gl_code: "1010".into() }
            } else {
                Route::Transfer { from: account(1), from_iban: None, to: account(2), to_iban: None }
            };
            let amount = Money::parse(currency, amount).expect("amount");
            Order::new(route, amount, String::new()).expect("order")
        };
        let limit = Money::parse("EUR", "100").expect("limit");
        let mut limits = Limits::default();
        limits.set(limit);
        let above = order("EUR", "100.01", false);
        assert_eq!(limits.check(&above), Err(LimitExceeded { limit, amount: above.amount() }));
        assert_eq!(limits.check(&order("EUR", "100", false)), Ok(()));
        assert_eq!(limits.check(&order("EUR", "100.01", true)), Ok(()));
        assert_eq!(limits.check(&order("USD", "100.01", false)), Ok(()));
    }
}
