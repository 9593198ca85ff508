//! The scripted services over gRPC: the methods that loans call; all others are unimplemented,
//! whatever the contract has.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tonic::{Request, Response, Status, body::Body};

use super::Ledger;

type Answering =
    Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send + 'static>>;

macro_rules! served {
    ($name:ident = $service:literal: $($method:literal => $answer:ident,)*) => {
        /// The service.
        #[derive(Clone)]
        pub struct $name(pub Arc<Ledger>);

        impl tonic::server::NamedService for $name {
            const NAME: &'static str = $service;
        }

        impl tower::Service<http::Request<Body>> for $name {
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
                    Ok(match path.as_str() {
                        $($method => {
                            let answer = move |request| Arc::clone(&ledger).$answer(request);
                            unary(request, answer).await
                        })*
                        other => Status::unimplemented(other).into_http(),
                    })
                })
            }
        }
    };
}

served! {
    ServedAccount = "florin.account.v1.AccountService":
    "BatchGetAccounts" => batch_get_accounts,
    "GetBalance" => get_balance,
    "GetBusinessDate" => get_business_date,
    "ListBusinessDays" => list_business_days,
    "ListGlAccounts" => list_gl_accounts,
    "PostTransactions" => post_transactions,
    "VoidReferences" => void_references,
}

served! {
    ServedCif = "florin.cif.v1.CifService":
    "GetStandings" => get_standings,
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
