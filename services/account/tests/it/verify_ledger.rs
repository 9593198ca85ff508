use sea_orm::ConnectionTrait;

use crate::{
    bench_ledger::{Bench, capture, convert, each, money, place, place_for, post},
    end_of_day::end_days,
    interest_world::{advance, pay_interest},
};

/// A statement that breaks the ledger, and the check that must find it.
const BREAKS: [(&str, &str); 44] = [
    ("UPDATE account_events SET counterparty = 'y' WHERE version = 3", "hash"),
    // What cannot be read is named as well, and does not end the verification.
    ("UPDATE account_events SET hold_id = 'h' WHERE hold_id IS NOT NULL", "hash"),
    ("UPDATE accounts SET currency = 'XXX'", "projection"),
    ("UPDATE account_events SET delta = delta + 1 WHERE version = 3", "fold"),
    ("UPDATE account_events SET posted_after = 7 WHERE version = 3", "fold"),
    ("DELETE FROM account_events WHERE version = 2", "version"),
    ("DELETE FROM account_events", "projection"),
    ("UPDATE accounts SET posted = posted + 1", "projection"),
    ("UPDATE accounts SET version = version + 1", "version"),
    ("UPDATE holds SET remaining = 1, status = 1", "holds"),
    ("UPDATE holds SET captured = 1", "holds"),
    ("UPDATE holds SET captured = 5 WHERE reference = 'spent'", "holds"),
    ("UPDATE holds SET status = 4", "holds"),
    ("UPDATE holds SET status = 4 WHERE reference = 'spent'", "holds"),
    ("UPDATE holds SET status = 3 WHERE reference = 'whole'", "holds"),
    ("UPDATE holds SET expires_at = 5 WHERE reference = 'h'", "holds"),
    ("UPDATE holds SET expires_at = NULL WHERE reference = 'spent'", "holds"),
    // The capture names a transaction that moved less, or none.
    ("UPDATE journal_legs SET amount = amount / 2 WHERE amount IN (-7, 7)", "holds"),
    ("UPDATE account_events SET detail = 'txn_0' WHERE kind = 'hold_captured'", "holds"),
    // Recorded after the time of the hold was over.
    (
        "UPDATE account_events SET recorded_at = 9000000000000000 WHERE kind = 'hold_captured'",
        "holds",
    ),
    ("UPDATE journal_legs SET amount = amount + 1 WHERE leg = 1", "zero_sum"),
    ("DELETE FROM journal_legs WHERE leg = 1", "legs"),
    ("DELETE FROM ledger_references", "references"),
    ("DELETE FROM ledger_references WHERE reference = 'h'", "references"),
    ("DELETE FROM holds", "references"),
    ("UPDATE turnover SET net = net + 1", "turnover"),
    ("UPDATE turnover SET value_date = '2020-01-01'", "turnover"),
    ("UPDATE turnover SET booking_date = '2020-01-01'", "turnover"),
    ("UPDATE product_controls SET control_gl = '2020' WHERE product = 'current'", "control"),
    ("UPDATE journal_legs SET gl_code = '2020' WHERE gl_code = '2010' AND leg = 1", "control"),
    // A void that nobody voided, and closes that do not follow one another.
    (
        "INSERT INTO ledger_references (caller, reference, fingerprint, record) \
         SELECT 'payment', 'v', fingerprint, 'void' FROM ledger_references LIMIT 1",
        "references payment v",
    ),
    (
        "INSERT INTO business_days (closed, opened, closed_at) \
         VALUES ('2026-11-01', '2026-11-02', 1)",
        "business_days 2026-11-01",
    ),
    (
        "INSERT INTO business_days (closed, opened, closed_at) \
         VALUES ('2026-11-01', '2026-11-21', 1), ('2026-11-05', '2026-11-21', 1)",
        "business_days 2026-11-05",
    ),
    ("UPDATE journal_conversions SET sold_amount = sold_amount + 1", "conversions"),
    ("UPDATE journal_legs SET gl_code = '1010' WHERE gl_code = '9020'", "conversions"),
    // What is in no account's chain of hashes stands in the events.
    ("UPDATE journal_legs SET gl_code = '5010' WHERE gl_code = '1010'", "journal txn_"),
    ("UPDATE journal_legs SET counterparty = 'y' WHERE account_id IS NULL", "journal txn_"),
    ("UPDATE journal SET kind = 'other'", "journal txn_"),
    ("UPDATE journal SET description = 'other'", "journal txn_"),
    ("UPDATE journal SET caller = 'other'", "journal txn_"),
    ("UPDATE journal SET booking_date = '2026-11-20'", "journal txn_"),
    ("DELETE FROM outbox WHERE kind = 'transaction_posted'", "journal txn_"),
    ("UPDATE outbox SET aggregate = 'txn_0' WHERE kind = 'transaction_posted'", "journal txn_0"),
    // Legs of two currencies on the position account, and nothing that converts them.
    ("DELETE FROM journal_conversions", "conversions"),
];

