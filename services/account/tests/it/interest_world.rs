//! What the tests of interest stand on: conditions, days that are closed, and all that the end
//! of day has left behind as text.

use std::collections::BTreeMap;

use florin_account::app::command::{Command, Open, Outcome, Work};
use florin_account::domain::account::{Holder, HolderRole};
use florin_kernel::{AccountId, CustomerId, Money};
use florin_proto::account::v1::{
    AdvanceBusinessDateRequest, Capitalisation, InterestConditions, InterestTier,
    SetInterestConditionsRequest, Tiering,
};
use florin_store::{id_parts, sql};
use florin_testkit::place::staff;

use crate::{
    bench_ledger::{Bench, command, eur},
    desk::desk,
};

pub fn tiers(all: &[(&str, &str)]) -> Vec<InterestTier> {
    let tier = |(from, rate): &(&str, &str)| InterestTier {
        from: Some(florin_proto::wire_money(Money::parse("EUR", from).unwrap())),
        rate_percent: (*rate).to_owned(),
    };
    all.iter().map(tier).collect()
}

/// Conditions in EUR: ACT/365F, marginal, monthly; the same tiers on both sides.
pub fn conditions(product: &str, from: &str, all: &[(&str, &str)]) -> InterestConditions {
    InterestConditions {
        product: product.into(),
        currency: "EUR".into(),
        valid_from: from.into(),
        day_count: "ACT/365F".into(),
        tiering: Tiering::Marginal.into(),
        capitalisation: Capitalisation::Monthly.into(),
        credit: tiers(all),
        overdraft: tiers(all),
    }
}

pub async fn set(bench: &Bench, conditions: InterestConditions) {
    let ctx = staff("SetInterestConditions", &["credit_officer"]);
    let request = SetInterestConditionsRequest { conditions: Some(conditions) };
    desk(bench).set_interest_conditions(&ctx, request).await.unwrap();
}

pub async fn pay_interest(bench: &Bench, product: &str, from: &str, all: &[(&str, &str)]) {
    set(bench, conditions(product, from, all)).await;
}

pub async fn advance(bench: &Bench, closing: &str, opening: &str) {
    let ctx = staff("AdvanceBusinessDate", &["operator"]);
    let request = AdvanceBusinessDateRequest { closing: closing.into(), opening: opening.into() };
    desk(bench).advance_business_date(&ctx, request).await.unwrap();
}

/// The posting with a value date of its own.
pub fn valued(mut posting: Command, on: &str) -> Command {
    if let Work::Post(work) = &mut posting.work {
        work.value_date = Some(on.parse().unwrap());
    }
    posting
}

pub async fn open_with_overdraft(bench: &Bench, limit: i64) -> AccountId {
    open(bench, limit, None).await
}

/// An account that another bank opened.
pub async fn import(bench: &Bench, opened_on: &str) -> AccountId {
    open(bench, 0, Some(opened_on)).await
}

async fn open(bench: &Bench, limit: i64, opened_on: Option<&str>) -> AccountId {
    let (millis, random) = id_parts();
    let account = AccountId::from_parts(millis, random);
    let customer = CustomerId::from_parts(millis, random);
    let opened = bench
        .run(command(Work::Open(Open {
            reference: None,
            id: account,
            product: "current".into(),
            control_gl: "2010".into(),
            overdraft_limit: eur(limit),
            holders: vec![Holder { customer, role: HolderRole::Owner }],
            opened_on: opened_on.map(|day| day.parse().unwrap()),
            historical: opened_on.is_some(),
        })))
        .await;
    assert!(matches!(opened, Outcome::Account { .. }), "{opened:?}");
    account
}

/// What is compared: each query's rows as text. Accounts stand under their place in the list,
/// and what the clock or chance decide (ids, instants, hashes) is left out.
const QUERIES: [&str; 8] = [
    "SELECT 'statement ' || account_id || ' ' || CAST(number AS TEXT) || ' ' || from_date || ' ' || \
     through || ' ' || CAST(opening AS TEXT) || ' ' || CAST(closing AS TEXT) || ' ' || \
     CAST(credits AS TEXT) || ' ' || CAST(debits AS TEXT) || ' ' || CAST(entries AS TEXT) AS text \
     FROM statements",
    "SELECT reference || ' ' || kind || ' ' || booking_date || ' ' || value_date || ' ' || \
     description || ' ' || caller AS text FROM journal",
    "SELECT j.reference || ' ' || COALESCE(l.account_id, '') || ' ' || l.gl_code || ' ' || \
     CAST(l.amount AS TEXT) || ' ' || l.counterparty AS text \
     FROM journal_legs AS l JOIN journal AS j ON j.id = l.transaction_id",
    "SELECT 'accrual ' || account_id || ' ' || accrues_from || ' ' || accrued_through || ' ' || \
     CAST(balance AS TEXT) || ' ' || credit || ' ' || overdraft || ' ' || \
     CAST(booked_credit AS TEXT) || ' ' || CAST(booked_overdraft AS TEXT) || ' ' || \
     CAST(capitalised_credit AS TEXT) || ' ' || CAST(capitalised_overdraft AS TEXT) || ' ' || \
     capitalised_through AS text FROM accruals",
    "SELECT 'point ' || account_id || ' ' || through || ' ' || CAST(balance AS TEXT) || ' ' || \
     credit || ' ' || overdraft AS text FROM accrual_points",
    "SELECT 'late ' || account_id || ' ' || booking_date || ' ' || value_date AS text \
     FROM backdated",
    "SELECT 'turnover ' || account_id || ' ' || value_date || ' ' || booking_date || ' ' || \
     CAST(net AS TEXT) AS text FROM turnover",
    "SELECT 'account ' || id || ' ' || CAST(posted AS TEXT) || ' ' || CAST(held AS TEXT) || ' ' || \
     CAST(version AS TEXT) AS text FROM accounts",
];

/// All rows that the end of day writes or leaves, sorted.
pub async fn dump(bench: &Bench, accounts: &[AccountId]) -> Vec<String> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (at, account) in accounts.iter().enumerate() {
        let query = "SELECT iban FROM accounts WHERE id = $1";
        let row = sql::query_one(bench.db.read(), query, [account.to_string().into()]).await;
        let iban: String = row.unwrap().unwrap().try_get("", "iban").unwrap();
        names.insert(account.to_string(), format!("account{at}"));
        names.insert(iban, format!("iban{at}"));
    }
    let mut all = Vec::new();
    for query in QUERIES {
        for row in sql::query_all(bench.db.read(), query, []).await.unwrap() {
            let mut text: String = row.try_get("", "text").unwrap();
            for (id, name) in &names {
                text = text.replace(id, name);
            }
            all.push(text);
        }
    }
    all.sort();
    all
}
