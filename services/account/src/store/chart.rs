//! The chart of accounts, products, the books and the trial balance.

use std::collections::BTreeMap;

use florin_kernel::{ApprovalId, Currency, Date, Money};
use florin_store::{
    StoreError, Tx,
    gate::{self, Passing},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::rows;
use crate::domain::{
    gl::Controls,
    posting::{Books, GlAccount},
    statement::Class,
};

/// A product that accounts are opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// GL control account.
    pub control_gl: String,
    /// Greatest overdraft limit of each currency that has one.
    pub overdraft_maxima: Vec<Money>,
}

impl Product {
    /// The greatest overdraft limit of a currency.
    #[must_use]
    pub fn overdraft_maximum(&self, currency: Currency) -> Money {
        let found = self.overdraft_maxima.iter().find(|money| money.currency() == currency);
        found.copied().unwrap_or(Money::zero(currency))
    }
}

/// Debits and credits of a GL account in a currency; minor units, both positive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialRow {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Class.
    pub class: Class,
    /// Currency.
    pub currency: Currency,
    /// Sum of the debits.
    pub debits: i128,
    /// Sum of the credits.
    pub credits: i128,
    /// Number of entries.
    pub entries: i64,
}

impl TrialRow {
    /// Class, currency, and credits less debits.
    #[must_use]
    pub const fn by_class(&self) -> (Class, Currency, i128) {
        (self.class, self.currency, self.credits - self.debits)
    }
}

/// The dates of the books.
///
/// # Errors
/// Those of the database; `Corrupt` before the first start has set them.
pub async fn books(connection: &impl ConnectionTrait) -> Result<Books, StoreError> {
    locked_books(connection, "").await
}

/// The dates of the books, which nobody changes before this transaction has ended.
///
/// PostgreSQL shares a row with whoever comes, past one who waits to write it: with many batches
/// under way there is always one, and who closes a date would wait for ever. The queue of a gate
/// is fair. The lock of the row stays beside it for the replicas of a release that takes that
/// alone.
///
/// # Errors
/// Those of the database; `Corrupt` before the first start has set them.
pub async fn books_shared(tx: &Tx) -> Result<Books, StoreError> {
    gate::of_table(tx, "books", Passing::Shared).await?;
    locked_books(tx, tx.engine().for_share()).await
}

/// The dates of the books, which nobody else reads locked before this transaction has ended.
///
/// # Errors
/// Those of the database; `Corrupt` before the first start has set them.
pub async fn books_alone(tx: &Tx) -> Result<Books, StoreError> {
    gate::of_table(tx, "books", Passing::Alone).await?;
    locked_books(tx, tx.engine().for_update()).await
}

async fn locked_books(connection: &impl ConnectionTrait, lock: &str) -> Result<Books, StoreError> {
    let query = format!("SELECT business_date, closed_through FROM books WHERE id = 1{lock}");
    let row = sql::query_one(connection, query, []).await?;
    let row = row.ok_or_else(|| StoreError::Corrupt("the books have no business date".into()))?;
    let closed = rows::text(&row, "closed_through")?;
    let closed_through =
        if closed.is_empty() { None } else { Some(rows::date(&row, "closed_through")?) };
    Ok(Books { business_date: rows::date(&row, "business_date")?, closed_through })
}

/// Opens the books at the first start; a later start changes nothing.
///
/// # Errors
/// Those of the database.
pub async fn open_books(tx: &Tx, today: Date) -> Result<(), StoreError> {
    let insert = "INSERT INTO books (id, business_date, closed_through) VALUES (1, $1, '') \
                  ON CONFLICT (id) DO NOTHING";
    sql::execute(tx, insert, [today.to_string().into()]).await.map(|_| ())
}

/// Sets the open business date.
///
/// # Errors
/// Those of the database.
pub async fn set_business_date(tx: &Tx, date: Date) -> Result<(), StoreError> {
    let update = "UPDATE books SET business_date = $1 WHERE id = 1";
    sql::execute(tx, update, [date.to_string().into()]).await.map(|_| ())
}

/// The whole chart, by code.
///
/// # Errors
/// Those of the database.
pub async fn gl_accounts(
    connection: &impl ConnectionTrait,
) -> Result<BTreeMap<String, GlAccount>, StoreError> {
    let query = "SELECT code, name, class, control FROM gl_accounts ORDER BY code";
    let mut chart = BTreeMap::new();
    for row in sql::query_all(connection, query, []).await? {
        let gl = gl_account(&row)?;
        chart.insert(gl.code.clone(), gl);
    }
    Ok(chart)
}

