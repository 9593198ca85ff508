//! What a batch reads and locks, in one order everywhere: references sorted, the books,
//! the IBAN serial, then accounts sorted (DESIGN section 4).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use florin_kernel::{
    AccountId, BankIdentity, Date, EventId, HoldId, Money, TransactionId, UnixMicros,
};
use florin_store::{
    Engine, StoreError, Tx, row,
    rows::{self as many, Column, among, texts},
    sql,
};

use super::{
    accruals::{self, Interest},
    chart, end_of_day, rows, statements,
    working::{Original, Reference, ReferenceId, Working, Writes},
};
use crate::domain::{
    account::Holder,
    end_of_day::AccountStep,
    hold::Hold,
    posting::{Leg, Legs, Target},
    record::Record,
};

/// What the commands of a batch need.
#[derive(Debug, Default)]
pub struct Needs {
    /// References to claim, each with the record that it would make, where that is known.
    pub claims: Vec<(Reference, Option<Record>)>,
    /// References of a rehearsal, to look up and not to claim.
    pub looked_up: Vec<(Reference, Option<Record>)>,
    /// Accounts to open.
    pub opens: usize,
    /// Accounts to lock.
    pub accounts: BTreeSet<AccountId>,
    /// Those of them whose holders matter.
    pub changed: BTreeSet<AccountId>,
    /// Journal transactions to reverse.
    pub originals: BTreeSet<TransactionId>,
    /// Holds, by caller and reference.
    pub holds: BTreeSet<ReferenceId>,
    /// Steps of the end of day.
    pub steps: Vec<AccountStep>,
    /// Accounts to close.
    pub closes: BTreeSet<AccountId>,
}

impl Needs {
    /// Adds what others need.
    pub fn extend(&mut self, other: Self) {
        let Self { claims, looked_up, opens, accounts, changed, originals, holds, steps, closes } =
            other;
        self.claims.extend(claims);
        self.looked_up.extend(looked_up);
        self.opens += opens;
        self.accounts.extend(accounts);
        self.changed.extend(changed);
        self.originals.extend(originals);
        self.holds.extend(holds);
        self.steps.extend(steps);
        self.closes.extend(closes);
    }
}

/// Claims, locks and reads all that the commands need.
///
/// # Errors
/// Those of the database.
pub async fn working(tx: &Tx, bank: &BankIdentity, needs: Needs) -> Result<Working, StoreError> {
    let Needs {
        claims,
        looked_up,
        opens,
        accounts: mut ids,
        changed,
        originals,
        holds: named,
        steps,
        closes,
    } = needs;
    let mut claims = super::claims::claim(tx, claims).await?;
    super::claims::look_up(tx, looked_up, &mut claims).await?;
    let books = chart::books_shared(tx).await?;
    let open = books.business_date;
    // The lock of the books keeps the next date from being closed.
    let unended = end_of_day::unended(tx, &closes, open).await?;
    let (chart, controls) = chart::mapped(tx).await?;
    let ibans = reserve_ibans(tx, bank, opens).await?;
    let originals = self::originals(tx, originals).await?;
    let holds = self::holds(tx, &named).await?;
    let made = claims.values().filter(|claim| claim.made);
    let before: Vec<Record> = made.filter_map(|claim| claim.record).collect();
    let records: Vec<String> = before.iter().map(Record::to_string).collect();

    ids.extend(originals.values().flat_map(|original| original.legs.accounts()));
    ids.extend(holds.values().map(|hold| hold.account));
    ids.extend(before.iter().filter_map(opened));
    let ids: Vec<String> = ids.iter().map(AccountId::to_string).collect();
    let mut working = Working {
        books,
        unended,
        chart,
        controls,
        accounts: BTreeMap::new(),
        hashes: BTreeMap::new(),
        holders: BTreeMap::new(),
        holds: BTreeMap::new(),
        originals,
        posted_before: posted_before(tx, &records).await?,
        events_before: events_before(tx, &records).await?,
        claims,
        interest: Interest::default(),
        statements: BTreeMap::new(),
        ibans,
        now: UnixMicros(0),
        clocks: BTreeMap::new(),
        writes: Writes::default(),
    };
    lock_accounts(tx, &ids, &mut working).await?;
    working.interest = accruals::load(tx, &working.accounts, &steps, (&closes, open)).await?;
    working.unended.extend(working.interest.behind.iter().map(|id| (*id, open)));
    working.statements = statements::load(tx, &working.accounts, &steps).await?;
    // Read again now that the accounts are locked: what was read before only told which.
    working.holds = self::holds(tx, &named).await?;
    // A hold that was committed between the two reads: its account is not locked.
    if working.holds.values().any(|hold| !working.accounts.contains_key(&hold.account)) {
        return Err(StoreError::Serialization("a hold appeared beside the batch".into()));
    }
    all_there(tx, &working, &before).await?;
    let changed = changed.into_iter().chain(before.iter().filter_map(opened));
    let changed: Vec<String> = changed.map(|id| id.to_string()).collect();
    working.holders = holders(tx, &changed).await?;
    working.now = tx.now().await?;
    Ok(working)
}

