//! What was booked, by kind.

use std::collections::BTreeMap;

use florin_kernel::{Money, MoneyError};

/// Rows and amounts by kind and currency.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Totals(BTreeMap<(&'static str, &'static str), Total>);

#[derive(Debug, PartialEq, Eq)]
struct Total {
    rows: u64,
    replayed: u64,
    amount: Money,
}

impl Totals {
    /// Adds a row that is in the ledger, now or since an earlier run.
    ///
    /// # Errors
    /// The sum leaves the range of 64 bits.
    pub fn add(
        &mut self,
        kind: &'static str,
        amount: Money,
        replayed: bool,
    ) -> Result<(), MoneyError> {
        let currency = amount.currency();
        let zero = || Total { rows: 0, replayed: 0, amount: Money::zero(currency) };
        let total = self.0.entry((kind, currency.code())).or_insert_with(zero);
        total.amount = total.amount.checked_add(amount)?;
        total.rows = total.rows.saturating_add(1);
        total.replayed = total.replayed.saturating_add(u64::from(replayed));
        Ok(())
    }

    /// One line a kind, in the order of the names.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|((kind, currency), total)| {
            let amount = format!("{} {currency}", total.amount.amount());
            format!("{kind:<20} {:>9} {amount:>18}  {}", total.rows, total.replayed)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_each_kind_by_itself() {
        let mut totals = Totals::default();
        for (kind, amount, replayed) in
            [("fee", "14.60", false), ("fee", "0.40", true), ("interest", "1.00", false)]
        {
            totals.add(kind, Money::parse("CZK", amount).unwrap(), replayed).unwrap();
        }
        let lines: Vec<String> = totals.lines().collect();
        assert_eq!(
            lines,
            [
                "fee                          2          15.00 CZK  1",
                "interest                     1           1.00 CZK  0",
            ]
        );
    }
}
