//! Ends of days that are broken off anywhere.

use super::*;

/// What a bank's days come to, whoever ran them.
async fn outcome(bank: &Bank) -> Vec<String> {
    let mut told = Vec::new();
    let queries = [
        "SELECT closed || ' ' || SUM(amount) || ' ' || MIN(debit_gl) AS told FROM day_bookings \
         WHERE transaction_id IS NOT NULL GROUP BY closed ORDER BY closed",
        "SELECT accrued_through || ' ' || interest || ' ' || fee || ' ' || penalty || ' ' || \
         moved_principal || ' ' || moved_interest AS told FROM day_positions ORDER BY chunk, interest, moved_principal",
    ];
    for query in queries {
        let rows = sql::query_all(bank.db.read(), query, []).await.unwrap();
        told.extend(rows.iter().map(|row| row.try_get::<String>("", "told").unwrap()));
    }
    told
}

#[tokio::test]
async fn an_end_of_day_that_is_broken_off_anywhere_comes_to_the_same_as_its_twin() {
    for (place, twin) in places().into_iter().zip(places()) {
        let mut bank = Bank::open(place).await;
        let twin = Bank::open(twin).await;
        for one in [&bank, &twin] {
            running(one).await;
            running(one).await;
            one.ledger.set_balance(one.account, 60_000);
        }
        close_through(&twin, "2026-03-02", "2026-06-10");
        end_days(&twin).await;
        // Days one by one, by two replicas in turn, each step dropped at ever other points, answers
        // lost.
        let other = bank.replica().await;
        let lendings = [bank.lending.clone(), other];
        let (mut day, last): (florin_kernel::Date, florin_kernel::Date) =
            ("2026-03-02".parse().unwrap(), "2026-06-10".parse().unwrap());
        let mut count = 0_u64;
        while day <= last {
            day = day.tomorrow().unwrap();
            bank.ledger.close_day(&day.to_string());
            lendings[0].hear_of_days().await.unwrap();
            for number in 0..100_000 {
                count += 1;
                let lending = &lendings[usize::from(count.is_multiple_of(3))];
                bank.ledger.set_loses_answers(count.is_multiple_of(7));
                if count.is_multiple_of(2) {
                    // Broken off after some of its waits, as a process that is killed.
                    let turn = lending.turn();
                    let polls = usize::try_from(count % 40).unwrap();
                    broken_off(turn, polls).await;
                    free_leases(&bank).await;
                    bank.let_time_pass().await;
                    continue;
                }
                match lending.turn().await.unwrap() {
                    DayTurn::Idle => break,
                    DayTurn::Done | DayTurn::Failed => {}
                    DayTurn::Waiting => {
                        bank.let_time_pass().await;
                        lending.worker().turn().await.unwrap();
                    }
                }
                assert!(number < 99_999, "{:?}", causes(&bank).await);
            }
            bank.ledger.set_loses_answers(false);
        }
        assert_eq!(outcome(&bank).await, outcome(&twin).await);
        assert!(books_agree(&bank).await > 0);
        assert!(books_agree(&twin).await > 0);
    }
}

/// The leases of whoever was killed end.
async fn free_leases(bank: &Bank) {
    let all = "UPDATE leases SET until = 0";
    let done = async |tx: florin_store::Tx| sql::execute(&tx, all, []).await;
    bank.db.write(done).await.unwrap();
}

/// Polls a future so many times and drops it.
async fn broken_off<F: Future>(work: F, polls: usize) {
    let mut work = Box::pin(work);
    for _ in 0..polls {
        let once = std::future::poll_fn(|context| {
            std::task::Poll::Ready(work.as_mut().poll(context).is_ready())
        });
        if once.await {
            return;
        }
        tokio::task::yield_now().await;
    }
}
