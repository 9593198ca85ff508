//! Who waits for whom at the dates of the books.

use std::sync::Mutex;

use florin_account::store::chart;
use florin_store::{Database, Engine, StoreError, Tx};
use florin_testkit::place::number;
use tokio::sync::Semaphore;

use crate::bench_ledger::each;

/// Until so many stand in line for the books, or `over` says that one passed.
async fn in_line(db: &Database, count: i64, over: impl Fn() -> bool) {
    let waiting = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                   AND classid = 'books'::regclass::oid";
    while number(db, waiting).await.unwrap() < count && !over() {
        tokio::task::yield_now().await;
    }
}

/// SQLite has one writer at a time.
#[tokio::test(flavor = "multi_thread")]
async fn who_closes_a_date_waits_for_the_batches_before_it_and_for_none_that_comes_later() {
    for bench in each().await {
        if bench.db.engine() == Engine::Sqlite {
            continue;
        }
        let (has, ends) = (Semaphore::new(0), Semaphore::new(0));
        let order = Mutex::new(Vec::new());
        let first = bench.db.write(async |tx: Tx| {
            chart::books_shared(&tx).await?;
            has.add_permits(1);
            ends.acquire().await.unwrap().forget();
            Ok::<_, StoreError>(())
        });
        let closes = bench.db.write(async |tx: Tx| {
            chart::books_alone(&tx).await?;
            order.lock().unwrap().push("closes");
            Ok::<_, StoreError>(())
        });
        let later = bench.db.write(async |tx: Tx| {
            chart::books_shared(&tx).await?;
            order.lock().unwrap().push("a batch");
            Ok::<_, StoreError>(())
        });
        let passed = || !order.lock().unwrap().is_empty();
        let closes = async {
            has.acquire().await.unwrap().forget();
            closes.await
        };
        let later = async {
            in_line(&bench.db, 1, passed).await;
            later.await
        };
        let looks = async {
            in_line(&bench.db, 2, passed).await;
            ends.add_permits(1);
            Ok(())
        };
        let all: Result<_, StoreError> = tokio::try_join!(first, closes, later, looks);
        all.unwrap();
        assert_eq!(*order.lock().unwrap(), ["closes", "a batch"]);
    }
}
