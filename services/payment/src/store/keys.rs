//! The keys of transfers that a program wrote which kept none with them.

use florin_store::{StoreError, Tx, sql};

/// Transfers that one statement fills in.
const PAGE: u32 = 500;

/// Gives at most 500 transfers the key that guards them for ever, and returns how many got it:
/// 0 when none is left that can have it. While an upgrade runs, or after it was taken back, the
/// release before `0002_keys_for_ever` writes transfers without a scope, which that migration's
/// own statements have not seen.
///
/// As there: whose key it was stands in the audit of the acceptance, the first entry of a
/// transfer; what was asked for with it in the key's row, for as long as that is kept; and of
/// several transfers of one key the first has it.
///
/// # Errors
/// Those of the database.
pub async fn guard_unscoped(tx: &Tx) -> Result<u64, StoreError> {
    let actor = "(SELECT a.actor FROM audit AS a WHERE a.reference = transfers.id \
                 ORDER BY a.position LIMIT 1)";
    // In the order of the index by key, so that a key's transfers are on one page, or the
    // first of them on an earlier one.
    let page = format!(
        "SELECT t.id, t.kind, t.idempotency_key, a.actor FROM transfers AS t JOIN audit AS a \
         ON a.position = (SELECT MIN(f.position) FROM audit AS f WHERE f.reference = t.id) \
         WHERE t.idempotency_scope IS NULL AND NOT EXISTS (SELECT 1 FROM transfers AS o \
         WHERE o.idempotency_scope = a.actor AND o.kind = t.kind \
         AND o.idempotency_key = t.idempotency_key) \
         ORDER BY t.idempotency_scope, t.kind, t.idempotency_key, t.id LIMIT {PAGE}"
    );
    let fill = format!(
        "UPDATE transfers SET idempotency_scope = {actor}, \
         request_hash = (SELECT k.fingerprint FROM idempotency_keys AS k WHERE k.scope = {actor} \
         AND k.key = transfers.idempotency_key AND k.method = CASE transfers.kind \
         WHEN 1 THEN '/florin.payment.v1.PaymentService/CreateTransfer' \
         WHEN 2 THEN '/florin.payment.v1.PaymentService/CreateDeposit' \
         ELSE '/florin.payment.v1.PaymentService/CreateWithdrawal' END) \
         WHERE idempotency_scope IS NULL AND id IN (SELECT MIN(w.id) FROM ({page}) AS w \
         GROUP BY w.actor, w.kind, w.idempotency_key)"
    );
    sql::execute(tx, fill, []).await
}
