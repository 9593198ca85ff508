//! A day over many loans on PostgreSQL, and how fast it is.
//!
//! `FLORIN_LOANS=1000000 cargo test --release -p florin-loan --test it -- --nocapture
//! a_day_over_many_loans` with the servers of `cargo xtask servers` measures; among the tests they
//! are as many as make two chunks.

use std::time::Instant;

use florin_loan::{DayTurn, Turn};
use florin_store::{Engine, Tx, sql};
use florin_testkit::place::number;

use crate::bank::{Bank, places};

/// Copies of a loan with other ids: rows as the service itself has written them.
const COPIES: [&str; 4] = [
    "CREATE TEMPORARY TABLE copies AS SELECT n, 'lon_0190aaaa-bbbb-7ccc-8ddd-' || \
     lpad(to_hex(n), 12, '0') AS id FROM generate_series(2, $1) AS n",
    "INSERT INTO loans SELECT c.id, customer_id, account_id, product, product_version, currency, \
     maker, requested, rate, instalments, disbursed_on, first_due, monthly_income, monthly_debts, \
     monthly_instalment, score, created_at, status, endorsed, approved, disbursed, outstanding, \
     next_due, version, told, movements, changed_at FROM loans AS l CROSS JOIN copies AS c",
    "INSERT INTO loan_steps SELECT c.id, version, kind, on_date, NULL, payload, recorded_at \
     FROM loan_steps AS s CROSS JOIN copies AS c",
    "INSERT INTO day_positions SELECT c.id, product, version, currency, (c.n - 1) / 10000, status, \
     accrued_through, interest, fee, penalty, moved_principal, moved_interest, moved_charge, due_on, \
     collected_through, collecting, attempts, bucket, days_past_due, non_accrual, overdue_penalty, \
     overdue_fee, overdue_interest, overdue_principal, told_due \
     FROM day_positions AS p CROSS JOIN copies AS c",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_day_over_many_loans() {
    let loans: i64 = florin_testkit::setting("FLORIN_LOANS")
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_002);
    for place in places() {
        let bank = Bank::open(place).await;
        if bank.db.engine() != Engine::Postgres {
            continue;
        }
        let mut application = bank.application();
        application.instalments = 12;
        let id = bank.applied(application).await.loan_id;
        bank.approve(&id, "boss", "").await.unwrap();
        bank.accept(&id).await.unwrap();
        bank.disburse(&id, "").await.unwrap();
        assert_eq!(bank.turn().await, Turn::Done);
        bank.db
            .write(async |tx: Tx| {
                sql::execute(&tx, "SET LOCAL statement_timeout = 0", []).await?;
                for (number, copy) in COPIES.iter().enumerate() {
                    let values = if number == 0 { vec![loans.into()] } else { Vec::new() };
                    sql::execute(&tx, *copy, values).await?;
                }
                let books = "UPDATE day_books SET loans = $1";
                sql::execute(&tx, books, [loans.into()]).await
            })
            .await
            .unwrap();
        let mut of_one = Vec::new();
        for (closed, opened) in [
            ("2026-03-02", "2026-03-03"),
            ("2026-03-03", "2026-03-04"),
            ("2026-03-04", "2026-03-05"),
            ("2026-03-05", "2026-03-06"),
        ] {
            bank.ledger.close_day(opened);
            bank.lending.hear_of_days().await.unwrap();
            let begun = Instant::now();
            while bank.lending.turn().await.unwrap() != DayTurn::Idle {}
            let seconds = begun.elapsed().as_secs_f64();
            let accrued =
                format!("SELECT COUNT(*) FROM day_positions WHERE accrued_through = '{closed}'");
            assert_eq!(number(&bank.db, &accrued).await.unwrap(), loans);
            let booked = format!(
                "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM day_bookings \
                 WHERE closed = '{closed}' AND transaction_id IS NOT NULL"
            );
            of_one.push(number(&bank.db, &booked).await.unwrap() / loans);
            println!(
                "{closed}: {loans} loans in {seconds:.1} s, {:.0} a second; {}",
                {
                    #[expect(
                        clippy::as_conversions,
                        clippy::cast_precision_loss,
                        reason = "it is shown"
                    )]
                    let loans = loans as f64;
                    loans / seconds
                },
                memory()
            );
        }
        // A third of a cent a day and 33 cents in all of a month of 10.00.
        assert!(of_one.iter().all(|interest| (32..=34).contains(interest)), "{of_one:?}");
    }
}

/// The most memory that this process has had.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.unwrap_or("memory unknown").to_owned()
}
