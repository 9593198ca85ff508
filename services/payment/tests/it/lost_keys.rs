//! A key guards its transfer for ever, whatever a clock has deleted.

use florin_payment::{MIGRATIONS, Turn};
use florin_proto::payment::v1::{CreateDepositRequest, CreateTransferRequest};
use florin_store::{Migrations, Tx, sql};
use florin_testkit::Place;
use prost::Message;
use tokio::task::JoinSet;
use tonic::Response;

use crate::bank::{Bank, customer, places, reason, staff};

fn is_replay<T>(response: &Response<T>) -> bool {
    response.metadata().contains_key("idempotent-replayed")
}

#[tokio::test]
async fn a_pruned_key_is_answered_by_its_transfer_and_makes_no_second() {
    for place in places() {
        let bank = Bank::open(place).await;
        let first = bank.transfer("k", bank.order("1")).await.unwrap().into_inner();
        assert_eq!(bank.turn().await, Turn::Done);
        for _ in 0..2 {
            // The transfer has ended by now; the answer is still that of its acceptance.
            assert_eq!(bank.prune_keys().await, 1);
            let again = bank.transfer("k", bank.order("1")).await.unwrap();
            assert!(is_replay(&again));
            assert_eq!(again.into_inner().encode_to_vec(), first.encode_to_vec());
            bank.transfer("other", bank.order("2")).await.unwrap();
        }
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 2);
        while bank.turn().await != Turn::Idle {}
        assert_eq!(bank.ledger.posted().len(), 2);
    }
}

#[tokio::test]
async fn a_pruned_key_with_another_payload_is_refused_and_stays_its_first_owners() {
    for place in places() {
        let bank = Bank::open(place).await;
        let first = bank.transfer("k", bank.order("1")).await.unwrap().into_inner();
        bank.prune_keys().await;
        let other = bank.transfer("k", bank.order("2")).await;
        assert_eq!(reason(other), "IDEMPOTENCY_KEY_REUSED");
        let own = bank.transfer("k", bank.order("1")).await.unwrap();
        assert!(is_replay(&own));
        assert_eq!(own.into_inner(), first);
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 1);
        let claims = "SELECT COUNT(*) FROM idempotency_keys";
        assert_eq!(bank.count(claims).await, 0, "no claim is left without an answer");
    }
}

#[tokio::test]
async fn a_pruned_key_is_answered_where_the_order_would_be_refused_today() {
    for place in places() {
        let bank = Bank::open(place).await;
        let first = bank.transfer("k", bank.order("1")).await.unwrap().into_inner();
        bank.prune_keys().await;
        // Alice loses her account: the answer to what she did stays hers.
        bank.put_account(1, 0, Vec::new());
        let again = bank.transfer("k", bank.order("1")).await.unwrap();
        assert_eq!(again.into_inner(), first);
        let other = bank.transfer("k", bank.order("2")).await;
        assert_eq!(reason(other), "IDEMPOTENCY_KEY_REUSED");
        let new = bank.transfer("new", bank.order("1")).await;
        assert_eq!(reason(new), "DEBTOR_ACCOUNT_NOT_FOUND");
    }
}

#[tokio::test]
async fn keys_are_by_client_and_by_method_for_ever_too() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.transfer("k", bank.order("1")).await.unwrap();
        let of_staff = |method| staff(method, "k");
        let deposit = CreateDepositRequest {
            to: bank.from.to_string(),
            amount: "1".into(),
            currency: "EUR".into(),
            description: String::new(),
        };
        bank.prune_keys().await;
        let ctx = of_staff("CreateTransfer");
        let order = bank.order("1");
        let transfer = bank.payment.create_transfer(&ctx, order).await.unwrap();
        assert!(!is_replay(&transfer), "another's key");
        let ctx = of_staff("CreateDeposit");
        let deposit = bank.payment.create_deposit(&ctx, deposit).await.unwrap();
        assert!(!is_replay(&deposit), "another method's key");
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 3);
    }
}

