//! What goes to the clearing network; what comes from it is in `clearing/incoming.rs`.

mod filed;
mod incoming;
mod reads;

use florin_kernel::{ApprovalId, Currency, Money, TransferId, Uetr, UnixMicros};
use florin_store::{
    StoreError, Tx, row,
    rows::{self, Claiming, Column, Due, Keyed, Row},
    sql,
};
use sea_orm::{QueryResult, Value};

pub use self::{
    filed::{Drawer, Unread, dismiss_unread, file, lock_unread, unread_after},
    incoming::{
        Comeback, Incoming, arrive, asked_back, claim_incoming, comebacks, find_incoming,
        has_come_back, incoming_after, lock_incoming, update_incoming,
    },
    reads::{
        clearing_waits, find_outgoing, is_in_hand, is_return_contradicted, outgoing_after,
        payment_of,
    },
};
use super::Record;
use crate::domain::{Stage, message_id, uetr_of};

const OUT: &str = "clearing_out";

/// What a message to the network is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The payment of a transfer.
    Payment(TransferId),
    /// The return of what came in under this id.
    Return(String),
    /// The return, for a recall, of what came in under this id and whose first return the
    /// network has rejected.
    Recalled(String),
    /// The return that two persons want once more of what came in: the repair, and what came in.
    Repaired(ApprovalId, String),
}

impl Subject {
    /// What came in that it is a return of.
    #[must_use]
    pub fn came(&self) -> Option<&str> {
        match self {
            Self::Payment(_) => None,
            Self::Return(came) | Self::Recalled(came) | Self::Repaired(_, came) => Some(came),
        }
    }
}

/// What stands before the id of what came in, in the subject of its second return.
const RECALLED: &str = "recall:";
/// What stands before repair and id of what came in, in the subject of a return by people.
const REPAIRED: &str = "repair:";

/// Something on its way to the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Message id, unique for ever.
    pub id: String,
    /// What it is of.
    pub subject: Subject,
    /// How far it is.
    pub stage: Stage,
    /// The payment's name at all banks; of a return that of what goes back.
    pub uetr: Option<Uetr>,
    /// Amount.
    pub amount: Money,
    /// The exact bytes, from submitting on.
    pub document: Option<Vec<u8>>,
    /// When the network took them; None before, and where it says that it never had them.
    pub sent_at: Option<UnixMicros>,
    /// How often it was asked, or may have been.
    pub asks: i64,
    /// How often the bytes went out, or may have.
    pub sends: i64,
    /// Message ids of the answers after a question that spoke of a duplicate.
    pub doubts: Vec<String>,
    /// Message ids of those that were read before a question, and are no answer when they come
    /// again.
    pub heard: Vec<String>,
    /// The code of a rejection.
    pub answer: Option<String>,
    /// What the network has said against where it is.
    pub contradiction: Option<String>,
    /// When it was accepted.
    pub created_at: UnixMicros,
    /// When its stage last changed.
    pub changed_at: UnixMicros,
    /// When a worker is to take it; None once it has ended.
    pub due_at: Option<UnixMicros>,
    /// Who has it now.
    pub lease_token: Option<String>,
    /// Until when a worker may have it in its hands, whoever has given its lease back; of what was
    /// just claimed, until when another may.
    pub in_hand_until: Option<UnixMicros>,
    /// How often a worker has taken it.
    pub attempts: i64,
    /// What last kept it waiting.
    pub last_cause: Option<String>,
}

const OUT_FIXED: [(&str, Column); 7] = [
    ("id", Column::Text),
    ("kind", Column::Int),
    ("subject", Column::Text),
    ("uetr", Column::Text),
    ("currency", Column::Text),
    ("amount", Column::Int),
    ("created_at", Column::Int),
];
const OUT_CHANGING: [(&str, Column); 16] = [
    ("stage", Column::Int),
    ("document", Column::Bytes),
    ("sent_at", Column::Int),
    ("asks", Column::Int),
    ("sends", Column::Int),
    ("doubts", Column::Text),
    ("heard", Column::Text),
    ("contradiction", Column::Text),
    ("answer", Column::Text),
    ("changed_at", Column::Int),
    ("due_at", Column::Int),
    ("lease_until", Column::Int),
    ("lease_token", Column::Text),
    ("in_hand_until", Column::Int),
    ("attempts", Column::Int),
    ("last_cause", Column::Text),
];
pub(super) fn names(columns: &[(&str, Column)], more: &[(&str, Column)]) -> String {
    let names: Vec<_> = columns.iter().chain(more).map(|(name, _)| *name).collect();
    names.join(", ")
}

fn out_columns() -> String {
    names(&OUT_FIXED, &OUT_CHANGING)
}

