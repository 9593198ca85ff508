//! The scripted payment role: answers by what the request says.

use std::time::Duration;

use florin_proto::{
    account::v1 as account,
    common::v1::Reason,
    payment::v1::{self as payment, payment_service_server::PaymentService},
};
use florin_rpc::Error;
use tonic::{Request, Response, Status};

use super::Seen;

/// Answers by what the request says.
pub struct Scripted(pub Seen);

impl Scripted {
    fn note<T>(&self, request: &Request<T>) {
        let entries = [
            "authorization",
            "idempotency-key",
            "prefer",
            "traceparent",
            "x-request-id",
            "grpc-timeout",
        ];
        let seen = entries
            .iter()
            .filter_map(|name| {
                Some(((*name).to_owned(), request.metadata().get(*name)?.to_str().ok()?.to_owned()))
            })
            .collect();
        self.0.lock().unwrap().push(seen);
    }
}

macro_rules! payment {
    ($($other:ident($request:ident) -> $response:ident;)*) => {
        #[tonic::async_trait]
        impl PaymentService for Scripted {
            type ExportClearingStream =
                tokio_stream::Empty<Result<payment::ExportClearingResponse, Status>>;
            type ExportAuthorisationsStream =
                tokio_stream::Empty<Result<payment::ExportAuthorisationsResponse, Status>>;
            type ExportLimitsStream =
                tokio_stream::Empty<Result<payment::ExportLimitsResponse, Status>>;
            type ExportTransfersStream =
                tokio_stream::Empty<Result<payment::ExportTransfersResponse, Status>>;

            async fn create_transfer(
                &self,
                request: Request<payment::CreateTransferRequest>,
            ) -> Result<Response<payment::CreateTransferResponse>, Status> {
                self.note(&request);
                let asked = request.into_inner();
                match asked.description.as_str() {
                    "frozen" => {
                        let error = Error::new(account::Reason::AccountFrozen, "the account is frozen");
                        return Err(error.with("account_id", asked.from).into());
                    }
                    "busy" => {
                        let error = Error::new(Reason::IdempotencyKeyInUse, "the first one still runs");
                        return Err(error.retry_after(Duration::from_millis(1_200)).into());
                    }
                    "defect" => return Err(Error::internal("SELECT secret FROM vault").into()),
                    "amount" => {
                        let mut violations = florin_kernel::Violations::new();
                        violations.add("amount", "TOO_MANY_DECIMALS", "must have at most 2 decimals");
                        return Err(Error::invalid(violations).into());
                    }
                    "refused again" => {
                        let error = Error::new(account::Reason::AccountFrozen, "the account is frozen");
                        let mut status = error.to_status();
                        status.metadata_mut().insert("idempotent-replayed", "true".parse().unwrap());
                        return Err(status);
                    }
                    "slow" => tokio::time::sleep(Duration::from_millis(700)).await,
                    _ => {}
                }
                let mut response = Response::new(payment::CreateTransferResponse {
                    transfer_id: "trf_1".to_owned(),
                    status: payment::TransferStatus::Processing.into(),
                    transfer: Some(payment::Transfer { amount: None, ..payment::Transfer::default() }),
                });
                if asked.description == "again" {
                    response.metadata_mut().insert("idempotent-replayed", "true".parse().unwrap());
                }
                Ok(response)
            }

            async fn get_transfer(
                &self,
                request: Request<payment::GetTransferRequest>,
            ) -> Result<Response<payment::GetTransferResponse>, Status> {
                self.note(&request);
                let transfer_id = request.into_inner().transfer_id;
                let transfer = Some(payment::Transfer { transfer_id, ..payment::Transfer::default() });
                Ok(Response::new(payment::GetTransferResponse { transfer, work: None }))
            }

            $(
                async fn $other(
                    &self,
                    _: Request<payment::$request>,
                ) -> Result<Response<payment::$response>, Status> {
                    Err(Status::unimplemented(""))
                }
            )*

            async fn export_clearing(
                &self,
                _: Request<payment::ExportClearingRequest>,
            ) -> Result<Response<Self::ExportClearingStream>, Status> {
                Err(Status::unimplemented(""))
            }

            async fn export_authorisations(
                &self,
                _: Request<payment::ExportAuthorisationsRequest>,
            ) -> Result<Response<Self::ExportAuthorisationsStream>, Status> {
                Err(Status::unimplemented(""))
            }

            async fn export_limits(
                &self,
                _: Request<payment::ExportLimitsRequest>,
            ) -> Result<Response<Self::ExportLimitsStream>, Status> {
                Err(Status::unimplemented(""))
            }

            async fn export_transfers(
                &self,
                _: Request<payment::ExportTransfersRequest>,
            ) -> Result<Response<Self::ExportTransfersStream>, Status> {
                Err(Status::unimplemented(""))
            }
        }
    };
}

