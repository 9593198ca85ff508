//! Seals: made at the end of a day, chained, exported; an erased tail does not get past them.

use florin_account::{
    app::verify_ledger::{Kept, Report, verify_from},
    store::seals,
};
use florin_kernel::Date;
use florin_proto::account::v1::{ExportSealsRequest, Seal};
use florin_testkit::place::number;
use futures_util::StreamExt as _;
use sea_orm::ConnectionTrait;

use crate::{
    bench_ledger::{Bench, each, post},
    desk::desk,
    end_of_day::end_days,
    interest_world::advance,
};

async fn exported(bench: &Bench, after: &str) -> Vec<Seal> {
    let request = ExportSealsRequest { after_business_date: after.into() };
    let seals = desk(bench).export_seals(request).collect::<Vec<_>>().await;
    seals.into_iter().map(|told| told.unwrap().seal.unwrap()).collect()
}

async fn breaches_from(bench: &Bench, kept: Option<Kept>) -> Vec<String> {
    let mut breaches = Vec::new();
    verify_from(&bench.db, 100, kept, async |report| {
        if let Report::Breach { check, record, description } = report {
            breaches.push(format!("{check} {record}: {description}"));
        }
        Ok(())
    })
    .await
    .unwrap();
    breaches
}

pub async fn execute(bench: &Bench, statement: &str) {
    let run = async |tx: florin_store::Tx| {
        tx.execute_unprepared(statement).await?;
        Ok::<_, florin_store::StoreError>(())
    };
    bench.db.write(run).await.unwrap();
}

const DAYS: [(&str, &str); 3] =
    [("2026-11-21", "2026-11-23"), ("2026-11-23", "2026-11-24"), ("2026-11-24", "2026-11-25")];

/// Two accounts; the first has an entry a day, the second one on the first day.
async fn sealed(bench: &Bench) {
    let (busy, _quiet) = (bench.open(100).await, bench.open(50).await);
    for (at, (closing, opening)) in DAYS.into_iter().enumerate() {
        bench.run(post(&format!("p{at}"), &[(busy, 5)])).await;
        advance(bench, closing, opening).await;
        end_days(bench, 1).await;
    }
    bench.assert_clean().await;
}

