use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use florin_store::{
    Database, MigrationStep, Migrations, Retryable, StoreError, Tx, row,
    rows::{self, Column},
};
use sea_orm::ConnectionTrait;

use crate::engines::{MIGRATIONS, number, places};

const ID: &[(&str, Column)] = &[("id", Column::Text)];

async fn insert(tx: &Tx, id: &str) -> Result<u64, StoreError> {
    rows::insert_many(tx, "things", ID, vec![row! {"id": id}]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_run_again_and_at_the_same_time() {
    for place in places() {
        let starts: Vec<_> = (0..4)
            .map(|_| {
                let options = place.options.clone();
                tokio::spawn(async move { Database::connect(&options, MIGRATIONS).await })
            })
            .collect();
        for start in starts {
            let db = start.await.unwrap().unwrap();
            assert_eq!(number(&db, "SELECT count(*) FROM things").await, 0);
            db.close().await.unwrap();
        }
        let again = place.open().await;
        let shared = std::fs::read_dir("migrations/sqlite").unwrap().count();
        let run = number(&again, "SELECT count(*) FROM _store_migrations").await;
        assert_eq!(usize::try_from(run), Ok(shared));
        assert_eq!(number(&again, "SELECT count(*) FROM _sqlx_migrations").await, 1);
    }
}

/// The same step with another statement.
const EDITED: Migrations = Migrations(&[MigrationStep {
    name: "0001_things",
    sqlite: "CREATE TABLE things (id TEXT)",
    postgres: "CREATE TABLE things (id TEXT)",
}]);

#[tokio::test]
async fn a_migration_that_was_edited_is_refused() {
    for place in places() {
        drop(place.open().await);
        let refused = Database::connect(&place.options, EDITED).await;
        let Err(StoreError::Migration(told)) = refused else { panic!("{refused:?}") };
        assert!(told.contains("0001_things.sql was changed"), "{told}");
    }
}

#[tokio::test]
async fn hooks_run_after_the_commit_and_never_after_a_rollback() {
    for place in places() {
        let db = place.open().await;
        let fired = Arc::new(AtomicU32::new(0));
        let write = async |fail: bool| {
            db.write(async |tx: Tx| {
                insert(&tx, "a").await?;
                let fired = Arc::clone(&fired);
                tx.on_commit(move || {
                    fired.fetch_add(1, Ordering::SeqCst);
                });
                if fail { Err(StoreError::Corrupt("on purpose".into())) } else { Ok(()) }
            })
            .await
        };
        assert!(write(true).await.is_err());
        assert_eq!(fired.load(Ordering::SeqCst), 0);
        assert_eq!(number(&db, "SELECT count(*) FROM things").await, 0);
        write(false).await.unwrap();
        assert_eq!(fired.load(Ordering::SeqCst), 1);
        assert_eq!(number(&db, "SELECT count(*) FROM things").await, 1);
    }
}

#[tokio::test]
async fn a_write_is_run_again_after_a_serialization_failure_and_only_then() {
    for place in places() {
        let db = place.open().await;
        let mut runs = 0;
        let done = db
            .write(|tx: Tx| {
                runs += 1;
                let run = runs;
                async move {
                    insert(&tx, "a").await?;
                    if run < 3 { Err(StoreError::Serialization("busy".into())) } else { Ok(run) }
                }
            })
            .await;
        assert_eq!(done.unwrap(), 3);
        assert_eq!(number(&db, "SELECT count(*) FROM things").await, 1);
        let mut runs = 0;
        let refused: Result<(), StoreError> = db
            .write(|tx: Tx| {
                runs += 1;
                async move { insert(&tx, "a").await.map(drop) }
            })
            .await;
        assert_eq!(runs, 1);
        let Err(StoreError::Conflict { constraint }) = refused else { panic!("{refused:?}") };
        assert!(constraint.contains("things"), "{constraint}");
    }
}

#[tokio::test]
async fn a_write_gives_up_after_six_attempts() {
    for place in places() {
        let db = place.open().await;
        let mut runs = 0;
        let gave_up: Result<(), StoreError> = db
            .write(|_tx: Tx| {
                runs += 1;
                async { Err(StoreError::Serialization("for ever".into())) }
            })
            .await;
        assert!(gave_up.unwrap_err().is_retryable());
        assert_eq!(runs, 6);
    }
}

/// Two transactions that lock two rows in opposite orders: PostgreSQL ends one of them, and
/// it is run again.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_of_the_engine_is_retried_until_both_have_committed() {
    for place in places() {
        let db = place.open().await;
        db.write(async |tx: Tx| {
            let zero = vec![row! {"id": "a", "number": 0}, row! {"id": "b", "number": 0}];
            let columns = [("id", Column::Text), ("number", Column::Int)];
            rows::insert_many(&tx, "things", &columns, zero).await
        })
        .await
        .unwrap();
        let cross = |first: &'static str, second: &'static str| {
            let db = db.clone();
            tokio::spawn(async move {
                db.write(async |tx: Tx| {
                    for id in [first, second] {
                        let add = "UPDATE things SET number = number + 1 WHERE id = $1";
                        let add = tx.engine().statement(add, [id.into()]);
                        tx.execute_raw(add).await?;
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    }
                    Ok::<_, StoreError>(())
                })
                .await
            })
        };
        let (one, other) = (cross("a", "b"), cross("b", "a"));
        one.await.unwrap().unwrap();
        other.await.unwrap().unwrap();
        assert_eq!(number(&db, "SELECT CAST(sum(number) AS BIGINT) FROM things").await, 4);
    }
}

#[tokio::test]
async fn a_savepoint_that_fails_leaves_the_transaction_usable() {
    for place in places() {
        let db = place.open().await;
        db.write(async |tx: Tx| {
            insert(&tx, "kept").await?;
            let undone: Result<(), StoreError> = tx
                .savepoint(async |inner: Tx| {
                    insert(&inner, "undone").await?;
                    insert(&inner, "undone").await.map(drop)
                })
                .await;
            assert!(matches!(undone, Err(StoreError::Conflict { .. })), "{undone:?}");
            tx.savepoint(async |inner: Tx| insert(&inner, "also kept").await).await
        })
        .await
        .unwrap();
        assert_eq!(number(&db, "SELECT count(*) FROM things").await, 2);
    }
}

#[tokio::test]
async fn readers_cannot_write_and_a_snapshot_does_not_see_later_commits() {
    for place in places() {
        let db = place.open().await;
        let refused = db.read().execute_unprepared("DELETE FROM things").await;
        assert!(refused.is_err());
        let snapshot = db.snapshot().await.unwrap();
        db.write(async |tx: Tx| insert(&tx, "later").await).await.unwrap();
        let count = db.engine().statement("SELECT count(*) AS n FROM things", []);
        let row = snapshot.query_one_raw(count).await.unwrap().unwrap();
        assert_eq!(row.try_get::<i64>("", "n").unwrap(), 0);
        snapshot.rollback().await.unwrap();
        assert_eq!(number(&db, "SELECT count(*) FROM things").await, 1);
    }
}

#[tokio::test]
async fn the_clock_of_the_transaction_moves_on_within_it() {
    for place in places() {
        let db = place.open().await;
        let (first, second) = db
            .write(async |tx: Tx| {
                let first = tx.now().await?;
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                Ok::<_, StoreError>((first, tx.now().await?))
            })
            .await
            .unwrap();
        assert!(second.0 - first.0 >= 1_000, "{first:?} {second:?}");
        assert!(first.0 > 1_700_000_000_000_000, "microseconds: {first:?}");
    }
}

#[tokio::test]
async fn a_url_or_schema_that_cannot_be_used_is_refused_with_what_can() {
    for (url, schema) in [
        ("mysql://localhost", ""),
        ("sqlite::memory:", ""),
        ("sqlite:", ""),
        ("postgres://localhost/x", "Robert\"; DROP"),
    ] {
        let options = florin_store::DatabaseOptions {
            url: url.into(),
            schema: schema.into(),
            ..Default::default()
        };
        let refused = Database::connect(&options, MIGRATIONS).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{url}: {refused:?}");
    }
}

#[tokio::test]
async fn pools_tell_how_full_they_are() {
    for place in places() {
        let db = place.open().await;
        db.ping().await.unwrap();
        let [write, read] = db.pools();
        assert_eq!((write.name, read.name), ("write", "read"));
        assert!(write.open <= write.max && read.open >= 1 && read.open <= read.max);
    }
}

/// A handler whose deadline passes drops its write wherever it stands, in BEGIN and COMMIT too.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_dropped_anywhere_leaves_the_connections_usable() {
    for place in places() {
        let db = place.open().await;
        let mut certain = 0;
        for round in 0..400_u64 {
            let id = format!("{round}");
            let write = db.write(async |tx: Tx| {
                insert(&tx, &id).await?;
                tx.now().await
            });
            let limit = std::time::Duration::from_micros(round * 7);
            if let Ok(done) = tokio::time::timeout(limit, write).await {
                done.unwrap();
                certain += 1;
            }
        }
        // Each connection is asked, and none has a transaction left open.
        for round in 0..8 {
            db.write(async |tx: Tx| insert(&tx, &format!("after {round}")).await).await.unwrap();
        }
        let count = number(&db, "SELECT count(*) FROM things").await;
        assert!((certain + 8..=408).contains(&count), "{certain} of {count}");
    }
}

