//! What an older database becomes.

use florin_reporting::MIGRATIONS;
use florin_store::{Migrations, StoreError, Tx, sql};
use florin_testkit::{place::number, places};

const ENTRY: &str = "INSERT INTO entries (generation, account_id, account_version, sort_key, transaction_id, \
     booking_date, value_date, direction, minor, currency, posted_after, kind, description, \
     counterparty, folded_counterparty, recorded_at) VALUES (1, 'acc_1', 2, \
     '2026-11-2100000000000000005000000000002', 'txn_1', '2026-11-21', '2026-11-21', 'credit', \
     500, 'EUR', 500, 'transfer', '', '', '', 5)";

#[tokio::test]
async fn the_entries_of_an_older_database_are_kept_and_stay_unique() {
    for place in places("reporting").unwrap() {
        let older = place.database(Migrations(&MIGRATIONS.0[..2])).await.unwrap();
        let insert = async |tx: Tx| sql::execute(&tx, ENTRY, []).await;
        older.write(insert).await.unwrap();
        older.close().await.unwrap();

        let db = place.database(MIGRATIONS).await.unwrap();
        let kept = "SELECT COUNT(*) FROM entries WHERE account_version = 2 AND minor = 500 \
                    AND posted_after = 500 AND transaction_id = 'txn_1' AND currency = 'EUR'";
        assert_eq!(number(&db, kept).await.unwrap(), 1);
        let again = db.write(async |tx: Tx| sql::execute(&tx, ENTRY, []).await).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    }
}
