//! The generated service, one line a use case.

mod bulks;
pub mod convert;

use florin_proto::payment::v1::{
    AddBeneficiaryRequest, AddBeneficiaryResponse, CancelOrderRequest, CancelOrderResponse,
    CancelTransferRequest, CancelTransferResponse, CaptureAuthorisationRequest,
    CaptureAuthorisationResponse, CreateAuthorisationRequest, CreateAuthorisationResponse,
    CreateDepositRequest, CreateDepositResponse, CreateOrderRequest, CreateOrderResponse,
    CreateTransferRequest, CreateTransferResponse, CreateWithdrawalRequest,
    CreateWithdrawalResponse, DecideRecallRequest, DecideRecallResponse, DecideRepairRequest,
    DecideRepairResponse, ExportAuthorisationsRequest, ExportAuthorisationsResponse,
    ExportClearingRequest, ExportClearingResponse, ExportLimitsRequest, ExportLimitsResponse,
    ExportTransfersRequest, ExportTransfersResponse, GetAuthorisationRequest,
    GetAuthorisationResponse, GetBeneficiaryRequest, GetBeneficiaryResponse, GetOrderRequest,
    GetOrderResponse, GetRecallRequest, GetRecallResponse, GetRepairRequest, GetRepairResponse,
    GetTransferRequest, GetTransferResponse, IncrementAuthorisationRequest,
    IncrementAuthorisationResponse, ListAuthorisationsRequest, ListAuthorisationsResponse,
    ListBeneficiariesRequest, ListBeneficiariesResponse, ListFailingOrdersRequest,
    ListFailingOrdersResponse, ListLimitsRequest, ListLimitsResponse, ListOrdersRequest,
    ListOrdersResponse, ListRecallsRequest, ListRecallsResponse, ListRepairsRequest,
    ListRepairsResponse, ListTransfersRequest, ListTransfersResponse, ProposeRepairRequest,
    ProposeRepairResponse, QuoteTransferRequest, QuoteTransferResponse, RecallTransferRequest,
    RecallTransferResponse, ReconcileClearingRequest, ReconcileClearingResponse,
    RefundTransferRequest, RefundTransferResponse, RemoveBeneficiaryRequest,
    RemoveBeneficiaryResponse, RemoveLimitRequest, RemoveLimitResponse, RenameBeneficiaryRequest,
    RenameBeneficiaryResponse, ResumeOrderRequest, ResumeOrderResponse, RetryClearingRequest,
    RetryClearingResponse, ReverseAuthorisationRequest, ReverseAuthorisationResponse,
    ReverseTransferRequest, ReverseTransferResponse, SetLimitRequest, SetLimitResponse,
    SkipOrderRequest, SkipOrderResponse, SuspendOrderRequest, SuspendOrderResponse,
    UpdateOrderRequest, UpdateOrderResponse, payment_service_server::PaymentService,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

pub use self::bulks::BulkApi;
use crate::Payment;

/// `florin.payment.v1.PaymentService`.
#[derive(Clone)]
pub struct PaymentApi {
    payment: Payment,
}

impl PaymentApi {
    /// The service over its use cases.
    #[must_use]
    pub const fn new(payment: Payment) -> Self {
        Self { payment }
    }
}

florin_rpc::serve! {
    PaymentService for PaymentApi by payment:
    create_transfer(CreateTransferRequest) -> CreateTransferResponse;
    create_deposit(CreateDepositRequest) -> CreateDepositResponse;
    create_withdrawal(CreateWithdrawalRequest) -> CreateWithdrawalResponse;
    quote_transfer(QuoteTransferRequest) -> QuoteTransferResponse;
    get_transfer(GetTransferRequest) -> GetTransferResponse;
    list_transfers(ListTransfersRequest) -> ListTransfersResponse;
    cancel_transfer(CancelTransferRequest) -> CancelTransferResponse;
    retry_clearing(RetryClearingRequest) -> RetryClearingResponse;
    refund_transfer(RefundTransferRequest) -> RefundTransferResponse;
    reverse_transfer(ReverseTransferRequest) -> ReverseTransferResponse;
    set_limit(SetLimitRequest) -> SetLimitResponse;
    remove_limit(RemoveLimitRequest) -> RemoveLimitResponse;
    list_limits(ListLimitsRequest) -> ListLimitsResponse;
    get_beneficiary(GetBeneficiaryRequest) -> GetBeneficiaryResponse;
    rename_beneficiary(RenameBeneficiaryRequest) -> RenameBeneficiaryResponse;
    add_beneficiary(AddBeneficiaryRequest) -> AddBeneficiaryResponse;
    remove_beneficiary(RemoveBeneficiaryRequest) -> RemoveBeneficiaryResponse;
    list_beneficiaries(ListBeneficiariesRequest) -> ListBeneficiariesResponse;
    create_order(CreateOrderRequest) -> CreateOrderResponse;
    get_order(GetOrderRequest) -> GetOrderResponse;
    list_orders(ListOrdersRequest) -> ListOrdersResponse;
    suspend_order(SuspendOrderRequest) -> SuspendOrderResponse;
    resume_order(ResumeOrderRequest) -> ResumeOrderResponse;
    update_order(UpdateOrderRequest) -> UpdateOrderResponse;
    skip_order(SkipOrderRequest) -> SkipOrderResponse;
    cancel_order(CancelOrderRequest) -> CancelOrderResponse;
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
    {
        type ExportAuthorisationsStream =
            ReceiverStream<Result<ExportAuthorisationsResponse, Status>>;

        async fn export_authorisations(
            &self,
            request: Request<ExportAuthorisationsRequest>,
        ) -> Result<Response<Self::ExportAuthorisationsStream>, Status> {
            Ok(Response::new(self.payment.export_authorisations(request.into_inner())))
        }

        type ExportClearingStream = ReceiverStream<Result<ExportClearingResponse, Status>>;

        async fn export_clearing(
            &self,
            request: Request<ExportClearingRequest>,
        ) -> Result<Response<Self::ExportClearingStream>, Status> {
            Ok(Response::new(self.payment.export_clearing(request.into_inner())))
        }

        type ExportLimitsStream = ReceiverStream<Result<ExportLimitsResponse, Status>>;

        async fn export_limits(
            &self,
            _: Request<ExportLimitsRequest>,
        ) -> Result<Response<Self::ExportLimitsStream>, Status> {
            Ok(Response::new(self.payment.export_limits()))
        }

        type ExportTransfersStream = ReceiverStream<Result<ExportTransfersResponse, Status>>;

        async fn export_transfers(
            &self,
            _: Request<ExportTransfersRequest>,
        ) -> Result<Response<Self::ExportTransfersStream>, Status> {
            Ok(Response::new(self.payment.export_transfers()))
        }
    }
}
