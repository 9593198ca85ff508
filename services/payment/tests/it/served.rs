//! The role as its process serves it: certificates, callers, tokens.

use florin_kernel::Role;
use florin_proto::payment::v1::{
    CreateTransferRequest, ExportTransfersRequest, GetTransferRequest, ListTransfersRequest,
    TransferStatus, payment_service_client::PaymentServiceClient,
};
use florin_rpc::{Dependency, Error, Retry, worker_context};
use tokio_stream::StreamExt as _;

use crate::bank::{Bank, dial, places};

async fn get(dependency: &Dependency, id: &str) -> Result<TransferStatus, Error> {
    let request = GetTransferRequest { transfer_id: id.into() };
    let ctx = worker_context(Role::Gateway);
    let answer = dependency
        .call(&ctx, "GetTransfer", Retry::Never, request, |channel, request| async {
            PaymentServiceClient::new(channel).get_transfer(request).await
        })
        .await?;
    Ok(answer.transfer.unwrap().status())
}

#[tokio::test]
async fn an_operator_reads_and_exports_and_others_get_nothing() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let id = bank.accepted("k", "1").await;
        let address = bank.serve().await;
        let operator = dial("operator-eva", &address);
        // The workers of the served role find by polling what another replica accepted.
        while get(&operator, &id).await.unwrap() != TransferStatus::Completed {
            tokio::task::yield_now().await;
        }
        let ctx = worker_context(Role::Gateway);
        let list = operator
            .call(
                &ctx,
                "ListTransfers",
                Retry::Never,
                ListTransfersRequest::default(),
                |channel, request| async {
                    PaymentServiceClient::new(channel).list_transfers(request).await
                },
            )
            .await
            .unwrap();
        assert_eq!(list.transfers.len(), 1);
        let request = operator.request(&ctx, ExportTransfersRequest {}).unwrap();
        let mut client = PaymentServiceClient::new(operator.channel());
        let told: Vec<_> =
            client.export_transfers(request).await.unwrap().into_inner().collect().await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].as_ref().unwrap().transfer_id, id);

        let role = dial("cif", &address);
        assert_eq!(get(&role, &id).await.unwrap_err().reason(), "CALLER_NOT_ALLOWED");
        let gateway = dial("gateway", &address);
        assert_eq!(get(&gateway, &id).await.unwrap_err().reason(), "UNAUTHENTICATED");
    }
}

#[tokio::test]
async fn an_operator_moves_no_money() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let address = bank.serve().await;
        let operator = dial("operator-eva", &address);
        let mut ctx = worker_context(Role::Gateway);
        ctx.idempotency_key = Some("k".into());
        let request: CreateTransferRequest = bank.order("1");
        let refused = operator
            .call(&ctx, "CreateTransfer", Retry::Never, request, |channel, request| async {
                PaymentServiceClient::new(channel).create_transfer(request).await
            })
            .await
            .unwrap_err();
        assert_eq!(refused.reason(), "CALLER_NOT_ALLOWED");
        assert_eq!(bank.count("SELECT COUNT(*) FROM transfers").await, 0);
    }
}
