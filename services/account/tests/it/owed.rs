//! What has happened outside and is owed: booked in every state of the account.

use florin_account::{
    app::command::{Change, Command, Work},
    domain::{account::Rules, refusal::Refusal},
};
use florin_kernel::AccountId;
use florin_proto::account::v1::{PostTransactionsRequest, TransactionRequest};

use crate::{
    bench_ledger::{Bench, change, each, post},
    desk::{desk, machine, payment},
    end_of_day::{end_days, end_month},
    interest_world::{advance, pay_interest},
    items::{deposit, reasons},
};

fn owed(text: &str, account: AccountId, minor: i64) -> Command {
    let mut command = post(text, &[(account, minor)]);
    let Work::Post(post) = &mut command.work else { unreachable!() };
    post.rules = Rules::Owed;
    command
}

async fn closed(bench: &Bench) -> AccountId {
    let account = bench.open(0).await;
    let done = bench.run(change(account, Change::Close("x".into()))).await;
    assert!(
        done.record().is_some()
            || matches!(&done, florin_account::app::command::Outcome::Account { .. }),
        "{done:?}"
    );
    account
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_is_booked_in_every_state_and_days_end_over_it() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let (open, frozen) = (bench.open(5).await, bench.open(5).await);
        bench.run(change(frozen, Change::Freeze("x".into()))).await;
        let closed = closed(&bench).await;
        for (text, account, had) in [("a", open, 5), ("b", frozen, 5), ("c", closed, 0)] {
            // Refused, the same is asked for again as owed.
            let refused = bench.run(post(text, &[(account, -1_000)])).await;
            assert!(refused.record().is_none(), "{refused:?}");
            let done = bench.run(owed(text, account, -1_000)).await;
            assert!(done.record().is_some(), "{done:?}");
            let again = bench.run(owed(text, account, -1_000)).await;
            assert_eq!(again.record(), done.record());
            assert_eq!(bench.balance(account).await.0, had - 1_000);
        }
        bench.assert_clean().await;
        advance(&bench, "2026-11-21", "2026-11-23").await;
        end_days(&bench, 2).await;
        end_month(&bench).await;
        bench.assert_clean().await;
        // What is owed to a closed account, and brings it to nothing.
        let back = bench.run(owed("d", closed, 1_000)).await;
        assert!(back.record().is_some(), "{back:?}");
        let after = bench.run(post("e", &[(closed, 1)])).await;
        assert!(
            matches!(
                &after,
                florin_account::app::command::Outcome::Refused(Refusal::Closed { .. })
            ),
            "{after:?}"
        );
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_takes_a_service_or_a_scope_of_its_own() {
    for bench in each().await {
        let account = bench.open(0).await;
        let desk = desk(&bench);
        let call = |reference: &str| {
            let one = TransactionRequest { owed: true, ..deposit(reference, account, "1.00") };
            let dated = TransactionRequest { booking_date: "2026-01-02".into(), ..one.clone() };
            PostTransactionsRequest { transactions: vec![one, dated] }
        };
        for (scopes, told) in [
            (&["ledger:post"][..], ["SCOPE_MISSING", "INVALID_REQUEST"]),
            (&["ledger:owed"], ["POSTED", "INVALID_REQUEST"]),
        ] {
            let ctx = machine("PostTransactions", scopes);
            let answer = desk.post_transactions(&ctx, call("one")).await.unwrap().into_inner();
            assert_eq!(reasons(&answer.results), told, "{scopes:?}");
        }
        let answer = desk.post_transactions(&payment("PostTransactions"), call("two")).await;
        assert_eq!(reasons(&answer.unwrap().into_inner().results), ["POSTED", "INVALID_REQUEST"]);
    }
}
