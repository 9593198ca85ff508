//! What a batch reads and locks, in one order everywhere: references sorted, the books,
//! the IBAN serial, then accounts sorted (DESIGN section 4).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use florin_kernel::{BankIdentity, Date, EventId, Money, UnixMicros};
use florin_store::{
    Engine, StoreError, Tx,
    rows::{self as many, Column, among, hex, texts},
    sql,
};
use serde_json::json;

use super::{chart, rows};
use crate::{
    app::{
        command::{Command, Work},
        working::{Claim, Original, ReferenceId, Working, Writes},
    },
    domain::{
        account::Holder,
        posting::{Leg, Legs, Target},
        record::Record,
    },
};

const REFERENCE: [(&str, Column); 4] = [
    ("caller", Column::Text),
    ("reference", Column::Text),
    ("fingerprint", Column::Bytes),
    ("record", Column::Text),
];

/// Claims, locks and reads all that the commands need.
///
/// # Errors
/// Those of the database.
pub async fn working(
    tx: &Tx,
    bank: &BankIdentity,
    commands: &[&Command],
) -> Result<Working, StoreError> {
    let claims = claim(tx, commands).await?;
    let books = chart::books(tx, tx.engine().for_share()).await?;
    let chart = chart::gl_accounts(tx).await?;
    let opens = commands.iter().filter(|command| matches!(command.work, Work::Open(_))).count();
    let ibans = reserve_ibans(tx, bank, opens).await?;
    let originals = originals(tx, commands).await?;
    let holds = holds(tx, commands).await?;
    let made = claims.values().filter(|claim| claim.made);
    let before: Vec<Record> = made.filter_map(|claim| claim.record.clone()).collect();
    let records: Vec<&str> = before.iter().map(Record::id).collect();

    let mut ids = touched(commands, &originals);
    ids.extend(holds.values().map(|hold| hold.account.clone()));
    ids.extend(before.iter().filter_map(opened).map(str::to_owned));
    let ids: Vec<String> = ids.into_iter().collect();
    let mut working = Working {
        books,
        chart,
        accounts: BTreeMap::new(),
        hashes: BTreeMap::new(),
        holders: BTreeMap::new(),
        holds: BTreeMap::new(),
        originals,
        posted_before: posted_before(tx, &records).await?,
        events_before: events_before(tx, &records).await?,
        claims,
        ibans,
        now: UnixMicros(0),
        writes: Writes::default(),
    };
    let mut last = UnixMicros(0);
    for row in many::lock_by_id(tx, "accounts", "id", &ids).await? {
        let (account, hash, recorded_at) = rows::account(&row)?;
        last = last.max(recorded_at);
        working.hashes.insert(account.id.clone(), hash);
        working.accounts.insert(account.id.clone(), account);
    }
    // Read again now that the accounts are locked: what was read before only told which.
    working.holds = self::holds(tx, commands).await?;
    // A hold that was committed between the two reads: its account is not locked.
    if working.holds.values().any(|hold| !working.accounts.contains_key(&hold.account)) {
        return Err(StoreError::Serialization("a hold appeared beside the batch".into()));
    }
    for record in &before {
        let there = match record {
            Record::Transaction(id) => working.posted_before.contains_key(id),
            Record::Account(id) => working.accounts.contains_key(id),
            Record::Hold(id) => working.holds.values().any(|hold| hold.id == *id),
        };
        if !there {
            let id = record.id();
            return Err(StoreError::Corrupt(format!("a reference names {id}, which is not")));
        }
    }
    working.holders = holders(tx, &changed(commands, &before)).await?;
    working.now = tx.now().await?.max(last);
    Ok(working)
}

