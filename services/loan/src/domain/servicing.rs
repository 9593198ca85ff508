//! The journal transactions of loans under way: which account is debited, which credited.

use florin_kernel::{AccountId, Currency, Money};

use super::{
    day::Moved,
    gl::GlCodes,
    posting::{Leg, Side},
};

/// What is on the other side of what is given up, paid or recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Other {
    /// The account of the loan.
    Account(AccountId),
    /// What loans written off cost.
    WriteOff,
}

/// The legs of what is moved on the asset accounts of a loan, debits positive, against another
/// account. Legs of nothing are left out; None beyond 64 bits, or where nothing moves.
#[must_use]
pub fn legs(gl: &GlCodes, currency: Currency, moved: &Moved, other: Other) -> Option<Vec<Leg>> {
    let mut legs = Vec::new();
    for (code, minor) in [
        (&gl.principal, moved.principal),
        (&gl.interest_receivable, moved.interest),
        (&gl.charge_receivable, moved.charge),
    ] {
        if let Some((side, amount)) = side(minor, currency)? {
            legs.push(Leg::gl(code, side, amount));
        }
    }
    if let Some((side, amount)) = side(moved.total()?.checked_neg()?, currency)? {
        legs.push(match other {
            Other::Account(account) => Leg::account(account, side, amount),
            Other::WriteOff => Leg::gl(&gl.write_off_expense, side, amount),
        });
    }
    Some(legs).filter(|legs| legs.len() > 1)
}

/// The legs of money that comes in after a write-off.
#[must_use]
pub fn recovery(gl: &GlCodes, account: AccountId, amount: Money) -> Vec<Leg> {
    vec![
        Leg::account(account, Side::Debit, amount),
        Leg::gl(&gl.recovery_income, Side::Credit, amount),
    ]
}

/// What the legs debit in all: None beyond 64 bits.
#[must_use]
pub fn debited(legs: &[Leg]) -> Option<i64> {
    let debits = legs.iter().filter(|leg| leg.side == Side::Debit);
    debits.map(|leg| leg.amount.minor()).try_fold(0_i64, i64::checked_add)
}

/// Debits are positive; None beyond 64 bits, and within for nothing.
fn side(minor: i64, currency: Currency) -> Option<Option<(Side, Money)>> {
    let side = match minor {
        0 => return Some(None),
        1.. => Side::Debit,
        ..0 => Side::Credit,
    };
    Some(Some((side, Money::new(minor.checked_abs()?, currency))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(minor: i64) -> Money {
        Money::new(minor, "EUR".parse().expect("euro"))
    }

    #[test]
    fn a_repayment_debits_the_account_with_all_that_it_pays() {
        let (gl, account) = (GlCodes::default(), AccountId::from_parts(1, [1; 10]));
        let moved = Moved { principal: -100, interest: -20, charge: -3 };
        let found = legs(&gl, eur(0).currency(), &moved, Other::Account(account)).expect("legs");
        let expected = vec![
            Leg::gl("1300", Side::Credit, eur(100)),
            Leg::gl("1920", Side::Credit, eur(20)),
            Leg::gl("1930", Side::Credit, eur(3)),
            Leg::account(account, Side::Debit, eur(123)),
        ];
        assert_eq!((debited(&found), found), (Some(123), expected));
    }

    #[test]
    fn a_reversal_may_move_what_later_repayments_were_for() {
        let (gl, account) = (GlCodes::default(), AccountId::from_parts(1, [1; 10]));
        let moved = Moved { principal: 100, interest: -20, charge: 0 };
        let found = legs(&gl, eur(0).currency(), &moved, Other::Account(account)).expect("legs");
        assert_eq!(debited(&found), Some(100));
        assert_eq!(found.last(), Some(&Leg::account(account, Side::Credit, eur(80))));
        let nothing = legs(&gl, eur(0).currency(), &Moved::default(), Other::WriteOff);
        assert_eq!(nothing, None);
    }

    #[test]
    fn what_is_given_up_is_an_expense() {
        let gl = GlCodes::default();
        let moved = Moved { principal: -100, interest: -5, charge: 0 };
        let found = legs(&gl, eur(0).currency(), &moved, Other::WriteOff).expect("legs");
        assert_eq!(found.last(), Some(&Leg::gl("5030", Side::Debit, eur(105))));
    }
}
