//! The plain-HTTP port for machines that watch the process: `/livez`, `/readyz`, `/metrics`
//! and nothing else.

use anyhow::Context as _;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use florin_rpc::Metrics;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::Readiness;

/// The media type of what Prometheus scrapes (OpenMetrics 1.0).
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone)]
struct Seen {
    readiness: Readiness,
    metrics: Metrics,
}

/// Serves the probes until the shutdown.
///
/// # Errors
/// The listener breaks.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let routes = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .with_state(Seen { readiness, metrics });
    axum::serve(listener, routes)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .context("probe port")
}

async fn readyz(State(seen): State<Seen>) -> impl IntoResponse {
    let missing = seen.readiness.missing();
    if missing.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let lines: String = missing.iter().map(|(role, cause)| format!("{role}: {cause}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines)
}

async fn scrape(State(seen): State<Seen>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], seen.metrics.encode())
}
