//! The journal transactions of loans: which account is debited, which credited.

use florin_kernel::{AccountId, Money};

use super::gl::GlCodes;

/// Which account a leg is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A customer's account.
    Account(AccountId),
    /// A posting account of the general ledger.
    Gl(String),
}

/// Which side of an account a leg is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Lowers a customer's balance.
    Debit,
    /// Raises a customer's balance.
    Credit,
}

/// One leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Which account.
    pub target: Target,
    /// Which side.
    pub side: Side,
    /// Positive.
    pub amount: Money,
}

impl Leg {
    /// A leg on a GL account.
    #[must_use]
    pub fn gl(code: &str, side: Side, amount: Money) -> Self {
        Self { target: Target::Gl(code.to_owned()), side, amount }
    }

    /// A leg on a customer's account.
    #[must_use]
    pub const fn account(id: AccountId, side: Side, amount: Money) -> Self {
        Self { target: Target::Account(id), side, amount }
    }
}

/// Why there is no such journal transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fee of {fee} is kept back of {amount}: nothing is left to pay out")]
pub struct NothingLeft {
    /// What is disbursed.
    pub amount: Money,
    /// What is kept back.
    pub fee: Money,
}

/// A disbursement: the loan is debited with all of it, the customer credited with what the fee
/// leaves. Legs of nothing are left out.
///
/// # Errors
/// The fee leaves nothing.
pub fn disbursement(
    gl: &GlCodes,
    account: AccountId,
    amount: Money,
    fee: Money,
) -> Result<Vec<Leg>, NothingLeft> {
    let net = amount.minor().checked_sub(fee.minor()).filter(|net| *net > 0);
    let net = net.ok_or(NothingLeft { amount, fee })?;
    let net = Money::new(net, amount.currency());
    let mut legs =
        vec![Leg::gl(&gl.principal, Side::Debit, amount), Leg::account(account, Side::Credit, net)];
    if fee.minor() > 0 {
        legs.push(Leg::gl(&gl.fee_income, Side::Credit, fee));
    }
    Ok(legs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(amount: &str) -> Money {
        Money::parse("EUR", amount).expect(amount)
    }

    #[test]
    fn the_customer_gets_what_the_fee_leaves_and_the_loan_is_of_all() {
        let (gl, account) = (GlCodes::default(), AccountId::from_parts(1, [1; 10]));
        let legs = disbursement(&gl, account, eur("1000.00"), eur("25.00"));
        let expected = vec![
            Leg::gl("1300", Side::Debit, eur("1000.00")),
            Leg::account(account, Side::Credit, eur("975.00")),
            Leg::gl("4040", Side::Credit, eur("25.00")),
        ];
        assert_eq!(legs, Ok(expected));
        let free = disbursement(&gl, account, eur("1000.00"), eur("0")).expect("legs");
        assert_eq!(free.len(), 2);
    }

    #[test]
    fn a_fee_that_leaves_nothing_is_refused() {
        let (gl, account) = (GlCodes::default(), AccountId::from_parts(1, [1; 10]));
        for fee in ["10.00", "10.01"] {
            assert!(disbursement(&gl, account, eur("10.00"), eur(fee)).is_err());
        }
    }
}
