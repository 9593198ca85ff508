//! Whether the database takes writes, and the true cause where it does not.

use std::time::Duration;

use florin_store::{
    Database, MigrationStep, Migrations, StoreError, Tx,
    rows::{self, Claiming, Due, Keyed},
    sql,
};
use tokio::net::{TcpListener, TcpStream};

use crate::engines::{MIGRATIONS, is_postgres, number, places, postgres};

const LIMIT: Duration = Duration::from_secs(5);
/// For a check that has to succeed.
const PATIENT: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_check_writes_commits_and_leaves_nothing() {
    for place in places() {
        let db = place.open().await;
        db.check_writable(PATIENT).await.unwrap();
        db.check_readers(PATIENT).await.unwrap();
        assert_eq!(number(&db, "SELECT count(*) FROM leases").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_are_all_taken_are_not_a_server_that_is_away() {
    for place in places() {
        let db = place.open().await;
        let (go, may_end) = tokio::sync::watch::channel(false);
        let (took, mut taken) = tokio::sync::mpsc::channel(16);
        let writers: Vec<_> = (0..db.pools()[0].max)
            .map(|_| {
                let (db, may_end, took) = (db.clone(), may_end.clone(), took.clone());
                tokio::spawn(async move {
                    db.write(|_tx: Tx| {
                        let (mut may_end, took) = (may_end.clone(), took.clone());
                        async move {
                            took.send(()).await.unwrap();
                            may_end.wait_for(|go| *go).await.unwrap();
                            Ok::<_, StoreError>(())
                        }
                    })
                    .await
                })
            })
            .collect();
        for _ in &writers {
            taken.recv().await.unwrap();
        }
        let mut asked = 0;
        let stuck = loop {
            asked += 1;
            let error = db.check_writable(SHORT).await.unwrap_err();
            // A machine that stalls gives no new connection in time, which tells nothing of
            // the pool.
            let undialled = matches!(&error, StoreError::Unavailable(cause) if cause.contains("no connection within"));
            if !undialled || asked == 60 {
                break error;
            }
        };
        assert!(matches!(&stuck, StoreError::Timeout(cause) if cause.contains("writer")));
        db.check_readers(PATIENT).await.unwrap();
        go.send(true).unwrap();
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        db.check_writable(PATIENT).await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_refuses_to_write_is_found_out_though_it_reads() {
    for mut place in places() {
        place.options.max_connections = 1;
        let db = place.open().await;
        let refuse = if is_postgres(&db) {
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
        } else {
            "PRAGMA query_only = ON"
        };
        db.write(async |tx: Tx| sql::execute(&tx, refuse, []).await).await.unwrap();
        let refused = db.check_writable(PATIENT).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
        db.check_readers(PATIENT).await.unwrap();
    }
}

/// Everything for a server goes through here, until it is dropped.
struct Cable(tokio::task::JoinHandle<()>);

impl Cable {
    async fn lay(listener: TcpListener, server: String) -> Self {
        Self(tokio::spawn(async move {
            let mut lines = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let server = server.clone();
                lines.spawn(async move {
                    let mut far = TcpStream::connect(server).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        }))
    }

    async fn cut(self) {
        self.0.abort();
        let _ = self.0.await;
    }
}

/// Host and port of a URL, and the URL with others.
fn rerouted(url: &str, to: &str) -> (String, String) {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let (user, server) = match authority.rsplit_once('@') {
        Some((user, server)) => (format!("{user}@"), server),
        None => (String::new(), authority),
    };
    (server.to_owned(), format!("{scheme}://{user}{to}/{path}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_told_from_a_busy_pool_and_comes_back() {
    let Some(mut place) = postgres() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (server, url) = rerouted(&place.options.url, &address.to_string());
    place.options.url = url;
    let cable = Cable::lay(listener, server.clone()).await;
    let db = place.open().await;
    db.check_writable(PATIENT).await.unwrap();
    cable.cut().await;
    // The connections that were open die one by one; after them the server refuses.
    let refused = loop {
        let away = db.check_writable(LIMIT).await.unwrap_err();
        let StoreError::Unavailable(cause) = away else { continue };
        if cause.contains("refused") {
            break cause;
        }
    };
    let read = loop {
        match db.check_readers(SHORT).await {
            Err(StoreError::Unavailable(cause)) => break cause,
            other => assert!(other.is_err(), "{other:?}"),
        }
    };
    assert!(!read.is_empty());
    // A call does not wait for the pool's time limit, and is told the cause.
    let write = db.write(async |tx: Tx| tx.now().await).await.unwrap_err();
    assert!(matches!(&write, StoreError::Unavailable(told) if *told == refused), "{write:?}");
    let listener = TcpListener::bind(address).await.unwrap();
    let cable = Cable::lay(listener, server).await;
    while db.check_writable(PATIENT).await.is_err() {}
    db.write(async |tx: Tx| tx.now().await).await.unwrap();
    cable.cut().await;
}

/// The service one release later.
const NEXT_RELEASE: Migrations = Migrations(&[
    MIGRATIONS.0[0],
    MigrationStep {
        name: "0002_colours",
        sqlite: "ALTER TABLE things ADD COLUMN colour TEXT",
        postgres: "ALTER TABLE things ADD COLUMN colour TEXT",
    },
]);

#[tokio::test]
async fn a_program_runs_on_the_schema_of_the_next_release() {
    for place in places() {
        drop(Database::connect(&place.options, NEXT_RELEASE).await.unwrap());
        let older = place.open().await;
        assert_eq!(number(&older, "SELECT count(*) FROM things").await, 0);
        assert_eq!(number(&older, "SELECT count(*) FROM _sqlx_migrations").await, 2);
    }
}

const THINGS: Keyed<'static> = Keyed { table: "things", id_column: "id", columns: "id, note" };
const DUE: Due<'static> = Due {
    table: "things",
    id_column: "id",
    columns: "id, due",
    due_column: "due",
    lease_until_column: "lease_until",
    lease_token_column: "lease_token",
    taken_over_column: None,
};

/// Statements that were prepared before another replica added a column are used after it.
#[tokio::test]
async fn a_running_program_survives_the_migration_of_the_next_release() {
    for mut place in places() {
        // The same connection before and after.
        place.options.max_connections = 1;
        place.options.max_read_connections = 1;
        let older = place.open().await;
        let work = async || {
            older
                .write(async |tx: Tx| {
                    rows::lock_by_id(&tx, THINGS, &["a".to_owned()]).await?;
                    let now = tx.now().await?;
                    let claiming =
                        Claiming { now, lease_until: now, longest_wait: SHORT, limit: 1 };
                    rows::claim_due(&tx, &DUE, &claiming).await?;
                    rows::read_by_id(&tx, THINGS, &["a".to_owned()]).await
                })
                .await
        };
        for _ in 0..3 {
            work().await.unwrap();
        }
        drop(Database::connect(&place.options, NEXT_RELEASE).await.unwrap());
        work().await.unwrap();
    }
}
