//! Writing facts into generations. Everything here may be repeated, and come in any order.

use florin_store::{
    StoreError, Tx, row,
    rows::{Cell, Column, Prepared, Row},
};

use crate::domain::{Entry, fold};

const ENTRY: &[(&str, Column)] = &[
    ("generation", Column::Int),
    ("account_id", Column::Text),
    ("account_version", Column::Int),
    ("sort_key", Column::Text),
    ("transaction_id", Column::Text),
    ("booking_date", Column::Text),
    ("value_date", Column::Text),
    ("direction", Column::Text),
    ("minor", Column::Int),
    ("currency", Column::Text),
    ("posted_after", Column::Int),
    ("kind", Column::Text),
    ("description", Column::Text),
    ("counterparty", Column::Text),
    ("folded_counterparty", Column::Text),
    ("recorded_at", Column::Int),
];
const WORD: &[(&str, Column)] = &[
    ("generation", Column::Int),
    ("account_id", Column::Text),
    ("sort_key", Column::Text),
    ("word", Column::Text),
];
/// What a batch of events says.
#[derive(Debug, Default)]
pub struct Facts {
    /// Debits and credits.
    pub entries: Vec<Entry>,
}

impl Facts {
    /// Adds what other events say.
    pub fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }
}

/// Writes facts into the generations.
///
/// # Errors
/// Those of the database.
pub async fn write(tx: &Tx, generations: &[i64], facts: &Facts) -> Result<(), StoreError> {
    for generation in generations {
        write_entries(tx, *generation, &facts.entries).await?;
    }
    Ok(())
}

async fn write_entries(tx: &Tx, generation: i64, told: &[Entry]) -> Result<(), StoreError> {
    let mut sorted: Vec<_> = told.iter().collect();
    sorted.sort_unstable_by_key(|entry| {
        (entry.account_id, entry.booking_date, entry.recorded_at, entry.account_version)
    });
    let new_rows = sorted.iter().map(|entry| entry_row(generation, entry));
    let new_rows = Prepared::of(tx, ENTRY, new_rows)?;
    let key = &["generation", "account_id", "sort_key"];
    new_rows.insert_missing(tx, "entries", key).await?;
    let words = sorted.iter().flat_map(|entry| {
        let words = entry.words();
        // Most entries have no text, and this key takes its time.
        let sort_key = if words.is_empty() { String::new() } else { entry.sort_key() };
        words.into_iter().map(move |word| {
            row! {
                "generation": generation,
                "account_id": entry.account_id,
                "sort_key": sort_key.as_str(),
                "word": word,
            }
        })
    });
    let words = Prepared::of(tx, WORD, words)?;
    let key = &["generation", "account_id", "sort_key", "word"];
    words.insert_missing(tx, "entry_words", key).await?;
    Ok(())
}

fn entry_row(generation: i64, entry: &Entry) -> Row {
    row! {
        "generation": generation,
        "account_id": entry.account_id,
        "account_version": entry.account_version,
        "sort_key": entry.sort_key(),
        "transaction_id": entry.transaction_id,
        "booking_date": entry.booking_date,
        "value_date": entry.value_date,
        "direction": Cell::Fixed(entry.direction.name()),
        "minor": entry.amount.minor(),
        "currency": Cell::Fixed(entry.amount.currency().code()),
        "posted_after": entry.posted_after.minor(),
        "kind": entry.kind.as_str(),
        "description": entry.description.as_str(),
        "counterparty": entry.counterparty.as_str(),
        "folded_counterparty": fold::fold(&entry.counterparty),
        "recorded_at": entry.recorded_at.0,
    }
}
