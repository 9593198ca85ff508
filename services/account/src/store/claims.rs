//! References: claimed in sorted order with one statement, or looked up.

use std::collections::{BTreeMap, BTreeSet};

use florin_store::{
    StoreError, Tx, row,
    rows::{self as many, Cell, Column},
    sql,
};

use super::{
    rows,
    working::{Claim, Reference, ReferenceId},
};
use crate::domain::record::Record;

const REFERENCE: [(&str, Column); 4] = [
    ("caller", Column::Text),
    ("reference", Column::Text),
    ("fingerprint", Column::Bytes),
    ("record", Column::Text),
];

/// A reference that the ledger makes for itself.
pub struct NewReference<'r> {
    /// In whose name it is unique.
    pub caller: &'r str,
    /// The reference itself, never used before.
    pub reference: &'r str,
    /// Hash of the content.
    pub fingerprint: Vec<u8>,
    /// The record that it makes.
    pub record: Record,
}

/// Inserts one that nobody else can claim.
///
/// # Errors
/// Those of the database; `Conflict` where it exists.
pub async fn insert(tx: &Tx, new: NewReference<'_>) -> Result<(), StoreError> {
    let insert = "INSERT INTO ledger_references (caller, reference, fingerprint, record) \
                  VALUES ($1, $2, $3, $4)";
    let NewReference { caller, reference, fingerprint, record } = new;
    let values = [caller.into(), reference.into(), fingerprint.into(), record.to_string().into()];
    sql::execute(tx, insert, values).await.map(|_| ())
}

/// Inserts the references that are new, in sorted order with one statement, and reads the
/// others.
pub(super) async fn claim(
    tx: &Tx,
    wanted: Vec<(Reference, Option<Record>)>,
) -> Result<BTreeMap<ReferenceId, Claim>, StoreError> {
    let mut claims: BTreeMap<ReferenceId, Claim> = BTreeMap::new();
    for (Reference { caller, text, fingerprint }, record) in wanted {
        claims.entry((caller, text)).or_insert(Claim {
            fingerprint,
            record,
            made: false,
            new: false,
            rewritten: false,
        });
    }
    if claims.is_empty() {
        return Ok(claims);
    }
    let wanted: Vec<_> = claims
        .iter()
        .map(|((caller, reference), claim)| {
            row! {
                "caller": caller.as_str(), "reference": reference.as_str(),
                "fingerprint": claim.fingerprint.clone(),
                // The empty one of a release is written again, or deleted, with the batch.
                "record": claim.record.map_or(Cell::Fixed(""), Cell::from),
            }
        })
        .collect();
    let insert = |rows: &str| {
        format!(
            "INSERT INTO ledger_references (caller, reference, fingerprint, record) \
             {rows} WHERE true ON CONFLICT (caller, reference) DO NOTHING \
             RETURNING caller, reference"
        )
    };
    for row in many::query(tx, &REFERENCE, wanted, insert).await? {
        let id = (rows::text(&row, "caller")?, rows::text(&row, "reference")?);
        if let Some(claim) = claims.get_mut(&id) {
            claim.new = true;
        }
    }
    if claims.values().all(|claim| claim.new) {
        return Ok(claims);
    }
    let old = claims.iter().filter(|(_, claim)| !claim.new).map(|(id, _)| id.clone());
    for (id, found) in references(tx, old.collect()).await? {
        if let Some(claim) = claims.get_mut(&id).filter(|claim| !claim.new) {
            *claim = found;
        }
    }
    if claims.values().any(|claim| !claim.new && !claim.made) {
        return Err(StoreError::Serialization("a reference vanished beside the batch".into()));
    }
    Ok(claims)
}

/// Those of the references that stand for a record.
async fn references(
    tx: &Tx,
    wanted: Vec<ReferenceId>,
) -> Result<Vec<(ReferenceId, Claim)>, StoreError> {
    let read = |rows: &str| {
        format!(
            "SELECT r.caller, r.reference, r.fingerprint, r.record \
             FROM ({rows}) AS w JOIN ledger_references AS r \
             ON r.caller = w.caller AND r.reference = w.reference"
        )
    };
    let [caller, reference, ..] = REFERENCE;
    let wanted = wanted.iter().map(|(caller, reference)| {
        row! {"caller": caller.as_str(), "reference": reference.as_str()}
    });
    let found = many::query(tx, &[caller, reference], wanted.collect(), read).await?;
    let claims = found.iter().map(|row| {
        let claim = Claim {
            fingerprint: rows::bytes(row, "fingerprint")?,
            record: Some(rows::record(row, "record")?),
            made: true,
            new: false,
            rewritten: false,
        };
        Ok(((rows::text(row, "caller")?, rows::text(row, "reference")?), claim))
    });
    claims.collect()
}

/// Adds what is known of references that nobody in the batch claims: for the others it is the
/// claim that counts. Another batch may claim one meanwhile; that is later.
pub(super) async fn look_up(
    tx: &Tx,
    wanted: Vec<(Reference, Option<Record>)>,
    claims: &mut BTreeMap<ReferenceId, Claim>,
) -> Result<(), StoreError> {
    let ids: BTreeSet<ReferenceId> =
        wanted.into_iter().map(|(one, _)| (one.caller, one.text)).collect();
    let ids: Vec<ReferenceId> = ids.into_iter().filter(|id| !claims.contains_key(id)).collect();
    if !ids.is_empty() {
        claims.extend(references(tx, ids).await?);
    }
    Ok(())
}