/// The whole chart, and which of its control accounts sums which product, in one statement: a
/// batch reads both under the lock of the books.
///
/// # Errors
/// Those of the database.
pub async fn mapped(
    connection: &impl ConnectionTrait,
) -> Result<(BTreeMap<String, GlAccount>, Controls), StoreError> {
    let query = "SELECT g.code, g.name, g.class, g.control, COALESCE(p.product, '') AS product, \
                 COALESCE(p.currency, '') AS currency FROM gl_accounts AS g \
                 LEFT JOIN product_controls AS p ON p.control_gl = g.code ORDER BY g.code";
    let (mut chart, mut controls) = (BTreeMap::new(), Controls::default());
    for row in sql::query_all(connection, query, []).await? {
        let gl = gl_account(&row)?;
        let (product, currency) = (rows::text(&row, "product")?, rows::text(&row, "currency")?);
        if !product.is_empty() {
            let of =
                if currency.is_empty() { None } else { Some(rows::currency(&row, "currency")?) };
            controls.map(&product, of, gl.code.clone());
        }
        chart.insert(gl.code.clone(), gl);
    }
    Ok((chart, controls))
}

/// GL accounts that migrations added for the ledger's own use: code, name, class.
const OWN: [(&str, &str, i32); 3] = [
    ("1910", "Accrued interest receivable", 1),
    ("2910", "Accrued interest payable", 2),
    ("9020", "FX position", 1),
];

/// Adds those that are missing; what stands under such a code and is something else, for the bank
/// had it before the migration that would have added it.
///
/// # Errors
/// Those of the database.
pub async fn add_own(tx: &Tx) -> Result<Vec<String>, StoreError> {
    for (code, name, class) in OWN {
        let (code, name) = (code.to_owned(), name.to_owned());
        add_gl_account(tx, &GlAccount { code, name, class, control: false }).await?;
    }
    let chart = gl_accounts(tx).await?;
    let foreign = OWN.iter().filter_map(|(code, name, class)| {
        let gl = chart.get(*code)?;
        let same = gl.name == *name && gl.class == *class && !gl.control;
        (!same).then(|| format!("{code} is {:?} and should be {name:?}", gl.name))
    });
    Ok(foreign.collect())
}

/// Maps a currency of a product, or every one without a mapping of its own. A replica of a
/// release before the mappings opens accounts by `products.control_gl`.
///
/// # Errors
/// Those of the database.
pub async fn remap(
    tx: &Tx,
    product: &str,
    currency: Option<Currency>,
    code: &str,
) -> Result<(), StoreError> {
    let upsert = "INSERT INTO product_controls (product, currency, control_gl) \
                  VALUES ($1, $2, $3) ON CONFLICT (product, currency) \
                  DO UPDATE SET control_gl = excluded.control_gl";
    let of = currency.map_or("", Currency::code);
    sql::execute(tx, upsert, [product.into(), of.into(), code.into()]).await?;
    if currency.is_none() {
        let update = "UPDATE products SET control_gl = $2 WHERE code = $1";
        sql::execute(tx, update, [product.into(), code.into()]).await?;
    }
    Ok(())
}

/// What the accounts of a product have together, by currency: summed in billions and what is
/// left over.
///
/// # Errors
/// Those of the database.
pub async fn balances(
    connection: &impl ConnectionTrait,
    product: &str,
) -> Result<BTreeMap<Currency, i128>, StoreError> {
    let query = "SELECT currency, CAST(SUM(posted / 1000000000) AS BIGINT) AS billions, \
                 CAST(SUM(posted % 1000000000) AS BIGINT) AS rest \
                 FROM accounts WHERE product = $1 GROUP BY currency";
    let found = sql::query_all(connection, query, [product.into()]).await?;
    let balances = found.iter().map(|row| {
        let billions = i128::from(rows::int(row, "billions")?);
        let sum = billions * 1_000_000_000 + i128::from(rows::int(row, "rest")?);
        Ok((rows::currency(row, "currency")?, sum))
    });
    balances.collect()
}

/// Sets the last day of the closed period; None opens all of it. What was proposed about it before
/// is void from then on.
///
/// # Errors
/// Those of the database.
pub async fn set_closed_through(tx: &Tx, date: Option<Date>) -> Result<(), StoreError> {
    let update = "UPDATE books SET closed_through = $1, period_changes = period_changes + 1 \
                  WHERE id = 1";
    let date = date.map(|date| date.to_string()).unwrap_or_default();
    sql::execute(tx, update, [date.into()]).await.map(|_| ())
}

/// Notes which closed period a proposal is about, by the count of its changes.
///
/// # Errors
/// Those of the database.
pub async fn propose_reopening(tx: &Tx, approval: &ApprovalId) -> Result<(), StoreError> {
    let insert = "INSERT INTO reopenings (approval_id, period_changes) \
                  SELECT $1, period_changes FROM books WHERE id = 1";
    sql::execute(tx, insert, [approval.to_string().into()]).await.map(|_| ())
}

/// Whether the closed period was not changed since a proposal.
///
/// # Errors
/// Those of the database.
pub async fn is_of_this_period(tx: &Tx, approval: &ApprovalId) -> Result<bool, StoreError> {
    let query = "SELECT r.approval_id FROM reopenings AS r JOIN books AS b \
                 ON b.period_changes = r.period_changes WHERE b.id = 1 AND r.approval_id = $1";
    let found = sql::query_one(tx, query, [approval.to_string().into()]).await?;
    Ok(found.is_some())
}

