//! The accounts of the load: made and funded by reference, so that a second run finds them.

use anyhow::{Context as _, Result, bail};
use florin_kernel::{Currency, Money, Role};
use florin_proto::{
    account::v1::{
        GetBusinessDateRequest, ImportAccount, ImportAccountsRequest, Leg, OpenAccountRequest,
        PostTransactionsRequest, TransactionRequest, account_service_client::AccountServiceClient,
        leg::Target, transaction_result::Outcome,
    },
    cif::v1::{
        ImportCustomer, ImportCustomersRequest, Person, RegisterCustomerRequest,
        cif_service_client::CifServiceClient, register_customer_request::Party,
    },
    common::v1::Direction,
    wire_money,
};

use crate::bench::Callers;

/// What the importer may do, and nothing else.
pub const SCOPES: &str = "customers:import ledger:import accounts:read";

/// Most items of a request, from the contract.
const BATCH: u32 = 500;
/// The same as a step.
const STEP: usize = 500;
/// Accounts of one customer.
const ACCOUNTS_OF_A_CUSTOMER: u32 = 10;
/// What each account is funded with, in minor units: more than a run takes from one.
const FUNDS_MINOR: i64 = 100_000_000_000;
/// Product that the accounts are opened with.
const PRODUCT: &str = "current";
/// GL account that the funds come from: cash.
const CASH: &str = "1010";

/// Makes what is missing of the accounts and returns their ids.
///
/// # Errors
/// A service refuses or stays away.
pub async fn prepare(callers: &Callers, count: u32, currency: Currency) -> Result<Vec<String>> {
    let opened_on = callers
        .importer
        .call(Role::Account, GetBusinessDateRequest {}, |channel, request| async move {
            AccountServiceClient::new(channel).get_business_date(request).await
        })
        .await
        .context("asking for the business date")?
        .business_date;
    let customers = customers(callers, count.div_ceil(ACCOUNTS_OF_A_CUSTOMER)).await?;
    let mut accounts = Vec::new();
    for part in parts(count) {
        let made = open(callers, &customers, part, currency, &opened_on).await?;
        fund(callers, &made, currency).await?;
        accounts.extend(made);
        eprintln!("{} of {count} accounts are there", accounts.len());
    }
    Ok(accounts)
}

/// Numbers from 0 on in batches.
fn parts(count: u32) -> impl Iterator<Item = std::ops::Range<u32>> {
    let starts = (0..count).step_by(STEP);
    starts.map(move |start| start..start.saturating_add(BATCH).min(count))
}

async fn customers(callers: &Callers, count: u32) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for part in parts(count) {
        let items = part.map(customer).collect();
        let response = callers
            .importer
            .call(Role::Cif, ImportCustomersRequest { items }, |channel, request| async move {
                CifServiceClient::new(channel).import_customers(request).await
            })
            .await
            .context("making customers")?;
        for result in response.results {
            if let Some(refused) = result.refused {
                bail!("a customer was refused: {}: {}", refused.reason, refused.message);
            }
            ids.push(result.customer_id);
        }
    }
    Ok(ids)
}

fn customer(number: u32) -> ImportCustomer {
    let person = Person {
        given_name: "Customer".to_owned(),
        family_name: number.to_string(),
        date_of_birth: "1980-01-01".to_owned(),
        ..Person::default()
    };
    let customer = RegisterCustomerRequest {
        party: Some(Party::Person(person)),
        contact: None,
        reference: format!("bench/customer/{number}"),
    };
    ImportCustomer { customer: Some(customer), verified: true }
}

async fn open(
    callers: &Callers,
    customers: &[String],
    numbers: std::ops::Range<u32>,
    currency: Currency,
    opened_on: &str,
) -> Result<Vec<String>> {
    let code = currency.code();
    let item = |number: u32| -> Result<ImportAccount> {
        let customer = customers.get(usize::try_from(number / ACCOUNTS_OF_A_CUSTOMER)?);
        let account = OpenAccountRequest {
            customer_id: customer.context("a customer an account")?.clone(),
            product: PRODUCT.to_owned(),
            currency: code.to_owned(),
            overdraft_limit: None,
            reference: format!("bench/account/{code}/{number}"),
        };
        let opened_on = opened_on.to_owned();
        Ok(ImportAccount { account: Some(account), opened_on, holders: Vec::new() })
    };
    let items = numbers.map(item).collect::<Result<Vec<_>>>()?;
    let response = callers
        .importer
        .call(Role::Account, ImportAccountsRequest { items }, |channel, request| async move {
            AccountServiceClient::new(channel).import_accounts(request).await
        })
        .await
        .context("opening accounts")?;
    let mut ids = Vec::with_capacity(response.results.len());
    for result in response.results {
        if let Some(refusal) = result.refused {
            anyhow::bail!("an account was refused: {}: {}", refusal.reason, refusal.message);
        }
        ids.push(result.account_id);
    }
    Ok(ids)
}

async fn fund(callers: &Callers, accounts: &[String], currency: Currency) -> Result<()> {
    let amount = wire_money(Money::new(FUNDS_MINOR, currency));
    let leg = |target: Target, direction: Direction| Leg {
        target: Some(target),
        direction: direction.into(),
        amount: Some(amount.clone()),
        counterparty: String::new(),
    };
    let transactions = accounts
        .iter()
        .map(|account| TransactionRequest {
            reference: format!("bench/fund/{account}"),
            kind: "bench_funding".to_owned(),
            legs: vec![
                leg(Target::GlCode(CASH.to_owned()), Direction::Debit),
                leg(Target::AccountId(account.clone()), Direction::Credit),
            ],
            ..TransactionRequest::default()
        })
        .collect();
    let message = PostTransactionsRequest { transactions };
    let response = callers
        .client
        .call(Role::Account, message, |channel, request| async move {
            AccountServiceClient::new(channel).post_transactions(request).await
        })
        .await
        .context("funding accounts")?;
    for result in response.results {
        match result.outcome.context("account answered without an outcome")? {
            Outcome::Posted(_) => {}
            Outcome::Refused(refusal) => {
                anyhow::bail!("funds were refused: {}: {}", refusal.reason, refusal.message)
            }
        }
    }
    Ok(())
}
