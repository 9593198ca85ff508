//! What two persons decide. Who they are, and what was asked for, is in the approval of the same
//! id, whose payload is hashed; here is what it is of and how far it is.

use florin_kernel::{ApprovalId, Currency, Money, Person, TransferId, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Claiming, Column, Due, Keyed, Row},
    sql,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::clearing::{names, readable, update};
use crate::domain::RepairStage;

const TABLE: &str = "repairs";

/// A repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Its id, and that of its approval.
    pub id: ApprovalId,
    /// What it is of: a row of what went out, came in, or could not be taken.
    pub subject: String,
    /// The transfer whose payment that is.
    pub transfer: Option<TransferId>,
    /// The number of what is to be done.
    pub action: i64,
    /// Amount, where it is known.
    pub amount: Option<Money>,
    /// How far it is.
    pub stage: RepairStage,
    /// What came of it, or what it waits for, in words.
    pub outcome: Option<String>,
    /// When its stage last changed.
    pub changed_at: UnixMicros,
    /// When a worker is to take it.
    pub due_at: Option<UnixMicros>,
    /// Who has it now.
    pub lease_token: Option<String>,
    /// How often a worker has taken it.
    pub attempts: i64,
}

/// A repair with its approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The repair.
    pub repair: Repair,
    /// The encoded request.
    pub payload: Vec<u8>,
    /// The first person.
    pub maker: Person,
    /// Who decided.
    pub checker: Option<Person>,
    /// When it was proposed.
    pub proposed_at: UnixMicros,
    /// From when on nobody can approve it.
    pub expires_at: UnixMicros,
    /// When it was decided.
    pub decided_at: Option<UnixMicros>,
}

const FIXED: [(&str, Column); 6] = [
    ("id", Column::Text),
    ("subject", Column::Text),
    ("transfer_id", Column::Text),
    ("action", Column::Int),
    ("currency", Column::Text),
    ("amount", Column::Int),
];
const CHANGING: [(&str, Column); 7] = [
    ("stage", Column::Int),
    ("outcome", Column::Text),
    ("changed_at", Column::Int),
    ("due_at", Column::Int),
    ("lease_until", Column::Int),
    ("lease_token", Column::Text),
    ("attempts", Column::Int),
];

fn columns() -> String {
    names(&FIXED, &CHANGING)
}

fn corrupt(id: &str, what: &str) -> StoreError {
    StoreError::Corrupt(format!("repair {id} has no valid {what}"))
}

impl Repair {
    /// The stage that follows.
    pub fn move_to(&mut self, stage: RepairStage, outcome: Option<String>, now: UnixMicros) {
        self.stage = stage;
        self.changed_at = self.changed_at.max(now);
        self.due_at = (stage == RepairStage::Executing).then_some(now);
        self.outcome = outcome;
        self.attempts = 0;
    }

    /// The row; a lease is never written from here.
    fn to_row(&self) -> Row {
        row! {
            "id": self.id.to_string(),
            "subject": self.subject.as_str(),
            "transfer_id": self.transfer.map(|id| id.to_string()),
            "action": self.action,
            "currency": self.amount.map(|amount| amount.currency().code()),
            "amount": self.amount.map(Money::minor),
            "stage": self.stage.code(),
            "outcome": self.outcome.as_deref(),
            "changed_at": self.changed_at.0,
            "due_at": self.due_at.map(|at| at.0),
            "attempts": self.attempts,
        }
    }

    fn from_row(row: &QueryResult) -> Result<Self, StoreError> {
        let id: String = row.try_get("", "id")?;
        let transfer: Option<String> = row.try_get("", "transfer_id")?;
        let transfer = transfer.map(|text| TransferId::parse(&text)).transpose();
        let currency: Option<String> = row.try_get("", "currency")?;
        let currency = currency.map(|text| text.parse::<Currency>()).transpose();
        let currency = currency.map_err(|_| corrupt(&id, "currency"))?;
        let amount: Option<i64> = row.try_get("", "amount")?;
        let stage = RepairStage::from_code(row.try_get("", "stage")?);
        let due_at: Option<i64> = row.try_get("", "due_at")?;
        Ok(Self {
            subject: row.try_get("", "subject")?,
            transfer: transfer.map_err(|_| corrupt(&id, "transfer"))?,
            action: row.try_get("", "action")?,
            amount: amount.zip(currency).map(|(minor, currency)| Money::new(minor, currency)),
            stage: stage.ok_or_else(|| corrupt(&id, "stage"))?,
            outcome: row.try_get("", "outcome")?,
            changed_at: UnixMicros(row.try_get("", "changed_at")?),
            due_at: due_at.map(UnixMicros),
            lease_token: row.try_get("", "lease_token")?,
            attempts: row.try_get("", "attempts")?,
            id: ApprovalId::parse(&id).map_err(|_| corrupt(&id, "id"))?,
        })
    }
}

fn decided_of(row: &QueryResult) -> Result<Decided, StoreError> {
    let decided_at: Option<i64> = row.try_get("", "decided_at")?;
    Ok(Decided {
        repair: Repair::from_row(row)?,
        payload: row.try_get("", "payload")?,
        maker: Person::restore(row.try_get("", "maker")?),
        checker: row.try_get::<Option<String>>("", "checker")?.map(Person::restore),
        proposed_at: UnixMicros(row.try_get("", "proposed_at")?),
        expires_at: UnixMicros(row.try_get("", "expires_at")?),
        decided_at: decided_at.map(UnixMicros),
    })
}