/// Whether the records that references name are there.
async fn all_there(tx: &Tx, working: &Working, before: &[Record]) -> Result<(), StoreError> {
    let placed_before = placed_before(tx, before).await?;
    for record in before {
        let there = match record {
            Record::Transaction(id) => working.posted_before.contains_key(id),
            Record::Account(id) => working.accounts.contains_key(id),
            Record::Hold(id) => placed_before.contains(id),
            Record::Void => true,
        };
        if !there {
            return Err(StoreError::Corrupt(format!("a reference names {record}, which is not")));
        }
    }
    Ok(())
}

/// Locks the accounts in the order of their ids.
async fn lock_accounts(tx: &Tx, ids: &[String], working: &mut Working) -> Result<(), StoreError> {
    for row in many::lock_by_id(tx, rows::ACCOUNTS, ids).await? {
        let (mut account, hash, recorded_at) = rows::account(&row)?;
        // By the mapping of now, not by that of its opening.
        if let Some(code) = working.controls.of(&account.product, account.currency) {
            code.clone_into(&mut account.control_gl);
        }
        working.clocks.insert(account.id, recorded_at);
        working.hashes.insert(account.id, hash);
        working.accounts.insert(account.id, account);
    }
    Ok(())
}

/// Reserves the IBANs of accounts to open: the serial's row is locked until the commit.
async fn reserve_ibans(
    tx: &Tx,
    bank: &BankIdentity,
    count: usize,
) -> Result<VecDeque<String>, StoreError> {
    let mut ibans = VecDeque::with_capacity(count);
    if count == 0 {
        return Ok(ibans);
    }
    let lock = format!("SELECT next FROM serials WHERE name = 'iban'{}", tx.engine().for_update());
    let row = sql::query_one(tx, lock, []).await?;
    let row = row.ok_or_else(|| StoreError::Corrupt("no serial of IBANs".into()))?;
    let mut next = u64::try_from(rows::int(&row, "next")?)
        .map_err(|_| StoreError::Corrupt("negative serial of IBANs".into()))?;
    while ibans.len() < count {
        match bank.issue(next) {
            Ok(Some(iban)) => ibans.push_back(iban.electronic().to_owned()),
            Ok(None) => {}
            Err(_) => break,
        }
        next += 1;
    }
    let next = i64::try_from(next).map_err(|_| StoreError::Corrupt("serial of IBANs".into()))?;
    sql::execute(tx, "UPDATE serials SET next = $1 WHERE name = 'iban'", [next.into()]).await?;
    Ok(ibans)
}

/// The account that an opening made.
const fn opened(record: &Record) -> Option<AccountId> {
    match record {
        Record::Account(id) => Some(*id),
        Record::Transaction(_) | Record::Hold(_) | Record::Void => None,
    }
}

async fn holders(
    tx: &Tx,
    accounts: &[String],
) -> Result<BTreeMap<AccountId, Vec<Holder>>, StoreError> {
    let mut found: BTreeMap<AccountId, Vec<Holder>> = BTreeMap::new();
    if accounts.is_empty() {
        return Ok(found);
    }
    for row in sql::query_all(tx, holders_of(tx.engine()), [texts(tx.engine(), accounts)]).await? {
        let (account, holder) = rows::holder(&row)?;
        found.entry(account).or_default().push(holder);
    }
    Ok(found)
}

/// The holders of many accounts, owners first.
pub(super) fn holders_of(engine: Engine) -> String {
    format!(
        "SELECT account_id, customer_id, role FROM holders WHERE account_id {} \
         ORDER BY account_id, role, customer_id",
        among(engine, 1)
    )
}

