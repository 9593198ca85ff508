//! What an older database becomes.

use florin_account::{
    MIGRATIONS,
    store::{chart, entries},
};
use florin_kernel::{AccountId, Date};
use florin_store::{Migrations, StoreError, Tx, sql};
use florin_testkit::{place::number, places};

const ACCOUNT: &str = "acc_01890000-0000-7000-8000-000000000001";

/// A journal with a reversal and entries valued on other days than they were booked.
const ROWS: [&str; 4] = [
    "INSERT INTO journal (id, caller, reference, kind, description, booking_date, value_date, \
     recorded_at, reverses, correlation, initiator) VALUES \
     ('txn_1', 'payment', 'a', 'transfer', 'x', '2026-01-01', '2026-01-01', 1, NULL, '', ''), \
     ('txn_2', 'payment', 'b', 'transfer', 'x', '2026-01-02', '2026-01-01', 2, 'txn_1', '', '')",
    "INSERT INTO account_events (account_id, version, kind, transaction_id, leg, hold_id, delta, \
     held_delta, posted_after, held_after, counterparty, detail, booking_date, value_date, \
     recorded_at, hash) SELECT a.id, v.version, 'credited', 'txn_' || v.version, 1, NULL, v.delta, \
     0, v.delta, 0, '', '', v.booked, v.valued, v.version, a.last_hash \
     FROM accounts AS a CROSS JOIN (SELECT 1 AS version, 100 AS delta, '2026-01-01' AS booked, \
     '2026-01-01' AS valued UNION ALL SELECT 2, 7, '2026-01-02', '2026-01-01' \
     UNION ALL SELECT 3, -30, '2026-01-02', '2026-01-02') AS v",
    "INSERT INTO value_turnover (account_id, value_date, net) VALUES \
     ('acc_01890000-0000-7000-8000-000000000001', '2026-01-01', 107)",
    "INSERT INTO value_turnover (account_id, value_date, net) VALUES \
     ('acc_01890000-0000-7000-8000-000000000001', '2026-01-02', -30)",
];

#[tokio::test]
async fn the_turnover_and_the_journal_of_an_older_database_are_kept() {
    for place in places("account").unwrap() {
        let older = place.database(Migrations(&MIGRATIONS.0[..3])).await.unwrap();
        older
            .write(async |tx: Tx| {
                let open = "INSERT INTO accounts (id, iban, product, control_gl, currency, status, \
                            overdraft_limit, opened_on, reference, version, posted, held, \
                            last_hash, last_recorded_at) VALUES \
                            ($1, 'CZ', 'current', '2010', 'EUR', 1, 0, '2026-01-01', 'r', 3, 77, \
                            0, $2, 3)";
                sql::execute(&tx, open, [ACCOUNT.into(), vec![0_u8; 32].into()]).await?;
                for insert in ROWS {
                    sql::execute(&tx, insert, []).await?;
                }
                Ok::<_, StoreError>(())
            })
            .await
            .unwrap();
        older.close().await.unwrap();

        let db = place.database(MIGRATIONS).await.unwrap();
        assert_eq!(number(&db, "SELECT count(*) FROM journal").await.unwrap(), 2);
        let reversals = "SELECT count(*) FROM journal WHERE reverses = 'txn_1'";
        assert_eq!(number(&db, reversals).await.unwrap(), 1);
        let account: AccountId = ACCOUNT.parse().unwrap();
        let (first, second) = (Date::constant(2026, 1, 1), Date::constant(2026, 1, 2));
        for (on, booked, valued) in [(first, 100, 107), (second, 77, 77)] {
            assert_eq!(entries::as_booked(db.read(), account, on).await.unwrap(), booked);
            assert_eq!(entries::as_valued(db.read(), account, on).await.unwrap(), valued);
        }
        // Still once only.
        let again = db
            .write(async |tx: Tx| {
                let second = "UPDATE journal SET reverses = 'txn_1' WHERE id = 'txn_1'";
                sql::execute(&tx, second, []).await
            })
            .await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    }
}

#[tokio::test]
async fn a_code_of_the_ledgers_own_that_the_bank_used_otherwise_is_named_at_the_start() {
    for place in places("account").unwrap() {
        let before = MIGRATIONS.0.iter().position(|step| step.name.starts_with("0011")).unwrap();
        let older = place.database(Migrations(&MIGRATIONS.0[..before])).await.unwrap();
        let insert = "INSERT INTO gl_accounts (code, name, class, control) \
                      VALUES ('1910', 'Gold', 1, FALSE), ('2910', 'Accrued interest payable', 2, TRUE)";
        older.write(async |tx: Tx| sql::execute(&tx, insert, []).await).await.unwrap();
        older.close().await.unwrap();
        let db = place.database(MIGRATIONS).await.unwrap();
        let own = async || db.write(async |tx: Tx| chart::add_own(&tx).await).await.unwrap();
        let told = own().await;
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("1910 is \"Gold\""), "{told:?}");
        // Once it has another code the ledger adds its own.
        for give in [
            "UPDATE gl_accounts SET code = '1915' WHERE code = '1910'",
            "DELETE FROM gl_accounts WHERE code = '2910'",
        ] {
            db.write(async |tx: Tx| sql::execute(&tx, give, []).await).await.unwrap();
        }
        assert_eq!(own().await, Vec::<String>::new());
        let there = "SELECT COUNT(*) FROM gl_accounts WHERE code IN ('1910', '1915', '2910')";
        assert_eq!(number(&db, there).await.unwrap(), 3);
    }
}

#[tokio::test]
async fn the_business_dates_that_were_closed_before_they_were_listed_are_listed() {
    for place in places("account").unwrap() {
        let before = MIGRATIONS.0.iter().position(|step| step.name.starts_with("0030")).unwrap();
        let older = place.database(Migrations(&MIGRATIONS.0[..before])).await.unwrap();
        let rows = [
            "INSERT INTO books (id, business_date, closed_through) VALUES (1, '2026-11-25', '')",
            "INSERT INTO audit (actor, method, reference, at) VALUES \
             ('o', 'm', 'business_date/2026-11-21', 5), ('o', 'm', 'holiday/2026-11-22', 6), \
             ('o', 'm', 'business_date/2026-11-24', 7), ('o', 'm', 'business_date/2026-11-23', 6)",
            // The last of them was listed already.
            "INSERT INTO business_days (closed, opened, closed_at) \
             VALUES ('2026-11-24', '2026-11-25', 8)",
        ];
        let fill = async |tx: Tx| {
            for row in rows {
                sql::execute(&tx, row, []).await?;
            }
            Ok::<_, StoreError>(())
        };
        older.write(fill).await.unwrap();
        older.close().await.unwrap();

        let db = place.database(MIGRATIONS).await.unwrap();
        let listed = "SELECT closed || ' ' || opened || ' ' || CAST(closed_at AS TEXT) AS day \
                      FROM business_days ORDER BY closed";
        let days = sql::query_all(db.read(), listed, []).await.unwrap();
        let days: Vec<String> = days.iter().map(|row| row.try_get("", "day").unwrap()).collect();
        let expected =
            ["2026-11-21 2026-11-23 5", "2026-11-23 2026-11-24 6", "2026-11-24 2026-11-25 8"];
        assert_eq!(days, expected);
    }
}
