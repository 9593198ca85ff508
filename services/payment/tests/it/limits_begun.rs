//! Counters of limits that begin beside others: those who begin pass their gates together, and who
//! gives back waits for them. Gates are of PostgreSQL alone.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use florin_proto::payment::v1::{
    CancelTransferRequest, LimitPeriod, LimitScope, SetLimitRequest, TransferStatus,
};
use florin_store::{Tx, sql};
use tokio::sync::oneshot;
use tokio_stream::StreamExt as _;

use crate::bank::{Bank, customer, places, staff, until_decided};

type Holder = tokio::task::JoinHandle<Result<(), florin_store::StoreError>>;

/// Begins a counter of another account behind the gate of Alice's, and commits when it is told.
fn begins_another(bank: &Bank) -> (oneshot::Sender<()>, oneshot::Receiver<()>, Holder) {
    let (release, released) = oneshot::channel::<()>();
    let (begun, has_begun) = oneshot::channel::<()>();
    let (db, account) = (bank.database().clone(), bank.from);
    let holder = tokio::spawn(async move {
        let both = Mutex::new(Some((begun, released)));
        let both = &both;
        db.write(async |tx: Tx| {
            // As `reservations::pass` and what follows it.
            let gate = format!(
                "SELECT pg_advisory_xact_lock_shared('reservations'::regclass::oid::int4, \
                 1 + (hashtext('account/{account}') & 255))"
            );
            sql::query_all(&tx, &gate, []).await?;
            let begin = "INSERT INTO limit_usage (id, used, seeded) \
                         VALUES ('account/another/2026-11-21/EUR', 0, 1)";
            sql::execute(&tx, begin, []).await?;
            let both = both.lock().unwrap().take();
            if let Some((begun, released)) = both {
                let _ = begun.send(());
                let _ = released.await;
            }
            Ok::<_, florin_store::StoreError>(())
        })
        .await
    });
    (release, has_begun, holder)
}

async fn findings(bank: &Bank) -> Vec<(String, String)> {
    let told: Vec<_> = bank.payment.export_limits().map(Result::unwrap).collect().await;
    let found = told.into_iter().filter(|one| !one.finding.is_empty());
    found.map(|one| (one.counter_id, one.finding)).collect()
}

#[tokio::test]
async fn the_proof_names_what_should_count_and_does_not_and_what_counts_and_should_not() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.hear_of_the_date().await;
        let (paid, failed) = (bank.accepted("a", "1").await, bank.accepted("b", "900").await);
        bank.turn().await;
        let lost = bank.accepted("c", "1").await;
        assert_eq!(bank.status(&failed).await, TransferStatus::Failed);
        assert_eq!(findings(&bank).await, []);
        // What counted days ago and is of nothing.
        let insert = |id: &str| {
            format!(
                "INSERT INTO reservations (id, account, channel, date, currency, amount) \
                 VALUES ('{id}', '{}', 'x', '2026-11-21', 'EUR', 100)",
                bank.from
            )
        };
        let old = florin_kernel::TransferId::from_parts(1_000, [0; 10]).to_string();
        let card = format!("aut_{}/1", &old[4..]);
        for id in [&old, &card, &failed] {
            bank.execute(&insert(id)).await;
        }
        bank.execute(&format!("DELETE FROM reservations WHERE id = '{lost}'")).await;
        bank.execute(&format!("UPDATE reservations SET amount = 99 WHERE id = '{paid}'")).await;
        let found = findings(&bank).await;
        let of = |id: &str| found.iter().find(|(of, _)| of == id).map(|(_, text)| text.as_str());
        let no_transfer = "counts, and is no transfer, another one, or one that ended unpaid";
        for id in [&old, &failed, &paid] {
            assert_eq!(of(id), Some(no_transfer), "{id}");
        }
        assert!(of(&card).unwrap().contains("no part of a card payment"), "{found:?}");
        assert_eq!(of(&lost), Some("should count, and does not"));
        assert_eq!(found.len(), 5, "{found:?}");
    }
}

/// Somebody has begun the counter of an account whose gate is that of Alice's, and has not
/// committed.
#[tokio::test]
async fn a_counter_that_somebody_begins_holds_up_no_acceptance_of_its_gate() {
    for place in places().into_iter().filter(|one| one.options.url.starts_with("postgres")) {
        let bank = Arc::new(Bank::open(place).await);
        bank.hear_of_the_date().await;
        let request = SetLimitRequest {
            scope: LimitScope::Account.into(),
            subject: bank.from.to_string(),
            period: LimitPeriod::Day.into(),
            amount: "50".into(),
            currency: "EUR".into(),
        };
        bank.payment.set_limit(&staff("SetLimit", "limit"), request).await.unwrap();
        let (release, has_begun, holder) = begins_another(&bank);
        has_begun.await.unwrap();
        let waits = async || {
            let query = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted \
                         AND locktype = 'advisory' AND classid = 'reservations'::regclass";
            bank.count(query).await > 0
        };
        let pay = {
            let bank = Arc::clone(&bank);
            tokio::spawn(async move {
                let ctx = customer(bank.alice, "CreateTransfer", "k");
                let pay = || bank.payment.create_transfer(&ctx, bank.order("4"));
                until_decided(pay).await.unwrap().into_inner().transfer_id
            })
        };
        let start = Instant::now();
        while !pay.is_finished() {
            assert!(!waits().await || holder.is_finished(), "it waits for who begins another");
            assert!(start.elapsed() < Duration::from_secs(120), "it is not accepted");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let transfer_id = pay.await.unwrap();
        let cancel = {
            let (bank, request) =
                (Arc::clone(&bank), CancelTransferRequest { transfer_id: transfer_id.clone() });
            tokio::spawn(async move {
                let ctx = customer(bank.alice, "CancelTransfer", "c");
                until_decided(|| bank.payment.cancel_transfer(&ctx, request.clone())).await.unwrap()
            })
        };
        // Whoever gives back waits for who begins.
        while !waits().await && !holder.is_finished() {
            assert!(!cancel.is_finished(), "it gave back beside who begins");
            assert!(start.elapsed() < Duration::from_secs(240), "nobody waits");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let _ = release.send(());
        let _ = holder.await.unwrap();
        cancel.await.unwrap();
        assert_eq!(bank.status(&transfer_id).await, TransferStatus::Cancelled);
        assert_eq!(bank.count("SELECT COUNT(*) FROM limit_usage WHERE used <> 0").await, 0);
    }
}
