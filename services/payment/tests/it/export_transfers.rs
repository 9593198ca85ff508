//! The stream for the proof.

use std::sync::Arc;

use florin_proto::payment::v1::TransferStatus;
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;

use crate::bank::{Bank, places};

#[tokio::test]
async fn every_transfer_is_told_once_across_pages_with_its_key_and_reference() {
    const TRANSFERS: usize = 510;
    for place in places() {
        let bank = Arc::new(Bank::open(place).await);
        let mut accepting = JoinSet::new();
        for number in 0..TRANSFERS {
            let bank = Arc::clone(&bank);
            accepting.spawn(async move { bank.accepted(&format!("k{number}"), "0.10").await });
        }
        let mut ids = accepting.join_all().await;
        ids.sort_unstable();
        bank.turn().await;
        let told: Vec<_> = bank.payment.export_transfers().map(Result::unwrap).collect().await;
        assert_eq!(told.iter().map(|one| one.transfer_id.clone()).collect::<Vec<_>>(), ids);
        let completed = told.iter().filter(|one| one.status() == TransferStatus::Completed).count();
        assert_eq!(completed, 500, "one batch");
        for one in &told {
            assert_eq!(one.posting_reference, format!("{}/post", one.transfer_id));
            assert!(one.idempotency_key.starts_with('k'));
            let paid = one.status() == TransferStatus::Completed;
            assert_eq!(one.transaction_id.starts_with("txn_"), paid);
        }
    }
}