/// Inserts the references that are new, in sorted order with one statement, and reads the
/// others.
async fn claim(tx: &Tx, commands: &[&Command]) -> Result<BTreeMap<ReferenceId, Claim>, StoreError> {
    let mut claims: BTreeMap<ReferenceId, Claim> = BTreeMap::new();
    for command in commands {
        for reference in command.references() {
            let id = (reference.caller, reference.text);
            claims.entry(id).or_insert_with(|| Claim {
                fingerprint: reference.fingerprint,
                record: command.record(),
                made: false,
                new: false,
                rewritten: false,
            });
        }
    }
    if claims.is_empty() {
        return Ok(claims);
    }
    let wanted: Vec<_> = claims
        .iter()
        .map(|((caller, reference), claim)| {
            json!({
                "caller": caller, "reference": reference,
                "fingerprint": hex(&claim.fingerprint),
                // The empty one of a release is written again, or deleted, with the batch.
                "record": claim.record.as_ref().map_or("", Record::id),
            })
        })
        .collect();
    let wanted = serde_json::Value::Array(wanted).to_string();
    let select = many::select(tx.engine(), &REFERENCE);
    let insert = format!(
        "INSERT INTO ledger_references (caller, reference, fingerprint, record) \
         SELECT {select} WHERE true ON CONFLICT (caller, reference) DO NOTHING \
         RETURNING caller, reference"
    );
    for row in sql::query_all(tx, insert, [wanted.clone().into()]).await? {
        let id = (rows::text(&row, "caller")?, rows::text(&row, "reference")?);
        if let Some(claim) = claims.get_mut(&id) {
            claim.new = true;
        }
    }
    if claims.values().all(|claim| claim.new) {
        return Ok(claims);
    }
    let read = format!(
        "SELECT r.caller, r.reference, r.fingerprint, r.record \
         FROM (SELECT {select}) AS w JOIN ledger_references AS r \
         ON r.caller = w.caller AND r.reference = w.reference"
    );
    for row in sql::query_all(tx, read, [wanted.into()]).await? {
        let id = (rows::text(&row, "caller")?, rows::text(&row, "reference")?);
        if let Some(claim) = claims.get_mut(&id).filter(|claim| !claim.new) {
            claim.fingerprint = rows::bytes(&row, "fingerprint")?;
            claim.record = Some(rows::record(&row)?);
            claim.made = true;
        }
    }
    if claims.values().any(|claim| !claim.new && !claim.made) {
        return Err(StoreError::Serialization("a reference vanished beside the batch".into()));
    }
    Ok(claims)
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

/// The accounts that the commands name, with those of transactions to reverse.
fn touched(commands: &[&Command], originals: &BTreeMap<String, Original>) -> BTreeSet<String> {
    fn of(legs: &Legs) -> impl Iterator<Item = String> + '_ {
        legs.as_slice().iter().filter_map(|leg| match &leg.target {
            Target::Account(id) => Some(id.clone()),
            Target::Gl(_) => None,
        })
    }
    let mut ids = BTreeSet::new();
    for command in commands {
        match &command.work {
            Work::Post(post) => ids.extend(of(&post.legs)),
            Work::Reverse(reverse) => {
                ids.extend(
                    originals.get(&reverse.original).iter().flat_map(|found| of(&found.legs)),
                );
            }
            Work::Place(place) => {
                ids.insert(place.account.clone());
            }
            Work::Change { account, .. } => {
                ids.insert(account.clone());
            }
            Work::Release(_) | Work::Open(_) => {}
        }
    }
    ids
}

