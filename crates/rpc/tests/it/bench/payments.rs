//! The scripted payments.

use florin_proto::payment::v1 as payment;
use tonic::{Request, Response, Status};

use super::{Answer, Stub, not_scripted};

#[tonic::async_trait]
impl payment::payment_service_server::PaymentService for Stub {
    type ExportClearingStream =
        tokio_stream::Pending<Result<payment::ExportClearingResponse, Status>>;
    type ExportTransfersStream =
        tokio_stream::Pending<Result<payment::ExportTransfersResponse, Status>>;

    async fn create_transfer(
        &self,
        request: Request<payment::CreateTransferRequest>,
    ) -> Answer<payment::CreateTransferResponse> {
        self.0.play(&request).await?;
        Ok(Response::new(payment::CreateTransferResponse::default()))
    }
    async fn get_transfer(
        &self,
        request: Request<payment::GetTransferRequest>,
    ) -> Answer<payment::GetTransferResponse> {
        self.0.play(&request).await?;
        Ok(Response::new(payment::GetTransferResponse::default()))
    }
    async fn create_deposit(
        &self,
        _: Request<payment::CreateDepositRequest>,
    ) -> Answer<payment::CreateDepositResponse> {
        not_scripted()
    }
    async fn create_withdrawal(
        &self,
        _: Request<payment::CreateWithdrawalRequest>,
    ) -> Answer<payment::CreateWithdrawalResponse> {
        not_scripted()
    }
    async fn list_transfers(
        &self,
        _: Request<payment::ListTransfersRequest>,
    ) -> Answer<payment::ListTransfersResponse> {
        not_scripted()
    }
    async fn cancel_transfer(
        &self,
        _: Request<payment::CancelTransferRequest>,
    ) -> Answer<payment::CancelTransferResponse> {
        not_scripted()
    }
    async fn refund_transfer(
        &self,
        _: Request<payment::RefundTransferRequest>,
    ) -> Answer<payment::RefundTransferResponse> {
        not_scripted()
    }
    async fn reverse_transfer(
        &self,
        request: Request<payment::ReverseTransferRequest>,
    ) -> Answer<payment::ReverseTransferResponse> {
        self.0.play(&request).await.map(|()| Response::new(Default::default()))
    }
    async fn set_limit(
        &self,
        request: Request<payment::SetLimitRequest>,
    ) -> Answer<payment::SetLimitResponse> {
        self.0.play(&request).await.map(|()| Response::new(Default::default()))
    }
    async fn remove_limit(
        &self,
        request: Request<payment::RemoveLimitRequest>,
    ) -> Answer<payment::RemoveLimitResponse> {
        self.0.play(&request).await.map(|()| Response::new(Default::default()))
    }
    async fn list_limits(
        &self,
        _: Request<payment::ListLimitsRequest>,
    ) -> Answer<payment::ListLimitsResponse> {
        not_scripted()
    }
    async fn create_order(
        &self,
        _: Request<payment::CreateOrderRequest>,
    ) -> Answer<payment::CreateOrderResponse> {
        not_scripted()
    }
    async fn get_order(
        &self,
        _: Request<payment::GetOrderRequest>,
    ) -> Answer<payment::GetOrderResponse> {
        not_scripted()
    }
    async fn list_orders(
        &self,
        _: Request<payment::ListOrdersRequest>,
    ) -> Answer<payment::ListOrdersResponse> {
        not_scripted()
    }
    async fn suspend_order(
        &self,
        _: Request<payment::SuspendOrderRequest>,
    ) -> Answer<payment::SuspendOrderResponse> {
        not_scripted()
    }
    async fn resume_order(
        &self,
        _: Request<payment::ResumeOrderRequest>,
    ) -> Answer<payment::ResumeOrderResponse> {
        not_scripted()
    }
    async fn skip_order(
        &self,
        _: Request<payment::SkipOrderRequest>,
    ) -> Answer<payment::SkipOrderResponse> {
        not_scripted()
    }
    async fn cancel_order(
        &self,
        _: Request<payment::CancelOrderRequest>,
    ) -> Answer<payment::CancelOrderResponse> {
        not_scripted()
    }
    async fn retry_clearing(
        &self,
        _: Request<payment::RetryClearingRequest>,
    ) -> Answer<payment::RetryClearingResponse> {
        not_scripted()
    }
    async fn export_clearing(
        &self,
        _: Request<payment::ExportClearingRequest>,
    ) -> Answer<Self::ExportClearingStream> {
        Ok(Response::new(tokio_stream::pending()))
    }
    async fn export_transfers(
        &self,
        _: Request<payment::ExportTransfersRequest>,
    ) -> Answer<Self::ExportTransfersStream> {
        Ok(Response::new(tokio_stream::pending()))
    }
}
