//! The generated service, one line a use case.

use florin_proto::loan::v1::{
    DecideWriteOffRequest, DecideWriteOffResponse, ExportPortfolioRequest, ExportPortfolioResponse,
    GetLoanStandingRequest, GetLoanStandingResponse, ListArrearsRequest, ListArrearsResponse,
    ListEndOfDayRunsRequest, ListEndOfDayRunsResponse, ProposeWriteOffRequest,
    ProposeWriteOffResponse, QuotePayOffRequest, QuotePayOffResponse, RecoverLoanRequest,
    RecoverLoanResponse, RepayLoanRequest, RepayLoanResponse, RestructureLoanRequest,
    RestructureLoanResponse, ReverseRepaymentRequest, ReverseRepaymentResponse,
    loan_servicing_service_server::LoanServicingService,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::Lending;

/// `florin.loan.v1.LoanServicingService`.
#[derive(Clone)]
pub struct ServicingApi {
    lending: Lending,
}

impl ServicingApi {
    /// The service over its use cases.
    #[must_use]
    pub const fn new(lending: Lending) -> Self {
        Self { lending }
    }
}

florin_rpc::serve! {
    LoanServicingService for ServicingApi by lending:
    repay_loan(RepayLoanRequest) -> RepayLoanResponse;
    quote_pay_off(QuotePayOffRequest) -> QuotePayOffResponse;
    reverse_repayment(ReverseRepaymentRequest) -> ReverseRepaymentResponse;
    restructure_loan(RestructureLoanRequest) -> RestructureLoanResponse;
    propose_write_off(ProposeWriteOffRequest) -> ProposeWriteOffResponse;
    decide_write_off(DecideWriteOffRequest) -> DecideWriteOffResponse;
    recover_loan(RecoverLoanRequest) -> RecoverLoanResponse;
    get_loan_standing(GetLoanStandingRequest) -> GetLoanStandingResponse;
    list_arrears(ListArrearsRequest) -> ListArrearsResponse;
    list_end_of_day_runs(ListEndOfDayRunsRequest) -> ListEndOfDayRunsResponse;
    {
        type ExportPortfolioStream = ReceiverStream<Result<ExportPortfolioResponse, Status>>;

        async fn export_portfolio(
            &self,
            request: Request<ExportPortfolioRequest>,
        ) -> Result<Response<Self::ExportPortfolioStream>, Status> {
            Ok(Response::new(self.lending.export_portfolio(request.get_ref())))
        }
    }
}
