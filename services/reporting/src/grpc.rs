//! The generated service, one line a use case.

pub(crate) mod convert;

use std::sync::Arc;

use florin_proto::reporting::v1::{
    SearchTransactionsRequest, SearchTransactionsResponse,
    reporting_service_server::ReportingService,
};

use crate::Reporting;

/// `florin.reporting.v1.ReportingService`.
#[derive(Debug, Clone)]
pub struct ReportingApi {
    reporting: Arc<Reporting>,
}

impl ReportingApi {
    /// The service over its use cases.
    #[must_use]
    pub const fn new(reporting: Arc<Reporting>) -> Self {
        Self { reporting }
    }
}

florin_rpc::serve! {
    ReportingService for ReportingApi by reporting:
    search_transactions(SearchTransactionsRequest) -> SearchTransactionsResponse;
}
