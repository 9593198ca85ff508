//! Lists by page.

use florin_proto::payment::v1::{ListTransfersRequest, TransferStatus};
use florin_rpc::CallContext;
use tonic::Status;

use crate::bank::{Bank, account_id, customer, places, reason, staff};

async fn all(
    bank: &Bank,
    ctx: &CallContext,
    mut request: ListTransfersRequest,
) -> Result<Vec<String>, Status> {
    let mut ids = Vec::new();
    loop {
        let page = bank.payment.list_transfers(ctx, request.clone()).await?.into_inner();
        ids.extend(page.transfers.into_iter().map(|transfer| transfer.transfer_id));
        if page.next_page_token.is_empty() {
            return Ok(ids);
        }
        request.page_token = page.next_page_token;
    }
}

fn of(account: florin_kernel::AccountId, page_size: i32) -> ListTransfersRequest {
    ListTransfersRequest { account_id: account.to_string(), page_size, ..Default::default() }
}

#[tokio::test]
async fn pages_join_without_gap_or_repeat_newest_first() {
    for place in places() {
        let bank = Bank::open(place).await;
        let mut ids = Vec::new();
        for number in 0..7 {
            // The last two are more than what is left.
            let amount = if number < 5 { "10" } else { "60" };
            ids.insert(0, bank.accepted(&format!("k{number}"), amount).await);
            bank.turn().await;
        }
        ids.sort_unstable_by(|left, right| right.cmp(left));
        let (alice, bob) =
            (customer(bank.alice, "ListTransfers", ""), customer(bank.bob, "ListTransfers", ""));
        for size in [1, 2, 3, 7, 200, 0] {
            assert_eq!(all(&bank, &alice, of(bank.from, size)).await.unwrap(), ids);
            assert_eq!(all(&bank, &bob, of(bank.to, size)).await.unwrap(), ids[2..], "paid ones");
        }
        let teller = staff("ListTransfers", "");
        assert_eq!(all(&bank, &teller, of(bank.to, 3)).await.unwrap(), ids);
        let everything = ListTransfersRequest { page_size: 3, ..Default::default() };
        assert_eq!(all(&bank, &teller, everything.clone()).await.unwrap(), ids);
        let failed = ListTransfersRequest { status: TransferStatus::Failed.into(), ..everything };
        assert_eq!(all(&bank, &teller, failed).await.unwrap(), ids[..2]);
        let waiting = ListTransfersRequest {
            status: TransferStatus::AwaitingScore.into(),
            ..of(bank.from, 0)
        };
        assert!(all(&bank, &alice, waiting).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_customer_names_an_account_of_its_own() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.accepted("k", "1").await;
        let ctx = customer(bank.bob, "ListTransfers", "");
        for (request, expected) in [
            (of(bank.from, 0), "ACCOUNT_NOT_FOUND"),
            (of(account_id(9), 0), "ACCOUNT_NOT_FOUND"),
            (ListTransfersRequest::default(), "INVALID_REQUEST"),
            (of(bank.to, 201), "INVALID_REQUEST"),
        ] {
            let told = bank.payment.list_transfers(&ctx, request).await;
            assert_eq!(reason(told), expected);
        }
    }
}

#[tokio::test]
async fn a_page_token_of_another_list_is_refused() {
    for place in places() {
        let bank = Bank::open(place).await;
        for key in ["k1", "k2"] {
            bank.accepted(key, "1").await;
        }
        let teller = staff("ListTransfers", "");
        let page =
            bank.payment.list_transfers(&teller, of(bank.from, 1)).await.unwrap().into_inner();
        assert!(!page.next_page_token.is_empty());
        for token in [page.next_page_token, "nonsense".into()] {
            let request = ListTransfersRequest { page_token: token, ..of(bank.to, 1) };
            let told = bank.payment.list_transfers(&teller, request).await;
            assert_eq!(reason(told), "PAGE_TOKEN_INVALID");
        }
    }
}
