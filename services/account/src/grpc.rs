//! The generated service, one line a use case.

pub(crate) mod convert;

use florin_proto::account::v1::{
    AddHolderRequest, AddHolderResponse, AddHolidayRequest, AddHolidayResponse,
    AdvanceBusinessDateRequest, AdvanceBusinessDateResponse, BatchGetAccountsRequest,
    BatchGetAccountsResponse, CloseAccountRequest, CloseAccountResponse, ClosePeriodRequest,
    ClosePeriodResponse, CreateGlAccountRequest, CreateGlAccountResponse, DecideReopeningRequest,
    DecideReopeningResponse, ExportReferencesRequest, ExportReferencesResponse, ExportSealsRequest,
    ExportSealsResponse, FreezeAccountRequest, FreezeAccountResponse, GetAccountRequest,
    GetAccountResponse, GetAccruedInterestRequest, GetAccruedInterestResponse, GetBalanceRequest,
    GetBalanceResponse, GetBalanceSheetRequest, GetBalanceSheetResponse, GetBusinessDateRequest,
    GetBusinessDateResponse, GetProfitAndLossRequest, GetProfitAndLossResponse,
    GetTransactionRequest, GetTransactionResponse, GetTrialBalanceRequest, GetTrialBalanceResponse,
    ImportAccountsRequest, ImportAccountsResponse, ListAccountsRequest, ListAccountsResponse,
    ListAccountsSetAsideRequest, ListAccountsSetAsideResponse, ListBusinessDaysRequest,
    ListBusinessDaysResponse, ListControlMappingsRequest, ListControlMappingsResponse,
    ListEntriesRequest, ListEntriesResponse, ListFeeSchedulesRequest, ListFeeSchedulesResponse,
    ListGlAccountsRequest, ListGlAccountsResponse, ListHolidaysRequest, ListHolidaysResponse,
    ListInterestConditionsRequest, ListInterestConditionsResponse, ListProductsRequest,
    ListProductsResponse, ListReopeningsRequest, ListReopeningsResponse, OpenAccountRequest,
    OpenAccountResponse, PlaceHoldRequest, PlaceHoldResponse, PostTransactionsRequest,
    PostTransactionsResponse, PreviewReversalRequest, PreviewReversalResponse,
    PreviewTransactionsRequest, PreviewTransactionsResponse, ProposeReopeningRequest,
    ProposeReopeningResponse, QuoteFeeRequest, QuoteFeeResponse, ReleaseHoldRequest,
    ReleaseHoldResponse, RemapProductRequest, RemapProductResponse, RemoveHolderRequest,
    RemoveHolderResponse, RemoveHolidayRequest, RemoveHolidayResponse, ResolveIbanRequest,
    ResolveIbanResponse, ReverseTransactionRequest, ReverseTransactionResponse,
    SetFeeScheduleRequest, SetFeeScheduleResponse, SetInterestConditionsRequest,
    SetInterestConditionsResponse, UnfreezeAccountRequest, UnfreezeAccountResponse,
    VerifyLedgerRequest, VerifyLedgerResponse, VoidReferencesRequest, VoidReferencesResponse,
    account_service_server::AccountService,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::app::ledger::Ledger;

/// `florin.account.v1.AccountService`.
#[derive(Clone)]
pub struct AccountApi {
    ledger: Ledger,
}

impl AccountApi {
    /// The service over its use cases.
    #[must_use]
    pub const fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }
}

