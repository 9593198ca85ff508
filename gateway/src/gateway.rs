//! The gateway itself: one request from its head to its answer.

mod body;
mod own;
mod request;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use axum::{Router, body::Body, extract::State};
use bytes::Bytes;
use florin_proto::common::v1::Reason;
use florin_rpc::{
    CallContext, Dependency, Error, Metrics, Peer, Principal, Role, prefer, token::Verifier,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header,
    request::Parts as Head,
};
use prost::Message as _;
use prost_reflect::DynamicMessage;
use tokio::sync::Semaphore;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument as _;

use crate::{
    access,
    bind::{Input, bind},
    config::GatewayConfig,
    issuer::Issuer,
    key::wire_key,
    limit::Limit,
    openapi::{self, Security},
    path::Found,
    problem::Problem,
    render::json_of,
    route::{BodyRule, Catalogue, Route},
    upstream,
};
use body::Sent;
pub use request::Remote;
use request::{Call, HttpMetrics, is_json};

/// A refusal; boxed, since it is much larger than what most functions return.
pub(crate) type Refused = Box<Problem>;

/// Header of an answer that was stored under the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What a gateway is made of.
pub struct Parts {
    /// The routes.
    pub catalogue: Catalogue,
    /// Who checks tokens.
    pub verifier: Arc<Verifier>,
    /// The services behind the routes.
    pub services: BTreeMap<Role, Dependency>,
    /// The development issuer, where it is on.
    pub issuer: Option<Arc<Issuer>>,
    /// Discovery documents of the accepted issuers, for OpenAPI.
    pub discovery_urls: Vec<String>,
    /// The process's metrics.
    pub metrics: Metrics,
    /// The settings.
    pub config: GatewayConfig,
}

/// REST in front of the mesh.
pub struct Gateway {
    catalogue: Catalogue,
    verifier: Arc<Verifier>,
    services: BTreeMap<Role, Dependency>,
    issuer: Option<Arc<Issuer>>,
    openapi: Bytes,
    metrics: HttpMetrics,
    config: GatewayConfig,
    clients: Limit,
    subjects: Limit,
    strangers: Limit,
    in_flight: Semaphore,
}

impl Gateway {
    /// The gateway as a router of axum.
    ///
    /// # Errors
    /// Where a configured origin is none.
    pub fn router(parts: Parts) -> Result<Router> {
        let cors = cors(&parts.config.cors_origins)?;
        let security = Security {
            token_url: parts.issuer.as_ref().map(|issuer| issuer.token_url()),
            discovery_urls: parts.discovery_urls,
        };
        let document = openapi::document(&parts.catalogue, &security);
        let gateway = Self {
            openapi: Bytes::from(document.to_string()),
            clients: Limit::new(parts.config.client_rate),
            subjects: Limit::new(parts.config.subject_rate),
            strangers: Limit::new(parts.config.stranger_rate),
            in_flight: Semaphore::new(parts.config.requests),
            catalogue: parts.catalogue,
            verifier: parts.verifier,
            services: parts.services,
            issuer: parts.issuer,
            metrics: HttpMetrics::new(&parts.metrics),
            config: parts.config,
        };
        let router = Router::new().fallback(answer).with_state(Arc::new(gateway));
        Ok(match cors {
            Some(cors) => router.layer(cors),
            None => router,
        })
    }

    async fn dispatch(
        &self,
        call: &mut Call,
        head: &Head,
        body: &mut Sent,
    ) -> Result<Response<Body>, Refused> {
        let Ok(_place) = self.in_flight.try_acquire() else {
            let error = Error::new(Reason::Overloaded, "too many requests are in flight")
                .with("layer", "gateway")
                .retry_after(Duration::from_secs(1));
            return Err(Box::new(error.into()));
        };
        if let Some(endpoint) = own::Endpoint::of(head.uri.path(), self.issuer.is_some()) {
            return self.own(endpoint, call, head, body).await;
        }
        // HEAD asks for what GET would answer; hyper leaves the body out.
        let method = if head.method == Method::HEAD { "GET" } else { head.method.as_str() };
        let Some((route, found)) = self.catalogue.find(method, head.uri.path()) else {
            return Err(self.no_route(head.uri.path()));
        };
        call.rpc = route.policy.path;
        self.transcode(call, route, found, head, body).await
    }

    fn no_route(&self, path: &str) -> Refused {
        let mut allowed = self.catalogue.methods_of(path);
        if allowed.is_empty() {
            return Box::new(Error::new(Reason::NotFound, "no such path").into());
        }
        if allowed.iter().any(|method| method == "GET") {
            allowed.push("HEAD".to_owned());
        }
        Box::new(Problem::method_not_allowed(&allowed))
    }

