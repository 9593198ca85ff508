//! Transfers that clocks have put off.

use florin_payment::Turn;
use florin_proto::payment::v1::TransferStatus;

use crate::bank::{Bank, places};

/// Two hours, which is what a computer's clock in local time is ahead in summer.
const AHEAD_MICROS: i64 = 7_200_000_000;

#[tokio::test]
async fn transfers_that_a_clock_ahead_has_put_off_are_taken_and_told() {
    for place in places() {
        let bank = Bank::open(place).await;
        let ahead = format!("due_at + {AHEAD_MICROS}");
        let due = bank.accepted("due", "10").await;
        bank.execute(&format!("UPDATE transfers SET due_at = {ahead}")).await;
        let leased = bank.accepted("leased", "20").await;
        bank.execute(&format!(
            "UPDATE transfers SET lease_token = 'x', lease_until = {ahead} WHERE id = '{leased}'"
        ))
        .await;
        assert_eq!(bank.turn().await, Turn::Done);
        for id in [&due, &leased] {
            assert_eq!(bank.status(id).await, TransferStatus::Completed);
        }
        let metrics = bank.metrics();
        assert!(metrics.contains("florin_payment_ahead_total{role=\"payment\"} 1"), "{metrics}");
    }
}
