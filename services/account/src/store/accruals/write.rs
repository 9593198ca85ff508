//! What a batch writes of the interest of accounts.

use std::collections::BTreeMap;

use florin_kernel::{AccountId, Date};
use florin_store::{
    StoreError, Tx, row,
    rows::{self as many, Column, Row},
};

use super::Written;
use crate::store::working::Working;

const LATE: [(&str, Column); 3] =
    [("account_id", Column::Text), ("booking_date", Column::Text), ("value_date", Column::Text)];

const EARLIEST: &str = "ON CONFLICT (account_id, booking_date) DO UPDATE SET value_date = \
     CASE WHEN excluded.value_date < backdated.value_date \
     THEN excluded.value_date ELSE backdated.value_date END";

/// Writes what the steps of the batch left behind, and notes the entries of the batch that are
/// valued on days which have accrued. In this order: an entry that shared the batch with the
/// accrual of its day was not folded.
///
/// # Errors
/// Those of the database.
pub async fn write(tx: &Tx, working: &Working) -> Result<(), StoreError> {
    let written = &working.interest.written;
    if !written.is_empty() {
        consume(tx, written).await?;
        points(tx, written).await?;
        accruals(tx, written).await?;
        passed_over(tx, written).await?;
    }
    not_begun(tx, working).await?;
    late(tx, working).await
}

/// Late entries that were folded are late no more.
async fn consume(tx: &Tx, written: &[Written]) -> Result<(), StoreError> {
    let foldings = written.iter().filter_map(|one| Some((one.account, one.folding.as_ref()?)));
    let rows = foldings.flat_map(|(account, folding)| {
        folding.consumed.iter().map(move |booked| {
            row! {"account_id": account.to_string(), "booking_date": booked.to_string()}
        })
    });
    let rows: Vec<Row> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let [account, booked, _] = LATE;
    let delete =
        |rows: &str| format!("DELETE FROM backdated WHERE (account_id, booking_date) IN ({rows})");
    many::execute(tx, &[account, booked], rows, delete).await.map(|_| ())
}

/// Writes the points of months; one that was made again takes the place of the old.
async fn points(tx: &Tx, written: &[Written]) -> Result<(), StoreError> {
    let columns = [
        ("account_id", Column::Text),
        ("through", Column::Text),
        ("balance", Column::Int),
        ("credit", Column::Text),
        ("overdraft", Column::Text),
    ];
    let rows = written.iter().flat_map(|one| {
        one.points.iter().map(|point| {
            row! {
                "account_id": one.account.to_string(), "through": point.through.to_string(),
                "balance": point.balance, "credit": point.accrued.credit.to_string(),
                "overdraft": point.accrued.overdraft.to_string(),
            }
        })
    });
    let rows: Vec<Row> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let upsert = |rows: &str| {
        format!(
            "INSERT INTO accrual_points (account_id, through, balance, credit, overdraft) \
             {rows} WHERE true ON CONFLICT (account_id, through) DO UPDATE SET \
             balance = excluded.balance, credit = excluded.credit, overdraft = excluded.overdraft"
        )
    };
    many::execute(tx, &columns, rows, upsert).await.map(|_| ())
}

async fn accruals(tx: &Tx, written: &[Written]) -> Result<(), StoreError> {
    let columns = [
        ("account_id", Column::Text),
        ("accrues_from", Column::Text),
        ("accrued_through", Column::Text),
        ("balance", Column::Int),
        ("credit", Column::Text),
        ("overdraft", Column::Text),
        ("booked_credit", Column::Int),
        ("booked_overdraft", Column::Int),
        ("capitalised_credit", Column::Int),
        ("capitalised_overdraft", Column::Int),
        ("capitalised_through", Column::Text),
    ];
    let date = |date: Option<Date>| date.map(|date| date.to_string()).unwrap_or_default();
    let rows = written.iter().map(|one| {
        let accrual = &one.accrual;
        let accrued = accrual.at.map(|at| at.accrued).unwrap_or_default();
        row! {
            "account_id": one.account.to_string(), "accrues_from": accrual.from.to_string(),
            "accrued_through": date(accrual.at.map(|at| at.through)),
            "balance": accrual.at.map_or(0, |at| at.balance),
            "credit": accrued.credit.to_string(), "overdraft": accrued.overdraft.to_string(),
            "booked_credit": accrual.booked.credit, "booked_overdraft": accrual.booked.overdraft,
            "capitalised_credit": accrual.capitalised.credit,
            "capitalised_overdraft": accrual.capitalised.overdraft,
            "capitalised_through": date(accrual.capitalised_through),
        }
    });
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let set: Vec<String> =
        names.iter().skip(1).map(|name| format!("{name} = excluded.{name}")).collect();
    let upsert = |rows: &str| {
        format!(
            "INSERT INTO accruals ({}) {rows} WHERE true ON CONFLICT (account_id) DO UPDATE SET {}",
            names.join(", "),
            set.join(", ")
        )
    };
    many::execute(tx, &columns, rows.collect(), upsert).await.map(|_| ())
}

