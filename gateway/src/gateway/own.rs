//! The gateway's own endpoints: the description of the API, and the development issuer.

use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header, request::Parts as Head};
use serde_json::{Value, json};

use super::{Gateway, Refused, body::Sent, request::Call};
use crate::{
    issuer::{DISCOVERY_PATH, GrantError, JWKS_PATH, TOKEN_PATH},
    problem::Problem,
};

/// Largest form that the token endpoint reads, in bytes.
const FORM_LIMIT_BYTES: usize = 16 * 1024;
/// How long it waits for the form.
const FORM_TIME: Duration = Duration::from_secs(5);

/// An endpoint that is not of the contract.
#[derive(Debug, Clone, Copy)]
pub enum Endpoint {
    /// OpenAPI.
    Openapi,
    /// The issuer's discovery document.
    Discovery,
    /// The issuer's public keys.
    Jwks,
    /// The issuer's token endpoint.
    Token,
}

impl Endpoint {
    /// The endpoint at a path.
    pub fn of(path: &str, issuer: bool) -> Option<Self> {
        match path {
            "/openapi.json" => Some(Self::Openapi),
            DISCOVERY_PATH if issuer => Some(Self::Discovery),
            JWKS_PATH if issuer => Some(Self::Jwks),
            TOKEN_PATH if issuer => Some(Self::Token),
            _ => None,
        }
    }

    const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Openapi | Self::Discovery | Self::Jwks => &["GET", "HEAD"],
            Self::Token => &["POST"],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Openapi => "openapi",
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
            Self::Token => "token",
        }
    }
}

impl Gateway {
    pub(super) async fn own(
        &self,
        endpoint: Endpoint,
        call: &mut Call,
        head: &Head,
        body: &mut Sent,
    ) -> Result<Response<Body>, Refused> {
        call.rpc = endpoint.name();
        if !endpoint.methods().contains(&head.method.as_str()) {
            let allowed: Vec<String> = endpoint.methods().iter().map(ToString::to_string).collect();
            return Err(Box::new(Problem::method_not_allowed(&allowed)));
        }
        let value = |value: Option<Value>| {
            let body = Body::from(value.unwrap_or_default().to_string());
            json_response(StatusCode::OK, body)
        };
        let issuer = self.issuer.as_ref();
        match endpoint {
            Endpoint::Openapi => {
                Ok(json_response(StatusCode::OK, Body::from(self.openapi.clone())))
            }
            Endpoint::Discovery => Ok(value(issuer.map(|issuer| issuer.discovery()))),
            Endpoint::Jwks => Ok(value(issuer.map(|issuer| issuer.jwks()))),
            Endpoint::Token => self.token(call, head, body).await,
        }
    }

    /// Answers as RFC 6749 says, not as problem details: OAuth2 libraries read it.
    async fn token(
        &self,
        call: &mut Call,
        head: &Head,
        body: &mut Sent,
    ) -> Result<Response<Body>, Refused> {
        let form = body.read(FORM_LIMIT_BYTES, FORM_TIME).await?;
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        let is_form = kind.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        let authorization = head.headers.get(header::AUTHORIZATION);
        let issued = match (std::str::from_utf8(&form), authorization.map(HeaderValue::to_str)) {
            (Ok(form), None) if is_form => self.granted(None, form),
            (Ok(form), Some(Ok(header))) if is_form => self.granted(Some(header), form),
            (_, _) => Err(GrantError::Request(
                "a form is expected: application/x-www-form-urlencoded".to_owned(),
            )),
        };
        match issued {
            Ok((client, answer)) => {
                call.client = client;
                Ok(json_response(StatusCode::OK, Body::from(answer.to_string())))
            }
            Err(error) => {
                let refused = Box::new(Problem::from(florin_rpc::Error::new(
                    florin_proto::common::v1::Reason::Unauthenticated,
                    error.to_string(),
                )));
                // Guessing secrets costs the address its rate.
                let refused = self.stranger(call, refused);
                if refused.status() == 429 {
                    return Err(refused);
                }
                Ok(oauth_refusal(&error))
            }
        }
    }

    fn granted(
        &self,
        authorization: Option<&str>,
        form: &str,
    ) -> Result<(String, Value), GrantError> {
        let issuer = self.issuer.as_ref().ok_or(GrantError::Server)?;
        let issued = issuer.grant(authorization, form)?;
        let answer = json!({
            "access_token": issued.token,
            "token_type": "Bearer",
            "expires_in": issued.seconds,
            "scope": issued.scopes.join(" "),
        });
        Ok((issued.client, answer))
    }
}

fn oauth_refusal(error: &GrantError) -> Response<Body> {
    let body = json!({ "error": error.code(), "error_description": error.to_string() });
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = json_response(status, Body::from(body.to_string()));
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Basic realm=\"florin\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn json_response(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