async fn holds(
    tx: &Tx,
    wanted: &BTreeSet<ReferenceId>,
) -> Result<BTreeMap<ReferenceId, Hold>, StoreError> {
    let mut found = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let columns = [("the_caller", Column::Text), ("the_reference", Column::Text)];
    let query = |wanted: &str| {
        format!(
            "SELECT {} FROM ({wanted}) AS w JOIN holds AS h \
             ON h.caller = w.the_caller AND h.reference = w.the_reference",
            rows::HOLD
        )
    };
    let wanted = wanted.iter().map(|(caller, reference)| {
        row! {"the_caller": caller.as_str(), "the_reference": reference.as_str()}
    });
    for row in many::query(tx, &columns, wanted.collect(), query).await? {
        let hold = rows::hold(&row)?;
        found.insert((hold.caller.clone(), hold.reference.clone()), hold);
    }
    Ok(found)
}

async fn originals(
    tx: &Tx,
    ids: BTreeSet<TransactionId>,
) -> Result<BTreeMap<TransactionId, Original>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<String> = ids.iter().map(TransactionId::to_string).collect();
    let mut legs: BTreeMap<TransactionId, Vec<Leg>> = BTreeMap::new();
    let query = format!(
        "SELECT transaction_id, account_id, gl_code, currency, amount, counterparty \
         FROM journal_legs WHERE transaction_id {} ORDER BY transaction_id, leg",
        among(tx.engine(), 1)
    );
    for row in sql::query_all(tx, query, [texts(tx.engine(), &ids)]).await? {
        let account = rows::optional_id(&row, "account_id")?;
        let gl = Target::Gl(rows::text(&row, "gl_code")?);
        let amount = Money::new(rows::int(&row, "amount")?, rows::currency(&row, "currency")?);
        let target = account.map_or(gl, Target::Account);
        let counterparty = rows::text(&row, "counterparty")?;
        let of = legs.entry(rows::id(&row, "transaction_id")?).or_default();
        of.push(Leg { target, amount, counterparty });
    }
    let query = format!(
        "SELECT id, caller, kind, correlation, value_date, reverses FROM journal WHERE id {}",
        among(tx.engine(), 1)
    );
    let mut found = BTreeMap::new();
    for row in sql::query_all(tx, query, [texts(tx.engine(), &ids)]).await? {
        let id: TransactionId = rows::id(&row, "id")?;
        let legs = Legs::new(legs.remove(&id).unwrap_or_default())
            .map_err(|error| StoreError::Corrupt(format!("journal {id}: {error}")))?;
        let reverses: Option<TransactionId> = rows::optional_id(&row, "reverses")?;
        let original = Original {
            legs,
            caller: rows::text(&row, "caller")?,
            is_reversal: reverses.is_some(),
            kind: rows::text(&row, "kind")?,
            correlation: rows::text(&row, "correlation")?,
            value_date: rows::date(&row, "value_date")?,
        };
        found.insert(id, original);
    }
    Ok(found)
}

/// Those of the holds among the records that there are: a reference may be used again with
/// content that names another hold, or none.
async fn placed_before(tx: &Tx, records: &[Record]) -> Result<BTreeSet<HoldId>, StoreError> {
    let holds: Vec<String> = records
        .iter()
        .filter(|record| matches!(record, Record::Hold(_)))
        .map(ToString::to_string)
        .collect();
    if holds.is_empty() {
        return Ok(BTreeSet::new());
    }
    let query = format!("SELECT id FROM holds WHERE id {}", among(tx.engine(), 1));
    let found = sql::query_all(tx, query, [texts(tx.engine(), &holds)]).await?;
    found.iter().map(|row| rows::id(row, "id")).collect()
}

async fn posted_before(
    tx: &Tx,
    records: &[String],
) -> Result<BTreeMap<TransactionId, Date>, StoreError> {
    let mut found = BTreeMap::new();
    if records.is_empty() {
        return Ok(found);
    }
    let query = format!("SELECT id, booking_date FROM journal WHERE id {}", among(tx.engine(), 1));
    for row in sql::query_all(tx, query, [texts(tx.engine(), records)]).await? {
        found.insert(rows::id(&row, "id")?, rows::date(&row, "booking_date")?);
    }
    Ok(found)
}

async fn events_before(
    tx: &Tx,
    records: &[String],
) -> Result<BTreeMap<Record, Vec<EventId>>, StoreError> {
    let mut found: BTreeMap<Record, Vec<EventId>> = BTreeMap::new();
    if records.is_empty() {
        return Ok(found);
    }
    let query = format!(
        "SELECT aggregate, event_id FROM outbox WHERE version = 1 AND aggregate {}",
        among(tx.engine(), 1)
    );
    for row in sql::query_all(tx, query, [texts(tx.engine(), records)]).await? {
        let of = found.entry(rows::record(&row, "aggregate")?).or_default();
        of.push(rows::id(&row, "event_id")?);
    }
    Ok(found)
}
