//! Keyed use cases over a database: what is stored, what is not, and who waits for whom.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use florin_kernel::Role;
use florin_proto::{
    cif::v1::{GetCustomerRequest, GetCustomerResponse, Reason},
    common::v1::Reason as CommonReason,
};
use florin_rpc::{CallContext, Error, worker_context};
use florin_runtime::{Failure, once};
use florin_store::{Database, DatabaseOptions, Migrations, StoreError, Tx, audit, sql};
use tempfile::TempDir;
use tokio::sync::Notify;
use tonic::{Response, Status};

type Answer = Result<Response<GetCustomerResponse>, Status>;

async fn database() -> (TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let options = DatabaseOptions {
        synchronous_off: true,
        ..DatabaseOptions::sqlite(&folder.path().join("keyed.db"))
    };
    let db = Database::connect(&options, Migrations::none()).await.unwrap();
    (folder, db)
}

fn context(key: &str) -> CallContext {
    let mut ctx = worker_context(Role::Gateway);
    ctx.idempotency_key = Some(key.to_owned());
    ctx
}

fn request(what: &str) -> GetCustomerRequest {
    GetCustomerRequest { customer_id: what.to_owned() }
}

/// The effect of the tests: a row of the audit.
async fn effect(tx: &Tx) -> Result<(), StoreError> {
    let at = tx.now().await?;
    let [actor, method, reference] = ["tester", "method", "effect"].map(str::to_owned);
    audit::record(tx, audit::Entry { actor, on_behalf_of: None, method, reference, at }).await
}

async fn effects(db: &Database) -> i64 {
    let row = sql::query_one(db.read(), "SELECT count(*) AS n FROM audit", []).await.unwrap();
    row.unwrap().try_get("", "n").unwrap()
}

async fn succeed(db: &Database, key: &str, what: &str) -> Answer {
    let work = async |tx: Tx| {
        effect(&tx).await?;
        Ok(GetCustomerResponse::default())
    };
    once(db, &context(key), &request(what), work).await
}

async fn refuse(db: &Database, key: &str, runs: &AtomicU32, error: Error) -> Answer {
    let work = async |tx: Tx| {
        runs.fetch_add(1, Ordering::Relaxed);
        effect(&tx).await?;
        Err(Failure::from(error.clone()))
    };
    once(db, &context(key), &request("same"), work).await
}

fn replayed(answer: &Answer) -> bool {
    let metadata = match answer {
        Ok(response) => response.metadata(),
        Err(status) => status.metadata(),
    };
    metadata.contains_key("idempotent-replayed")
}

fn reason(answer: &Answer) -> String {
    match answer {
        Ok(_) => "OK".to_owned(),
        Err(status) => Error::from_status(status).reason().to_owned(),
    }
}

