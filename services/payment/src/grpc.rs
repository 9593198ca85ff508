//! The generated service over the use cases.

pub mod convert;
pub mod wire;

use florin_proto::payment::v1::{
    CancelTransferRequest, CancelTransferResponse, CreateDepositRequest, CreateDepositResponse,
    CreateTransferRequest, CreateTransferResponse, CreateWithdrawalRequest,
    CreateWithdrawalResponse, ExportTransfersRequest, ExportTransfersResponse, GetTransferRequest,
    GetTransferResponse, ListTransfersRequest, ListTransfersResponse,
    payment_service_server::PaymentService,
};
use florin_rpc::context;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::app::{App, Patience};

/// `florin.payment.v1.PaymentService`.
pub struct PaymentRpc {
    app: App,
}

impl PaymentRpc {
    /// The service over the use cases.
    #[must_use]
    pub const fn new(app: App) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl PaymentService for PaymentRpc {
    async fn create_transfer(
        &self,
        request: Request<CreateTransferRequest>,
    ) -> Result<Response<CreateTransferResponse>, Status> {
        let (ctx, patience) = (context(&request)?, Patience::of(request.metadata()));
        self.app.create_transfer(&ctx, request.into_inner(), patience).await
    }

    async fn create_deposit(
        &self,
        request: Request<CreateDepositRequest>,
    ) -> Result<Response<CreateDepositResponse>, Status> {
        let (ctx, patience) = (context(&request)?, Patience::of(request.metadata()));
        let accepted = self.app.create_deposit(&ctx, request.into_inner(), patience).await?;
        Ok(accepted.map(|CreateTransferResponse { transfer_id, status, transfer }| {
            CreateDepositResponse { transfer_id, status, transfer }
        }))
    }

    async fn create_withdrawal(
        &self,
        request: Request<CreateWithdrawalRequest>,
    ) -> Result<Response<CreateWithdrawalResponse>, Status> {
        let (ctx, patience) = (context(&request)?, Patience::of(request.metadata()));
        let accepted = self.app.create_withdrawal(&ctx, request.into_inner(), patience).await?;
        Ok(accepted.map(|CreateTransferResponse { transfer_id, status, transfer }| {
            CreateWithdrawalResponse { transfer_id, status, transfer }
        }))
    }

    async fn get_transfer(
        &self,
        request: Request<GetTransferRequest>,
    ) -> Result<Response<GetTransferResponse>, Status> {
        let ctx = context(&request)?;
        Ok(Response::new(self.app.get_transfer(&ctx, request.into_inner()).await?))
    }

    async fn list_transfers(
        &self,
        request: Request<ListTransfersRequest>,
    ) -> Result<Response<ListTransfersResponse>, Status> {
        let ctx = context(&request)?;
        Ok(Response::new(self.app.list_transfers(&ctx, request.into_inner()).await?))
    }

    async fn cancel_transfer(
        &self,
        request: Request<CancelTransferRequest>,
    ) -> Result<Response<CancelTransferResponse>, Status> {
        let ctx = context(&request)?;
        self.app.cancel_transfer(&ctx, request.into_inner()).await
    }

    type ExportTransfersStream = ReceiverStream<Result<ExportTransfersResponse, Status>>;

    async fn export_transfers(
        &self,
        _: Request<ExportTransfersRequest>,
    ) -> Result<Response<Self::ExportTransfersStream>, Status> {
        Ok(Response::new(self.app.export_transfers()))
    }
}