#[tokio::test]
async fn a_pruned_key_a_hundred_times_at_once_beside_new_ones_is_one_transfer() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let id = bank.accepted("old", "1").await;
        bank.prune_keys().await;
        let replicas = [bank.payment.clone(), bank.replica().await];
        let mut calls = JoinSet::new();
        for number in 0..100 {
            let key = if number % 2 == 0 { "old".to_owned() } else { format!("new {number}") };
            let (payment, order, who) =
                (replicas[number / 2 % 2].clone(), bank.order("1"), bank.alice);
            calls.spawn(async move {
                let ctx = customer(who, "CreateTransfer", &key);
                (key, payment.create_transfer(&ctx, order).await)
            });
        }
        for (key, outcome) in calls.join_all().await {
            match outcome {
                Ok(answer) => assert_eq!(answer.get_ref().transfer_id == id, key == "old"),
                Err(status) => assert_eq!(reason::<()>(Err(status)), "IDEMPOTENCY_KEY_IN_USE"),
            }
        }
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 51);
    }
}

/// A database as the first release of the table left it, with these statements run.
async fn written_before(place: &Place, statements: &[String]) {
    let first = Migrations(&MIGRATIONS.0[..1]);
    let db = place.database(first).await.unwrap();
    for statement in statements {
        let run = async |tx: Tx| sql::execute(&tx, statement.as_str(), []).await;
        db.write(run).await.unwrap();
    }
    db.close().await.unwrap();
}

fn transfer_before(number: u8, key: &str) -> String {
    let account = |number: u8| crate::bank::account_id(number).to_string();
    let id = florin_kernel::TransferId::from_parts(u64::from(number), [number; 10]);
    format!(
        "INSERT INTO transfers (id, kind, status, debtor_account, creditor_account, currency, \
         amount, description, steps, position, initiator, idempotency_key, created_at, \
         changed_at, due_at, attempts) VALUES ('{id}', 1, 1, '{}', '{}', 'EUR', 100, 'rent', \
         '[[1,1,\"\"]]', '', '', '{key}', 1, 1, 1, 0)",
        account(1),
        account(2),
    )
}

fn audited_before(number: u8, actor: &str) -> String {
    let id = florin_kernel::TransferId::from_parts(u64::from(number), [number; 10]);
    let method = "/florin.payment.v1.PaymentService/CreateTransfer";
    format!(
        "INSERT INTO audit (actor, method, reference, at) VALUES ('{actor}', '{method}', '{id}', 1)"
    )
}

#[tokio::test]
async fn transfers_from_before_get_their_keys_from_the_audit_and_the_first_keeps_a_doubled_one() {
    for place in places() {
        let alice = customer(crate::bank::customer_id(1), "CreateTransfer", "").principal;
        let scope = alice.scope_key();
        let statements = [
            transfer_before(1, "k"),
            audited_before(1, &scope),
            // The same key again after it was pruned.
            transfer_before(2, "k"),
            audited_before(2, &scope),
            transfer_before(3, "k"),
            audited_before(3, "somebody else"),
            transfer_before(4, "unknown"),
        ];
        written_before(&place, &statements).await;
        let bank = Bank::open(place).await;
        let scoped = "SELECT COUNT(*) FROM transfers WHERE idempotency_scope IS NOT NULL";
        assert_eq!(bank.count(scoped).await, 2);
        // What was asked for is not known any more: nothing is the same, nothing is paid.
        let order: CreateTransferRequest = bank.order("1");
        assert_eq!(reason(bank.transfer("k", order).await), "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 4);
    }
}

#[tokio::test]
async fn a_key_of_today_keeps_its_answer_over_the_migration() {
    for place in places() {
        let method = "/florin.payment.v1.PaymentService/CreateTransfer";
        let order = CreateTransferRequest {
            from: crate::bank::account_id(1).to_string(),
            to: crate::bank::account_id(2).to_string(),
            amount: "1".into(),
            currency: "EUR".into(),
            description: "rent".into(),
        };
        let scope =
            customer(crate::bank::customer_id(1), "CreateTransfer", "").principal.scope_key();
        let hash = florin_store::rows::hex(&florin_runtime::keyed::fingerprint(&order));
        let bytes = if place.options.url.starts_with("sqlite:") {
            format!("x'{hash}'")
        } else {
            format!("decode('{hash}', 'hex')")
        };
        let key = format!(
            "INSERT INTO idempotency_keys (scope, method, key, fingerprint, created_at) \
             VALUES ('{scope}', '{method}', 'k', {bytes}, 1)"
        );
        let statements = [transfer_before(1, "k"), audited_before(1, &scope), key];
        written_before(&place, &statements).await;
        let bank = Bank::open(place).await;
        bank.prune_keys().await;
        let again = bank.transfer("k", order).await.unwrap();
        assert!(is_replay(&again));
        assert_eq!(again.get_ref().transfer_id, "trf_00000000-0001-7101-8101-010101010101");
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 1);
    }
}
