//! The chart of the scripted ledger: the GL accounts of the clearing, or none.

use std::sync::Arc;

use florin_kernel::AccountId;
use florin_proto::account::v1::{GlAccount, ListGlAccountsRequest, ListGlAccountsResponse};
use tonic::{Request, Response, Status};

use super::Ledger;

impl Ledger {
    /// It has no GL account.
    pub fn set_lacks_gl(&self, lacks: bool) {
        self.state().lacks_gl = lacks;
    }

    /// The account is found by its IBAN no more.
    pub fn hide_iban(&self, id: AccountId) {
        self.state().accounts.get_mut(&id).unwrap().iban.clear();
    }

    /// A GL account a page.
    pub(super) async fn list_gl_accounts(
        self: Arc<Self>,
        request: Request<ListGlAccountsRequest>,
    ) -> Result<Response<ListGlAccountsResponse>, Status> {
        self.asked_for_chart.add_permits(1);
        let codes = if self.state().lacks_gl { &["1200"][..] } else { &["1200", "9010"][..] };
        let at: usize = request.get_ref().page_token.parse().unwrap_or(0);
        let next = if at + 1 < codes.len() { (at + 1).to_string() } else { String::new() };
        let one = GlAccount { code: codes[at].to_owned(), ..GlAccount::default() };
        Ok(Response::new(ListGlAccountsResponse { gl_accounts: vec![one], next_page_token: next }))
    }
}
