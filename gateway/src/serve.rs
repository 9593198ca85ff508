//! HTTPS on the public port: HTTP/2 and 1.1, every phase of a connection bounded.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use florin_rpc::{Identity, seldom::Seldom};
use http::Request;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

use crate::{certificate::PublicCertificate, gateway::Remote};

/// Longest handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Longest wait for the head of a request, which also ends idle connections of HTTP/1.1.
const HEAD: Duration = Duration::from_secs(30);
/// A connection of HTTP/2 that is silent so long is asked whether it lives.
const PING_EVERY: Duration = Duration::from_secs(30);
/// It has so long to answer.
const PING_ANSWER: Duration = Duration::from_secs(10);
/// Requests at a time on one connection.
const STREAMS: u32 = 128;
/// Largest head of a request, in bytes.
const HEAD_BYTES: u32 = 32 * 1024;
/// Longest life of a connection, so that new certificates and settings reach every client.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Requests of an aged connection may run so long.
const LAST_REQUESTS: Duration = Duration::from_secs(60);
/// Pause after a refused accept: no file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// One line in so long tells of refused connections, and one of failed accepts.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The certificate of the public port.
#[derive(Debug, Clone)]
pub enum PublicTls {
    /// The role's own.
    Role(Arc<Identity>),
    /// One of a public authority.
    Own(Arc<PublicCertificate>),
}

impl PublicTls {
    fn config(&self) -> Arc<ServerConfig> {
        match self {
            Self::Role(identity) => identity.public_server_config(),
            Self::Own(certificate) => certificate.config(),
        }
    }
}

/// Bounds of the server.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections at a time.
    pub connections: usize,
    /// How long requests in flight may take to end after the shutdown.
    pub drain: Duration,
}

/// Serves until the shutdown, then lets requests in flight end within the bound.
pub async fn serve(
    listener: TcpListener,
    tls: PublicTls,
    router: Router,
    bounds: Bounds,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((tcp, remote, place)) = accepted else { continue };
        let (tls, router) = (tls.clone(), router.clone());
        let (shutdown, cut) = (shutdown.clone(), cut.clone());
        connections.spawn(async move {
            let served = connection(tcp, remote, &tls, router, shutdown);
            if cut.run_until_cancelled(served).await.is_none() {
                tracing::info!("a connection was cut at the end of the drain");
            }
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    if timeout(bounds.drain, connections.wait()).await.is_err() {
        cut.cancel();
        connections.wait().await;
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((tcp, remote)) => Some((tcp, remote, place)),
        Err(error) => {
            static LINES: Seldom = Seldom::new(TELL_EVERY);
            if let Some(left_out) = LINES.take(std::time::Instant::now()) {
                let role = "gateway";
                tracing::warn!(role, %error, left_out, "a connection could not be accepted");
            }
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection(
    tcp: TcpStream,
    remote: SocketAddr,
    tls: &PublicTls,
    router: Router,
    shutdown: CancellationToken,
) {
    // Where it fails, the connection is only a little slower.
    let _ = tcp.set_nodelay(true);
    let shake = TlsAcceptor::from(tls.config()).accept(tcp);
    let stream = tokio::select! {
        () = shutdown.cancelled() => return,
        shaken = timeout(HANDSHAKE, shake) => match shaken {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return refused(remote, &error),
            Err(_) => return refused(remote, &"the handshake took too long"),
        },
    };
    speak(stream, remote, router, shutdown).await;
}

/// The port is public: anybody may knock, so one line in a while tells of it.
fn refused(address: SocketAddr, cause: &dyn std::fmt::Display) {
    static LINES: Seldom = Seldom::new(TELL_EVERY);
    if let Some(left_out) = LINES.take(std::time::Instant::now()) {
        tracing::info!(role = "gateway", %address, %cause, left_out, "connection refused");
    }
}

async fn speak(
    stream: TlsStream<TcpStream>,
    remote: SocketAddr,
    router: Router,
    shutdown: CancellationToken,
) {
    let service = router.map_request(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Remote(remote));
        request
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_ANSWER)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES);
    let service = TowerToHyperService::new(service);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = shutdown.cancelled() => None,
        () = sleep(LONGEST) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            let Ok(ended) = timeout(LAST_REQUESTS, connection).await else { return };
            ended
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended");
    }
}
