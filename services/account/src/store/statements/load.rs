//! What the statements of a batch are made of.

use std::collections::BTreeMap;

use florin_kernel::{AccountId, Date};
use florin_store::{
    StoreError, Tx, row,
    rows::{self as many, Column, Row, among, texts},
    sql,
};

use super::{COLUMNS, Found, Material, Statement, read};
use crate::{
    domain::{
        account::Account,
        end_of_day::{AccountStep, Step},
    },
    store::rows,
};

/// Reads what the statements of accounts are made of; their rows are locked.
///
/// # Errors
/// Those of the database.
pub async fn load(
    tx: &Tx,
    accounts: &BTreeMap<AccountId, Account>,
    steps: &[AccountStep],
) -> Result<BTreeMap<AccountId, Material>, StoreError> {
    let made = steps.iter().filter(|step| step.step == Step::Statement);
    let wanted: BTreeMap<AccountId, Date> =
        made.map(|step| (step.account, step.day.through)).collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<String> = wanted.keys().map(AccountId::to_string).collect();
    let last = last_of(tx, &ids).await?;
    let mut found = found(tx, &wanted, &last).await?;
    let mut all = BTreeMap::new();
    for id in wanted.keys() {
        let Some(account) = accounts.get(id) else { continue };
        let last = last.get(id).cloned();
        let found = Found { version: account.version, ..found.remove(id).unwrap_or_default() };
        all.insert(*id, Material { last, found });
    }
    event_hashes(tx, &mut all).await?;
    Ok(all)
}

async fn last_of(tx: &Tx, ids: &[String]) -> Result<BTreeMap<AccountId, Statement>, StoreError> {
    let query = format!(
        "SELECT {COLUMNS} FROM statements AS s WHERE account_id {} AND number = \
         (SELECT MAX(m.number) FROM statements AS m WHERE m.account_id = s.account_id)",
        among(tx.engine(), 1)
    );
    let found = sql::query_all(tx, query, [texts(tx.engine(), ids)]).await?;
    found.iter().map(|row| read(row).map(|one| (one.account, one))).collect()
}

/// Whether an entry is in the statement of `w`.
const IN_IT: &str = "e.booking_date <= w.through \
     AND NOT (e.booking_date <= w.after_through AND e.version <= w.after_version)";

async fn found(
    tx: &Tx,
    wanted: &BTreeMap<AccountId, Date>,
    last: &BTreeMap<AccountId, Statement>,
) -> Result<BTreeMap<AccountId, Found>, StoreError> {
    let columns = [
        ("account_id", Column::Text),
        ("through", Column::Text),
        ("after_through", Column::Text),
        ("after_version", Column::Int),
        ("scan_from", Column::Int),
    ];
    let rows: Vec<Row> = wanted
        .iter()
        .map(|(account, through)| {
            let last = last.get(account);
            row! {
                "account_id": account.to_string(), "through": through.to_string(),
                "after_through": last.map(|last| last.through.to_string()).unwrap_or_default(),
                "after_version": last.map_or(0, |last| last.to_version),
                "scan_from": last.map_or(1, |last| last.next_scan),
            }
        })
        .collect();
    let part = |amount: &str, sign: &str, name: &str| {
        format!(
            "CAST(SUM(CASE WHEN {IN_IT} AND e.delta {sign} 0 THEN {amount} ELSE 0 END) AS BIGINT) \
             AS {name}"
        )
    };
    let query = |wanted: &str| {
        format!(
            "SELECT w.account_id, {}, {}, {}, {}, \
             CAST(SUM(CASE WHEN {IN_IT} THEN 1 ELSE 0 END) AS BIGINT) AS entries, \
             MIN(CASE WHEN {IN_IT} THEN e.version END) AS first_version, \
             MAX(CASE WHEN {IN_IT} THEN e.version END) AS last_version, \
             MIN(CASE WHEN e.booking_date > w.through THEN e.version END) AS later \
             FROM ({wanted}) AS w JOIN account_events AS e ON e.account_id = w.account_id \
             AND e.version >= w.scan_from WHERE e.transaction_id IS NOT NULL GROUP BY w.account_id",
            part("e.delta / 1000000000", ">", "credit_billions"),
            part("e.delta % 1000000000", ">", "credit_rest"),
            part("-(e.delta / 1000000000)", "<", "debit_billions"),
            part("-(e.delta % 1000000000)", "<", "debit_rest"),
        )
    };
    let mut all = BTreeMap::new();
    for row in many::query(tx, &columns, rows, query).await? {
        let whole = |billions, rest| -> Result<i128, StoreError> {
            let billions = i128::from(rows::int(&row, billions)?);
            Ok(billions * 1_000_000_000 + i128::from(rows::int(&row, rest)?))
        };
        let version = |column: &str| row.try_get::<Option<i64>>("", column);
        let found = Found {
            credits: whole("credit_billions", "credit_rest")?,
            debits: whole("debit_billions", "debit_rest")?,
            entries: rows::int(&row, "entries")?,
            first: version("first_version")?.unwrap_or(0),
            last: version("last_version")?.unwrap_or(0),
            later: version("later")?,
            ..Found::default()
        };
        all.insert(rows::id(&row, "account_id")?, found);
    }
    Ok(all)
}

/// Reads the hash of the event that each statement ends with.
async fn event_hashes(tx: &Tx, all: &mut BTreeMap<AccountId, Material>) -> Result<(), StoreError> {
    let columns = [("account_id", Column::Text), ("version", Column::Int)];
    let rows: Vec<Row> = all
        .iter()
        .map(|(account, Material { last, found })| {
            let after = last.as_ref().map_or(0, |last| last.to_version);
            let version = if found.entries > 0 { found.last } else { after };
            row! {"account_id": account.to_string(), "version": version}
        })
        .collect();
    let query = |wanted: &str| {
        format!(
            "SELECT e.account_id, e.hash FROM ({wanted}) AS w JOIN account_events AS e \
             ON e.account_id = w.account_id AND e.version = w.version"
        )
    };
    for row in many::query(tx, &columns, rows, query).await? {
        if let Some(material) = all.get_mut(&rows::id(&row, "account_id")?) {
            material.found.event_hash = rows::bytes(&row, "hash")?;
        }
    }
    Ok(())
}
