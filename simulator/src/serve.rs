//! HTTPS: the bank's side under `/clearing/v1`, the control API under `/control/v1`.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use florin_iso20022::MOST_BYTES;
use florin_kernel::{Bic, Role};
use florin_rpc::{
    Identity, Peer,
    tls::{Incoming, MeshStream},
};
use florin_runtime::clock::now;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::server::Connected as _;

use crate::network::{AskBack, Credit, Network, NetworkError, RecallRule, Return, Rule, Unseen};

/// Name of the simulator's certificate among the development authority's.
pub const CERTIFICATE: &str = "client-simulator";
/// Who the simulator is to those who dial it.
const NAME: &str = "simulator";
/// Longest life of a connection.
const LONGEST: Duration = Duration::from_secs(3_600);
/// The header with the number of a message.
const NUMBER: &str = "florin-message-number";

/// A network that is served.
#[derive(Debug, Clone)]
pub struct Simulator {
    network: Arc<Mutex<Network>>,
    /// Where its state is kept; nowhere where there is no file.
    file: Option<Arc<PathBuf>>,
}

impl Simulator {
    /// A network in memory.
    #[must_use]
    pub fn new(bank: &Bic) -> Self {
        Self { network: Arc::new(Mutex::new(Network::new(bank, rand::random()))), file: None }
    }

    /// A network whose state is kept in a file: what was there is taken up again.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn open(bank: &Bic, file: PathBuf) -> anyhow::Result<Self> {
        let network = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Network::new(bank, rand::random())
            }
            Err(error) => anyhow::bail!("{}: {error}", file.display()),
        };
        Ok(Self { network: Arc::new(Mutex::new(network)), file: Some(Arc::new(file)) })
    }

    /// The network, for whoever is in the same process.
    pub fn network(&self) -> MutexGuard<'_, Network> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the network and keeps the change before anybody hears of it: one that cannot be
    /// kept has not happened.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Network) -> Result<T, NetworkError>,
    ) -> Result<T, Refused> {
        let mut network = self.network();
        let Some(file) = &self.file else { return Ok(change(&mut network)?) };
        let mut next = network.clone();
        let changed = change(&mut next)?;
        keep(file, &next).map_err(|error| Refused::NotKept(error.to_string()))?;
        *network = next;
        Ok(changed)
    }

    /// Hears of the bank's business date: its cycle ends with each.
    ///
    /// # Errors
    /// In words, why it cannot end or be kept.
    pub fn follow(&self, business_date: &str) -> Result<(), String> {
        if self.network().is_of(business_date) {
            return Ok(());
        }
        let followed = self.change(|network| network.follow(business_date, now()));
        followed.map_err(|refused| refused.to_string())
    }

    /// Serves until the shutdown.
    pub async fn serve(
        self,
        listener: TcpListener,
        identity: Arc<Identity>,
        shutdown: CancellationToken,
    ) {
        let router = self.router();
        let connections = TaskTracker::new();
        let mut incoming = Incoming::new(listener, identity, LONGEST, shutdown.clone());
        while let Some(Some(Ok(stream))) = shutdown.run_until_cancelled(incoming.next()).await {
            connections.spawn(connection(stream, router.clone()));
        }
        connections.close();
        connections.wait().await;
    }

    fn router(self) -> Router {
        let clearing = Router::new()
            .route("/messages", post(take))
            .route("/messages/next", get(give))
            .route("/messages/{number}", delete(acknowledge))
            .layer(axum::middleware::from_fn(of_the_bank));
        let control = Router::new()
            .route("/state", get(state))
            .route("/rules", post(add_rule).delete(clear_rules))
            .route("/answers/release", post(release))
            .route("/credits", post(credit))
            .route("/returns", post(send_return))
            .route("/recalls", post(recall))
            .route("/recalls/rules", post(add_recall_rule).delete(clear_recall_rules))
            .route("/settlements", post(settle))
            .route("/messages", post(raw))
            .route("/network", post(cut))
            .route("/cycles/close", post(close_cycle))
            .layer(axum::middleware::from_fn(of_operators));
        Router::new()
            .nest("/clearing/v1", clearing)
            .nest("/control/v1", control)
            .layer(DefaultBodyLimit::max(MOST_BYTES))
            .with_state(self)
    }
}

/// Writes the state beside the file and puts it in its place.
fn keep(file: &std::path::Path, network: &Network) -> io::Result<()> {
    let draft = file.with_extension("new");
    std::fs::write(&draft, serde_json::to_vec(network)?)?;
    std::fs::rename(&draft, file)
}

async fn connection(stream: MeshStream, router: Router) {
    let peer = stream.connect_info().peer().clone();
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    let served = Builder::new(TokioExecutor::new());
    if let Err(error) = served.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(role = NAME, %error, "a connection broke off");
    }
}

/// Only operators control it: who does credits accounts at will.
async fn of_operators(
    Extension(peer): Extension<Peer>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    match peer {
        Peer::Operator(_) => next.run(request).await,
        Peer::Role(_) | Peer::Client(_) => {
            (StatusCode::FORBIDDEN, "this is for operators").into_response()
        }
    }
}