/// Keeps a new one, whose approval this transaction has proposed.
///
/// # Errors
/// `Conflict` for a second open one of a subject.
pub async fn open(tx: &Tx, new: &Repair) -> Result<(), StoreError> {
    let columns: Vec<_> = FIXED.iter().chain(&CHANGING).copied().collect();
    rows::insert_many(tx, TABLE, &columns, vec![new.to_row()]).await.map(drop)
}

/// The open one of a subject. Under the subject's lock there is no other.
///
/// # Errors
/// Those of the database.
pub async fn open_of(tx: &Tx, subject: &str) -> Result<Option<Decided>, StoreError> {
    let query = format!("{} WHERE r.subject = $1 AND r.stage IN (1, 2)", with_approval());
    let row = sql::query_one(tx, query, [subject.into()]).await?;
    row.as_ref().map(decided_of).transpose()
}

/// Locks a repair. After what it is of.
///
/// # Errors
/// Those of the database.
pub async fn lock(tx: &Tx, id: ApprovalId) -> Result<Option<Repair>, StoreError> {
    let columns = columns();
    let keyed = Keyed { table: TABLE, id_column: "id", columns: &columns };
    let found = rows::lock_by_id(tx, keyed, &[id.to_string()]).await?;
    found.first().map(Repair::from_row).transpose()
}

/// Writes the changing part of what this transaction has locked, and gives its lease back.
///
/// # Errors
/// `Corrupt` where it is not there.
pub async fn update_repair(tx: &Tx, repair: &Repair) -> Result<(), StoreError> {
    update(tx, TABLE, &CHANGING, repair.to_row()).await
}

/// Ends the proposal of a subject, where one waits, since nothing is left to decide. Under the
/// subject's lock.
///
/// # Errors
/// Those of the database.
pub async fn lapse(
    tx: &Tx,
    subject: &str,
    outcome: &str,
    now: UnixMicros,
) -> Result<(), StoreError> {
    let update = format!(
        "UPDATE {TABLE} SET stage = $2, outcome = $3, changed_at = $4 \
         WHERE subject = $1 AND stage = 1"
    );
    let stage = RepairStage::Lapsed.code();
    let values = [subject.into(), stage.into(), outcome.into(), now.0.into()];
    sql::execute(tx, update, values).await.map(drop)
}

/// Whether people have said how something on its way out ended.
///
/// # Errors
/// Those of the database.
pub async fn is_ended_by_people(tx: &Tx, subject: &str) -> Result<bool, StoreError> {
    // 1 settle, 2 reject.
    let query =
        format!("SELECT id FROM {TABLE} WHERE subject = $1 AND stage = $2 AND action IN (1, 2)");
    let values = [subject.into(), RepairStage::Done.code().into()];
    Ok(sql::query_one(tx, query, values).await?.is_some())
}

/// Takes what the ledger is to be asked for, with the worker's token.
///
/// # Errors
/// Those of the database.
pub async fn claim(tx: &Tx, claiming: &Claiming) -> Result<(String, Vec<Repair>), StoreError> {
    let columns = columns();
    let due = Due {
        table: TABLE,
        id_column: "id",
        columns: &columns,
        due_column: "due_at",
        lease_until_column: "lease_until",
        lease_token_column: "lease_token",
        taken_over_column: None,
    };
    let claimed = rows::claim_due(tx, &due, claiming).await?;
    let found = claimed.rows.iter().map(Repair::from_row).filter_map(readable).collect();
    Ok((claimed.token, found))
}

/// A repair with its approval.
///
/// # Errors
/// Those of the database.
pub async fn find(
    connection: &impl ConnectionTrait,
    id: ApprovalId,
) -> Result<Option<Decided>, StoreError> {
    let query = format!("{} WHERE r.id = $1", with_approval());
    let row = sql::query_one(connection, query, [id.to_string().into()]).await?;
    row.as_ref().map(decided_of).transpose()
}

/// A page of repairs, younger than `after`; only those that have not ended, where `open_only`.
///
/// # Errors
/// Those of the database.
pub async fn after(
    connection: &impl ConnectionTrait,
    after: &str,
    open_only: bool,
    limit: u32,
) -> Result<Vec<Decided>, StoreError> {
    let open = if open_only { "r.stage IN (1, 2) AND" } else { "" };
    let query = format!("{} WHERE {open} r.id > $1 ORDER BY r.id LIMIT $2", with_approval());
    let rows = sql::query_all(connection, query, [after.into(), i64::from(limit).into()]).await?;
    rows.iter().map(decided_of).collect()
}

fn with_approval() -> String {
    let own: Vec<_> = FIXED.iter().chain(&CHANGING).map(|(name, _)| format!("r.{name}")).collect();
    format!(
        "SELECT {}, a.payload, a.maker, a.checker, a.proposed_at, a.expires_at, a.decided_at \
         FROM {TABLE} AS r JOIN approvals AS a ON a.id = r.id",
        own.join(", ")
    )
}
