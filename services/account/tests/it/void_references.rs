//! A voided reference: nothing is ever posted under it.

use florin_account::{
    app::{
        batch::LedgerBatch,
        command::{Command, Outcome, Work},
    },
    domain::refusal::Refusal,
    store::voids::VOIDS_AFTER,
};
use florin_proto::account::v1::{
    ExportReferencesResponse, ReferenceToVoid, VoidReferencesRequest,
    export_references_response::Item, void_result::Outcome as Told,
};
use florin_store::{Engine, StoreError, Tx, commit::Batch as _, sql};
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;

use crate::{
    bench_ledger::{Bench, acc, each, place, post, reverse, txn, void},
    desk::{desk, payment},
};

fn refusal(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn voided(reference: &str, cause: &str) -> Refusal {
    Refusal::ReferenceVoided { reference: reference.into(), cause: cause.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_ever_posted_held_or_reversed_under_a_voided_reference() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        let first = bench.run(void("r", "INSUFFICIENT_FUNDS")).await;
        assert!(matches!(first, Outcome::Voided { replayed: false, .. }), "{first:?}");
        let paid = bench.run(post("other", &[(from, -1), (to, 1)])).await;
        let Outcome::Posted { transaction, .. } = paid else { panic!("{paid:?}") };
        let late: [Command; 3] =
            [post("r", &[(from, -5), (to, 5)]), place("r", from, 5), reverse("r", transaction)];
        for command in late {
            let refused = refusal(bench.run(command).await);
            assert_eq!(refused, voided("r", "INSUFFICIENT_FUNDS"));
        }
        assert_eq!((bench.balance(from).await, bench.balance(to).await), ((99, 0), (1, 0)));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_void_again_keeps_the_first_cause_and_is_audited_once() {
    for bench in each().await {
        bench.run(void("r", "FIRST")).await;
        for outcome in bench.run_all(vec![void("r", "FIRST"), void("r", "SECOND")]).await {
            let Outcome::Voided { cause, replayed: true } = outcome else { panic!("{outcome:?}") };
            assert_eq!(cause, "FIRST");
        }
        let audited = "SELECT COUNT(*) AS n FROM audit WHERE reference = 'payment r'";
        let row = florin_store::sql::query_one(bench.db.read(), audited, []).await.unwrap();
        assert_eq!(row.unwrap().try_get::<i64>("", "n").unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_posted_is_not_voided() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        let posted = bench.run(post("r", &[(from, -5), (to, 5)])).await;
        let again = bench.run(void("r", "TIMEOUT")).await;
        let (
            Outcome::Posted { transaction: first, .. },
            Outcome::Posted { transaction, replayed, .. },
        ) = (posted, again)
        else {
            panic!("a void of what was posted tells it")
        };
        assert_eq!((first, true), (transaction, replayed));
        bench.run(place("h", from, 5)).await;
        let refused = refusal(bench.run(void("h", "TIMEOUT")).await);
        assert_eq!(refused, Refusal::ReferenceReused { reference: "h".into() });
        bench.assert_clean().await;
    }
}

/// A void waits for a posting of its reference, and for nothing else of it.
#[tokio::test]
async fn a_void_shares_a_reference_with_its_posting_and_so_keeps_its_place_behind_it() {
    let bank = florin_kernel::BankIdentity::new("CZ", "8899").unwrap();
    let batch = LedgerBatch { outbox: florin_events::Outbox::new("account"), bank };
    let (from, to) = (acc("from"), acc("to"));
    let touched = |command: Command| batch.touches(&command);
    let void_b = touched(void("b", "CAUSE"));
    assert_eq!(void_b.len(), 1);
    assert!(touched(post("b", &[(from, -5), (to, 5)])).contains(&void_b[0]));
    assert!(!touched(post("c", &[(from, -5), (to, 5)])).contains(&void_b[0]));
    let mut other = void("b", "CAUSE");
    let Work::Void(of_other) = &mut other.work else { unreachable!() };
    of_other.reference.caller = "client:other".into();
    assert_ne!(touched(other), void_b);
    let original = txn("paid");
    let [first, second] = ["r", "s"].map(|text| touched(reverse(text, original)));
    assert!(first.iter().any(|one| second.contains(one)), "both reverse one transaction");
}

/// Within one batch the first of the two decides, whichever row claimed the reference.
#[tokio::test(flavor = "multi_thread")]
async fn in_one_batch_the_first_of_void_and_posting_decides() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        let pay = |text: &str, minor: i64| post(text, &[(from, -minor), (to, minor)]);
        let outcomes = bench
            .run_all(vec![
                void("a", "CAUSE"),
                pay("a", 5),
                pay("b", 5),
                void("b", "CAUSE"),
                // Refused, so that the void finds nothing and turns the claimed row into its own.
                pay("c", 500),
                void("c", "CAUSE"),
                pay("c", 5),
            ])
            .await;
        let told = outcomes.iter().map(|outcome| match outcome {
            Outcome::Voided { .. } => "voided",
            Outcome::Posted { .. } => "posted",
            Outcome::Refused(Refusal::ReferenceVoided { .. }) => "void",
            Outcome::Refused(_) => "refused",
            _ => "something else",
        });
        let expected = ["voided", "void", "posted", "posted", "refused", "voided", "void"];
        assert_eq!(told.collect::<Vec<_>>(), expected);
        assert_eq!(refusal(bench.run(pay("c", 5)).await), voided("c", "CAUSE"));
        assert_eq!((bench.balance(from).await, bench.balance(to).await), ((95, 0), (5, 0)));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_void_that_races_its_posting_ends_in_one_of_two_ways_and_no_third() {
    const RACES: i64 = 100;
    for bench in each().await {
        let (from, to) = (bench.open(RACES).await, bench.open(0).await);
        let bench = std::sync::Arc::new(bench);
        let mut races = JoinSet::new();
        for number in 0..RACES {
            let bench: std::sync::Arc<Bench> = std::sync::Arc::clone(&bench);
            races.spawn(async move {
                let text = format!("r{number}");
                let pay = bench.run(post(&text, &[(from, -1), (to, 1)]));
                let void = bench.run(void(&text, "CAUSE"));
                // Which of the two is sent first changes from race to race.
                let (pay, void) = if number % 2 == 0 {
                    tokio::join!(pay, void)
                } else {
                    let (void, pay) = tokio::join!(void, pay);
                    (pay, void)
                };
                match (pay, void) {
                    (
                        Outcome::Posted { transaction, .. },
                        Outcome::Posted { transaction: told, .. },
                    ) => {
                        assert_eq!(transaction, told);
                        1
                    }
                    (Outcome::Refused(refused), Outcome::Voided { .. }) => {
                        assert_eq!(refused, voided(&text, "CAUSE"));
                        0
                    }
                    other => panic!("a third way: {other:?}"),
                }
            });
        }
        let moved: i64 = races.join_all().await.into_iter().sum();
        assert_eq!(bench.balance(from).await, (RACES - moved, 0));
        assert_eq!(bench.balance(to).await, (moved, 0));
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_voids_answers_each_item_and_the_export_tells_the_voids() {
    for bench in each().await {
        let desk = desk(&bench);
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        bench.run(post("posted", &[(from, -5), (to, 5)])).await;
        let one = |reference: &str, cause: &str| ReferenceToVoid {
            reference: reference.into(),
            cause: cause.into(),
        };
        let references =
            vec![one("r", "STEP_2_FROZEN"), one("posted", "FROZEN"), one("bad", "why not")];
        let request = VoidReferencesRequest { references };
        let ctx = payment("VoidReferences");
        let answer = desk.void_references(&ctx, request).await.unwrap().into_inner();
        let told: Vec<_> = answer.results.into_iter().map(|one| one.outcome.unwrap()).collect();
        let [Told::Voided(voided), Told::Posted(posted), Told::Refused(refused)] = told.as_slice()
        else {
            panic!("{told:?}")
        };
        assert_eq!((voided.cause.as_str(), voided.replayed), ("STEP_2_FROZEN", false));
        assert!(posted.replayed && posted.transaction_id.starts_with("txn_"));
        assert_eq!(refused.violations[0].rule, "MALFORMED_REASON");
        let exported: Vec<_> = desk.export_references().collect().await;
        let voids: Vec<(String, String, String)> = exported
            .into_iter()
            .filter_map(|item| match item.unwrap() {
                ExportReferencesResponse { item: Some(Item::Voided(void)) } => {
                    Some((void.caller, void.reference, void.cause))
                }
                _ => None,
            })
            .collect();
        assert_eq!(voids, [("payment".into(), "r".into(), "STEP_2_FROZEN".into())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posting_under_a_voided_reference_is_a_breach() {
    for bench in each().await {
        let (from, to) = (bench.open(100).await, bench.open(0).await);
        bench.run(post("r", &[(from, -5), (to, 5)])).await;
        let forge = "UPDATE ledger_references SET record = 'void' WHERE reference = 'r'";
        bench
            .db
            .write(async |tx: florin_store::Tx| florin_store::sql::execute(&tx, forge, []).await)
            .await
            .unwrap();
        let (_, breaches) = bench.verify().await;
        assert!(breaches.iter().any(|one| one.starts_with("references")), "{breaches:#?}");
    }
}

/// Without an index of their own a page of them reads the whole table to its end.
#[tokio::test(flavor = "multi_thread")]
async fn voids_are_exported_by_their_own_index() {
    for bench in each().await {
        bench.run(void("r", "FROZEN")).await;
        let plan = async |tx: Tx| {
            let values = ["".into(), "".into(), 5_i64.into()];
            let (explain, column) = match tx.engine() {
                Engine::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
                Engine::Postgres => ("EXPLAIN", "QUERY PLAN"),
            };
            if tx.engine() == Engine::Postgres {
                // A table of a few rows is read whole, whatever indexes it has.
                let many = "INSERT INTO ledger_references (caller, reference, fingerprint, \
                            record) SELECT 'payment', CAST(n AS TEXT), '', 'txn' \
                            FROM generate_series(1, 20000) AS n";
                sql::execute(&tx, many, []).await?;
                sql::execute(&tx, "ANALYZE ledger_references", []).await?;
            }
            let plan = sql::query_all(&tx, format!("{explain} {VOIDS_AFTER}"), values).await?;
            let mut lines = Vec::new();
            for row in plan {
                lines.push(row.try_get::<String>("", column)?);
            }
            Ok::<_, StoreError>(lines)
        };
        let plan = bench.db.write(plan).await.unwrap();
        assert!(plan.iter().any(|line| line.contains("ledger_voids")), "{plan:#?}");
    }
}
