//! The breakers between payments and the ledger: what was never sent counts for nothing, and
//! reads that are refused hold up no posting.

use std::time::{Duration, Instant};

use florin_payment::Turn;
use florin_proto::payment::v1::TransferStatus;
use tokio::task::JoinSet;

use crate::bank::{Bank, places};

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_call_that_the_breaker_refused_is_none_that_went_unanswered() {
    for place in places() {
        let bank = Bank::open_with(place, |config| config.batch = 1).await;
        bank.ledger.set_away(true);
        let refused = "SELECT COUNT(*) FROM transfers WHERE last_cause LIKE '%: open%'";
        let start = Instant::now();
        let mut number = 0;
        while bank.count(refused).await == 0 {
            assert!(start.elapsed() < LIMIT, "the breaker has not opened");
            let mut turns = JoinSet::new();
            for _ in 0..20 {
                // New ones: those of the turns before wait for a minute.
                bank.accepted(&format!("k{number}"), "1").await;
                number += 1;
                let worker = bank.payment.worker();
                turns.spawn(async move { worker.turn().await.unwrap() });
            }
            // Idle is one whose look at the table was before the order that others left to it.
            let turns = turns.join_all().await;
            assert!(turns.iter().all(|turn| matches!(turn, Turn::Undecided | Turn::Idle)));
        }
        let marked = "SELECT COUNT(*) FROM transfers WHERE unanswered_at IS NOT NULL AND ";
        let open = "last_cause LIKE '%: open%' OR last_cause LIKE '%: half open%'";
        assert_eq!(bank.count(&format!("{marked} ({open})")).await, 0);
        let asked = bank.count(&format!("{marked} NOT ({open})")).await;
        assert_eq!(usize::try_from(asked).unwrap(), bank.ledger.calls());
    }
}

#[tokio::test]
async fn postings_go_on_while_reads_of_accounts_are_refused() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted("k", "10").await;
        bank.ledger.set_reads_fail(true);
        let start = Instant::now();
        loop {
            let refused = bank.transfer("r", bank.order("1")).await.unwrap_err();
            let error = florin_rpc::Error::from_status(&refused);
            if error.metadata().get("layer").is_some_and(|layer| layer == "breaker") {
                break;
            }
            assert!(start.elapsed() < LIMIT, "the breaker has not opened");
        }
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.status(&id).await, TransferStatus::Completed);
    }
}