payment! {
    quote_transfer(QuoteTransferRequest) -> QuoteTransferResponse;
    create_deposit(CreateDepositRequest) -> CreateDepositResponse;
    create_withdrawal(CreateWithdrawalRequest) -> CreateWithdrawalResponse;
    list_transfers(ListTransfersRequest) -> ListTransfersResponse;
    cancel_transfer(CancelTransferRequest) -> CancelTransferResponse;
    refund_transfer(RefundTransferRequest) -> RefundTransferResponse;
    reverse_transfer(ReverseTransferRequest) -> ReverseTransferResponse;
    set_limit(SetLimitRequest) -> SetLimitResponse;
    remove_limit(RemoveLimitRequest) -> RemoveLimitResponse;
    list_limits(ListLimitsRequest) -> ListLimitsResponse;
    create_order(CreateOrderRequest) -> CreateOrderResponse;
    get_order(GetOrderRequest) -> GetOrderResponse;
    list_orders(ListOrdersRequest) -> ListOrdersResponse;
    suspend_order(SuspendOrderRequest) -> SuspendOrderResponse;
    resume_order(ResumeOrderRequest) -> ResumeOrderResponse;
    update_order(UpdateOrderRequest) -> UpdateOrderResponse;
    skip_order(SkipOrderRequest) -> SkipOrderResponse;
    cancel_order(CancelOrderRequest) -> CancelOrderResponse;
    get_beneficiary(GetBeneficiaryRequest) -> GetBeneficiaryResponse;
    rename_beneficiary(RenameBeneficiaryRequest) -> RenameBeneficiaryResponse;
    add_beneficiary(AddBeneficiaryRequest) -> AddBeneficiaryResponse;
    remove_beneficiary(RemoveBeneficiaryRequest) -> RemoveBeneficiaryResponse;
    list_beneficiaries(ListBeneficiariesRequest) -> ListBeneficiariesResponse;
    retry_clearing(RetryClearingRequest) -> RetryClearingResponse;
    create_authorisation(CreateAuthorisationRequest) -> CreateAuthorisationResponse;
    increment_authorisation(IncrementAuthorisationRequest) -> IncrementAuthorisationResponse;
    capture_authorisation(CaptureAuthorisationRequest) -> CaptureAuthorisationResponse;
    reverse_authorisation(ReverseAuthorisationRequest) -> ReverseAuthorisationResponse;
    get_authorisation(GetAuthorisationRequest) -> GetAuthorisationResponse;
    list_authorisations(ListAuthorisationsRequest) -> ListAuthorisationsResponse;
    recall_transfer(RecallTransferRequest) -> RecallTransferResponse;
    get_recall(GetRecallRequest) -> GetRecallResponse;
    list_recalls(ListRecallsRequest) -> ListRecallsResponse;
    decide_recall(DecideRecallRequest) -> DecideRecallResponse;
    propose_repair(ProposeRepairRequest) -> ProposeRepairResponse;
    decide_repair(DecideRepairRequest) -> DecideRepairResponse;
    get_repair(GetRepairRequest) -> GetRepairResponse;
    list_repairs(ListRepairsRequest) -> ListRepairsResponse;
    reconcile_clearing(ReconcileClearingRequest) -> ReconcileClearingResponse;
    list_failing_orders(ListFailingOrdersRequest) -> ListFailingOrdersResponse;
}
