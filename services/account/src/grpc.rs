//! The generated trait, each RPC a few lines: convert, run the use case, answer.

mod accounts;
pub mod convert;
mod import;
mod ledger;
mod proof;

use florin_proto::account::v1::{self as proto, account_service_server::AccountService};
use tonic::{Request, Response, Status};

use crate::app::ledger::Ledger;

/// `florin.account.v1.AccountService` over the ledger.
#[derive(Clone)]
pub struct AccountRpc {
    ledger: Ledger,
}

impl AccountRpc {
    /// Serves the ledger.
    #[must_use]
    pub const fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }
}

macro_rules! serve {
    ($($module:ident { $($name:ident($request:ident) -> $response:ident;)* })*) => {
        #[tonic::async_trait]
        impl AccountService for AccountRpc {
            type VerifyLedgerStream = proof::Stream<proto::VerifyLedgerResponse>;
            type ExportReferencesStream = proof::Stream<proto::ExportReferencesResponse>;

            $($(async fn $name(
                &self,
                request: Request<proto::$request>,
            ) -> Result<Response<proto::$response>, Status> {
                $module::$name(&self.ledger, request).await
            })*)*

            async fn verify_ledger(
                &self,
                request: Request<proto::VerifyLedgerRequest>,
            ) -> Result<Response<Self::VerifyLedgerStream>, Status> {
                proof::verify_ledger(&self.ledger, request)
            }

            async fn export_references(
                &self,
                request: Request<proto::ExportReferencesRequest>,
            ) -> Result<Response<Self::ExportReferencesStream>, Status> {
                proof::export_references(&self.ledger, request)
            }
        }
    };
}

serve! {
    accounts {
        open_account(OpenAccountRequest) -> OpenAccountResponse;
        get_account(GetAccountRequest) -> GetAccountResponse;
        list_accounts(ListAccountsRequest) -> ListAccountsResponse;
        resolve_iban(ResolveIbanRequest) -> ResolveIbanResponse;
        freeze_account(FreezeAccountRequest) -> FreezeAccountResponse;
        unfreeze_account(UnfreezeAccountRequest) -> UnfreezeAccountResponse;
        close_account(CloseAccountRequest) -> CloseAccountResponse;
        add_holder(AddHolderRequest) -> AddHolderResponse;
        remove_holder(RemoveHolderRequest) -> RemoveHolderResponse;
        get_balance(GetBalanceRequest) -> GetBalanceResponse;
        list_entries(ListEntriesRequest) -> ListEntriesResponse;
    }
    import {
        import_accounts(ImportAccountsRequest) -> ImportAccountsResponse;
    }
    ledger {
        place_hold(PlaceHoldRequest) -> PlaceHoldResponse;
        release_hold(ReleaseHoldRequest) -> ReleaseHoldResponse;
        post_transactions(PostTransactionsRequest) -> PostTransactionsResponse;
        reverse_transaction(ReverseTransactionRequest) -> ReverseTransactionResponse;
        get_transaction(GetTransactionRequest) -> GetTransactionResponse;
        create_gl_account(CreateGlAccountRequest) -> CreateGlAccountResponse;
        list_gl_accounts(ListGlAccountsRequest) -> ListGlAccountsResponse;
        get_trial_balance(GetTrialBalanceRequest) -> GetTrialBalanceResponse;
        list_products(ListProductsRequest) -> ListProductsResponse;
        get_business_date(GetBusinessDateRequest) -> GetBusinessDateResponse;
        advance_business_date(AdvanceBusinessDateRequest) -> AdvanceBusinessDateResponse;
    }
}
