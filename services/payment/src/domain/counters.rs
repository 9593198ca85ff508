//! What counts against limits, and the counters in which it does.

use std::collections::BTreeSet;

use florin_kernel::{AccountId, Currency, Date, Money, parse_date};

use super::limits::{Ordering, Period, Subject};

/// Something that counts: a transfer, or an authorised part of a card payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Its id.
    pub id: String,
    /// The account that pays.
    pub account: AccountId,
    /// Who orders it, through what and when.
    pub ordering: Ordering,
    /// What of it counts.
    pub amount: Money,
}

impl Reservation {
    /// The ids of every counter in which it counts, where there is one.
    pub fn counters(&self) -> impl Iterator<Item = String> {
        let (account, date, currency) = (self.account, self.ordering.date, self.amount.currency());
        self.ordering.subjects(account).flat_map(move |subject| {
            let of = |period| counter_id(&subject, period, Some(account), date, currency);
            Period::ALL.iter().filter_map(|period| of(*period)).collect::<Vec<_>>()
        })
    }

    /// The names by which whoever gives it back and whoever begins a counter wait for each other.
    pub fn gates(&self) -> impl Iterator<Item = String> {
        let customer = self.ordering.customer.map(|id| Subject::Customer(id).key());
        std::iter::once(Subject::Account(self.account).key()).chain(customer)
    }
}

/// A counter: whose reservations in which days are its sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// Whose.
    pub subject: Subject,
    /// Of a channel's counter: the account that pays.
    pub account: Option<AccountId>,
    /// The first business date, as it is stored.
    pub first_on: String,
    /// A date that no business date of the window is after.
    pub last_on: String,
    /// The currency.
    pub currency: Currency,
}

impl Counter {
    /// The counter of an id; None for what is none, and for those of the stand-in.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        let (rest, currency) = id.rsplit_once('/')?;
        let (rest, window) = rest.rsplit_once('/')?;
        let (first_on, last_on) = match window.len() {
            7 => (format!("{window}-01"), format!("{window}-31")),
            10 => (window.to_owned(), window.to_owned()),
            _ => return None,
        };
        let of_channel = rest.starts_with("channel/");
        let (subject, account) = match rest.rsplit_once('/').filter(|_| of_channel) {
            Some((subject, account)) => (subject, Some(account.parse().ok()?)),
            None => (rest, None),
        };
        let subject = Subject::of_key(subject)?;
        Some(Self { subject, account, first_on, last_on, currency: currency.parse().ok()? })
    }

    /// The name by which whoever begins it and whoever gives back to it wait for each other.
    #[must_use]
    pub fn gate(&self) -> String {
        match self.account {
            Some(account) => Subject::Account(account).key(),
            None => self.subject.key(),
        }
    }

    /// The names of counters that are to begin.
    #[must_use]
    pub fn gates(counters: &[(String, Self)]) -> BTreeSet<String> {
        counters.iter().map(|(_, counter)| counter.gate()).collect()
    }
}

/// The id of a counter; None where nothing is counted together.
pub(super) fn counter_id(
    subject: &Subject,
    period: Period,
    from: Option<AccountId>,
    date: Date,
    currency: Currency,
) -> Option<String> {
    let window = match period {
        Period::Transfer => return None,
        Period::Day => date.to_string(),
        Period::Month => format!("{:04}-{:02}", date.year(), date.month()),
    };
    let key = subject.key();
    Some(match (subject, from) {
        (Subject::Channel(_), from) => format!("{key}/{}/{window}/{currency}", from?),
        (Subject::Customer(_) | Subject::Account(_), _) => format!("{key}/{window}/{currency}"),
    })
}

/// For how many months after its own what counts is kept, and the counters of it.
const MONTHS_KEPT: i32 = 2;

/// Whether a counter is of more than two months back: nothing is counted by it any more, and
/// nobody asks what was.
#[must_use]
pub fn outlived(counter: &str, today: Date) -> bool {
    let Some((rest, _currency)) = counter.rsplit_once('/') else { return false };
    let Some((_subject, window)) = rest.rsplit_once('/') else { return false };
    let first_day = if window.len() == 7 { format!("{window}-01") } else { window.to_owned() };
    parse_date(&first_day)
        .is_ok_and(|counted| months(today).saturating_sub(months(counted)) > MONTHS_KEPT)
}

/// The first day of the oldest month of which is kept what counts.
#[must_use]
pub fn months_kept(today: Date) -> Option<Date> {
    let first = today.first_of_month();
    first.checked_sub(jiff::Span::new().try_months(MONTHS_KEPT).ok()?).ok()
}

fn months(date: Date) -> i32 {
    i32::from(date.year()).saturating_mul(12).saturating_add(i32::from(date.month()))
}

#[cfg(test)]
mod tests {
    use florin_kernel::CustomerId;

    use super::*;

    #[test]
    fn each_counter_of_a_reservation_is_read_back_from_its_id() {
        let account = AccountId::from_parts(1, [1; 10]);
        let customer = Some(CustomerId::from_parts(2, [2; 10]));
        let date = parse_date("2026-02-14").expect("a date");
        let currency = "EUR".parse().expect("euro");
        for channel in ["web", "a/b", "x 2026-01"] {
            let ordering = Ordering { customer, channel: channel.into(), date };
            let amount = Money::new(1, currency);
            let one = Reservation { id: "trf_1".into(), account, ordering, amount };
            let ids: Vec<String> = one.counters().collect();
            assert_eq!(ids.len(), 6);
            for id in &ids {
                let counter = Counter::of_id(id).expect("a counter");
                let month = !id.contains("2026-02-14");
                let (first, last) =
                    if month { ("2026-02-01", "2026-02-31") } else { ("2026-02-14", "2026-02-14") };
                assert_eq!((counter.first_on.as_str(), counter.last_on.as_str()), (first, last));
                let of_channel =
                    matches!(&counter.subject, Subject::Channel(name) if name == channel);
                assert_eq!(counter.account, of_channel.then_some(account), "{id}");
                assert!(one.gates().any(|gate| gate == counter.gate()), "{id}");
            }
        }
        for none in ["", "standin/acc_1/2026-02-14/EUR", "account/x/2026-02-14/EUR", "a/b/c"] {
            assert_eq!(Counter::of_id(none), None, "{none}");
        }
    }

    #[test]
    fn what_counts_is_kept_for_as_long_as_a_counter_of_it_may_begin() {
        let kept = |today: &str| months_kept(parse_date(today).expect("a date"));
        assert_eq!(kept("2026-11-22").map(|date| date.to_string()), Some("2026-09-01".to_owned()));
        assert_eq!(kept("2026-01-31").map(|date| date.to_string()), Some("2025-11-01".to_owned()));
    }
}
