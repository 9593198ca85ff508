//! Keys that another replica uses while a batch runs, which no request could bring about at will.

use florin_events::Outbox;
use florin_kernel::{AccountId, Date, Money};
use florin_store::sql;
use florin_testkit::place;

use super::*;
use crate::{
    Config,
    app::desk::Desk,
    domain::{Limit, Limits, Period, Route, Subject},
};

const EMPTY: Answer = Answer { code: 9, body: Vec::new() };

fn account(number: u8) -> AccountId {
    AccountId::from_parts(1, [number; 10])
}

/// An order of 60.00 EUR.
fn acceptance(number: u8, key: &str) -> Acceptance {
    let route =
        Route::Transfer { from: account(1), from_iban: None, to: account(2), to_iban: None };
    let amount = Money::parse("EUR", "60").unwrap();
    let key = Key {
        scope: "alice".into(),
        method: "/florin.payment.v1.PaymentService/CreateTransfer".into(),
        key: key.into(),
        fingerprint: [1; 32],
    };
    let intake = Intake {
        id: TransferId::from_parts(1, [number; 10]),
        order: Order::new(route, amount, "rent".into()).unwrap(),
        ordering: Ordering {
            customer: None,
            channel: "app".into(),
            date: Date::constant(2027, 1, 4),
        },
        initiator: Vec::new(),
        key: ClientKey {
            scope: Some("alice".into()),
            key: key.key.clone(),
            request_hash: Some(key.fingerprint.to_vec()),
        },
        traceparent: None,
        cause: "request".into(),
        actor: "alice".into(),
        method: key.method.clone(),
        on_behalf_of: None,
    };
    Acceptance { key, intake, viewer: Viewer::Bank }
}

/// A bank in which an account may pay 100.00 EUR a day, and somebody has used the key "used".
async fn bank(place: &place::Place) -> (Database, Acceptances) {
    let db = place.database(store::MIGRATIONS).await.unwrap();
    let limit = Limit {
        subject: Subject::Account(account(1)),
        period: Period::Day,
        maximum: Money::parse("EUR", "100").unwrap(),
    };
    let used = acceptance(9, "used").key;
    db.write(async |tx: Tx| {
        let now = tx.now().await?;
        store::limits::set(&tx, &limit, now).await?;
        let found = idempotency::answer_many(&tx, &[(used.clone(), EMPTY)]).await?;
        assert_eq!(found, [Lookup::New]);
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
    let desk = Desk::new(&Config::default());
    let intakes = Intakes::new(Outbox::new("payment"), Limits::default(), desk);
    (db, Acceptances::new(intakes))
}

async fn apply(db: &Database, batch: &Acceptances, commands: &[Acceptance]) -> Vec<Outcome> {
    db.write(async |tx: Tx| batch.apply(&tx, commands).await).await.unwrap()
}

async fn count(db: &Database, query: &str) -> i64 {
    let row = sql::query_one(db.read(), query, []).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn the_others_of_a_batch_are_decided_without_the_order_whose_key_was_used_meanwhile() {
    for place in place::places("payment").unwrap() {
        let (db, batch) = bank(&place).await;
        let commands = [acceptance(1, "used"), acceptance(2, "new"), acceptance(3, "late")];
        let outcomes = apply(&db, &batch, &commands).await;
        assert_eq!(outcomes[0], Outcome::Replayed(EMPTY), "its answer stands");
        // There is room for one of the two, though the first alone would have taken it.
        let Outcome::Decided(taken) = &outcomes[1] else { panic!("{outcomes:?}") };
        let Outcome::Decided(refused) = &outcomes[2] else { panic!("{outcomes:?}") };
        assert_eq!((taken.code, refused.code == 0), (0, false));
        let told = CreateTransferResponse::decode(taken.body.as_slice()).unwrap();
        assert_eq!(told.transfer_id, commands[1].intake.id.to_string());
        // What is stored is what was told.
        for (command, outcome) in commands.iter().zip(&outcomes).skip(1) {
            let stored = idempotency::look_up(db.read(), &command.key).await.unwrap();
            let Outcome::Decided(answer) = outcome else { panic!("{outcome:?}") };
            assert_eq!(stored, Lookup::Replay(answer.clone()));
        }
        assert_eq!(count(&db, "SELECT COUNT(*) FROM transfers").await, 1);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM outbox").await, 1);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM reservations").await, 1);
        assert_eq!(count(&db, "SELECT used FROM limit_usage").await, 6_000);
    }
}

#[tokio::test]
async fn another_request_under_a_key_that_was_used_meanwhile_is_refused_and_writes_nothing() {
    for place in place::places("payment").unwrap() {
        let (db, batch) = bank(&place).await;
        let mut other = acceptance(1, "used");
        other.key.fingerprint = [2; 32];
        let outcomes = apply(&db, &batch, &[other]).await;
        assert_eq!(outcomes, [Outcome::OtherPayload]);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM transfers").await, 0);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM limit_usage WHERE used > 0").await, 0);
    }
}

#[tokio::test]
async fn a_key_whose_row_is_gone_is_answered_by_its_transfer_and_claims_nothing() {
    for place in place::places("payment").unwrap() {
        let (db, batch) = bank(&place).await;
        let first = apply(&db, &batch, &[acceptance(1, "k")]).await;
        idempotency::prune(&db, florin_kernel::UnixMicros(i64::MAX)).await.unwrap();
        let again = apply(&db, &batch, &[acceptance(2, "k")]).await;
        let Outcome::Decided(answer) = &first[0] else { panic!("{first:?}") };
        assert_eq!(again, [Outcome::Replayed(answer.clone())]);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM idempotency_keys").await, 0);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM transfers").await, 1);
    }
}
