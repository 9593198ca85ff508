//! The breakers between payments and the ledger: reads that are refused hold up no posting.

use std::time::{Duration, Instant};

use florin_payment::Turn;
use florin_proto::payment::v1::TransferStatus;

use crate::bank::{Bank, places};

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

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
