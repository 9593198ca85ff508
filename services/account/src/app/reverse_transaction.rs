//! Reverses a journal transaction, whole and once only.

use super::{
    command::{Actor, Outcome, Reverse},
    post_transactions,
};
use crate::domain::{account::Rules, posting, refusal::Refusal};
use crate::store::working::{JournalRow, Working};

/// Decides a reversal over the working set. That it is the only one is guarded by the claim
/// [`Reverse::once`] and by the unique column `reverses`.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(working: &mut Working, reverse: &Reverse, actor: &Actor) -> Result<Outcome, Refusal> {
    let transaction = || reverse.original.clone();
    let original = working.originals.get(&reverse.original).cloned();
    let original =
        original.ok_or_else(|| Refusal::TransactionNotFound { transaction: transaction() })?;
    if original.is_reversal {
        return Err(Refusal::IsReversal { transaction: transaction() });
    }
    let legs = original.legs.reversed();
    let legs = legs.map_err(|_| Refusal::OutOfRange { account: transaction() })?;
    // Interest counts the reversal from the day from which it counted the original, however
    // long ago, unless that day's period is closed.
    let (booking_date, today) = working.books.dates(None, None, Rules::Today)?;
    let value_date = working
        .books
        .dates(None, Some(original.value_date), Rules::Import)
        .map_or(today, |(_, value_date)| value_date);
    let entries = posting::decide(&legs, Rules::Today, &mut working.accounts, &working.chart)?;
    let row = JournalRow {
        id: reverse.id.clone(),
        caller: reverse.reference.caller.clone(),
        reference: reverse.reference.text.clone(),
        kind: format!("{}_reversal", original.kind),
        description: reverse.description.clone(),
        booking_date,
        value_date,
        reverses: Some(reverse.original.clone()),
        correlation: original.correlation,
        initiator: reverse.initiator.clone(),
        entries,
    };
    Ok(post_transactions::record(working, row, actor, false))
}
