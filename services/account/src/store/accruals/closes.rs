//! What accounts that are to be closed have accrued, and what they have yet to.

use std::collections::BTreeSet;

use florin_kernel::{AccountId, Date};
use florin_store::{
    StoreError, Tx,
    rows::{among, texts},
    sql,
};

use super::{Interest, accruals};
use crate::{domain::interest::Sides, store::rows};

/// Reads what the accounts to close have accrued.
pub(super) async fn load(
    tx: &Tx,
    closes: &BTreeSet<AccountId>,
    open: Date,
    interest: &mut Interest,
) -> Result<(), StoreError> {
    if closes.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = closes.iter().map(AccountId::to_string).collect();
    let out_of_range = |id| StoreError::Corrupt(format!("what {id} has accrued leaves 64 bits"));
    for (id, accrual) in accruals(tx, &ids).await? {
        let due =
            accrual.booked.checked_sub(accrual.capitalised).ok_or_else(|| out_of_range(id))?;
        if due != Sides::default() {
            interest.unsettled.insert(id);
        }
    }
    // A month that ended before closed days has accrued to its own end alone: the days since
    // accrue at the end of the open date.
    let query = BEHIND.replace("{among}", &among(tx.engine(), 1));
    let yesterday = open.yesterday().map_or_else(|_| String::new(), |day| day.to_string());
    for row in sql::query_all(tx, &query, [texts(tx.engine(), &ids), yesterday.into()]).await? {
        interest.behind.insert(rows::id(&row, "id")?);
    }
    Ok(())
}

/// Accounts with conditions that have late entries, or a balance or entries on days up to one
/// that their watermark is below.
const BEHIND: &str = "SELECT a.id FROM accounts AS a \
     LEFT JOIN accruals AS s ON s.account_id = a.id \
     WHERE a.id {among} AND a.opened_on <= $2 AND COALESCE(s.accrues_from, '') <= $2 \
     AND EXISTS (SELECT 1 FROM interest_conditions AS c WHERE c.product = a.product \
     AND c.currency = a.currency AND c.valid_from <= $2) \
     AND (EXISTS (SELECT 1 FROM backdated AS b WHERE b.account_id = a.id) \
     OR (COALESCE(s.accrued_through, '') < $2 AND (COALESCE(s.balance, 0) <> 0 \
     OR EXISTS (SELECT 1 FROM turnover AS t WHERE t.account_id = a.id AND t.value_date <= $2 \
     AND t.value_date > COALESCE(s.accrued_through, '')))))";
