//! What a request to the token endpoint asks for, and whether its client may have it.

use std::collections::BTreeMap;

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use florin_kernel::CustomerId;

use crate::{
    config::DevelopmentClient,
    path::{Keep, decode, parse_query},
};

/// What a token is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The OAuth2 client.
    pub client: String,
    /// Whom the token speaks of.
    pub subject: String,
    /// The scopes, at most the client's.
    pub scopes: Vec<String>,
    /// Staff roles.
    pub roles: Vec<String>,
    /// The customer that acts.
    pub customer: Option<String>,
}

/// Refusals of RFC 6749, section 5.2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// No such client, or another secret.
    #[error("the client is unknown or its secret is wrong")]
    Client,
    /// A parameter is missing, repeated or malformed.
    #[error("{0}")]
    Request(String),
    /// Another grant than client credentials.
    #[error("only grant_type client_credentials is supported")]
    GrantType,
    /// A scope that the client has not.
    #[error("the client has no scope {0:?}")]
    Scope(String),
    /// The client may not act for customers.
    #[error("the client may not act for others")]
    Unauthorized,
    /// A defect of ours.
    #[error("the token could not be signed")]
    Server,
}

impl GrantError {
    /// The name of the error in the answer.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Client => "invalid_client",
            Self::Request(_) => "invalid_request",
            Self::GrantType => "unsupported_grant_type",
            Self::Scope(_) => "invalid_scope",
            Self::Unauthorized => "unauthorized_client",
            Self::Server => "server_error",
        }
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Client => 401,
            Self::Request(_) | Self::GrantType | Self::Scope(_) | Self::Unauthorized => 400,
            Self::Server => 500,
        }
    }
}

impl Grant {
    /// Reads a form and checks the client.
    ///
    /// # Errors
    /// The refusal.
    pub fn read(
        authorization: Option<&str>,
        form: &str,
        clients: &[DevelopmentClient],
    ) -> Result<Self, GrantError> {
        let form = fields(form)?;
        let (id, secret) = credentials(authorization, &form)?;
        let client = clients.iter().find(|client| client.id == id && proves(client, &secret));
        let client = client.ok_or(GrantError::Client)?;
        match form.get("grant_type").map(String::as_str) {
            Some("client_credentials") => {}
            Some(_) => return Err(GrantError::GrantType),
            None => return Err(GrantError::Request("grant_type is missing".to_owned())),
        }
        let scopes = scopes(client, form.get("scope"))?;
        let asked_customer = form.get("customer_id");
        let asked_subject = form.get("subject");
        if (asked_customer.is_some() || asked_subject.is_some())
            && !client.may_impersonate_customers
        {
            return Err(GrantError::Unauthorized);
        }
        if let Some(customer) = asked_customer
            && CustomerId::parse(customer).is_err()
        {
            return Err(GrantError::Request("customer_id must be cus_ and a UUIDv7".to_owned()));
        }
        let customer = asked_customer.cloned().or_else(|| client.customer.clone());
        let subject = asked_subject.or(customer.as_ref()).unwrap_or(&client.id).clone();
        // Who acts for a customer is a customer: staff roles stay behind.
        let roles = if customer.is_some() { Vec::new() } else { client.roles.clone() };
        Ok(Self { client: client.id.clone(), subject, scopes, roles, customer })
    }
}

fn fields(form: &str) -> Result<BTreeMap<String, String>, GrantError> {
    let broken = |words: &str| GrantError::Request(words.to_owned());
    let mut fields = BTreeMap::new();
    for (name, value) in parse_query(form, true).map_err(|_| broken("the form must be UTF-8"))? {
        if value.is_empty() {
            continue;
        }
        if fields.insert(name.clone(), value).is_some() {
            return Err(GrantError::Request(format!("{name:?} is given twice")));
        }
    }
    Ok(fields)
}

fn credentials(
    authorization: Option<&str>,
    form: &BTreeMap<String, String>,
) -> Result<(String, String), GrantError> {
    let Some(header) = authorization else {
        return match (form.get("client_id"), form.get("client_secret")) {
            (Some(id), Some(secret)) => Ok((id.clone(), secret.clone())),
            (_, _) => Err(GrantError::Client),
        };
    };
    if form.contains_key("client_secret") {
        return Err(GrantError::Request("the secret is given in two ways".to_owned()));
    }
    let encoded = header.get(..6).filter(|scheme| scheme.eq_ignore_ascii_case("basic "));
    let encoded = encoded.and_then(|_| header.get(6..)).ok_or(GrantError::Client)?;
    let decoded = STANDARD.decode(encoded.trim()).map_err(|_| GrantError::Client)?;
    let decoded = String::from_utf8(decoded).map_err(|_| GrantError::Client)?;
    let (id, secret) = decoded.split_once(':').ok_or(GrantError::Client)?;
    let read = |text: &str| decode(&text.replace('+', " "), Keep::Nothing);
    match (read(id), read(secret)) {
        (Ok(id), Ok(secret)) => Ok((id, secret)),
        (_, _) => Err(GrantError::Client),
    }
}

/// Compares digests, in a time that does not depend on where they differ.
fn proves(client: &DevelopmentClient, secret: &str) -> bool {
    let given = hex(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    let wanted = match (&client.secret_sha256, &client.secret) {
        (Some(wanted), _) => wanted.to_lowercase(),
        (None, Some(plain)) => hex(digest::digest(&digest::SHA256, plain.as_bytes()).as_ref()),
        (None, None) => return false,
    };
    verify_slices_are_equal(given.as_bytes(), wanted.as_bytes()).is_ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn scopes(client: &DevelopmentClient, asked: Option<&String>) -> Result<Vec<String>, GrantError> {
    let Some(asked) = asked else { return Ok(client.scopes.clone()) };
    asked
        .split(' ')
        .filter(|scope| !scope.is_empty())
        .map(|scope| {
            let held = client.scopes.iter().any(|held| held == scope);
            if held { Ok(scope.to_owned()) } else { Err(GrantError::Scope(scope.to_owned())) }
        })
        .collect()
}
