//! The generated service, one line a use case.

pub(crate) mod convert;

use std::sync::Arc;

use florin_proto::reporting::v1::{
    SearchTransactionsRequest, SearchTransactionsResponse,
    reporting_service_server::ReportingService,
};
use florin_rpc::context;
use tonic::{Request, Response, Status, async_trait};

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

#[async_trait]
impl ReportingService for ReportingApi {
    async fn search_transactions(
        &self,
        request: Request<SearchTransactionsRequest>,
    ) -> Result<Response<SearchTransactionsResponse>, Status> {
        let ctx = context(&request)?;
        self.reporting.search_transactions(&ctx, request.into_inner()).await
    }
}