/// SQLite ends the transaction by itself when the disk is full, and refuses the ROLLBACK that
/// follows. What is written once there is room is in the file all the same.
#[tokio::test]
async fn after_a_full_disk_what_is_answered_as_written_is_written() {
    let place = places().remove(0);
    let db = place.open().await;
    for round in 0..2 {
        let full = db
            .write(async |tx: Tx| {
                // The disk of this connection has no further page.
                tx.execute_unprepared("PRAGMA max_page_count = 1").await?;
                // One row is written without a journal of the statement: the whole transaction
                // is undone.
                let fill = format!(
                    "INSERT INTO things (id, content) VALUES ('{round}/full', zeroblob(200000))"
                );
                tx.execute_unprepared(&fill).await.map_err(StoreError::from)
            })
            .await;
        assert!(matches!(full, Err(StoreError::Unavailable(_))), "{full:?}");
        db.write(async |tx: Tx| insert(&tx, &format!("{round}/first")).await).await.unwrap();
        let refused = db
            .write(async |tx: Tx| {
                insert(&tx, &format!("{round}/refused")).await?;
                Err::<(), _>(StoreError::Corrupt("on purpose".into()))
            })
            .await;
        assert!(refused.is_err());
        db.write(async |tx: Tx| insert(&tx, &format!("{round}/second")).await).await.unwrap();
        // What another connection sees is committed.
        assert_eq!(number(&db, "SELECT count(*) FROM things").await, 2 * (round + 1));
    }
    db.close().await.unwrap();
    let again = place.open().await;
    assert_eq!(number(&again, "SELECT count(*) FROM things").await, 4);
}
