//! Reverses a journal transaction, whole and once only.

use florin_kernel::{Role, TransactionId};
use florin_proto::{
    account::v1::{ReverseTransactionRequest, ReverseTransactionResponse},
    common::v1::Initiator,
};
use florin_rpc::CallContext;
use florin_store::id_parts;
use tonic::{Response, Status};

use super::{
    answer,
    command::{Actor, Outcome, Reference, Reverse, Work},
    ledger::{self, Ledger},
    post_transactions,
};
use crate::{
    domain::{account::Rules, interest, posting, refusal::Refusal},
    grpc::convert,
    store::{
        chain,
        working::{JournalRow, Working},
    },
};

/// A reversal as asked for, before it is known who asks.
#[derive(Debug, Clone)]
pub struct Reversal {
    /// The transaction to reverse.
    pub original: TransactionId,
    /// Reference.
    pub reference: String,
    /// Text for the statement.
    pub description: String,
}

impl Ledger {
    /// Reverses a journal transaction, under the caller's key and once for ever.
    ///
    /// # Errors
    /// INVALID_REQUEST, and the refusals of [`decide`].
    pub async fn reverse_transaction(
        &self,
        ctx: &CallContext,
        request: ReverseTransactionRequest,
    ) -> Result<Response<ReverseTransactionResponse>, Status> {
        let parts = (&*request.transaction_id, &*request.reference, &*request.description);
        let work = work(ctx, convert::reversal(parts)?, request.initiator.as_ref());
        self.answer(ctx, &request, work, answer::reversed).await
    }
}

/// The work of a reversal; who ordered it a service tells.
pub(super) fn work(ctx: &CallContext, reversal: Reversal, initiator: Option<&Initiator>) -> Work {
    let (millis, random) = id_parts();
    let content = ["reverse", &reversal.original.to_string(), &reversal.description];
    Work::Reverse(Reverse {
        reference: Reference {
            caller: ledger::caller(ctx),
            fingerprint: chain::fingerprint(&content),
            text: reversal.reference,
        },
        id: TransactionId::from_parts(millis, random),
        original: reversal.original,
        description: reversal.description,
        initiator: ledger::initiator(ctx, initiator),
    })
}

/// Decides a reversal over the working set. That it is the only one is guarded by the claim
/// [`Reverse::once`] and by the unique column `reverses`.
///
/// # Errors
/// The domain's refusal; the working set is then as it was.
pub fn decide(working: &mut Working, reverse: &Reverse, actor: &Actor) -> Result<Outcome, Refusal> {
    let transaction = reverse.original;
    let original = working.originals.get(&transaction).cloned();
    let original = original.ok_or(Refusal::TransactionNotFound { transaction })?;
    if original.is_reversal {
        return Err(Refusal::IsReversal { transaction });
    }
    // `payment` keeps what of it was refunded; round it the money would go back twice.
    if original.caller == Role::Payment.name() && reverse.reference.caller != original.caller {
        return Err(Refusal::OfPayment { transaction });
    }
    // What the end of day booked of interest is taken back by its next fold alone.
    if let Some(code) = interest::kept_gl(&original.legs) {
        return Err(Refusal::GlIsControl { code });
    }
    let legs = original.legs.reversed();
    // Interest counts the reversal from the day from which it counted the original, however
    // long ago, unless that day's period is closed.
    let (booking_date, today) = working.books.dates(None, None, Rules::Today)?;
    let value_date = working
        .books
        .dates(None, Some(original.value_date), Rules::Import)
        .map_or(today, |(_, value_date)| value_date);
    let decided = posting::decide(&legs, &[], Rules::Today, &mut working.accounts, &working.chart)?;
    let row = JournalRow {
        id: reverse.id,
        caller: reverse.reference.caller.clone(),
        reference: reverse.reference.text.clone(),
        kind: format!("{}_reversal", original.kind),
        description: reverse.description.clone(),
        booking_date,
        value_date,
        reverses: Some(transaction),
        // It takes the conversions of its original back, and makes none.
        conversions: Vec::new(),
        correlation: original.correlation,
        initiator: reverse.initiator.clone(),
        entries: decided.entries,
    };
    Ok(post_transactions::record(working, row, actor, false))
}
