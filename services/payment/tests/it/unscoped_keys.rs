//! What a replica of the release before wrote beside this one, when all migrations had run.

use std::time::{Duration, Instant};

use florin_kernel::TransferId;
use florin_payment::MIGRATIONS;
use florin_store::{Tx, sql};
use florin_testkit::Place;

use crate::bank::{Bank, account_id, customer, customer_id, places, reason};

const CREATE_TRANSFER: &str = "/florin.payment.v1.PaymentService/CreateTransfer";

/// A database of today with rows as the first release writes them: no scope, no hash.
async fn written_beside(place: &Place, statements: &[String]) {
    let db = place.database(MIGRATIONS).await.unwrap();
    for statement in statements {
        let run = async |tx: Tx| sql::execute(&tx, statement.as_str(), []).await;
        db.write(run).await.unwrap();
    }
    db.close().await.unwrap();
}

fn id(number: u16) -> TransferId {
    TransferId::from_parts(u64::from(number), [1; 10])
}

/// Ended transfers, so that no worker takes them, in one statement.
fn transfers(keys: &[(u16, String)]) -> String {
    let row = |(number, key): &(u16, String)| {
        let (id, from, to) = (id(*number), account_id(1), account_id(2));
        format!(
            "('{id}', 1, 6, '{from}', '{to}', 'EUR', 100, 'rent', '[[1,1,\"\"],[6,1,\"\"]]', '', \
             '', '{key}', 1, 1, 0)"
        )
    };
    format!(
        "INSERT INTO transfers (id, kind, status, debtor_account, creditor_account, currency, \
         amount, description, steps, position, initiator, idempotency_key, created_at, \
         changed_at, attempts) VALUES {}",
        keys.iter().map(row).collect::<Vec<_>>().join(", ")
    )
}

fn audited(numbers: &[u16], actor: &str, method: &str) -> String {
    let row = |number: &u16| format!("('{actor}', '{method}', '{}', 1)", id(*number));
    format!(
        "INSERT INTO audit (actor, method, reference, at) VALUES {}",
        numbers.iter().map(row).collect::<Vec<_>>().join(", ")
    )
}

#[tokio::test]
async fn a_transfer_of_a_replica_of_the_release_before_gets_the_key_that_guards_it() {
    for place in places() {
        let scope = customer(customer_id(1), "CreateTransfer", "").principal.scope_key();
        let order = florin_proto::payment::v1::CreateTransferRequest {
            from: account_id(1).to_string(),
            to: account_id(2).to_string(),
            amount: "1".into(),
            currency: "EUR".into(),
            description: "rent".into(),
        };
        let hash = florin_store::rows::hex(&florin_runtime::keyed::fingerprint(&order));
        let bytes = if place.options.url.starts_with("sqlite:") {
            format!("x'{hash}'")
        } else {
            format!("decode('{hash}', 'hex')")
        };
        let key = format!(
            "INSERT INTO idempotency_keys (scope, method, key, fingerprint, created_at) \
             VALUES ('{scope}', '{CREATE_TRANSFER}', 'k', {bytes}, 1)"
        );
        // More than a page, a doubled key among them, and one of which nothing is known.
        let mut keys: Vec<_> = (10..610).map(|number| (number, format!("many {number}"))).collect();
        keys.extend([(1, "k".into()), (2, "twice".into()), (3, "twice".into())]);
        let known: Vec<_> = keys.iter().map(|(number, _)| *number).collect();
        keys.push((4, "unknown".into()));
        let statements = [
            transfers(&keys),
            audited(&known, &scope, CREATE_TRANSFER),
            // Who cancels is not who created.
            audited(&[1], "somebody else", "/florin.payment.v1.PaymentService/CancelTransfer"),
            key,
        ];
        written_beside(&place, &statements).await;
        let mut bank = Bank::open(place).await;
        bank.serve().await;
        let left = "SELECT COUNT(*) FROM transfers WHERE idempotency_scope IS NULL";
        let start = Instant::now();
        while bank.count(left).await > 2 {
            assert!(start.elapsed() < Duration::from_secs(60), "the keys are not guarded");
            tokio::task::yield_now().await;
        }
        let (first, unknown) = (id(2), id(4));
        let others = format!("{left} AND id <> '{first}' AND id <> '{unknown}'");
        assert_eq!(bank.count(&others).await, 1, "the first of a doubled key has it");
        bank.prune_keys().await;
        let again = bank.transfer("k", order.clone()).await.unwrap();
        assert!(again.metadata().contains_key("idempotent-replayed"));
        assert_eq!(again.get_ref().transfer_id, id(1).to_string());
        // What was asked for with it is not known any more: nothing is the same.
        assert_eq!(reason(bank.transfer("twice", order).await), "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 604);
    }
}
