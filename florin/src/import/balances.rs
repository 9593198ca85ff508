//! Compares the ledger's balances with the other bank's own at the end of each account's
//! history. The ledger is asked as of that day, so that it holds a year later too.

use std::fmt;

use anyhow::{Context as _, Result};
use florin_kernel::{Date, Money, Role};
use florin_proto::{
    account::v1::{
        GetBalanceRequest, account_service_client::AccountServiceClient, get_balance_request::AsOf,
    },
    money_of,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::import::{
    Import,
    accounts::{Accounts, Imported},
};

/// Balances asked for at the same time.
const AT_ONCE: usize = 16;
/// Disagreeing accounts that are shown.
const MOST_SHOWN: usize = 20;

/// How many accounts agree.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    exact: usize,
    rounded: usize,
    differ: Vec<Difference>,
    unknown: usize,
    largest: i64,
    rounding: String,
}

/// An account whose balance is neither equal nor within the rounding.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    number: String,
    here: Money,
    there: Money,
}

/// Compares all accounts.
pub async fn reconcile(import: &Import, accounts: &Accounts) -> Result<Agreement> {
    let mut agreement = Agreement { rounding: import.rounding.to_string(), ..Agreement::default() };
    let asked = accounts.iter().filter_map(|(number, account)| {
        account.last.map(|(there, day)| (number, account, there, day))
    });
    agreement.unknown = accounts.values().filter(|account| account.last.is_none()).count();
    let mut answers = stream::iter(asked)
        .map(|(number, account, there, day)| async move {
            let here = balance(import, account, day).await?;
            anyhow::Ok((number, here, there))
        })
        .buffer_unordered(AT_ONCE);
    while let Some((number, here, there)) = answers.try_next().await? {
        agreement.note(number, here, there, import.rounding)?;
    }
    agreement.differ.sort_by(|one, other| one.number.cmp(&other.number));
    Ok(agreement)
}

async fn balance(import: &Import, account: &Imported, day: Date) -> Result<Money> {
    let message = GetBalanceRequest {
        account_id: account.account_id.clone(),
        as_of: Some(AsOf::AsOfBookingDate(day.to_string())),
    };
    let response = import
        .caller
        .call(Role::Account, message, |channel, request| async move {
            AccountServiceClient::new(channel).get_balance(request).await
        })
        .await
        .with_context(|| format!("asking for the balance of {}", account.account_id))?;
    Ok(money_of(response.posted.as_ref())?)
}

impl Agreement {
    fn note(&mut self, number: &str, here: Money, there: Money, rounding: Money) -> Result<()> {
        let difference = here.checked_add(there.checked_neg()?)?;
        let difference = difference.minor().checked_abs().context("out of range")?;
        self.largest = self.largest.max(difference);
        if difference == 0 {
            self.exact += 1;
        } else if difference <= rounding.minor() {
            self.rounded += 1;
        } else {
            self.differ.push(Difference { number: number.to_owned(), here, there });
        }
        Ok(())
    }

    /// How many accounts neither equal nor come within the rounding.
    pub fn disagreeing(&self) -> usize {
        self.differ.len()
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "reconciliation against balance_after")?;
        writeln!(f, "  to the cent             {:>9}", self.exact)?;
        writeln!(f, "  within {:<16} {:>9}", self.rounding, self.rounded)?;
        writeln!(f, "  not                     {:>9}", self.differ.len())?;
        write!(f, "  without history         {:>9}", self.unknown)?;
        for difference in self.differ.iter().take(MOST_SHOWN) {
            let Difference { number, here, there } = difference;
            write!(f, "\n    account {number}: {here} here, {there} there")?;
        }
        if self.differ.len() > MOST_SHOWN {
            write!(f, "\n    and {} more", self.differ.len() - MOST_SHOWN)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_equal_rounded_and_different_accounts_apart() {
        let czk = |amount| Money::parse("CZK", amount).unwrap();
        let mut agreement = Agreement::default();
        for (number, here, there) in
            [("1", "10.00", "10.00"), ("2", "-5.60", "-5.00"), ("3", "5.00", "5.61")]
        {
            agreement.note(number, czk(here), czk(there), czk("0.60")).unwrap();
        }
        assert_eq!((agreement.exact, agreement.rounded, agreement.disagreeing()), (1, 1, 1));
        assert!(agreement.to_string().contains("account 3: "));
        assert_eq!(agreement.largest, 61);
    }
}