    async fn transcode(
        &self,
        call: &mut Call,
        route: &Route,
        found: Found,
        head: &Head,
        body: &mut Sent,
    ) -> Result<Response<Body>, Refused> {
        let token =
            access::bearer(&head.headers).map_err(|refused| self.stranger(call, refused))?;
        let principal = self.admit(call, token).await?;
        access::permitted(route.policy, &principal)?;
        let key = access::idempotency_key(route.policy, &head.headers)?;
        let preferences = head.headers.get_all("prefer").iter();
        let wait = match route.policy.success_status {
            202 => prefer::wait(preferences.filter_map(|value| value.to_str().ok())),
            _ => Duration::ZERO,
        };
        let deadline = call.started + self.config.deadline() + wait;
        let body = self.body(call, route, &head.headers, body).await?;
        let query = head.uri.query().unwrap_or_default();
        let message = bind(route, &Input { path: found.bindings, query, body: &body }).map_err(
            |violations| Box::new(Problem::from(Error::invalid(violations)).named_for(route)),
        )?;
        let context = CallContext {
            principal,
            peer: Peer::Role(Role::Gateway),
            deadline: Some(deadline),
            bearer: Some(token.to_owned()),
            idempotency_key: key.as_deref().map(wire_key),
            wait,
            traceparent: Some(call.trace.to_string()),
            request_id: call.request_id.clone(),
            method: route.policy.path,
        };
        let service = self.services.get(&route.role).ok_or_else(|| {
            let words = format!("the role {} is not part of this mesh", route.role);
            Box::new(Problem::from(Error::new(Reason::Unavailable, words)))
        })?;
        let message = Bytes::from(message.encode_to_vec());
        let reply = upstream::call(&service.patient(wait), &context, route.policy, message).await;
        let answer = reply.outcome.and_then(|body| rendered(route, body));
        match answer {
            Ok(mut response) => {
                if reply.replayed {
                    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
                }
                Ok(response)
            }
            Err(error) if reply.replayed => {
                Err(Box::new(Problem::from(error).named_for(route).header(REPLAYED, "true")))
            }
            Err(error) => Err(Box::new(Problem::from(error).named_for(route))),
        }
    }

    /// Who sends the token, within the rates.
    async fn admit(&self, call: &mut Call, token: &str) -> Result<Principal, Refused> {
        let principal = match self.verifier.verify(token).await {
            Ok(principal) => principal,
            Err(error) => {
                let refused = Box::new(access::refused_token(error));
                return Err(self.stranger(call, refused));
            }
        };
        call.known(&principal);
        let client = format!("{}|{}", principal.issuer, principal.client);
        self.clients.take(&client).map_err(|wait| limited("client", wait))?;
        self.subjects.take(&principal.scope_key()).map_err(|wait| limited("subject", wait))?;
        Ok(principal)
    }

    /// A refusal of somebody unknown, who may try only so often from one address.
    fn stranger(&self, call: &Call, refused: Refused) -> Refused {
        let address = call.remote.as_ref().map(IpAddr::to_string).unwrap_or_default();
        if refused.status() != 401 {
            return refused;
        }
        match self.strangers.take(&address) {
            Ok(()) => refused,
            Err(wait) => limited("address", wait),
        }
    }

    async fn body(
        &self,
        call: &Call,
        route: &Route,
        headers: &HeaderMap,
        body: &mut Sent,
    ) -> Result<Bytes, Refused> {
        let kind = headers.get(header::CONTENT_TYPE);
        let takes_body = !matches!(route.body, BodyRule::None);
        if takes_body && kind.is_some_and(|kind| !is_json(kind)) {
            return Err(Box::new(Problem::unsupported_media_type()));
        }
        let left = self.config.deadline().saturating_sub(call.started.elapsed());
        let body = body.read(self.config.body_limit_bytes, left).await?;
        if takes_body && !body.is_empty() && kind.is_none() {
            return Err(Box::new(Problem::unsupported_media_type()));
        }
        Ok(body)
    }
}

fn limited(what: &str, wait: Duration) -> Refused {
    let words = format!("the rate of this {what} is used up");
    let error = Error::new(Reason::RateLimited, words).with("limit", what).retry_after(wait);
    Box::new(error.into())
}

fn rendered(route: &Route, body: Bytes) -> Result<Response<Body>, Error> {
    let message = DynamicMessage::decode(route.output.clone(), body)
        .map_err(|error| Error::internal(format!("an answer cannot be decoded: {error}")))?;
    let value = json_of(route, &message)
        .map_err(|error| Error::internal(format!("an answer has no JSON: {error}")))?;
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() =
        StatusCode::from_u16(route.policy.success_status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn answer(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let mut call = Call::of(&request);
    let span = tracing::info_span!(
        "request",
        request_id = %call.request_id,
        trace_id = %call.trace.trace_id_hex(),
        method = tracing::field::Empty
    );
    call.trace.adopt(&span);
    let (head, body) = request.into_parts();
    let mut body = Sent::new(body);
    let outcome = gateway.dispatch(&mut call, &head, &mut body).instrument(span.clone()).await;
    span.record("method", call.rpc);
    let (mut response, refused) = match outcome {
        Ok(response) => (response, None),
        Err(problem) => (problem.response(&call.request_id), Some(problem)),
    };
    call.finish(&mut response);
    if !body.leave(&head).await && head.version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    call.tell(&gateway.metrics, response.status(), refused.as_deref());
    response
}

fn cors(origins: &[String]) -> Result<Option<CorsLayer>> {
    if origins.is_empty() {
        return Ok(None);
    }
    let origin = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let parse = |origin: &String| {
            HeaderValue::from_str(origin.trim_end_matches('/'))
                .with_context(|| format!("cors_origins: {origin:?} is no origin"))
        };
        AllowOrigin::list(origins.iter().map(parse).collect::<Result<Vec<_>>>()?)
    };
    let name = HeaderName::from_static;
    let layer = CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            name(access::IDEMPOTENCY_KEY),
            name("prefer"),
            name("x-request-id"),
            name("traceparent"),
        ])
        .expose_headers([
            name("x-request-id"),
            REPLAYED,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
        ])
        .max_age(Duration::from_secs(3_600));
    Ok(Some(layer))
}