florin_rpc::serve! {
    AccountService for AccountApi by ledger:
    open_account(OpenAccountRequest) -> OpenAccountResponse;
    import_accounts(ImportAccountsRequest) -> ImportAccountsResponse;
    get_account(GetAccountRequest) -> GetAccountResponse;
    batch_get_accounts(BatchGetAccountsRequest) -> BatchGetAccountsResponse;
    list_accounts(ListAccountsRequest) -> ListAccountsResponse;
    resolve_iban(ResolveIbanRequest) -> ResolveIbanResponse;
    freeze_account(FreezeAccountRequest) -> FreezeAccountResponse;
    unfreeze_account(UnfreezeAccountRequest) -> UnfreezeAccountResponse;
    close_account(CloseAccountRequest) -> CloseAccountResponse;
    add_holder(AddHolderRequest) -> AddHolderResponse;
    remove_holder(RemoveHolderRequest) -> RemoveHolderResponse;
    get_balance(GetBalanceRequest) -> GetBalanceResponse;
    list_entries(ListEntriesRequest) -> ListEntriesResponse;
    place_hold(PlaceHoldRequest) -> PlaceHoldResponse;
    release_hold(ReleaseHoldRequest) -> ReleaseHoldResponse;
    post_transactions(PostTransactionsRequest) -> PostTransactionsResponse;
    void_references(VoidReferencesRequest) -> VoidReferencesResponse;
    reverse_transaction(ReverseTransactionRequest) -> ReverseTransactionResponse;
    preview_transactions(PreviewTransactionsRequest) -> PreviewTransactionsResponse;
    preview_reversal(PreviewReversalRequest) -> PreviewReversalResponse;
    get_transaction(GetTransactionRequest) -> GetTransactionResponse;
    create_gl_account(CreateGlAccountRequest) -> CreateGlAccountResponse;
    list_gl_accounts(ListGlAccountsRequest) -> ListGlAccountsResponse;
    get_trial_balance(GetTrialBalanceRequest) -> GetTrialBalanceResponse;
    get_balance_sheet(GetBalanceSheetRequest) -> GetBalanceSheetResponse;
    get_profit_and_loss(GetProfitAndLossRequest) -> GetProfitAndLossResponse;
    list_control_mappings(ListControlMappingsRequest) -> ListControlMappingsResponse;
    remap_product(RemapProductRequest) -> RemapProductResponse;
    close_period(ClosePeriodRequest) -> ClosePeriodResponse;
    propose_reopening(ProposeReopeningRequest) -> ProposeReopeningResponse;
    decide_reopening(DecideReopeningRequest) -> DecideReopeningResponse;
    list_reopenings(ListReopeningsRequest) -> ListReopeningsResponse;
    list_products(ListProductsRequest) -> ListProductsResponse;
    get_business_date(GetBusinessDateRequest) -> GetBusinessDateResponse;
    advance_business_date(AdvanceBusinessDateRequest) -> AdvanceBusinessDateResponse;
    set_fee_schedule(SetFeeScheduleRequest) -> SetFeeScheduleResponse;
    list_fee_schedules(ListFeeSchedulesRequest) -> ListFeeSchedulesResponse;
    quote_fee(QuoteFeeRequest) -> QuoteFeeResponse;
    list_accounts_set_aside(ListAccountsSetAsideRequest) -> ListAccountsSetAsideResponse;
    list_business_days(ListBusinessDaysRequest) -> ListBusinessDaysResponse;
    set_interest_conditions(SetInterestConditionsRequest) -> SetInterestConditionsResponse;
    list_interest_conditions(ListInterestConditionsRequest) -> ListInterestConditionsResponse;
    get_accrued_interest(GetAccruedInterestRequest) -> GetAccruedInterestResponse;
    list_holidays(ListHolidaysRequest) -> ListHolidaysResponse;
    add_holiday(AddHolidayRequest) -> AddHolidayResponse;
    remove_holiday(RemoveHolidayRequest) -> RemoveHolidayResponse;
    {
        type VerifyLedgerStream = ReceiverStream<Result<VerifyLedgerResponse, Status>>;
        type ExportSealsStream = ReceiverStream<Result<ExportSealsResponse, Status>>;
        type ExportReferencesStream = ReceiverStream<Result<ExportReferencesResponse, Status>>;

        async fn verify_ledger(
            &self,
            request: Request<VerifyLedgerRequest>,
        ) -> Result<Response<Self::VerifyLedgerStream>, Status> {
            Ok(Response::new(self.ledger.verify_ledger(request.into_inner())))
        }

        async fn export_seals(
            &self,
            request: Request<ExportSealsRequest>,
        ) -> Result<Response<Self::ExportSealsStream>, Status> {
            Ok(Response::new(self.ledger.export_seals(request.into_inner())))
        }

        async fn export_references(
            &self,
            _: Request<ExportReferencesRequest>,
        ) -> Result<Response<Self::ExportReferencesStream>, Status> {
            Ok(Response::new(self.ledger.export_references()))
        }
    }
}