fn kept(seal: &Seal) -> Option<Kept> {
    Some((seal.business_date.clone(), seal.hash.clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_seal_covers_what_changed_and_is_chained_to_the_last() {
    for bench in each().await {
        sealed(&bench).await;
        let seals = exported(&bench, "").await;
        let told: Vec<_> =
            seals.iter().map(|seal| (seal.business_date.as_str(), seal.accounts)).collect();
        assert_eq!(told, [("2026-11-21", 2), ("2026-11-23", 1), ("2026-11-24", 1)]);
        assert_eq!(seals[0].previous_hash, "0".repeat(64));
        assert_eq!(seals[1].previous_hash, seals[0].hash);
        assert_eq!(seals[2].previous_hash, seals[1].hash);
        assert_eq!(exported(&bench, "2026-11-23").await, seals[2..]);
        for seal in &seals {
            assert_eq!(breaches_from(&bench, kept(seal)).await, Vec::<String>::new());
        }
        // A day without an entry has a seal too: that nothing happened is sealed.
        advance(&bench, "2026-11-25", "2026-11-26").await;
        end_days(&bench, 1).await;
        let empty = exported(&bench, "2026-11-24").await;
        assert_eq!(
            (empty[0].accounts, empty[0].previous_hash.as_str()),
            (0, seals[2].hash.as_str())
        );
        bench.assert_clean().await;
    }
}

/// Erases the last entry so that what is left agrees with itself, reference and all.
const ERASE: [&str; 7] = [
    "UPDATE accounts SET posted = posted - 5, version = version - 1, last_hash = \
     (SELECT e.hash FROM account_events AS e WHERE e.account_id = accounts.id \
     AND e.version = accounts.version - 1) WHERE posted = 115",
    "DELETE FROM account_events WHERE version = 5",
    "DELETE FROM journal_legs WHERE transaction_id IN \
     (SELECT id FROM journal WHERE reference = 'p2')",
    "DELETE FROM journal WHERE reference = 'p2'",
    "DELETE FROM outbox WHERE kind = 'transaction_posted' \
     AND aggregate NOT IN (SELECT id FROM journal)",
    "DELETE FROM turnover WHERE booking_date = '2026-11-24'",
    "DELETE FROM ledger_references WHERE reference = 'p2'",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_tail_with_its_reference_is_found_by_the_seal() {
    for bench in each().await {
        sealed(&bench).await;
        for statement in ERASE {
            execute(&bench, statement).await;
        }
        let breaches = breaches_from(&bench, None).await;
        let [breach] = breaches.as_slice() else { panic!("{breaches:#?}") };
        assert!(breach.starts_with("seal acc_"), "{breach}");
        assert!(breach.contains("version 5: the seal of 2026-11-24 has it"), "{breach}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_erases_the_seal_as_well_is_betrayed_by_one_that_was_kept() {
    for bench in each().await {
        sealed(&bench).await;
        let seals = exported(&bench, "").await;
        for statement in ERASE {
            execute(&bench, statement).await;
        }
        execute(&bench, "DELETE FROM seal_entries WHERE closed = '2026-11-24'").await;
        execute(&bench, "DELETE FROM seals WHERE closed = '2026-11-24'").await;
        assert_eq!(
            breaches_from(&bench, None).await,
            Vec::<String>::new(),
            "all agrees with itself"
        );
        let breaches = breaches_from(&bench, kept(&seals[2])).await;
        assert_eq!(breaches, ["seal 2026-11-24: there is no seal of this date, but one was kept"]);
        // Making another in its place does not help.
        execute(&bench, "UPDATE business_days SET ended_at = NULL WHERE closed = '2026-11-24'")
            .await;
        execute(&bench, "DELETE FROM end_of_day_steps WHERE closed = '2026-11-24'").await;
        end_days(&bench, 1).await;
        assert_eq!(breaches_from(&bench, None).await, Vec::<String>::new());
        let breaches = breaches_from(&bench, kept(&seals[2])).await;
        let [breach] = breaches.as_slice() else { panic!("{breaches:#?}") };
        assert!(breach.contains("the seal that was kept has"), "{breach}");
    }
}

/// Erases the second account's only entry of the first day so that what is left agrees with
/// itself, the seal's own list included.
const ERASE_FIRST: [&str; 9] = [
    "DELETE FROM seal_entries WHERE closed = '2026-11-21' AND account_id = \
     (SELECT id FROM accounts WHERE posted = 50)",
    "DELETE FROM journal_legs WHERE transaction_id IN (SELECT e.transaction_id \
     FROM account_events AS e JOIN accounts AS a ON a.id = e.account_id \
     WHERE a.posted = 50 AND e.transaction_id IS NOT NULL)",
    "DELETE FROM ledger_references WHERE reference IN (SELECT j.reference FROM journal AS j \
     WHERE NOT EXISTS (SELECT 1 FROM journal_legs AS l WHERE l.transaction_id = j.id))",
    "DELETE FROM journal WHERE NOT EXISTS \
     (SELECT 1 FROM journal_legs AS l WHERE l.transaction_id = journal.id)",
    "DELETE FROM outbox WHERE kind = 'transaction_posted' \
     AND aggregate NOT IN (SELECT id FROM journal)",
    "DELETE FROM turnover WHERE account_id = (SELECT id FROM accounts WHERE posted = 50)",
    "DELETE FROM account_events WHERE transaction_id IS NOT NULL AND account_id = \
     (SELECT id FROM accounts WHERE posted = 50)",
    "UPDATE accounts SET version = version - 1, last_hash = \
     (SELECT e.hash FROM account_events AS e WHERE e.account_id = accounts.id \
     AND e.version = accounts.version - 1) WHERE posted = 50",
    "UPDATE accounts SET posted = 0 WHERE posted = 50",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_seal_betrays_what_was_erased_long_before_it() {
    for bench in each().await {
        sealed(&bench).await;
        let seals = exported(&bench, "").await;
        for statement in ERASE_FIRST {
            execute(&bench, statement).await;
        }
        for from in [None, kept(&seals[0]), kept(&seals[2])] {
            let breaches = breaches_from(&bench, from.clone()).await;
            let [breach] = breaches.as_slice() else { panic!("{from:?}: {breaches:#?}") };
            assert!(breach.starts_with("seal 2026-11-21: its hash is not that"), "{breach}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_breaking_a_seal_is_named() {
    for statement in [
        "UPDATE seals SET hash = previous WHERE closed = '2026-11-23'",
        "UPDATE seals SET accounts = 7 WHERE closed = '2026-11-23'",
        "UPDATE seals SET previous = hash WHERE closed = '2026-11-23'",
        "DELETE FROM seals WHERE closed = '2026-11-23'",
        "DELETE FROM seal_entries WHERE closed = '2026-11-23'",
        "UPDATE seal_entries SET version = 99 WHERE closed = '2026-11-23'",
    ] {
        for bench in each().await {
            sealed(&bench).await;
            execute(&bench, statement).await;
            let breaches = breaches_from(&bench, None).await;
            let named = breaches.iter().any(|breach| breach.starts_with("seal "));
            assert!(named, "{statement}: {breaches:#?}");
        }
    }
}

/// Mass openings would otherwise hold the seal open for as long as they go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_seal_ends_with_a_page_that_is_not_full_or_at_the_account_that_was_last_when_it_began() {
    for bench in each().await {
        let day = Date::constant(2026, 11, 21);
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(bench.open(1).await.to_string());
        }
        ids.sort();
        advance(&bench, "2026-11-21", "2026-11-23").await;
        let begin = "INSERT INTO end_of_day_steps (closed, step, begun_at, finished_at, accounts, \
                     refused, cause) VALUES ('2026-11-21', 4, 1, NULL, 0, 0, '')";
        execute(&bench, begin).await;
        let collect = async |after: &str, limit: i64| {
            let range = (after, ids[3].as_str());
            bench.db.write(async |tx| seals::collect(&tx, day, range, limit).await).await.unwrap()
        };
        assert_eq!(seals::last_account(bench.db.read()).await.unwrap(), ids[4]);
        assert_eq!(collect("", 3).await, Some(ids[2].clone()));
        assert!(seals::of_day(bench.db.read(), day).await.unwrap().is_none());
        assert_eq!(collect(&ids[2], 3).await, None, "one up to the last, and no third page");
        assert!(seals::of_day(bench.db.read(), day).await.unwrap().is_some());
        end_days(&bench, 1).await;
        assert_eq!(exported(&bench, "").await[0].accounts, 4);
        advance(&bench, "2026-11-23", "2026-11-24").await;
        end_days(&bench, 1).await;
        assert_eq!(exported(&bench, "").await[1].accounts, 1, "it is the next seal's");
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_change_while_they_are_sealed_are_sealed_once() {
    for bench in each().await {
        let accounts = [bench.open(100).await, bench.open(100).await];
        advance(&bench, "2026-11-21", "2026-11-23").await;
        let pays = async {
            for at in 0..30 {
                bench.run(post(&format!("pay{at}"), &[(accounts[at % 2], 1)])).await;
            }
        };
        tokio::join!(pays, end_days(&bench, 1), end_days(&bench, 1));
        end_days(&bench, 1).await;
        let entries = "SELECT COUNT(*) FROM seal_entries WHERE closed = '2026-11-21'";
        assert_eq!(number(&bench.db, entries).await.unwrap(), 2);
        bench.assert_clean().await;
        // What changed since is the next seal's.
        bench.run(post("next", &[(accounts[0], 1)])).await;
        advance(&bench, "2026-11-23", "2026-11-24").await;
        end_days(&bench, 1).await;
        bench.assert_clean().await;
        let last = "SELECT COUNT(*) FROM accounts AS a WHERE NOT EXISTS (SELECT 1 \
                    FROM seal_entries AS e WHERE e.account_id = a.id AND e.version = a.version)";
        assert_eq!(number(&bench.db, last).await.unwrap(), 0);
    }
}