/// Notes the entries that a fold passed over because they were booked later.
async fn passed_over(tx: &Tx, written: &[Written]) -> Result<(), StoreError> {
    let foldings = written.iter().filter_map(|one| Some((one.account, one.folding.as_ref()?)));
    let rows = foldings.flat_map(|(account, folding)| {
        let late = folding.passed_over.iter();
        late.map(move |(booked, valued)| late_row(account, *booked, *valued))
    });
    let rows: Vec<Row> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let upsert = |rows: &str| {
        format!(
            "INSERT INTO backdated (account_id, booking_date, value_date) {rows} WHERE true \
             {EARLIEST}"
        )
    };
    many::execute(tx, &LATE, rows, upsert).await.map(|_| ())
}

fn late_row(account: AccountId, booked: Date, valued: Date) -> Row {
    row! {
        "account_id": account.to_string(), "booking_date": booked.to_string(),
        "value_date": valued.to_string(),
    }
}

/// An account that another bank had accrues here from the business date of its import on: what
/// it earned before is among the entries that come with it.
async fn not_begun(tx: &Tx, working: &Working) -> Result<(), StoreError> {
    let today = working.books.business_date;
    let columns = [("account_id", Column::Text), ("accrues_from", Column::Text)];
    let opened =
        working.writes.opened.iter().filter(|id| {
            working.accounts.get(*id).is_some_and(|account| account.opened_on < today)
        });
    let rows =
        opened.map(|id| row! {"account_id": id.to_string(), "accrues_from": today.to_string()});
    let rows: Vec<Row> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let insert = |rows: &str| {
        format!(
            "INSERT INTO accruals (account_id, accrues_from, accrued_through, balance, credit, \
             overdraft, booked_credit, booked_overdraft, capitalised_credit, \
             capitalised_overdraft, capitalised_through) \
             SELECT n.account_id, n.accrues_from, '', 0, '0.0000000000', '0.0000000000', \
             0, 0, 0, 0, '' FROM ({rows}) AS n WHERE true ON CONFLICT (account_id) DO NOTHING"
        )
    };
    many::execute(tx, &columns, rows, insert).await.map(|_| ())
}

/// Notes the entries of the batch that are valued on days which have accrued: only those before
/// the business date can be.
async fn late(tx: &Tx, working: &Working) -> Result<(), StoreError> {
    let today = working.books.business_date;
    let mut earliest: BTreeMap<(AccountId, Date), Date> = BTreeMap::new();
    for (account, dates) in working.writes.turnover.keys() {
        if dates.valued < today {
            let valued = earliest.entry((*account, dates.booked)).or_insert(dates.valued);
            *valued = dates.valued.min(*valued);
        }
    }
    if earliest.is_empty() {
        return Ok(());
    }
    let rows = earliest.into_iter();
    let rows = rows.map(|((account, booked), valued)| late_row(account, booked, valued));
    // The earliest of a booking date may have accrued where a later one has not, never the other
    // way round.
    let upsert = |rows: &str| {
        format!(
            "INSERT INTO backdated (account_id, booking_date, value_date) \
             SELECT w.account_id, w.booking_date, w.value_date FROM ({rows}) AS w \
             JOIN accruals AS s ON s.account_id = w.account_id \
             WHERE s.accrued_through >= w.value_date {EARLIEST}"
        )
    };
    many::execute(tx, &LATE, rows.collect(), upsert).await.map(|_| ())
}
