//! The payment role, most of which no test of the mesh calls.

use florin_proto::payment::v1::{self as payment, payment_service_server::PaymentService};
use tonic::{Request, Response, Status};

use super::{Answer, Stub, not_scripted};

macro_rules! payment {
    (
        plays { $($plays:ident($asked:ident) -> $answered:ident;)* }
        others { $($other:ident($request:ident) -> $response:ident;)* }
    ) => {
        #[tonic::async_trait]
        impl PaymentService for Stub {
            type ExportClearingStream =
                tokio_stream::Pending<Result<payment::ExportClearingResponse, Status>>;
            type ExportAuthorisationsStream =
                tokio_stream::Pending<Result<payment::ExportAuthorisationsResponse, Status>>;
            type ExportLimitsStream =
                tokio_stream::Pending<Result<payment::ExportLimitsResponse, Status>>;
            type ExportTransfersStream =
                tokio_stream::Pending<Result<payment::ExportTransfersResponse, Status>>;

            $(
                async fn $plays(
                    &self,
                    request: Request<payment::$asked>,
                ) -> Answer<payment::$answered> {
                    self.0.play(&request).await?;
                    Ok(Response::new(payment::$answered::default()))
                }
            )*
            $(
                async fn $other(
                    &self,
                    _: Request<payment::$request>,
                ) -> Answer<payment::$response> {
                    not_scripted()
                }
            )*
            async fn export_clearing(
                &self,
                _: Request<payment::ExportClearingRequest>,
            ) -> Answer<Self::ExportClearingStream> {
                Ok(Response::new(tokio_stream::pending()))
            }
            async fn export_authorisations(
                &self,
                _: Request<payment::ExportAuthorisationsRequest>,
            ) -> Answer<Self::ExportAuthorisationsStream> {
                Ok(Response::new(tokio_stream::pending()))
            }
            async fn export_limits(
                &self,
                _: Request<payment::ExportLimitsRequest>,
            ) -> Answer<Self::ExportLimitsStream> {
                Ok(Response::new(tokio_stream::pending()))
            }
            async fn export_transfers(
                &self,
                _: Request<payment::ExportTransfersRequest>,
            ) -> Answer<Self::ExportTransfersStream> {
                Ok(Response::new(tokio_stream::pending()))
            }
        }
    };
}

payment! {
    plays {
        create_transfer(CreateTransferRequest) -> CreateTransferResponse;
        get_transfer(GetTransferRequest) -> GetTransferResponse;
        reverse_transfer(ReverseTransferRequest) -> ReverseTransferResponse;
        set_limit(SetLimitRequest) -> SetLimitResponse;
        remove_limit(RemoveLimitRequest) -> RemoveLimitResponse;
    }
    others {
        create_deposit(CreateDepositRequest) -> CreateDepositResponse;
        create_withdrawal(CreateWithdrawalRequest) -> CreateWithdrawalResponse;
        list_transfers(ListTransfersRequest) -> ListTransfersResponse;
        cancel_transfer(CancelTransferRequest) -> CancelTransferResponse;
        refund_transfer(RefundTransferRequest) -> RefundTransferResponse;
        list_limits(ListLimitsRequest) -> ListLimitsResponse;
        create_order(CreateOrderRequest) -> CreateOrderResponse;
        get_order(GetOrderRequest) -> GetOrderResponse;
        list_orders(ListOrdersRequest) -> ListOrdersResponse;
        suspend_order(SuspendOrderRequest) -> SuspendOrderResponse;
        resume_order(ResumeOrderRequest) -> ResumeOrderResponse;
        update_order(UpdateOrderRequest) -> UpdateOrderResponse;
        skip_order(SkipOrderRequest) -> SkipOrderResponse;
        cancel_order(CancelOrderRequest) -> CancelOrderResponse;
        retry_clearing(RetryClearingRequest) -> RetryClearingResponse;
        reconcile_clearing(ReconcileClearingRequest) -> ReconcileClearingResponse;
        list_failing_orders(ListFailingOrdersRequest) -> ListFailingOrdersResponse;
        quote_transfer(QuoteTransferRequest) -> QuoteTransferResponse;
        recall_transfer(RecallTransferRequest) -> RecallTransferResponse;
        get_recall(GetRecallRequest) -> GetRecallResponse;
        list_recalls(ListRecallsRequest) -> ListRecallsResponse;
        decide_recall(DecideRecallRequest) -> DecideRecallResponse;
        propose_repair(ProposeRepairRequest) -> ProposeRepairResponse;
        decide_repair(DecideRepairRequest) -> DecideRepairResponse;
        get_repair(GetRepairRequest) -> GetRepairResponse;
        list_repairs(ListRepairsRequest) -> ListRepairsResponse;
        create_authorisation(CreateAuthorisationRequest) -> CreateAuthorisationResponse;
        increment_authorisation(IncrementAuthorisationRequest) -> IncrementAuthorisationResponse;
        capture_authorisation(CaptureAuthorisationRequest) -> CaptureAuthorisationResponse;
        reverse_authorisation(ReverseAuthorisationRequest) -> ReverseAuthorisationResponse;
        get_authorisation(GetAuthorisationRequest) -> GetAuthorisationResponse;
        list_authorisations(ListAuthorisationsRequest) -> ListAuthorisationsResponse;
        get_beneficiary(GetBeneficiaryRequest) -> GetBeneficiaryResponse;
        rename_beneficiary(RenameBeneficiaryRequest) -> RenameBeneficiaryResponse;
        add_beneficiary(AddBeneficiaryRequest) -> AddBeneficiaryResponse;
        remove_beneficiary(RemoveBeneficiaryRequest) -> RemoveBeneficiaryResponse;
        list_beneficiaries(ListBeneficiariesRequest) -> ListBeneficiariesResponse;
    }
}