fn due<'a>(table: &'a str, columns: &'a str) -> Due<'a> {
    Due {
        table,
        id_column: "id",
        columns,
        due_column: "due_at",
        lease_until_column: "lease_until",
        lease_token_column: "lease_token",
        taken_over_column: None,
    }
}

fn corrupt(id: &str, what: &str) -> StoreError {
    StoreError::Corrupt(format!("{id} of the clearing has no valid {what}"))
}

pub(super) fn instant(row: &QueryResult, column: &str) -> Result<Option<UnixMicros>, StoreError> {
    Ok(row.try_get::<Option<i64>>("", column)?.map(UnixMicros))
}

fn money(row: &QueryResult, id: &str) -> Result<Money, StoreError> {
    let currency: String = row.try_get("", "currency")?;
    let currency: Currency = currency.parse().map_err(|_| corrupt(id, "currency"))?;
    Ok(Money::new(row.try_get("", "amount")?, currency))
}

fn parsed<T: std::str::FromStr>(
    row: &QueryResult,
    id: &str,
    column: &'static str,
) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.try_get("", column)?;
    text.map(|text| text.parse().map_err(|_| corrupt(id, column))).transpose()
}

impl Outgoing {
    /// The beginning of the way of a transfer between banks; None for any other.
    pub(super) fn of(record: &Record) -> Option<Self> {
        let transfer = &record.transfer;
        transfer.order().route().other_bank()?;
        let (id, at) = (transfer.id(), transfer.created_at());
        Some(Self {
            id: message_id(id),
            subject: Subject::Payment(id),
            stage: Stage::New,
            uetr: Some(uetr_of(id)),
            amount: transfer.order().amount(),
            document: None,
            sent_at: None,
            asks: 0,
            sends: 0,
            doubts: Vec::new(),
            heard: Vec::new(),
            answer: None,
            contradiction: None,
            created_at: at,
            changed_at: at,
            due_at: Some(at),
            lease_token: None,
            in_hand_until: None,
            attempts: 0,
            last_cause: None,
        })
    }

    /// The transfer whose payment it is.
    #[must_use]
    pub const fn transfer(&self) -> Option<TransferId> {
        match &self.subject {
            Subject::Payment(id) => Some(*id),
            Subject::Return(_) | Subject::Recalled(_) | Subject::Repaired(..) => None,
        }
    }

    /// What came in and goes back by it; None for a payment.
    #[must_use]
    pub fn goes_back(&self) -> Option<&str> {
        self.subject.came()
    }

    /// The row; a lease is never written from here.
    fn to_row(&self) -> Row {
        let (kind, subject) = match &self.subject {
            Subject::Payment(id) => (1_i64, id.to_string()),
            Subject::Return(id) => (2, id.clone()),
            Subject::Recalled(id) => (2, format!("{RECALLED}{id}")),
            Subject::Repaired(repair, id) => (2, format!("{REPAIRED}{repair}:{id}")),
        };
        row! {
            "id": self.id.as_str(),
            "kind": kind,
            "subject": subject,
            "uetr": self.uetr.map(|uetr| uetr.to_string()),
            "currency": self.amount.currency().code(),
            "amount": self.amount.minor(),
            "created_at": self.created_at.0,
            "stage": self.stage.code(),
            "document": self.document.clone(),
            "sent_at": self.sent_at.map(|at| at.0),
            "asks": self.asks,
            "sends": self.sends,
            "doubts": self.doubts.join(" "),
            "heard": self.heard.join(" "),
            "contradiction": self.contradiction.as_deref(),
            "answer": self.answer.as_deref(),
            "changed_at": self.changed_at.0,
            "due_at": self.due_at.map(|at| at.0),
            "in_hand_until": self.in_hand_until.map(|at| at.0),
            "attempts": self.attempts,
            "last_cause": self.last_cause.as_deref(),
        }
    }