/// Only the bank's payments talk to the network.
async fn of_the_bank(
    Extension(peer): Extension<Peer>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    match peer {
        Peer::Role(Role::Payment) => next.run(request).await,
        Peer::Role(_) | Peer::Client(_) | Peer::Operator(_) => {
            (StatusCode::FORBIDDEN, "this is for the bank's payments").into_response()
        }
    }
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{0}")]
    Network(#[from] NetworkError),
    #[error("{0}")]
    NotKept(String),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Network(error) => {
                let status = match &error {
                    NetworkError::Down | NetworkError::Full => StatusCode::SERVICE_UNAVAILABLE,
                    NetworkError::Unknown(_) => StatusCode::NOT_FOUND,
                    NetworkError::Unreadable(_)
                    | NetworkError::Unexpected(_)
                    | NetworkError::Value { .. }
                    | NetworkError::Money(_) => StatusCode::BAD_REQUEST,
                };
                (status, error.to_string()).into_response()
            }
            Self::NotKept(error) => (StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
        }
    }
}

async fn take(State(simulator): State<Simulator>, body: Bytes) -> Result<StatusCode, Refused> {
    simulator.change(|network| network.receive(&body, now()))?;
    Ok(StatusCode::ACCEPTED)
}

async fn give(State(simulator): State<Simulator>) -> Result<Response, Refused> {
    let network = simulator.network();
    Ok(match network.next(now())? {
        None => StatusCode::NO_CONTENT.into_response(),
        Some((number, document)) => {
            let headers = [
                (header::CONTENT_TYPE.as_str(), "application/xml".to_owned()),
                (NUMBER, number.to_string()),
            ];
            (headers, document.to_owned()).into_response()
        }
    })
}

async fn acknowledge(
    State(simulator): State<Simulator>,
    Path(number): Path<u64>,
) -> Result<StatusCode, Refused> {
    simulator.change(|network| {
        network.acknowledge(number);
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn state(State(simulator): State<Simulator>) -> Json<Value> {
    Json(simulator.network().shown())
}

async fn add_rule(
    State(simulator): State<Simulator>,
    Json(rule): Json<Rule>,
) -> Result<StatusCode, Refused> {
    simulator.change(|network| {
        network.add_rule(rule);
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_rules(State(simulator): State<Simulator>) -> Result<StatusCode, Refused> {
    simulator.change(|network| {
        network.clear_rules();
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn release(State(simulator): State<Simulator>) -> Result<StatusCode, Refused> {
    simulator.change(|network| {
        network.release_answers();
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn credit(
    State(simulator): State<Simulator>,
    Json(order): Json<Credit>,
) -> Result<Json<Value>, Refused> {
    let uetr = simulator.change(|network| network.send_credit(&order, now()))?;
    Ok(Json(json!({ "uetr": uetr.to_string() })))
}

async fn send_return(
    State(simulator): State<Simulator>,
    Json(order): Json<Return>,
) -> Result<StatusCode, Refused> {
    simulator.change(|network| network.send_return(&order, now()))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn recall(
    State(simulator): State<Simulator>,
    Json(order): Json<AskBack>,
) -> Result<Json<Value>, Refused> {
    let case = simulator.change(|network| network.send_recall(&order, now()))?;
    Ok(Json(json!({ "case": case })))
}

async fn add_recall_rule(
    State(simulator): State<Simulator>,
    Json(rule): Json<RecallRule>,
) -> Result<StatusCode, Refused> {
    simulator.change(|network| {
        network.add_recall_rule(rule);
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_recall_rules(State(simulator): State<Simulator>) -> Result<StatusCode, Refused> {
    simulator.change(|network| {
        network.clear_recall_rules();
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn settle(
    State(simulator): State<Simulator>,
    Json(order): Json<Unseen>,
) -> Result<StatusCode, Refused> {
    simulator.change(|network| network.settle_unseen(&order, now()))?;
    Ok(StatusCode::NO_CONTENT)
}

/// A document as it is to be sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    document: String,
}

async fn raw(
    State(simulator): State<Simulator>,
    Json(raw): Json<Raw>,
) -> Result<StatusCode, Refused> {
    simulator.change(|network| {
        network.send_raw(raw.document);
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the network is down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cut {
    down: bool,
}

async fn cut(
    State(simulator): State<Simulator>,
    Json(cut): Json<Cut>,
) -> Result<StatusCode, Refused> {
    simulator.change(|network| {
        network.set_down(cut.down);
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn close_cycle(State(simulator): State<Simulator>) -> Result<StatusCode, Refused> {
    simulator.change(|network| network.close_cycle(now()))?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_cannot_be_kept_has_not_happened() {
        let nowhere = std::env::temp_dir().join("florin-no-such-folder/simulator.json");
        let bank: Bic = "FLORCZPP".parse().expect("bic");
        let simulator = Simulator::open(&bank, nowhere).expect("a new network");
        let before = simulator.network().shown();
        let refused = simulator.change(|network| {
            network.send_raw("<a/>".to_owned());
            Ok(())
        });
        assert!(matches!(refused, Err(Refused::NotKept(_))));
        assert_eq!(simulator.network().shown(), before);
    }
}