#[tokio::test]
async fn one_effect_and_its_replay() {
    let (_folder, db) = database().await;
    let (first, second) = (succeed(&db, "k", "a").await, succeed(&db, "k", "a").await);
    assert!(!replayed(&first) && replayed(&second));
    assert_eq!(reason(&succeed(&db, "k", "b").await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(effects(&db).await, 1);
}

#[tokio::test]
async fn a_decided_refusal_is_stored_and_its_effect_undone() {
    let (_folder, db) = database().await;
    let runs = AtomicU32::new(0);
    let refusal = || Error::new(Reason::KycStatusRefuses, "no").with("kyc_status", "pending");
    let first = refuse(&db, "k", &runs, refusal()).await;
    let second = refuse(&db, "k", &runs, refusal()).await;
    assert_eq!((reason(&first), reason(&second)), (reason(&second), "KYC_STATUS_REFUSES".into()));
    assert!(!replayed(&first) && replayed(&second));
    let again = Error::from_status(&second.unwrap_err());
    assert_eq!(again.metadata().get("kyc_status").map(String::as_str), Some("pending"));
    assert_eq!((runs.into_inner(), effects(&db).await), (1, 0));
}

#[tokio::test]
async fn what_is_not_decided_is_not_stored() {
    let (_folder, db) = database().await;
    let runs = AtomicU32::new(0);
    let undecided = [
        CommonReason::InvalidRequest,
        CommonReason::Unauthenticated,
        CommonReason::RoleMissing,
        CommonReason::RateLimited,
        CommonReason::Unavailable,
        CommonReason::DeadlineExceeded,
        CommonReason::Internal,
        CommonReason::ConcurrentChange,
    ];
    for (number, reason) in (1..).zip(undecided) {
        let answer = refuse(&db, "k", &runs, Error::new(reason, "not now")).await;
        assert!(answer.is_err() && !replayed(&answer));
        assert_eq!(runs.load(Ordering::Relaxed), number);
    }
    assert_eq!(effects(&db).await, 0);
    assert!(!replayed(&succeed(&db, "k", "another").await));
    assert_eq!(effects(&db).await, 1);
}

#[tokio::test]
async fn a_violated_constraint_rolls_back_and_stays_inside() {
    let (_folder, db) = database().await;
    let work = async |tx: Tx| {
        effect(&tx).await?;
        sql::execute(&*tx, "INSERT INTO leases (name) VALUES (NULL)", []).await?;
        Ok(GetCustomerResponse::default())
    };
    let answer = once(&db, &context("k"), &request("a"), work).await;
    let status = answer.unwrap_err();
    assert_eq!(Error::from_status(&status).reason(), "INTERNAL");
    assert!(!status.message().contains("leases"));
    assert_eq!(effects(&db).await, 0);
}

/// Starts a first call that waits inside its transaction until it is let go.
async fn slow_first(db: &Database) -> (tokio::task::JoinHandle<Answer>, Arc<Notify>) {
    let (inside, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let first = {
        let (db, inside, go) = (db.clone(), Arc::clone(&inside), Arc::clone(&go));
        tokio::spawn(async move {
            let work = async |tx: Tx| {
                inside.notify_one();
                go.notified().await;
                effect(&tx).await?;
                Ok(GetCustomerResponse::default())
            };
            once(&db, &context("k"), &request("a"), work).await
        })
    };
    inside.notified().await;
    (first, go)
}

#[tokio::test]
async fn a_duplicate_joins_the_first_and_another_request_is_refused_when_it_ends() {
    let (_folder, db) = database().await;
    let (first, go) = slow_first(&db).await;
    let (same, other) = (succeed(&db, "k", "a"), succeed(&db, "k", "b"));
    let letting = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        go.notify_one();
    };
    let (same, other, ()) = tokio::join!(same, other, letting);
    assert!(!replayed(&first.await.unwrap()) && replayed(&same) && same.is_ok());
    assert_eq!(reason(&other), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(effects(&db).await, 1);
}

#[tokio::test]
async fn a_duplicate_takes_over_from_a_first_that_went_away() {
    let (_folder, db) = database().await;
    let (first, _go) = slow_first(&db).await;
    let dropping = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        first.abort();
    };
    let (second, ()) = tokio::join!(succeed(&db, "k", "a"), dropping);
    assert!(second.is_ok() && !replayed(&second));
    assert_eq!(effects(&db).await, 1);
}

#[tokio::test]
async fn a_duplicate_waits_no_longer_than_its_deadline() {
    let (_folder, db) = database().await;
    let (first, go) = slow_first(&db).await;
    let mut ctx = context("k");
    ctx.deadline = Some(std::time::Instant::now() + Duration::from_millis(50));
    let work = async |_: Tx| Ok(GetCustomerResponse::default());
    let answer = once(&db, &ctx, &request("a"), work).await;
    assert_eq!(reason(&answer), "IDEMPOTENCY_KEY_IN_USE");
    assert!(Error::from_status(&answer.unwrap_err()).retry_delay().is_some());
    go.notify_one();
    assert!(first.await.unwrap().is_ok());
}

#[tokio::test]
async fn two_databases_in_one_process_do_not_share_keys() {
    let ((_one, left), (_two, right)) = (database().await, database().await);
    let (left_answer, right_answer) =
        tokio::join!(succeed(&left, "k", "a"), succeed(&right, "k", "a"));
    assert!(!replayed(&left_answer) && !replayed(&right_answer));
    assert_eq!((effects(&left).await, effects(&right).await), (1, 1));
}
