//! The end of a business date: interest, in order, once, whatever happens on the way.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use florin_account::{
    app::{
        command::{Change, Outcome, Work},
        end_of_day::{Turn, Worker},
    },
    domain::{
        account::Rules,
        posting::{Legs, Target},
        refusal::Refusal,
    },
};
use florin_kernel::AccountId;
use florin_proto::account::v1::{EndOfDayStep, ListBusinessDaysRequest};
use florin_store::{StoreError, Tx, sql};

use crate::{
    bench_ledger::{Bench, change, each, post, reverse, sqlite},
    desk::{desk, machine},
    interest_world::{advance, dump, open_with_overdraft, pay_interest, valued},
    seals::execute,
};

pub fn worker(bench: &Bench, workers: usize) -> Worker {
    Worker {
        db: bench.db.clone(),
        committer: bench.committer.clone(),
        workers,
        holder: florin_rpc::fresh_request_id(),
        // Whoever comes next need not wait for a worker that was ended in the midst.
        lease: Duration::ZERO,
    }
}

/// Ends every business date that was closed.
pub async fn end_days(bench: &Bench, workers: usize) {
    let worker = worker(bench, workers);
    while worker.turn().await.unwrap() != Turn::Idle {}
}

/// What happens in a few days: entries on time, late ones and reversals of the sign.
async fn story(bench: &Bench) -> Vec<AccountId> {
    pay_interest(bench, "current", "2026-11-21", &[("0", "3.65"), ("1000.00", "7.3")]).await;
    let mut accounts = Vec::new();
    for at in 0..7_i64 {
        accounts.push(open_with_overdraft(bench, 1_000_000).await);
        // Two begin overdrawn, one with nothing.
        let minor = 40_000 * (at - 2);
        if minor != 0 {
            let last = accounts.last().copied().unwrap();
            bench.run(post(&format!("in{at}"), &[(last, minor)])).await;
        }
    }
    accounts
}

async fn day(bench: &Bench, accounts: &[AccountId], number: i64) {
    for (at, account) in (0_i64..).zip(accounts) {
        let minor = (number * 977 + at * 311) % 5_000 - 2_500;
        let late = (number + at) % 4;
        let text = format!("d{number}a{at}");
        // The business dates of the story are no consecutive days.
        let on = format!("2026-11-{}", 21 + number - late);
        bench.run(valued(post(&text, &[(*account, minor)]), &on)).await;
    }
}

pub const DAYS: [(&str, &str); 5] = [
    ("2026-11-21", "2026-11-23"),
    ("2026-11-23", "2026-11-24"),
    ("2026-11-24", "2026-11-25"),
    ("2026-11-25", "2026-11-30"),
    ("2026-11-30", "2026-12-01"),
];

