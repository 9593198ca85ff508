//! Seals the history at the end of a business date. Accounts are collected in chunks, each as it
//! is at that moment; then the seal takes no more, and whoever counts it finds the same hash.

use florin_store::{Database, StoreError, Tx};

use crate::{
    domain::end_of_day::ClosedDay,
    store::{
        end_of_day::Tally,
        seals::{self, Seal},
    },
};

/// Accounts that are collected in one transaction, or counted at a time.
const CHUNK: i64 = 1_000;

/// Makes the seal of a day, or goes on with it.
///
/// # Errors
/// Those of the database.
pub(super) async fn seal(db: &Database, day: ClosedDay) -> Result<Tally, StoreError> {
    let mut after = String::new();
    // What is opened from now on is the next seal's: else mass openings would hold this one open.
    let upto = seals::last_account(db.read()).await?;
    loop {
        let range = (after.as_str(), upto.as_str());
        let collect = async |tx: Tx| seals::collect(&tx, day.closed, range, CHUNK).await;
        match db.write(collect).await? {
            Some(last) => after = last,
            None => break,
        }
    }
    let Some(begun) = seals::of_day(db.read(), day.closed).await? else {
        return Err(StoreError::Corrupt(format!("the seal of {} is not there", day.closed)));
    };
    let (hash, accounts) = seals::digest(db.read(), day.closed, &begun.previous, CHUNK).await?;
    let made = Seal { hash, accounts, ..begun };
    let made = &made;
    db.write(async |tx: Tx| seals::seal(&tx, made).await).await?;
    Ok(Tally { accounts, ..Tally::default() })
}
