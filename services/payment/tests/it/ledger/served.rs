//! The scripted ledger as a gRPC service.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tonic::{Request, Response, Status, body::Body};

use super::Ledger;

/// The ledger as a gRPC service of the methods that payments call; all others are
/// unimplemented, whatever the contract has.
#[derive(Clone)]
pub struct Served(pub Arc<Ledger>);

impl tonic::server::NamedService for Served {
    const NAME: &'static str = "florin.account.v1.AccountService";
}

type Answering =
    Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send + 'static>>;

impl tower::Service<http::Request<Body>> for Served {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Answering {
        let ledger = Arc::clone(&self.0);
        Box::pin(async move {
            let path = request.uri().path().rsplit('/').next().unwrap().to_owned();
            let answer = match path.as_str() {
                "BatchGetAccounts" => {
                    let read = move |request| Arc::clone(&ledger).batch_get_accounts(request);
                    unary(request, read).await
                }
                "ResolveIban" => {
                    unary(request, move |request| Arc::clone(&ledger).resolve_iban(request)).await
                }
                "PostTransactions" => {
                    let post = move |request| Arc::clone(&ledger).post_transactions(request);
                    unary(request, post).await
                }
                "QuoteFee" => {
                    unary(request, move |request| Arc::clone(&ledger).quote_fee(request)).await
                }
                "GetBusinessDate" => {
                    let ask = move |request| Arc::clone(&ledger).get_business_date(request);
                    unary(request, ask).await
                }
                "ListHolidays" => {
                    let list = move |request| Arc::clone(&ledger).list_holidays(request);
                    unary(request, list).await
                }
                "ListGlEntries" => {
                    let list = move |request| Arc::clone(&ledger).list_gl_entries(request);
                    unary(request, list).await
                }
                "ListGlAccounts" => {
                    let list = move |request| Arc::clone(&ledger).list_gl_accounts(request);
                    unary(request, list).await
                }
                "ReverseTransaction" => {
                    let reverse = move |request| Arc::clone(&ledger).reverse_transaction(request);
                    unary(request, reverse).await
                }
                "PlaceHold" => {
                    unary(request, move |request| Arc::clone(&ledger).place_hold(request)).await
                }
                "ReleaseHold" => {
                    unary(request, move |request| Arc::clone(&ledger).release_hold(request)).await
                }
                "VoidReferences" => {
                    let void = move |request| Arc::clone(&ledger).void_references(request);
                    unary(request, void).await
                }
                other => Status::unimplemented(other).into_http(),
            };
            Ok(answer)
        })
    }
}

async fn unary<Req, Res, F, Fut>(request: http::Request<Body>, answer: F) -> http::Response<Body>
where
    Req: prost::Message + Default + Send + 'static,
    Res: prost::Message + Default + Send + 'static,
    F: FnMut(Request<Req>) -> Fut + Send,
    Fut: Future<Output = Result<Response<Res>, Status>> + Send,
{
    let codec = tonic_prost::ProstCodec::<Res, Req>::default();
    tonic::server::Grpc::new(codec).unary(tower::service_fn(answer), request).await
}