    fn from_row(row: &QueryResult) -> Result<Self, StoreError> {
        let id: String = row.try_get("", "id")?;
        let subject: String = row.try_get("", "subject")?;
        let kind: i64 = row.try_get("", "kind")?;
        let subject = match kind {
            1 => Subject::Payment(subject.parse().map_err(|_| corrupt(&id, "subject"))?),
            2 => return_of(&subject).ok_or_else(|| corrupt(&id, "subject"))?,
            _ => return Err(corrupt(&id, "kind")),
        };
        let stage = Stage::from_code(row.try_get("", "stage")?);
        let ids = |column: &str| -> Result<Vec<String>, StoreError> {
            let text: String = row.try_get("", column)?;
            Ok(text.split(' ').filter(|id| !id.is_empty()).map(str::to_owned).collect())
        };
        Ok(Self {
            subject,
            stage: stage.ok_or_else(|| corrupt(&id, "stage"))?,
            uetr: parsed(row, &id, "uetr")?,
            amount: money(row, &id)?,
            document: row.try_get("", "document")?,
            sent_at: instant(row, "sent_at")?,
            asks: row.try_get("", "asks")?,
            sends: row.try_get("", "sends")?,
            doubts: ids("doubts")?,
            heard: ids("heard")?,
            contradiction: row.try_get("", "contradiction")?,
            answer: row.try_get("", "answer")?,
            created_at: UnixMicros(row.try_get("", "created_at")?),
            changed_at: UnixMicros(row.try_get("", "changed_at")?),
            due_at: instant(row, "due_at")?,
            lease_token: row.try_get("", "lease_token")?,
            in_hand_until: instant(row, "in_hand_until")?,
            attempts: row.try_get("", "attempts")?,
            last_cause: row.try_get("", "last_cause")?,
            id,
        })
    }
}

/// What a return is of; None for a text that is none.
fn return_of(subject: &str) -> Option<Subject> {
    if let Some(came) = subject.strip_prefix(RECALLED) {
        return Some(Subject::Recalled(came.to_owned()));
    }
    let Some(repaired) = subject.strip_prefix(REPAIRED) else {
        return Some(Subject::Return(subject.to_owned()));
    };
    let (repair, came) = repaired.split_once(':')?;
    Some(Subject::Repaired(ApprovalId::parse(repair).ok()?, came.to_owned()))
}

/// Puts what is new on its way. Given again, it is an error of the unique key.
///
/// # Errors
/// Those of the database.
pub async fn send(tx: &Tx, new: &[Outgoing]) -> Result<(), StoreError> {
    let columns: Vec<_> = OUT_FIXED.iter().chain(&OUT_CHANGING).copied().collect();
    let rows = new.iter().map(Outgoing::to_row).collect();
    rows::insert_many(tx, OUT, &columns, rows).await.map(drop)
}

/// Takes what is due on the way out, with the worker's token. What is to be sent or asked
/// counts from here on: whoever takes it may end before it can tell.
///
/// # Errors
/// Those of the database.
pub async fn claim_outgoing(
    tx: &Tx,
    claiming: &Claiming,
) -> Result<(String, Vec<Outgoing>), StoreError> {
    let columns = out_columns();
    let claimed = rows::claim_due(tx, &due(OUT, &columns), claiming).await?;
    let found: Vec<_> = claimed.rows.iter().map(Outgoing::from_row).filter_map(readable).collect();
    let ids: Vec<Value> = found.iter().map(|out| out.id.as_str().into()).collect();
    if !ids.is_empty() {
        let places: Vec<_> = (3..).take(ids.len()).map(|number| format!("${number}")).collect();
        let count = format!(
            "UPDATE {OUT} SET in_hand_until = $1, \
             sends = sends + CASE WHEN stage = $2 AND sent_at IS NULL THEN 1 ELSE 0 END, \
             asks = asks + CASE WHEN stage = $2 AND sent_at IS NOT NULL THEN 1 ELSE 0 END \
             WHERE id IN ({})",
            places.join(", ")
        );
        let own = [claiming.lease_until.0.into(), Stage::Submitting.code().into()];
        sql::execute(tx, count, own.into_iter().chain(ids)).await?;
    }
    Ok((claimed.token, found))
}

pub(super) fn readable<T>(record: Result<T, StoreError>) -> Option<T> {
    record.inspect_err(|error| tracing::error!(%error, "a stored payment cannot be read")).ok()
}

/// Locks what goes out under a message id.
///
/// # Errors
/// Those of the database.
pub async fn lock_outgoing(tx: &Tx, id: &str) -> Result<Option<Outgoing>, StoreError> {
    let columns = out_columns();
    let keyed = Keyed { table: OUT, id_column: "id", columns: &columns };
    let found = rows::lock_by_id(tx, keyed, &[id.to_owned()]).await?;
    found.first().map(Outgoing::from_row).transpose()
}

/// Writes the changing part of what this transaction has locked, and gives its lease back.
///
/// # Errors
/// `Corrupt` where it is not there.
pub async fn update_outgoing(tx: &Tx, out: &Outgoing) -> Result<(), StoreError> {
    update(tx, OUT, &OUT_CHANGING, out.to_row()).await
}

pub(super) async fn update(
    tx: &Tx,
    table: &str,
    columns: &[(&str, Column)],
    row: Row,
) -> Result<(), StoreError> {
    match rows::update_many(tx, table, &[("id", Column::Text)], columns, vec![row]).await? {
        1 => Ok(()),
        found => Err(StoreError::Corrupt(format!("{found} rows of {table} written, not one"))),
    }
}