/// The accounts whose holders matter: those that change, and those opened before.
fn changed(commands: &[&Command], before: &[Record]) -> Vec<String> {
    let named = commands.iter().filter_map(|command| match &command.work {
        Work::Change { account, .. } => Some(account.clone()),
        Work::Post(_) | Work::Reverse(_) | Work::Place(_) | Work::Release(_) | Work::Open(_) => {
            None
        }
    });
    let opened = before.iter().filter_map(opened).map(str::to_owned);
    named.chain(opened).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The account that an opening made.
fn opened(record: &Record) -> Option<&str> {
    match record {
        Record::Account(id) => Some(id),
        Record::Transaction(_) | Record::Hold(_) => None,
    }
}

async fn holders(
    tx: &Tx,
    accounts: &[String],
) -> Result<BTreeMap<String, Vec<Holder>>, StoreError> {
    let mut found: BTreeMap<String, Vec<Holder>> = BTreeMap::new();
    if accounts.is_empty() {
        return Ok(found);
    }
    for row in sql::query_all(tx, holders_of(tx.engine()), [texts(accounts)]).await? {
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
    commands: &[&Command],
) -> Result<BTreeMap<ReferenceId, crate::domain::hold::Hold>, StoreError> {
    let wanted: BTreeSet<ReferenceId> = commands
        .iter()
        .filter_map(|command| match &command.work {
            Work::Place(place) => {
                Some((place.reference.caller.clone(), place.reference.text.clone()))
            }
            Work::Release(release) => {
                Some((release.reference.caller.clone(), release.hold_reference.clone()))
            }
            Work::Post(_) | Work::Reverse(_) | Work::Open(_) | Work::Change { .. } => None,
        })
        .collect();
    let mut found = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let [caller, reference, ..] = REFERENCE;
    let query = format!(
        "SELECT h.id, h.account_id, h.caller, h.reference, h.amount, h.currency, h.remaining, \
         h.status FROM (SELECT {}) AS w JOIN holds AS h \
         ON h.caller = w.caller AND h.reference = w.reference",
        many::select(tx.engine(), &[caller, reference])
    );
    let wanted =
        wanted.iter().map(|(caller, reference)| json!({"caller": caller, "reference": reference}));
    let wanted = serde_json::Value::Array(wanted.collect()).to_string();
    for row in sql::query_all(tx, query, [wanted.into()]).await? {
        let hold = rows::hold(&row)?;
        found.insert((hold.caller.clone(), hold.reference.clone()), hold);
    }
    Ok(found)
}

async fn originals(
    tx: &Tx,
    commands: &[&Command],
) -> Result<BTreeMap<String, Original>, StoreError> {
    let ids: BTreeSet<&str> = commands
        .iter()
        .filter_map(|command| match &command.work {
            Work::Reverse(reverse) => Some(reverse.original.as_str()),
            Work::Post(_) | Work::Place(_) | Work::Release(_) | Work::Open(_) => None,
            Work::Change { .. } => None,
        })
        .collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut legs: BTreeMap<String, Vec<Leg>> = BTreeMap::new();
    let query = format!(
        "SELECT transaction_id, account_id, gl_code, currency, amount, counterparty \
         FROM journal_legs WHERE transaction_id {} ORDER BY transaction_id, leg",
        among(tx.engine(), 1)
    );
    for row in sql::query_all(tx, query, [texts(&ids)]).await? {
        let account: Option<String> = row.try_get("", "account_id")?;
        let gl = Target::Gl(rows::text(&row, "gl_code")?);
        let amount = Money::new(rows::int(&row, "amount")?, rows::currency(&row, "currency")?);
        let target = account.map_or(gl, Target::Account);
        let counterparty = rows::text(&row, "counterparty")?;
        let of = legs.entry(rows::text(&row, "transaction_id")?).or_default();
        of.push(Leg { target, amount, counterparty });
    }
    let query = format!(
        "SELECT id, kind, correlation, value_date, reverses FROM journal WHERE id {}",
        among(tx.engine(), 1)
    );
    let mut found = BTreeMap::new();
    for row in sql::query_all(tx, query, [texts(&ids)]).await? {
        let id = rows::text(&row, "id")?;
        let legs = Legs::new(legs.remove(&id).unwrap_or_default())
            .map_err(|error| StoreError::Corrupt(format!("journal {id}: {error}")))?;
        let reverses: Option<String> = row.try_get("", "reverses")?;
        let original = Original {
            legs,
            is_reversal: reverses.is_some(),
            kind: rows::text(&row, "kind")?,
            correlation: rows::text(&row, "correlation")?,
            value_date: rows::date(&row, "value_date")?,
        };
        found.insert(id, original);
    }
    Ok(found)
}

async fn posted_before(tx: &Tx, records: &[&str]) -> Result<BTreeMap<String, Date>, StoreError> {
    let mut found = BTreeMap::new();
    if records.is_empty() {
        return Ok(found);
    }
    let query = format!("SELECT id, booking_date FROM journal WHERE id {}", among(tx.engine(), 1));
    for row in sql::query_all(tx, query, [texts(records)]).await? {
        found.insert(rows::text(&row, "id")?, rows::date(&row, "booking_date")?);
    }
    Ok(found)
}

async fn events_before(
    tx: &Tx,
    records: &[&str],
) -> Result<BTreeMap<String, Vec<EventId>>, StoreError> {
    let mut found: BTreeMap<String, Vec<EventId>> = BTreeMap::new();
    if records.is_empty() {
        return Ok(found);
    }
    let query = format!(
        "SELECT aggregate, event_id FROM outbox WHERE version = 1 AND aggregate {}",
        among(tx.engine(), 1)
    );
    for row in sql::query_all(tx, query, [texts(records)]).await? {
        let of = found.entry(rows::text(&row, "aggregate")?).or_default();
        let id = EventId::parse(&rows::text(&row, "event_id")?);
        of.push(id.map_err(|_| StoreError::Corrupt("an event id in the outbox".into()))?);
    }
    Ok(found)
}
