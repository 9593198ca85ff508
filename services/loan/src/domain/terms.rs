//! The terms of a loan: what its schedule is reckoned from, apart from amounts and dates.

use std::ops::Deref;

use florin_kernel::{Currency, Rate, Violations};

use super::{
    fee::{Fees, Price},
    period::{Basis, Spacing},
};

/// Most instalments of a loan: fifty years of months.
pub const MOST_INSTALMENTS: u32 = 600;
/// Greatest yearly rate: 250 percent. With [`MOST_INSTALMENTS`] periods of a year at most and
/// [`florin_kernel::LARGEST_MOVEMENT`] of principal all interest stays below 2^61.
pub const MOST_RATE_UNITS: i64 = 250_000_000;
/// Greatest down payment: 90 percent.
const MOST_DOWN_PAYMENT_UNITS: i64 = 90_000_000;
/// Greatest multiple that instalments are rounded to, in minor units.
const MOST_MULTIPLE: i64 = 1_000_000;

/// How principal is repaid and interest reckoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Declining balance; each instalment is the same (an annuity).
    EqualInstalments,
    /// Declining balance; each instalment has the same principal.
    EqualPrincipal,
    /// Interest on the amount lent until the end, the same in each instalment that bears it; each
    /// instalment has the same principal.
    Flat,
    /// Interest only; the principal with the last instalment.
    Bullet,
}

/// Instalments at the beginning that ask for less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grace {
    /// So many have no principal.
    pub principal: u32,
    /// The interest of so many is due with the first one after them; it bears no interest.
    pub interest: u32,
    /// So many periods bear no interest at all.
    pub free: u32,
}

/// Terms as they are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The currency of all amounts.
    pub currency: Currency,
    /// Yearly, nominal.
    pub rate: Rate,
    /// How days count.
    pub basis: Basis,
    /// The distance of instalments.
    pub spacing: Spacing,
    /// How many instalments, without a down payment.
    pub instalments: u32,
    /// How it is repaid.
    pub method: Method,
    /// What the first instalments do without.
    pub grace: Grace,
    /// The part of each disbursement that is due on its day.
    pub down_payment: Rate,
    /// Instalments (of equal principal, the principal) are rounded to a multiple of so many minor
    /// units; the last one has the rest.
    pub multiple: i64,
    /// What it costs beside interest.
    pub fees: Fees,
}

/// Terms that a schedule can be reckoned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms(Wanted);

impl Deref for Terms {
    type Target = Wanted;

    fn deref(&self) -> &Wanted {
        &self.0
    }
}

impl Terms {
    /// Checks the terms.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    pub fn new(wanted: Wanted) -> Result<Self, Violations> {
        let mut found = Violations::new();
        if wanted.rate.units() > MOST_RATE_UNITS {
            let words = format!("must be at most 250 percent, is {}", wanted.rate);
            found.add("rate", "OUT_OF_RANGE", words);
        }
        if !(1..=MOST_INSTALMENTS).contains(&wanted.instalments) {
            let words = format!("must be 1 to {MOST_INSTALMENTS}, is {}", wanted.instalments);
            found.add("instalments", "OUT_OF_RANGE", words);
        }
        let Grace { principal, interest, free } = wanted.grace;
        for (field, count, most) in [
            ("grace.principal", principal, wanted.instalments.saturating_sub(1)),
            ("grace.interest", interest, wanted.instalments.saturating_sub(1)),
            ("grace.free", free, wanted.instalments),
        ] {
            if count > most {
                let words = format!("must be at most {most} of the instalments, is {count}");
                found.add(field, "OUT_OF_RANGE", words);
            }
        }
        if wanted.down_payment.units() > MOST_DOWN_PAYMENT_UNITS {
            found.add("down_payment", "OUT_OF_RANGE", "must be at most 90 percent");
        }
        if !(1..=MOST_MULTIPLE).contains(&wanted.multiple) {
            let words = format!("must be 1 to {MOST_MULTIPLE} minor units");
            found.add("multiple", "OUT_OF_RANGE", words);
        }
        wanted.fees.check(&mut found);
        found.finish(Some(Self(wanted)))
    }

    /// The same terms without a down payment: what was lent before is not paid down again.
    #[must_use]
    pub fn without_down_payment(self) -> Self {
        Self(Wanted { down_payment: Rate::default(), ..self.0 })
    }

    /// The same terms without a fee that is kept back: it was of the money that was paid out.
    #[must_use]
    pub fn without_upfront_fee(self) -> Self {
        let fees = Fees { upfront: Price::default(), ..self.fees };
        Self(Wanted { fees, ..self.0 })
    }

    /// How many instalments at the beginning have no principal.
    #[must_use]
    pub fn without_principal(&self) -> u32 {
        match self.method {
            Method::Bullet => self.instalments.saturating_sub(1),
            Method::EqualInstalments | Method::EqualPrincipal | Method::Flat => {
                self.grace.principal
            }
        }
    }
}

#[cfg(test)]
mod tests;
