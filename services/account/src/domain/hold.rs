//! A hold: money set aside until it is captured, released or expires.

use florin_kernel::{AccountId, HoldId, Money, UnixMicros};

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
    /// What ties it to others.
    pub correlation: String,
    /// What was set aside.
    pub amount: Money,
    /// What is still set aside, minor units.
    pub remaining: i64,
    /// What was turned into entries, minor units.
    pub captured: i64,
    /// State.
    pub status: HoldStatus,
    /// From when on it is given back by time.
    pub expires_at: Option<UnixMicros>,
}

/// What a capture frees of the money that an account holds, minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captured {
    /// What becomes an entry.
    pub spent: i64,
    /// What is given back.
    pub given_back: i64,
}

impl Hold {
    /// Gives `amount` back, or all that remains, and tells how much; without a rest the hold has
    /// ended. `now` is the account's time of recording, read under its lock: it decides between
    /// this and the hold's expiry.
    ///
    /// # Errors
    /// [`Refusal::HoldNotOpen`], [`Refusal::HoldExpired`], [`Refusal::CurrencyMismatch`],
    /// [`Refusal::ReleaseExceedsHold`]; the hold is then as it was.
    pub fn release(&mut self, amount: Option<Money>, now: UnixMicros) -> Result<i64, Refusal> {
        self.is_open(now)?;
        let currency = self.amount.currency();
        let remaining = Money::new(self.remaining, currency);
        let given = amount.unwrap_or(remaining);
        if given.currency() != currency {
            let (expected, given) = (currency, given.currency());
            return Err(Refusal::CurrencyMismatch { account: self.account, expected, given });
        }
        let rest = self.remaining.checked_sub(given.minor());
        let Some(rest) = rest.filter(|rest| given.minor() > 0 && *rest >= 0) else {
            return Err(Refusal::ReleaseExceedsHold { hold: self.id, remaining, given });
        };
        self.remaining = rest;
        if rest == 0 {
            // Parts of it were captured: that is how it ended.
            self.status =
                if self.captured > 0 { HoldStatus::Captured } else { HoldStatus::Released };
        }
        Ok(given.minor())
    }

    /// Turns `amount`, or all that remains, into an entry. The rest stays set aside where
    /// `keep_rest` says so, and is given back otherwise.
    ///
    /// # Errors
    /// [`Refusal::HoldNotOpen`], [`Refusal::HoldExpired`], [`Refusal::CurrencyMismatch`],
    /// [`Refusal::CaptureExceedsHold`]; the hold is then as it was.
    pub fn capture(
        &mut self,
        amount: Option<Money>,
        keep_rest: bool,
        now: UnixMicros,
    ) -> Result<Captured, Refusal> {
        self.is_open(now)?;
        let currency = self.amount.currency();
        let remaining = Money::new(self.remaining, currency);
        let amount = amount.unwrap_or(remaining);
        if amount.currency() != currency {
            let (expected, given) = (currency, amount.currency());
            return Err(Refusal::CurrencyMismatch { account: self.account, expected, given });
        }
        let spent = amount.minor();
        let Some(rest) = self.remaining.checked_sub(spent).filter(|rest| spent > 0 && *rest >= 0)
        else {
            return Err(Refusal::CaptureExceedsHold { hold: self.id, remaining, given: amount });
        };
        self.captured = self.captured.saturating_add(spent);
        let given_back = if keep_rest { 0 } else { rest };
        self.remaining = rest.saturating_sub(given_back);
        if self.remaining == 0 {
            self.status = HoldStatus::Captured;
        }
        Ok(Captured { spent, given_back })
    }

    /// Ends a hold whose time is over and tells how much it gives back; None where it is not
    /// open or its time is not over.
    pub fn expire(&mut self, now: UnixMicros) -> Option<i64> {
        if !matches!(self.is_open(now), Err(Refusal::HoldExpired { .. })) {
            return None;
        }
        self.status = HoldStatus::Expired;
        Some(std::mem::take(&mut self.remaining))
    }

