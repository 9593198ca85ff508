//! Which control account sums which product, and what a re-mapping takes from one to another.

use std::collections::BTreeMap;

use florin_kernel::{Currency, LARGEST_MOVEMENT, Money};

use super::posting::{Entry, MOST_LEGS};

/// Which control account the entries of which product's accounts are stamped with: of a
/// currency, or of every currency that has none of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Controls(BTreeMap<String, BTreeMap<Option<Currency>, String>>);

impl Controls {
    /// The control account of a product's accounts in a currency; None for a product that is
    /// not mapped.
    #[must_use]
    pub fn of(&self, product: &str, currency: Currency) -> Option<&str> {
        let mapped = self.0.get(product)?;
        mapped.get(&Some(currency)).or_else(|| mapped.get(&None)).map(String::as_str)
    }

    /// What a currency, or every other one, is mapped to by itself.
    #[must_use]
    pub fn exactly(&self, product: &str, currency: Option<Currency>) -> Option<&str> {
        self.0.get(product)?.get(&currency).map(String::as_str)
    }

    /// Maps a currency of a product, or every one that has no mapping of its own.
    pub fn map(&mut self, product: &str, currency: Option<Currency>, code: String) {
        self.0.entry(product.to_owned()).or_default().insert(currency, code);
    }

    /// All of them: product, currency, control account.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<Currency>, &str)> {
        self.0.iter().flat_map(|(product, mapped)| {
            mapped.iter().map(|(currency, code)| (product.as_str(), *currency, code.as_str()))
        })
    }
}

/// The balance of a product's accounts in a currency that changes its control account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reclassified {
    /// The control account before.
    pub from: String,
    /// The control account from now on.
    pub to: String,
    /// The currency.
    pub currency: Currency,
    /// Credits less debits, minor units; never zero.
    pub balance: i128,
}

/// What a re-mapping takes from one control account to another, given what the product's
/// accounts have together in each currency.
#[must_use]
pub fn reclassified(
    product: &str,
    before: &Controls,
    after: &Controls,
    balances: &BTreeMap<Currency, i128>,
) -> Vec<Reclassified> {
    let moved = balances.iter().filter_map(|(currency, balance)| {
        let (from, to) = (before.of(product, *currency)?, after.of(product, *currency)?);
        (from != to && *balance != 0).then(|| Reclassified {
            from: from.to_owned(),
            to: to.to_owned(),
            currency: *currency,
            balance: *balance,
        })
    });
    moved.collect()
}

impl Reclassified {
    /// Its entries, which sum to zero, each at most as large as a movement may be; None where
    /// that takes more legs than a journal transaction has.
    #[must_use]
    pub fn entries(&self) -> Option<Vec<Entry>> {
        let most = i128::from(LARGEST_MOVEMENT);
        let mut entries = Vec::new();
        let mut left = self.balance;
        while left != 0 {
            let part = i64::try_from(left.clamp(-most, most)).ok()?;
            left -= i128::from(part);
            for (code, minor) in [(&self.from, part.checked_neg()?), (&self.to, part)] {
                entries.push(gl_entry(code, Money::new(minor, self.currency)));
            }
            if entries.len() > MOST_LEGS {
                return None;
            }
        }
        Some(entries)
    }
}

fn gl_entry(code: &str, amount: Money) -> Entry {
    Entry {
        account: None,
        gl_code: code.to_owned(),
        amount,
        counterparty: String::new(),
        version: 0,
        posted_after: 0,
        held_after: 0,
        available_after: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().expect("currency")
    }

    fn mapped(of: &[(Option<&str>, &str)]) -> Controls {
        let mut controls = Controls::default();
        for (of, code) in of {
            controls.map("current", of.map(currency), (*code).to_owned());
        }
        controls
    }

    #[test]
    fn a_currency_goes_by_its_own_mapping_and_else_by_that_of_all() {
        let controls = mapped(&[(None, "2010"), (Some("CZK"), "2011")]);
        assert_eq!(controls.of("current", currency("CZK")), Some("2011"));
        assert_eq!(controls.of("current", currency("EUR")), Some("2010"));
        assert_eq!(controls.of("savings", currency("EUR")), None);
        assert_eq!(controls.exactly("current", Some(currency("EUR"))), None);
        assert_eq!(controls.iter().count(), 2);
    }

    #[test]
    fn only_what_changes_its_control_account_is_taken_there() {
        let before = mapped(&[(None, "2010"), (Some("CZK"), "2011")]);
        let after = mapped(&[(None, "2012"), (Some("CZK"), "2011")]);
        let balances = [("EUR", 500), ("CZK", 7), ("USD", 0), ("CHF", -3)];
        let balances = balances.map(|(code, sum)| (currency(code), sum)).into();
        let moved: Vec<_> = reclassified("current", &before, &after, &balances)
            .into_iter()
            .map(|one| (one.currency.code(), one.from, one.to, one.balance))
            .collect();
        let to = |code, sum| (code, "2010".to_owned(), "2012".to_owned(), sum);
        assert_eq!(moved, [to("CHF", -3), to("EUR", 500)]);
        assert!(reclassified("current", &before, &before, &balances).is_empty());
    }

    #[test]
    fn a_balance_beyond_one_movement_is_taken_in_parts_that_sum_to_zero() {
        let most = i128::from(LARGEST_MOVEMENT);
        for (balance, legs) in
            [(1, 2), (-1, 2), (most, 2), (most + 1, 4), (-2 * most - 1, 6), (32 * most, 64)]
        {
            let one = Reclassified {
                from: "2010".into(),
                to: "2012".into(),
                currency: currency("EUR"),
                balance,
            };
            let entries = one.entries().expect("within the legs of a transaction");
            let sum = |code: &str| -> i128 {
                let of = entries.iter().filter(|entry| entry.gl_code == code);
                of.map(|entry| i128::from(entry.amount.minor())).sum()
            };
            assert_eq!((entries.len(), sum("2012"), sum("2010")), (legs, balance, -balance));
        }
        let beyond = Reclassified {
            from: "2010".into(),
            to: "2012".into(),
            currency: currency("EUR"),
            balance: 32 * most + 1,
        };
        assert_eq!(beyond.entries(), None);
    }
}
