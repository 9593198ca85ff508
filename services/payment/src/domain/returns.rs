//! Refunds and reversals: how much of a transfer may go back.

use florin_kernel::{Money, TransactionId, TransferId};

use super::{Ended, Order, OrderError, Route, Transfer};

/// How a transfer stands to the one that it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It pays the other back, whole or in part.
    Refund,
    /// It undoes the other whole.
    Reversal,
}

impl Relation {
    /// The number in the contract and in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Refund => 1,
            Self::Reversal => 2,
        }
    }

    /// The relation of a number; None where there is none.
    #[must_use]
    pub const fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(Self::Refund),
            2 => Some(Self::Reversal),
            _ => None,
        }
    }
}

/// Which transfer an order returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// How.
    pub relation: Relation,
    /// The transfer.
    pub original: TransferId,
    /// Its journal transaction.
    pub transaction: TransactionId,
}

/// What of a transfer is returned, or on its way: what ended unpaid does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Returned {
    /// Sum of its refunds, minor units.
    pub refunded: i64,
    /// Whether it is reversed.
    pub reversed: bool,
}

/// Why a transfer is not returned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReturned {
    /// Its money has not moved.
    #[error("a transfer that is {0} has nothing to return")]
    NotCompleted(&'static str),
    /// It returns one itself.
    #[error("a refund or reversal is not returned itself")]
    IsReturn,
    /// Cash is reversed, never refunded.
    #[error("cash is not refunded")]
    IsCash,
    /// Another bank was paid: it returns what it returns, or is asked by a recall.
    #[error("a payment to another bank is returned by that bank")]
    IsCrossBank,
    /// Refunds and a reversal exclude each other.
    #[error("the transfer has refunds")]
    Refunded,
    /// Once only.
    #[error("the transfer is reversed")]
    Reversed,
    /// Refunds are at most the original in sum.
    #[error("{left} is left of the transfer to refund")]
    Exceeds {
        /// What is left of it.
        left: Money,
    },
    /// The refund is in another currency.
    #[error("the transfer is in {0}")]
    OtherCurrency(Money),
}

impl Transfer {
    /// The journal transaction to return.
    ///
    /// # Errors
    /// The transfer is none that is returned in this way, whatever was returned of it.
    pub fn returnable(&self, relation: Relation) -> Result<TransactionId, NotReturned> {
        let Ended::Paid(transaction) = self.ended() else {
            return Err(NotReturned::NotCompleted(self.status().name()));
        };
        if self.order().link().is_some() {
            return Err(NotReturned::IsReturn);
        }
        match (relation, self.order().route()) {
            (Relation::Refund, Route::CashDeposit { .. } | Route::CashWithdrawal { .. }) => {
                Err(NotReturned::IsCash)
            }
            (_, Route::CrossBank { .. }) => Err(NotReturned::IsCrossBank),
            (Relation::Refund, Route::Transfer { .. })
            | (
                Relation::Reversal,
                Route::Transfer { .. } | Route::CashDeposit { .. } | Route::CashWithdrawal { .. },
            ) => Ok(*transaction),
        }
    }

    /// The order that returns so much of it.
    ///
    /// # Errors
    /// As [`Self::returnable`]; the amount is none, or in another currency.
    pub fn returning(
        &self,
        relation: Relation,
        amount: Money,
        description: String,
    ) -> Result<Result<Order, OrderError>, NotReturned> {
        let transaction = self.returnable(relation)?;
        if amount.currency() != self.order().amount().currency() {
            return Err(NotReturned::OtherCurrency(self.order().amount()));
        }
        let link = Link { relation, original: self.id(), transaction };
        let order = Order::new(self.order().route().back(), amount, description);
        Ok(order.map(|order| order.linked(link)))
    }

    /// Decides a return of this transfer after those that there are, and adds it to them.
    ///
    /// # Errors
    /// Why not; then nothing is added.
    pub fn take_back(&self, order: &Order, returned: &mut Returned) -> Result<(), NotReturned> {
        let Some(link) = order.link() else { return Ok(()) };
        self.returnable(link.relation)?;
        if returned.reversed {
            return Err(NotReturned::Reversed);
        }
        match link.relation {
            Relation::Reversal if returned.refunded > 0 => Err(NotReturned::Refunded),
            Relation::Reversal => {
                returned.reversed = true;
                Ok(())
            }
            Relation::Refund => {
                let original = self.order().amount();
                let left = original.minor().saturating_sub(returned.refunded);
                if order.amount().minor() > left {
                    let left = Money::new(left.max(0), original.currency());
                    return Err(NotReturned::Exceeds { left });
                }
                returned.refunded = returned.refunded.saturating_add(order.amount().minor());
                Ok(())
            }
        }
    }
}