    fn is_open(&self, now: UnixMicros) -> Result<(), Refusal> {
        if self.status != HoldStatus::Open {
            return Err(Refusal::HoldNotOpen { hold: self.id });
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            return Err(Refusal::HoldExpired { hold: self.id });
        }
        Ok(())
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

    const NOW: UnixMicros = UnixMicros(100);

    fn hold(minor: i64) -> Hold {
        Hold {
            id: HoldId::from_parts(1, [1; 10]),
            account: AccountId::from_parts(1, [1; 10]),
            caller: "payment".into(),
            reference: "r".into(),
            correlation: "r".into(),
            amount: eur(minor),
            remaining: minor,
            captured: 0,
            status: HoldStatus::Open,
            expires_at: None,
        }
    }

    fn eur(minor: i64) -> Money {
        Money::new(minor, "EUR".parse().expect("euro"))
    }

    #[test]
    fn gives_back_once_only() {
        let mut hold = hold(7);
        assert_eq!(hold.release(None, NOW), Ok(7));
        assert!(matches!(hold.release(None, NOW), Err(Refusal::HoldNotOpen { .. })));
        assert!(matches!(hold.capture(None, true, NOW), Err(Refusal::HoldNotOpen { .. })));
        assert_eq!((hold.remaining, hold.captured, hold.status), (0, 0, HoldStatus::Released));
    }

    #[test]
    fn gives_back_a_part_and_keeps_the_rest() {
        let mut hold = hold(7);
        assert_eq!(hold.release(Some(eur(2)), NOW), Ok(2));
        assert_eq!((hold.remaining, hold.captured, hold.status), (5, 0, HoldStatus::Open));
        let untouched = hold.clone();
        for minor in [6, 0, -1, i64::MAX, i64::MIN] {
            let refused = hold.release(Some(eur(minor)), NOW);
            assert!(matches!(refused, Err(Refusal::ReleaseExceedsHold { .. })), "{minor}");
        }
        let francs = Money::new(1, "CHF".parse().expect("francs"));
        let refused = hold.release(Some(francs), NOW);
        assert!(matches!(refused, Err(Refusal::CurrencyMismatch { .. })));
        assert_eq!(hold, untouched);
        hold.capture(Some(eur(4)), true, NOW).expect("open");
        assert_eq!(hold.release(Some(eur(1)), NOW), Ok(1));
        assert_eq!((hold.remaining, hold.captured, hold.status), (0, 4, HoldStatus::Captured));
    }

    #[test]
    fn is_captured_whole_in_part_and_in_parts() {
        let mut whole = hold(7);
        let all = Captured { spent: 7, given_back: 0 };
        assert_eq!(whole.capture(None, false, NOW), Ok(all));
        assert_eq!((whole.remaining, whole.captured, whole.status), (0, 7, HoldStatus::Captured));

        let mut part = hold(7);
        let some = Captured { spent: 5, given_back: 2 };
        assert_eq!(part.capture(Some(eur(5)), false, NOW), Ok(some));
        assert_eq!((part.remaining, part.captured, part.status), (0, 5, HoldStatus::Captured));

        let mut parts = hold(7);
        for (spent, remaining, status) in
            [(2, 5, HoldStatus::Open), (4, 1, HoldStatus::Open), (1, 0, HoldStatus::Captured)]
        {
            let captured = parts.capture(Some(eur(spent)), true, NOW);
            assert_eq!(captured, Ok(Captured { spent, given_back: 0 }));
            assert_eq!((parts.remaining, parts.status), (remaining, status));
        }
        assert_eq!(parts.captured, 7);

        let mut begun = hold(7);
        begun.capture(Some(eur(3)), true, NOW).expect("open");
        assert_eq!(begun.release(None, NOW), Ok(4));
        assert_eq!((begun.captured, begun.status), (3, HoldStatus::Captured));
    }

    #[test]
    fn a_capture_above_it_of_nothing_or_in_another_currency_changes_nothing() {
        let mut hold = hold(7);
        let untouched = hold.clone();
        for minor in [8, 0, -1, i64::MAX, i64::MIN] {
            let refused = hold.capture(Some(eur(minor)), false, NOW);
            assert!(matches!(refused, Err(Refusal::CaptureExceedsHold { .. })), "{minor}");
        }
        let francs = Money::new(7, "CHF".parse().expect("francs"));
        let refused = hold.capture(Some(francs), false, NOW);
        assert!(matches!(refused, Err(Refusal::CurrencyMismatch { .. })));
        assert_eq!(hold, untouched);
    }

    #[test]
    fn the_time_of_recording_decides_between_capture_and_expiry() {
        let at = |micros| Hold { expires_at: Some(UnixMicros(micros)), ..hold(7) };
        let mut due = at(100);
        assert!(matches!(due.capture(None, false, NOW), Err(Refusal::HoldExpired { .. })));
        assert!(matches!(due.release(None, NOW), Err(Refusal::HoldExpired { .. })));
        assert_eq!(due.expire(NOW), Some(7));
        assert_eq!((due.remaining, due.status), (0, HoldStatus::Expired));
        assert_eq!(due.expire(NOW), None);
        assert!(matches!(due.capture(None, false, NOW), Err(Refusal::HoldNotOpen { .. })));
        let mut later = at(101);
        assert_eq!(later.expire(NOW), None);
        assert!(later.capture(None, false, NOW).is_ok());
        assert_eq!(later.expire(UnixMicros(101)), None);
        assert_eq!(hold(7).expire(UnixMicros(i64::MAX)), None, "placed without an expiry");
    }
}
