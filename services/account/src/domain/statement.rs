//! Statements of the general ledger: balances by class, and what they come to in a currency.

use std::collections::BTreeMap;

use florin_kernel::Currency;

/// Class of a GL account, as the table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// What the bank has.
    Asset,
    /// What it owes.
    Liability,
    /// What its owners put in and left.
    Equity,
    /// What it earned.
    Income,
    /// What that cost.
    Expense,
}

impl Class {
    /// The class of a number; None for any other.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Asset),
            2 => Some(Self::Liability),
            3 => Some(Self::Equity),
            4 => Some(Self::Income),
            5 => Some(Self::Expense),
            _ => None,
        }
    }

    /// The number in the table and in the contract.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Asset => 1,
            Self::Liability => 2,
            Self::Equity => 3,
            Self::Income => 4,
            Self::Expense => 5,
        }
    }

    /// Whether it is of the balance sheet, not of profit and loss.
    #[must_use]
    pub const fn on_balance_sheet(self) -> bool {
        match self {
            Self::Asset | Self::Liability | Self::Equity => true,
            Self::Income | Self::Expense => false,
        }
    }

    /// A balance as the class has it, from credits less debits.
    #[must_use]
    pub const fn amount(self, net: i128) -> i128 {
        match self {
            Self::Asset | Self::Expense => -net,
            Self::Liability | Self::Equity | Self::Income => net,
        }
    }
}

/// The sums of a currency, each as its class has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Assets.
    pub assets: i128,
    /// Liabilities.
    pub liabilities: i128,
    /// Equity.
    pub equity: i128,
    /// Income.
    pub income: i128,
    /// Expenses.
    pub expenses: i128,
}

impl Totals {
    /// Income less expenses.
    #[must_use]
    pub const fn result(&self) -> i128 {
        self.income - self.expenses
    }

    /// Whether assets are what is owed to others and to the owners.
    #[must_use]
    pub const fn balance(&self) -> bool {
        self.assets == self.liabilities + self.equity + self.result()
    }
}

/// The totals of each currency, from class, currency and credits less debits.
#[must_use]
pub fn totals(rows: impl Iterator<Item = (Class, Currency, i128)>) -> BTreeMap<Currency, Totals> {
    let mut totals: BTreeMap<Currency, Totals> = BTreeMap::new();
    for (class, currency, net) in rows {
        let of = totals.entry(currency).or_default();
        let sum = match class {
            Class::Asset => &mut of.assets,
            Class::Liability => &mut of.liabilities,
            Class::Equity => &mut of.equity,
            Class::Income => &mut of.income,
            Class::Expense => &mut of.expenses,
        };
        *sum += class.amount(net);
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_stored_under_these_numbers_for_ever() {
        use Class::{Asset, Equity, Expense, Income, Liability};
        for (number, class) in [(1, Asset), (2, Liability), (3, Equity), (4, Income), (5, Expense)]
        {
            assert_eq!(Class::from_number(number.into()), Some(class));
            assert_eq!(class.number(), number);
        }
        assert_eq!([0, 6, -1].map(Class::from_number), [None; 3]);
    }

    /// 100 of equity in cash, 40 of deposits in cash, a fee of 3 taken and interest of 1 paid.
    #[test]
    fn what_sums_to_zero_balances_and_what_does_not_does_not() {
        let eur = "EUR".parse().expect("euro");
        let rows = [
            (Class::Asset, -140),
            (Class::Liability, 38),
            (Class::Equity, 100),
            (Class::Income, 3),
            (Class::Expense, -1),
        ];
        let of = |rows: &[(Class, i128)]| {
            totals(rows.iter().map(|(class, net)| (*class, eur, *net)))[&eur]
        };
        let told = of(&rows);
        assert_eq!((told.assets, told.liabilities, told.equity), (140, 38, 100));
        assert_eq!((told.income, told.expenses, told.result()), (3, 1, 2));
        assert!(told.balance());
        assert!(!of(&rows[1..]).balance());
    }
}
