//! The accounts of the file with their holders.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use florin_kernel::{Date, Money, Role, check_text, parse_date};
use florin_proto::account::v1::{
    Holder, HolderRole, ImportAccount, ImportAccountsRequest, OpenAccountRequest,
    account_service_client::AccountServiceClient,
};

use crate::import::{
    Import,
    customers::CustomerIds,
    progress::Progress,
    rejects::{Reject, Rejects, refused_field, refused_reason},
    table::{Line, Table},
};

/// Most items of a request, from the contract.
const BATCH: usize = 500;
/// Longest number of an account.
const MOST_NUMBER: usize = 60;

/// An account of the file, as it is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its id here.
    pub account_id: String,
    /// The other bank's balance after the account's last line, and the day of that line.
    pub last: Option<(Money, Date)>,
}

/// The accounts by their numbers at the other bank.
pub type Accounts = HashMap<String, Imported>;

/// The holders of accounts by the accounts' numbers.
type Holders = HashMap<String, Vec<Holder>>;

struct Item {
    line: u64,
    number: String,
    request: ImportAccount,
}

/// Imports the file and tells under which ids the accounts are now.
pub async fn import(
    import: &Import,
    customers: &CustomerIds,
    rejects: &mut Rejects,
) -> Result<Accounts> {
    let mut holders = read_holders(import, customers, rejects)?;
    let path = &import.args.accounts;
    let mut table = Table::open(path, &["account", "opened_on"])?;
    let bar = Progress::of_file("accounts", path)?;
    let (mut accounts, mut batch, mut rows) = (Accounts::new(), Vec::new(), 0_u64);
    while let Some(line) = table.next()? {
        rows = rows.saturating_add(1);
        match line.and_then(|line| read(import, &mut holders, &line)) {
            Ok(item) => batch.push(item),
            Err(reject) => rejects.add("accounts", &reject)?,
        }
        if batch.len() == BATCH {
            send(import, std::mem::take(&mut batch), &mut accounts, rejects).await?;
            bar.at(table.bytes_read(), rows);
        }
    }
    send(import, batch, &mut accounts, rejects).await?;
    bar.at(table.bytes_read(), rows);
    bar.finish();
    Ok(accounts)
}

fn read_holders(
    import: &Import,
    customers: &CustomerIds,
    rejects: &mut Rejects,
) -> Result<Holders> {
    let mut table = Table::open(&import.args.holders, &["customer", "account", "role"])?;
    let mut holders = Holders::new();
    while let Some(line) = table.next()? {
        match line.and_then(|line| read_holder(customers, &line)) {
            Ok((account, holder)) => holders.entry(account).or_default().push(holder),
            Err(reject) => rejects.add("holders", &reject)?,
        }
    }
    Ok(holders)
}

fn read_holder(customers: &CustomerIds, line: &Line<'_>) -> Result<(String, Holder), Reject> {
    let (customer, account) = (line.get("customer"), line.get("account"));
    let Some(customer_id) = customers.get(customer) else {
        let reason = "no such customer was imported";
        return Err(line.reject(account, "customer", "UNKNOWN_CUSTOMER", reason));
    };
    let role = match line.get("role") {
        "owner" => HolderRole::Owner,
        "authorised_user" => HolderRole::AuthorisedUser,
        "viewer" => HolderRole::Viewer,
        _ => {
            let reason = "must be owner, authorised_user or viewer";
            return Err(line.reject(account, "role", "UNKNOWN_ROLE", reason));
        }
    };
    let holder = Holder { customer_id: customer_id.clone(), role: role.into() };
    Ok((account.to_owned(), holder))
}

fn read(import: &Import, holders: &mut Holders, line: &Line<'_>) -> Result<Item, Reject> {
    let number = line.get("account");
    let number = line.check(number, "account", check_text(number, 1, MOST_NUMBER))?;
    let opened_on = line.get("opened_on");
    line.check(&number, "opened_on", parse_date(opened_on))?;
    let mut holders = holders.remove(&number).unwrap_or_default();
    let Some(owner) = holders.iter().position(|holder| holder.role() == HolderRole::Owner) else {
        let reason = "the holders name no owner of it";
        return Err(line.reject(&number, "account", "NO_OWNER", reason));
    };
    let owner = holders.remove(owner);
    let account = OpenAccountRequest {
        customer_id: owner.customer_id,
        product: import.args.product.clone(),
        currency: import.currency.code().to_owned(),
        overdraft_limit: None,
        reference: import.reference("account/", &number),
    };
    let request =
        ImportAccount { account: Some(account), opened_on: opened_on.to_owned(), holders };
    Ok(Item { line: line.number, number, request })
}

async fn send(
    import: &Import,
    batch: Vec<Item>,
    accounts: &mut Accounts,
    rejects: &mut Rejects,
) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let items = batch.iter().map(|item| item.request.clone()).collect();
    let response = import
        .caller
        .call(Role::Account, ImportAccountsRequest { items }, |channel, request| async move {
            AccountServiceClient::new(channel).import_accounts(request).await
        })
        .await
        .context("importing accounts")?;
    anyhow::ensure!(response.results.len() == batch.len(), "account answered for another batch");
    for (item, result) in batch.into_iter().zip(response.results) {
        let Some(refusal) = result.refused else {
            let account_id = result.account_id;
            accounts.insert(item.number, Imported { account_id, last: None });
            continue;
        };
        let reject = Reject {
            line: item.line,
            reference: item.number,
            field: refused_field(&refusal),
            reason: refused_reason(&refusal),
            rule: refusal.reason,
        };
        rejects.add("accounts", &reject)?;
    }
    Ok(())
}