async fn filled(bench: &Bench) {
    let (from, to) = (bench.open(100).await, bench.open(50).await);
    for at in 0..3 {
        bench.run(post(&format!("p{at}"), &[(from, -5), (to, 5)])).await;
    }
    bench.run(place("h", from, 10)).await;
    // Six are captured and four given back; another is captured whole.
    bench.run(place_for("spent", from, 10, 3_600_000_000)).await;
    bench.run(capture("c1", from, 7, &[("spent", Some(6), false)])).await;
    bench.run(place("whole", from, 5)).await;
    bench.run(capture("c2", from, 5, &[("whole", None, false)])).await;
    let crowns = bench.open_account("current", money(0, "CZK")).await;
    bench.run(convert("fx", from, crowns, 3)).await;
    bench.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_breaking_the_ledger_is_named() {
    for (statement, check) in BREAKS {
        for bench in each().await {
            filled(&bench).await;
            bench
                .db
                .write(async |tx: florin_store::Tx| {
                    tx.execute_unprepared(statement).await?;
                    Ok::<_, florin_store::StoreError>(())
                })
                .await
                .unwrap();
            let (_, breaches) = bench.verify().await;
            let named = breaches.iter().any(|breach| breach.starts_with(check));
            assert!(named, "{statement}: {check} is not among {breaches:#?}");
        }
    }
}

/// The history of an account can be cut off so that what is left agrees with itself; the
/// reference of what was cut off stays behind.
#[tokio::test(flavor = "multi_thread")]
async fn an_erased_tail_is_betrayed_by_its_reference() {
    for bench in each().await {
        let account = bench.open(100).await;
        bench.run(post("last", &[(account, 5)])).await;
        bench.assert_clean().await;
        for statement in [
            "UPDATE accounts SET posted = posted - 5, version = version - 1, last_hash = \
             (SELECT e.hash FROM account_events AS e WHERE e.account_id = accounts.id \
             AND e.version = accounts.version - 1)",
            "DELETE FROM account_events WHERE version = 3",
            "DELETE FROM journal_legs WHERE transaction_id IN \
             (SELECT id FROM journal WHERE reference = 'last')",
            "DELETE FROM journal WHERE reference = 'last'",
            "UPDATE turnover SET net = net - 5",
        ] {
            let erase = async |tx: florin_store::Tx| {
                tx.execute_unprepared(statement).await?;
                Ok::<_, florin_store::StoreError>(())
            };
            bench.db.write(erase).await.unwrap();
        }
        let (_, breaches) = bench.verify().await;
        let [reference, event] = breaches.as_slice() else { panic!("{breaches:#?}") };
        assert!(reference.starts_with("references payment last: it made txn_"), "{reference}");
        assert!(event.ends_with("an event tells of it, and it is not in the journal"), "{event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_events_than_a_page_are_all_checked() {
    let bench = crate::bench_ledger::sqlite().await;
    let (from, to) = (bench.open(1_000_000).await, bench.open(0).await);
    let posts = (0..1_500).map(|at| post(&format!("p{at}"), &[(from, -5), (to, 5)]));
    bench.run_all(posts.collect()).await;
    let summary = bench.assert_clean().await;
    assert_eq!((summary.accounts, summary.events, summary.transactions), (2, 3_003, 1_501));
}

/// Ways of breaking what the ledger has of interest.
const BREAKS_OF_INTEREST: [&str; 7] = [
    "UPDATE accruals SET booked_credit = booked_credit + 1",
    "UPDATE accruals SET credit = '7.0000000000'",
    "UPDATE accruals SET capitalised_credit = capitalised_credit + 1",
    "UPDATE journal_legs SET gl_code = '3010' WHERE gl_code = '2910'",
    // What agrees with itself, and not with the entries and conditions.
    "UPDATE interest_tiers SET rate = rate * 2",
    "UPDATE accruals SET balance = balance + 1",
    "UPDATE interest_conditions SET day_count = 'ACT/360'",
];

#[tokio::test(flavor = "multi_thread")]
async fn accrued_interest_that_is_not_what_the_ledger_has_is_named() {
    for statement in BREAKS_OF_INTEREST {
        for bench in each().await {
            pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
            bench.open(100_000).await;
            advance(&bench, "2026-11-21", "2026-11-23").await;
            end_days(&bench, 1).await;
            bench.assert_clean().await;
            let broken = async |tx: florin_store::Tx| {
                tx.execute_unprepared(statement).await?;
                Ok::<_, florin_store::StoreError>(())
            };
            bench.db.write(broken).await.unwrap();
            let (_, breaches) = bench.verify().await;
            let named = breaches.iter().any(|breach| breach.starts_with("interest "));
            assert!(named, "{statement}: {breaches:#?}");
        }
    }
}
