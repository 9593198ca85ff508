//! The ceiling: a server of this process that answers `PostTransactions` over the same mutual
//! TLS and does nothing else, so that what gRPC, TLS and the client cost is known.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::{Context as _, Result};
use florin_kernel::{Role, TransactionId};
use florin_proto::account::v1::{
    PostTransactionsRequest, PostTransactionsResponse, PostedTransaction, TransactionRequest,
    TransactionResult, account_service_server, transaction_result::Outcome,
};
use florin_rpc::tls::{Identity, Incoming, TlsFiles};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{Service, http},
    server::{Grpc, NamedService, UnaryService},
};
use tonic_prost::ProstCodec;

use crate::{mesh::Mesh, prove};

/// No run lasts longer.
const LONGEST: Duration = Duration::from_secs(86_400);

type Answering<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// A mesh whose `account` is the echo.
///
/// # Errors
/// The mesh has no certificate of `account`, or no port is free.
pub async fn mesh(of: &Mesh) -> Result<Mesh> {
    let identity = Identity::load(&TlsFiles::in_dir(&of.certs, Role::Account.name()))?;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for the echo")?;
    let address = listener.local_addr()?;
    let incoming = Incoming::new(listener, identity, LONGEST, CancellationToken::new());
    let server = tonic::transport::Server::builder()
        .initial_stream_window_size(1_048_576)
        .initial_connection_window_size(8_388_608)
        .add_service(Echo);
    tokio::spawn(async move {
        if let Err(error) = server.serve_with_incoming(incoming).await {
            tracing::error!(%error, "the echo has ended");
        }
    });
    let mut mesh = of.clone();
    mesh.services.insert(Role::Account.name().to_owned(), address.to_string());
    Ok(mesh)
}

/// Says of each item that it was posted.
#[derive(Debug, Clone, Copy)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = account_service_server::SERVICE_NAME;
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = Answering<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move { Ok(Grpc::new(ProstCodec::default()).unary(Self, request).await) })
    }
}

impl UnaryService<PostTransactionsRequest> for Echo {
    type Response = PostTransactionsResponse;
    type Future = Answering<Response<Self::Response>, Status>;

    fn call(&mut self, request: Request<PostTransactionsRequest>) -> Self::Future {
        let results = request.into_inner().transactions.into_iter().map(posted).collect();
        let answer = Response::new(PostTransactionsResponse { results });
        Box::pin(std::future::ready(Ok(answer)))
    }
}

fn posted(one: TransactionRequest) -> TransactionResult {
    let id = TransactionId::from_parts(prove::now().millis(), rand::random());
    let posted =
        PostedTransaction { transaction_id: id.to_string(), ..PostedTransaction::default() };
    TransactionResult { reference: one.reference, outcome: Some(Outcome::Posted(posted)) }
}