impl Route {
    /// The way back.
    #[must_use]
    pub fn back(&self) -> Self {
        match self.clone() {
            Self::Transfer { from, from_iban, to, to_iban } => {
                Self::Transfer { from: to, from_iban: to_iban, to: from, to_iban: from_iban }
            }
            Self::CashDeposit { to, to_iban, cash_gl_code } => {
                Self::CashWithdrawal { from: to, from_iban: to_iban, cash_gl_code }
            }
            Self::CashWithdrawal { from, from_iban, cash_gl_code } => {
                Self::CashDeposit { to: from, to_iban: from_iban, cash_gl_code }
            }
            // Refused before: the money is at another bank.
            abroad @ Self::CrossBank { .. } => abroad,
        }
    }
}

#[cfg(test)]
mod tests {
    use florin_kernel::{AccountId, UnixMicros};

    use super::*;
    use crate::domain::{Event, Screening};

    fn eur(amount: &str) -> Money {
        Money::parse("EUR", amount).expect("amount")
    }

    fn paid(route: Route) -> Transfer {
        let order = Order::new(route, eur("10"), String::new()).expect("order");
        let mut transfer =
            Transfer::accept(TransferId::from_parts(1, [1; 10]), order, UnixMicros(1));
        transfer.apply(Event::Screened(Screening::NotScreened), UnixMicros(2)).expect("screened");
        let posted = Event::Posted(TransactionId::from_parts(1, [1; 10]));
        transfer.apply(posted, UnixMicros(3)).expect("posted");
        transfer
    }

    fn account(number: u64) -> AccountId {
        AccountId::from_parts(number, [1; 10])
    }

    fn between() -> Route {
        Route::Transfer { from: account(1), from_iban: None, to: account(2), to_iban: None }
    }

    fn cash() -> Route {
        Route::CashDeposit { to: account(1), to_iban: None, cash_gl_code: "1010".into() }
    }

    fn order(of: &Transfer, relation: Relation, amount: &str) -> Order {
        of.returning(relation, eur(amount), String::new()).expect("returnable").expect("order")
    }

    #[test]
    fn refunds_are_at_most_the_original_in_sum_and_exclude_a_reversal() {
        let original = paid(between());
        let mut returned = Returned::default();
        let refund = |amount, returned: &mut Returned| {
            original.take_back(&order(&original, Relation::Refund, amount), returned)
        };
        assert_eq!(refund("6", &mut returned), Ok(()));
        assert_eq!(refund("4.01", &mut returned), Err(NotReturned::Exceeds { left: eur("4") }));
        assert_eq!(refund("4", &mut returned), Ok(()));
        assert_eq!(refund("0.01", &mut returned), Err(NotReturned::Exceeds { left: eur("0") }));
        let reversal = order(&original, Relation::Reversal, "10");
        assert_eq!(original.take_back(&reversal, &mut returned), Err(NotReturned::Refunded));
        assert_eq!(returned, Returned { refunded: 1_000, reversed: false });
    }

    #[test]
    fn a_transfer_is_reversed_once_and_then_not_refunded() {
        let original = paid(between());
        let mut returned = Returned::default();
        let reversal = order(&original, Relation::Reversal, "10");
        assert_eq!(original.take_back(&reversal, &mut returned), Ok(()));
        assert_eq!(original.take_back(&reversal, &mut returned), Err(NotReturned::Reversed));
        let refund = order(&original, Relation::Refund, "1");
        assert_eq!(original.take_back(&refund, &mut returned), Err(NotReturned::Reversed));
    }

    #[test]
    fn what_did_not_move_is_cash_or_goes_back_itself_is_not_returned() {
        let waiting = Transfer::accept(
            TransferId::from_parts(1, [1; 10]),
            Order::new(between(), eur("1"), String::new()).expect("order"),
            UnixMicros(1),
        );
        let not_completed = Err(NotReturned::NotCompleted("PROCESSING"));
        assert_eq!(waiting.returnable(Relation::Refund), not_completed);
        assert_eq!(paid(cash()).returnable(Relation::Refund), Err(NotReturned::IsCash));
        assert!(paid(cash()).returnable(Relation::Reversal).is_ok());
        let original = paid(between());
        let mut refund = Transfer::accept(
            TransferId::from_parts(2, [1; 10]),
            order(&original, Relation::Refund, "1"),
            UnixMicros(1),
        );
        refund.apply(Event::Screened(Screening::NotScreened), UnixMicros(2)).expect("screened");
        let posted = Event::Posted(TransactionId::from_parts(2, [1; 10]));
        refund.apply(posted, UnixMicros(3)).expect("posted");
        assert_eq!(refund.returnable(Relation::Refund), Err(NotReturned::IsReturn));
        assert_eq!(refund.returnable(Relation::Reversal), Err(NotReturned::IsReturn));
    }

    #[test]
    fn the_way_back_is_the_way_with_its_ends_changed() {
        assert_eq!(
            (between().back().debtor(), between().back().creditor()),
            (Some(account(2)), Some(account(1)))
        );
        assert_eq!(cash().back().back(), cash());
        assert_eq!((cash().back().debtor(), cash().back().creditor()), (Some(account(1)), None));
    }
}