/// Tells the story with the end of each day in time; `end` ends the days.
async fn in_time<F, Fut>(bench: &Bench, end: F) -> Vec<String>
where
    F: Fn() -> Fut,
    Fut: Future<Output = ()>,
{
    let accounts = story(bench).await;
    for (number, (closing, opening)) in (0..).zip(DAYS) {
        day(bench, &accounts, number).await;
        advance(bench, closing, opening).await;
        end().await;
    }
    bench.assert_clean().await;
    dump(bench, &accounts).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_day_gives_the_same_with_one_worker_and_with_four_and_when_repeated() {
    for (one, four) in each().await.into_iter().zip(each().await) {
        let single = in_time(&one, || end_days(&one, 1)).await;
        let repeated = async || {
            end_days(&four, 4).await;
            // All over again, as after a restore of the list alone.
            reopen(&four).await;
            end_days(&four, 4).await;
        };
        let parallel = in_time(&four, repeated).await;
        assert_eq!(single, parallel);
        assert!(single.iter().any(|row| row.contains("accrual/2026-11-21")), "{single:#?}");
        assert!(single.iter().any(|row| row.contains("capitalisation/2026-11-30")), "{single:#?}");
        let statements = single.iter().filter(|row| row.starts_with("statement "));
        assert_eq!(statements.count(), 7, "{single:#?}");
    }
}

/// Forgets that any step was done.
async fn reopen(bench: &Bench) {
    bench
        .db
        .write(async |tx: Tx| {
            sql::execute(&tx, "DELETE FROM end_of_day_steps", []).await?;
            sql::execute(&tx, "UPDATE business_days SET ended_at = NULL", []).await?;
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn days_that_are_caught_up_in_order_give_what_they_had_given_in_time() {
    for (timely, late) in each().await.into_iter().zip(each().await) {
        let expected = in_time(&timely, || end_days(&timely, 2)).await;
        let accounts = story(&late).await;
        for (number, (closing, opening)) in (0..).zip(DAYS) {
            day(&late, &accounts, number).await;
            advance(&late, closing, opening).await;
        }
        end_days(&late, 2).await;
        late.assert_clean().await;
        let caught_up = dump(&late, &accounts).await;
        // The account's own order of entries differs, for interest came late; the money does not.
        assert_eq!(expected, caught_up);
    }
}

/// Ends the work after it was polled so many times, at whatever point that is.
struct KilledAfter<F> {
    work: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for KilledAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        self.work.as_mut().poll(context).map(Some)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_of_day_that_is_killed_at_any_point_goes_on_and_gives_the_same() {
    let plain = sqlite().await;
    let expected = in_time(&plain, || end_days(&plain, 1)).await;
    for bench in each().await {
        let killed = async || {
            // Each turn is killed after one poll, after two, and so on, until it comes through.
            let mut polls = 1;
            loop {
                let worker = worker(&bench, 2);
                let turn = KilledAfter { work: Box::pin(worker.turn()), polls }.await;
                match turn.transpose().unwrap() {
                    None => polls += 1,
                    Some(Turn::Idle) => break,
                    Some(Turn::Done | Turn::Failed) => polls = 1,
                }
            }
        };
        assert_eq!(in_time(&bench, killed).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_pay_while_a_day_ends_and_nothing_is_lost() {
    for bench in each().await {
        let accounts = story(&bench).await;
        advance(&bench, "2026-11-21", "2026-11-23").await;
        let pays = async {
            for at in 0..40 {
                let legs = [(accounts[5], -1), (accounts[6], 1)];
                let paid = bench.run(post(&format!("pay{at}"), &legs)).await;
                assert!(matches!(paid, Outcome::Posted { .. }), "{paid:?}");
            }
        };
        tokio::join!(pays, end_days(&bench, 4), end_days(&bench, 4));
        end_days(&bench, 1).await;
        bench.assert_clean().await;
        assert_eq!(bench.balance(accounts[5]).await.0, 120_000 - 40);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_at_once_book_an_accounts_interest_once() {
    for bench in each().await {
        story(&bench).await;
        advance(&bench, "2026-11-21", "2026-11-23").await;
        // Each takes the lease of the other, which has no time.
        tokio::join!(end_days(&bench, 4), end_days(&bench, 4), end_days(&bench, 4));
        end_days(&bench, 1).await;
        let twice = "SELECT reference FROM journal WHERE kind = 'interest_accrual' \
                     GROUP BY reference HAVING COUNT(*) > 1";
        assert!(sql::query_all(bench.db.read(), twice, []).await.unwrap().is_empty());
        let once = "SELECT COUNT(*) FROM journal WHERE kind = 'interest_accrual'";
        // One account has nothing.
        assert_eq!(florin_testkit::place::number(&bench.db, once).await.unwrap(), 6);
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daily_accrual_is_not_zero_where_interest_is_due() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let account = bench.open(100_000).await;
        for (closing, opening) in DAYS {
            advance(&bench, closing, opening).await;
            end_days(&bench, 1).await;
        }
        let rows = "SELECT COUNT(*) FROM journal WHERE kind = 'interest_accrual'";
        assert_eq!(florin_testkit::place::number(&bench.db, rows).await.unwrap(), 5);
        // 0.10 a day for the ten days to the end of November, paid on the first of December.
        assert_eq!(bench.balance(account).await.0, 100_100);
        bench.assert_clean().await;
    }
}

pub async fn end_month(bench: &Bench) {
    for (closing, opening) in DAYS.into_iter().skip(1) {
        advance(bench, closing, opening).await;
        end_days(bench, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_account_accrues_and_what_comes_late_to_a_closed_one_is_given_up() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let (frozen, closed) = (bench.open(100_000).await, bench.open(1).await);
        advance(&bench, "2026-11-21", "2026-11-23").await;
        end_days(&bench, 1).await;
        bench.run(change(frozen, Change::Freeze("x".into()))).await;
        // It should have earned for two days, which nobody knows before the next end of day.
        bench.run(valued(post("late", &[(closed, 100_000)]), "2026-11-21")).await;
        bench.run(post("out", &[(closed, -100_001)])).await;
        let close = || bench.run(change(closed, Change::Close("x".into())));
        let early = Refusal::EndOfDayOpen { day: "2026-11-23".parse().unwrap() };
        let refused = close().await;
        assert!(matches!(&refused, Outcome::Refused(one) if *one == early), "{refused:?}");
        // A replica of the release before does not look at them.
        execute(&bench, "UPDATE backdated SET account_id = account_id || '!'").await;
        let done = close().await;
        assert!(matches!(done, Outcome::Account { .. }), "{done:?}");
        execute(&bench, "UPDATE backdated SET account_id = REPLACE(account_id, '!', '')").await;
        end_month(&bench).await;
        assert_eq!(bench.balance(frozen).await.0, 100_100);
        assert_eq!(bench.balance(closed).await.0, 0);
        let given_up = "SELECT COUNT(*) FROM journal WHERE kind = 'interest_given_up'";
        assert_eq!(florin_testkit::place::number(&bench.db, given_up).await.unwrap(), 1);
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_account_accrues_from_its_import_on_and_not_for_its_past() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        advance(&bench, "2026-11-21", "2026-11-23").await;
        end_days(&bench, 1).await;
        let account = crate::interest_world::import(&bench, "2020-01-01").await;
        let mut history = valued(post("history", &[(account, 100_000)]), "2026-11-21");
        if let Work::Post(work) = &mut history.work {
            work.booking_date = Some("2026-11-21".parse().unwrap());
            work.rules = Rules::Import;
        }
        bench.run(history).await;
        advance(&bench, "2026-11-23", "2026-11-24").await;
        end_days(&bench, 1).await;
        // One day at 0.10, the 23rd, although it was valued and opened before.
        let accrued = "SELECT booked_credit FROM accruals";
        assert_eq!(florin_testkit::place::number(&bench.db, accrued).await.unwrap(), 10);
        bench.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_each_day_and_its_steps_is_told_newest_first() {
    for bench in each().await {
        story(&bench).await;
        advance(&bench, "2026-11-21", "2026-11-23").await;
        end_days(&bench, 2).await;
        advance(&bench, "2026-11-23", "2026-11-24").await;
        let message = ListBusinessDaysRequest::default();
        let ctx = machine("ListBusinessDays", &[]);
        let told = desk(&bench).list_business_days(&ctx, message).await.unwrap().into_inner();
        let [second, first] = told.days.as_slice() else { panic!("{told:?}") };
        assert_eq!((second.closed.as_str(), second.opened.as_str()), ("2026-11-23", "2026-11-24"));
        assert!(second.ended_at.is_none() && second.steps.is_empty());
        assert!(first.ended_at.is_some());
        let accrual = &first.steps[0];
        assert_eq!(accrual.step(), EndOfDayStep::Accrual);
        assert_eq!((accrual.accounts, accrual.refused), (7, 0));
        assert!(first.steps.iter().all(|step| step.finished_at.is_some()));
    }
}

/// A step that fails at one account is not done, says why, and does not stop the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_at_an_account_is_run_again_until_it_does_not() {
    for bench in each().await {
        story(&bench).await;
        advance(&bench, "2026-11-21", "2026-11-23").await;
        let hide = |from: &'static str, to: &'static str| {
            let db = bench.db.clone();
            async move {
                db.write(async |tx: Tx| {
                    let update = "UPDATE gl_accounts SET code = $2 WHERE code = $1";
                    sql::execute(&tx, update, [from.into(), to.into()]).await
                })
                .await
                .unwrap()
            }
        };
        hide("1910", "hidden").await;
        let worker = worker(&bench, 1);
        assert_eq!(worker.turn().await.unwrap(), Turn::Failed);
        let message = ListBusinessDaysRequest::default();
        let ctx = machine("ListBusinessDays", &[]);
        let told = desk(&bench).list_business_days(&ctx, message).await.unwrap().into_inner();
        let step = &told.days[0].steps[0];
        assert_eq!((step.accounts, step.refused), (7, 2), "two are overdrawn");
        assert!(step.cause.contains("GL account 1910 does not exist"), "{}", step.cause);
        hide("hidden", "1910").await;
        end_days(&bench, 1).await;
        bench.assert_clean().await;
        let once = "SELECT COUNT(*) FROM journal WHERE kind = 'interest_accrual'";
        assert_eq!(florin_testkit::place::number(&bench.db, once).await.unwrap(), 6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_posts_to_accrued_interest_or_reverses_what_the_end_of_day_booked() {
    for bench in each().await {
        pay_interest(&bench, "current", "2026-11-21", &[("0", "3.65")]).await;
        let account = bench.open(100_000).await;
        for (closing, opening) in DAYS {
            advance(&bench, closing, opening).await;
            end_days(&bench, 1).await;
        }
        for kind in ["interest_accrual", "interest_capitalisation"] {
            let query = "SELECT MIN(id) AS id FROM journal WHERE kind = $1";
            let row = sql::query_one(bench.db.read(), query, [kind.into()]).await.unwrap();
            let id: String = row.unwrap().try_get("", "id").unwrap();
            let outcome = bench.run(reverse(kind, id.parse().unwrap())).await;
            let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
            assert_eq!(refusal, Refusal::GlIsControl { code: "2910".into() });
        }
        for gl in ["1910", "2910"] {
            let mut posting = post(gl, &[(account, 5)]);
            if let Work::Post(work) = &mut posting.work {
                let legs = work.legs.as_slice().iter().cloned().map(|mut leg| {
                    if matches!(leg.target, Target::Gl(_)) {
                        leg.target = Target::Gl(gl.into());
                    }
                    leg
                });
                work.legs = Legs::new(legs.collect()).unwrap();
            }
            let outcome = bench.run(posting).await;
            let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
            assert_eq!(refusal, Refusal::GlIsControl { code: gl.into() });
        }
        bench.assert_clean().await;
    }
}
