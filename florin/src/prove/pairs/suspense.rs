//! The suspense account of the clearing: `payment` alone books on it, and what it has booked is
//! paired by reference. What others have booked there comes to nothing in each currency.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use florin_kernel::Role;
use florin_proto::{
    account::v1::{
        GetTrialBalanceRequest, GlEntry, ListGlEntriesRequest,
        account_service_client::AccountServiceClient,
    },
    common::v1::Direction,
    money_of,
};

use super::booked::PAYMENT;
use crate::{connect::Caller, prove::report::Report};

/// Rows and entries of a page, the most that the ledger gives.
const ROWS: i32 = 10_000;
const ENTRIES: i32 = 1_000;
/// References that a breach names.
const MOST_NAMED: usize = 5;

/// Sums what others than `payment` have booked.
pub(super) async fn compare(caller: &Caller, code: &str, report: &mut Report) -> Result<()> {
    // A replica of before does not tell the account.
    if code.is_empty() {
        return Ok(());
    }
    let mut others = Others::default();
    for currency in currencies(caller, code).await? {
        let mut page_token = String::new();
        loop {
            let request = ListGlEntriesRequest {
                code: code.to_owned(),
                currency: currency.clone(),
                page_size: ENTRIES,
                page_token,
                ..ListGlEntriesRequest::default()
            };
            let page = caller
                .call(Role::Account, request, |channel, request| async move {
                    AccountServiceClient::new(channel).list_gl_entries(request).await
                })
                .await
                .context("listing what is in suspense")?;
            page.entries.iter().try_for_each(|entry| others.take(entry))?;
            if page.next_page_token.is_empty() {
                break;
            }
            page_token = page.next_page_token;
        }
    }
    others.tell(code, report);
    Ok(())
}

/// The currencies in which a GL account has entries.
async fn currencies(caller: &Caller, code: &str) -> Result<BTreeSet<String>> {
    let (mut found, mut page_token) = (BTreeSet::new(), String::new());
    loop {
        let request = GetTrialBalanceRequest {
            page_size: ROWS,
            page_token,
            ..GetTrialBalanceRequest::default()
        };
        let page = caller
            .call(Role::Account, request, |channel, request| async move {
                AccountServiceClient::new(channel).get_trial_balance(request).await
            })
            .await
            .context("reading the trial balance")?;
        for row in page.rows.into_iter().filter(|row| row.code == code && row.entries > 0) {
            found.extend(row.debits.or(row.credits).map(|sum| sum.currency));
        }
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

/// What others have booked, by currency: debits less credits, and the first references.
#[derive(Debug, Default)]
struct Others(BTreeMap<String, (i128, Vec<String>)>);

impl Others {
    fn take(&mut self, entry: &GlEntry) -> Result<()> {
        if entry.caller == PAYMENT {
            return Ok(());
        }
        let amount = money_of(entry.amount.as_ref())?;
        let minor = i128::from(amount.minor());
        let (sum, named) = self.0.entry(amount.currency().code().to_owned()).or_default();
        *sum = match entry.direction() {
            Direction::Debit => sum.saturating_add(minor),
            Direction::Credit | Direction::Unspecified => sum.saturating_sub(minor),
        };
        if named.len() < MOST_NAMED {
            named.push(format!("{} {}", entry.caller, entry.reference));
        }
        Ok(())
    }

    fn tell(&self, code: &str, report: &mut Report) {
        for (currency, (sum, named)) in self.0.iter().filter(|(_, (sum, _))| *sum != 0) {
            let named = named.join(", ");
            let text = format!(
                "others than `payment` have booked {sum} minor units of {currency} on {code}: {named}"
            );
            report.breach("suspense", &text);
        }
    }
}

#[cfg(test)]
mod tests {
    use florin_kernel::Money;
    use florin_proto::wire_money;

    use super::*;

    fn entry(caller: &str, direction: Direction, currency: &str, amount: &str) -> GlEntry {
        GlEntry {
            caller: caller.to_owned(),
            reference: "by-hand".to_owned(),
            direction: direction.into(),
            amount: Some(wire_money(Money::parse(currency, amount).unwrap())),
            ..GlEntry::default()
        }
    }

    fn breaches(entries: &[GlEntry]) -> u64 {
        let (mut others, mut report) = (Others::default(), Report::default());
        entries.iter().try_for_each(|entry| others.take(entry)).unwrap();
        others.tell("9010", &mut report);
        report.breaches()
    }

    #[test]
    fn what_is_booked_there_by_hand_comes_to_nothing_in_each_currency() {
        let debit = |caller, currency| entry(caller, Direction::Debit, currency, "5.00");
        let credit = |caller, currency| entry(caller, Direction::Credit, currency, "5.00");
        assert_eq!(breaches(&[debit(PAYMENT, "EUR")]), 0, "paired by its reference");
        assert_eq!(breaches(&[debit("client:x", "EUR")]), 1);
        assert_eq!(breaches(&[debit("client:x", "EUR"), credit("client:y", "EUR")]), 0);
        assert_eq!(breaches(&[debit("client:x", "EUR"), credit("client:x", "CZK")]), 2);
    }
}
