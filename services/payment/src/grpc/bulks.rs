//! The service of files of transfers.

use florin_proto::payment::v1::{
    AddBulkPartRequest, AddBulkPartResponse, CancelBulkRequest, CancelBulkResponse,
    CreateBulkRequest, CreateBulkResponse, DownloadBulkReportRequest, DownloadBulkReportResponse,
    ExportBulksRequest, ExportBulksResponse, GetBulkReportRequest, GetBulkReportResponse,
    GetBulkRequest, GetBulkResponse, ListBulkLinesRequest, ListBulkLinesResponse, ListBulksRequest,
    ListBulksResponse, UploadBulkRequest, UploadBulkResponse, bulk_service_server::BulkService,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::Payment;

/// `florin.payment.v1.BulkService`.
#[derive(Clone)]
pub struct BulkApi {
    payment: Payment,
}

impl BulkApi {
    /// The service over its use cases.
    #[must_use]
    pub const fn new(payment: Payment) -> Self {
        Self { payment }
    }
}

florin_rpc::serve! {
    BulkService for BulkApi by payment:
    create_bulk(CreateBulkRequest) -> CreateBulkResponse;
    add_bulk_part(AddBulkPartRequest) -> AddBulkPartResponse;
    get_bulk(GetBulkRequest) -> GetBulkResponse;
    list_bulks(ListBulksRequest) -> ListBulksResponse;
    list_bulk_lines(ListBulkLinesRequest) -> ListBulkLinesResponse;
    get_bulk_report(GetBulkReportRequest) -> GetBulkReportResponse;
    download_bulk_report(DownloadBulkReportRequest) -> DownloadBulkReportResponse;
    cancel_bulk(CancelBulkRequest) -> CancelBulkResponse;
    {
        async fn upload_bulk(
            &self,
            request: Request<Streaming<UploadBulkRequest>>,
        ) -> Result<Response<UploadBulkResponse>, Status> {
            let ctx = florin_rpc::context(&request)?;
            self.payment.upload_bulk(&ctx, request.into_inner()).await
        }

        type ExportBulksStream = ReceiverStream<Result<ExportBulksResponse, Status>>;

        async fn export_bulks(
            &self,
            _: Request<ExportBulksRequest>,
        ) -> Result<Response<Self::ExportBulksStream>, Status> {
            Ok(Response::new(self.payment.export_bulks()))
        }
    }
}
