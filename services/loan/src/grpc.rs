//! The generated services, one line a use case.

pub mod convert;
mod servicing;

use florin_proto::loan::v1::{
    AcceptLoanRequest, AcceptLoanResponse, ApplyForLoanRequest, ApplyForLoanResponse,
    ApproveLoanRequest, ApproveLoanResponse, CancelLoanRequest, CancelLoanResponse,
    CreateProductVersionRequest, CreateProductVersionResponse, DisburseLoanRequest,
    DisburseLoanResponse, ExportMovementsRequest, ExportMovementsResponse, GetLoanRequest,
    GetLoanResponse, GetProductRequest, GetProductResponse, GetScheduleRequest,
    GetScheduleResponse, ListLoanStepsRequest, ListLoanStepsResponse, ListLoansRequest,
    ListLoansResponse, ListProductsRequest, ListProductsResponse, QuoteLoanRequest,
    QuoteLoanResponse, RejectLoanRequest, RejectLoanResponse, UndoDisbursementRequest,
    UndoDisbursementResponse, loan_service_server::LoanService,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

pub use self::servicing::ServicingApi;
use crate::Lending;

/// `florin.loan.v1.LoanService`.
#[derive(Clone)]
pub struct LoanApi {
    lending: Lending,
}

impl LoanApi {
    /// The service over its use cases.
    #[must_use]
    pub const fn new(lending: Lending) -> Self {
        Self { lending }
    }
}

florin_rpc::serve! {
    LoanService for LoanApi by lending:
    create_product_version(CreateProductVersionRequest) -> CreateProductVersionResponse;
    get_product(GetProductRequest) -> GetProductResponse;
    list_products(ListProductsRequest) -> ListProductsResponse;
    quote_loan(QuoteLoanRequest) -> QuoteLoanResponse;
    apply_for_loan(ApplyForLoanRequest) -> ApplyForLoanResponse;
    approve_loan(ApproveLoanRequest) -> ApproveLoanResponse;
    reject_loan(RejectLoanRequest) -> RejectLoanResponse;
    accept_loan(AcceptLoanRequest) -> AcceptLoanResponse;
    cancel_loan(CancelLoanRequest) -> CancelLoanResponse;
    disburse_loan(DisburseLoanRequest) -> DisburseLoanResponse;
    undo_disbursement(UndoDisbursementRequest) -> UndoDisbursementResponse;
    get_loan(GetLoanRequest) -> GetLoanResponse;
    list_loans(ListLoansRequest) -> ListLoansResponse;
    get_schedule(GetScheduleRequest) -> GetScheduleResponse;
    list_loan_steps(ListLoanStepsRequest) -> ListLoanStepsResponse;
    {
        type ExportMovementsStream = ReceiverStream<Result<ExportMovementsResponse, Status>>;

        async fn export_movements(
            &self,
            _: Request<ExportMovementsRequest>,
        ) -> Result<Response<Self::ExportMovementsStream>, Status> {
            Ok(Response::new(self.lending.export_movements()))
        }
    }
}