/// GL accounts above a code, by code.
///
/// # Errors
/// Those of the database.
pub async fn gl_accounts_after(
    connection: &impl ConnectionTrait,
    code: &str,
    limit: i64,
) -> Result<Vec<GlAccount>, StoreError> {
    let query = "SELECT code, name, class, control FROM gl_accounts WHERE code > $1 \
                 ORDER BY code LIMIT $2";
    let found = sql::query_all(connection, query, [code.into(), limit.into()]).await?;
    found.iter().map(gl_account).collect()
}

fn gl_account(row: &QueryResult) -> Result<GlAccount, StoreError> {
    let class = i32::try_from(rows::int(row, "class")?)
        .map_err(|_| StoreError::Corrupt("class of a GL account".into()))?;
    Ok(GlAccount {
        code: rows::text(row, "code")?,
        name: rows::text(row, "name")?,
        class,
        control: row.try_get("", "control")?,
    })
}

/// Adds a GL account where its code is free; tells whether it was.
///
/// # Errors
/// Those of the database.
pub async fn add_gl_account(tx: &Tx, gl: &GlAccount) -> Result<bool, StoreError> {
    let insert = "INSERT INTO gl_accounts (code, name, class, control) VALUES ($1, $2, $3, $4) \
                  ON CONFLICT (code) DO NOTHING";
    let values = [
        gl.code.as_str().into(),
        gl.name.as_str().into(),
        i64::from(gl.class).into(),
        gl.control.into(),
    ];
    Ok(sql::execute(tx, insert, values).await? == 1)
}

/// The products, by code.
///
/// # Errors
/// Those of the database.
pub async fn products(connection: &impl ConnectionTrait) -> Result<Vec<Product>, StoreError> {
    let query = "SELECT product, currency, maximum FROM product_overdrafts \
                 ORDER BY product, currency";
    let mut maxima: BTreeMap<String, Vec<Money>> = BTreeMap::new();
    for row in sql::query_all(connection, query, []).await? {
        let maximum = Money::new(rows::int(&row, "maximum")?, rows::currency(&row, "currency")?);
        maxima.entry(rows::text(&row, "product")?).or_default().push(maximum);
    }
    let query = "SELECT code, name, control_gl FROM products ORDER BY code";
    let mut products = Vec::new();
    for row in sql::query_all(connection, query, []).await? {
        let code = rows::text(&row, "code")?;
        products.push(Product {
            overdraft_maxima: maxima.remove(&code).unwrap_or_default(),
            code,
            name: rows::text(&row, "name")?,
            control_gl: rows::text(&row, "control_gl")?,
        });
    }
    Ok(products)
}

fn class(row: &QueryResult) -> Result<Class, StoreError> {
    let unknown = || StoreError::Corrupt("class of a GL account".into());
    Class::from_number(rows::int(row, "class")?).ok_or_else(unknown)
}

/// Sums the legs booked from a date to another, by GL account and currency: in billions and what is left
/// over, for the turnover of years leaves 64 bits.
///
/// # Errors
/// Those of the database.
pub async fn trial_balance(
    connection: &impl ConnectionTrait,
    (from, to): (Option<Date>, Option<Date>),
) -> Result<Vec<TrialRow>, StoreError> {
    let first = from.map(|date| date.to_string()).unwrap_or_default();
    let last = to.map_or_else(|| "9999-12-31".to_owned(), |date| date.to_string());
    let query = "SELECT l.gl_code, l.currency, COALESCE(g.name, '') AS name, \
                 COALESCE(g.class, 0) AS class, \
                 CAST(SUM(CASE WHEN l.amount < 0 THEN -(l.amount / 1000000000) ELSE 0 END) \
                 AS BIGINT) AS debit_billions, \
                 CAST(SUM(CASE WHEN l.amount < 0 THEN -(l.amount % 1000000000) ELSE 0 END) \
                 AS BIGINT) AS debit_rest, \
                 CAST(SUM(CASE WHEN l.amount > 0 THEN l.amount / 1000000000 ELSE 0 END) \
                 AS BIGINT) AS credit_billions, \
                 CAST(SUM(CASE WHEN l.amount > 0 THEN l.amount % 1000000000 ELSE 0 END) \
                 AS BIGINT) AS credit_rest, \
                 COUNT(*) AS entries \
                 FROM journal_legs AS l LEFT JOIN gl_accounts AS g ON g.code = l.gl_code \
                 WHERE l.booking_date <= $1 AND l.booking_date >= $2 \
                 GROUP BY l.gl_code, l.currency, g.name, g.class ORDER BY l.gl_code, l.currency";
    let mut trial = Vec::new();
    for row in sql::query_all(connection, query, [last.into(), first.into()]).await? {
        let whole = |billions, rest| -> Result<i128, StoreError> {
            let billions = i128::from(rows::int(&row, billions)?);
            Ok(billions * 1_000_000_000 + i128::from(rows::int(&row, rest)?))
        };
        trial.push(TrialRow {
            code: rows::text(&row, "gl_code")?,
            name: rows::text(&row, "name")?,
            class: class(&row)?,
            currency: rows::currency(&row, "currency")?,
            debits: whole("debit_billions", "debit_rest")?,
            credits: whole("credit_billions", "credit_rest")?,
            entries: rows::int(&row, "entries")?,
        });
    }
    Ok(trial)
}
