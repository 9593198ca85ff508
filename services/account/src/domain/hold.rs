//! A hold: money set aside until it is captured, released or expires.

use florin_kernel::{AccountId, HoldId, Money};

use super::refusal::Refusal;

/// State of a hold; the numbers are those of the contract and of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldStatus {
    /// The money is set aside.
    Open,
    /// Turned into an entry.
    Captured,
    /// Given back.
    Released,
    /// Given back by time.
    Expired,
}

impl HoldStatus {
    /// The number in the table and in the contract.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Open => 1,
            Self::Captured => 2,
            Self::Released => 3,
            Self::Expired => 4,
        }
    }

    /// The state of a number; None for any other.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Open),
            2 => Some(Self::Captured),
            3 => Some(Self::Released),
            4 => Some(Self::Expired),
            _ => None,
        }
    }
}

/// Money set aside on an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// The account.
    pub account: AccountId,
    /// In whose name the reference is unique.
    pub caller: String,
    /// Natural reference.
    pub reference: String,
    /// What was set aside.
    pub amount: Money,
    /// What is still set aside, minor units.
    pub remaining: i64,
    /// State.
    pub status: HoldStatus,
}

impl Hold {
    /// Ends the hold and tells how much it gives back.
    ///
    /// # Errors
    /// [`Refusal::HoldNotOpen`].
    pub fn release(&mut self) -> Result<i64, Refusal> {
        if self.status != HoldStatus::Open {
            return Err(Refusal::HoldNotOpen { hold: self.id });
        }
        self.status = HoldStatus::Released;
        Ok(std::mem::take(&mut self.remaining))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_stored_under_these_numbers_for_ever() {
        use HoldStatus::{Captured, Expired, Open, Released};
        for (number, status) in [(1, Open), (2, Captured), (3, Released), (4, Expired)] {
            let back = HoldStatus::from_number(number.into());
            assert_eq!((status.number(), back), (number, Some(status)));
        }
        assert_eq!([0, 5, -1].map(HoldStatus::from_number), [None; 3]);
    }

    #[test]
    fn gives_back_once_only() {
        let eur = "EUR".parse().expect("euro");
        let mut hold = Hold {
            id: HoldId::from_parts(1, [1; 10]),
            account: AccountId::from_parts(1, [1; 10]),
            caller: "payment".into(),
            reference: "r".into(),
            amount: Money::new(7, eur),
            remaining: 7,
            status: HoldStatus::Open,
        };
        assert_eq!(hold.release(), Ok(7));
        assert!(matches!(hold.release(), Err(Refusal::HoldNotOpen { .. })));
        assert_eq!((hold.remaining, hold.status), (0, HoldStatus::Released));
    }
}
