//! Access tokens: asked of the development issuer, or brought by the caller.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::Mutex;

use crate::{
    Outcome,
    cli::WhereArgs,
    https::Https,
    mesh::Mesh,
    up::demo::{APP, DEMO},
};

/// Secret of every client of the development issuer: it protects nothing and pretends nothing.
pub const DEVELOPMENT_SECRET: &str = "development";
/// A token is asked for anew this long before it expires.
const RENEW_BEFORE: Duration = Duration::from_secs(30);

/// Options of `florin token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// Client at the development issuer; `demo`, which is staff, or `app` with a customer.
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Its secret.
    #[arg(long, value_name = "SECRET", default_value = DEVELOPMENT_SECRET)]
    secret: String,
    /// Scopes, separated by blanks; all that the client may have where absent.
    #[arg(long, value_name = "SCOPES", default_value = "")]
    scope: String,
    /// The customer that the token speaks for: cus_ and a UUID.
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    #[command(flatten)]
    place: WhereArgs,
}

/// Prints a token and nothing else, so that a shell can use it.
pub async fn run(args: TokenArgs) -> Result<Outcome> {
    let mesh = Mesh::find(&args.place)?;
    let client = match (&args.client, &args.customer) {
        (Some(client), _) => client,
        (None, None) => DEMO,
        (None, Some(_)) => APP,
    };
    let tokens = Tokens::development(&mesh, client, &args.secret, &args.scope)?;
    println!("{}", tokens.for_customer(args.customer).bearer().await?);
    Ok(Outcome::Clean)
}

/// Where access tokens come from.
#[derive(Debug, Clone)]
pub enum Tokens {
    /// One that was given.
    Fixed(String),
    /// The development issuer, asked again before a token expires.
    Development(Arc<Development>),
}

/// A client of the development issuer.
#[derive(Debug)]
pub struct Development {
    https: Https,
    url: String,
    form: Vec<(&'static str, String)>,
    kept: Mutex<Option<(String, Instant)>>,
}

impl Tokens {
    /// A token that was given.
    #[must_use]
    pub const fn fixed(token: String) -> Self {
        Self::Fixed(token)
    }

    /// The development issuer of a mesh.
    ///
    /// # Errors
    /// The authority's certificate cannot be read.
    pub fn development(mesh: &Mesh, client: &str, secret: &str, scope: &str) -> Result<Self> {
        let mut form = vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", client.to_owned()),
            ("client_secret", secret.to_owned()),
        ];
        if !scope.is_empty() {
            form.push(("scope", scope.to_owned()));
        }
        Ok(Self::Development(Arc::new(Development {
            https: Https::trusting(&mesh.ca())?,
            url: format!("{}/oauth2/token", mesh.gateway),
            form,
            kept: Mutex::new(None),
        })))
    }

    /// The same client speaking for a customer.
    #[must_use]
    pub fn for_customer(&self, customer: Option<String>) -> Self {
        let (Self::Development(issuer), Some(customer)) = (self, customer) else {
            return self.clone();
        };
        let mut form = issuer.form.clone();
        form.push(("customer_id", customer));
        Self::Development(Arc::new(Development {
            https: issuer.https.clone(),
            url: issuer.url.clone(),
            form,
            kept: Mutex::new(None),
        }))
    }

    /// A token that is valid for some time yet.
    ///
    /// # Errors
    /// The issuer is not there or refuses.
    pub async fn bearer(&self) -> Result<String> {
        let issuer = match self {
            Self::Fixed(token) => return Ok(token.clone()),
            Self::Development(issuer) => issuer,
        };
        let mut kept = issuer.kept.lock().await;
        if let Some((token, until)) = kept.as_ref()
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let (token, lives) = issuer.ask().await?;
        *kept = Some((token.clone(), Instant::now() + lives.saturating_sub(RENEW_BEFORE)));
        Ok(token)
    }
}

impl Development {
    async fn ask(&self) -> Result<(String, Duration)> {
        let encode = |value: &str| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
        let pairs = self.form.iter().map(|(name, value)| format!("{name}={}", encode(value)));
        let body = pairs.collect::<Vec<_>>().join("&").into_bytes();
        let headers = [("content-type", "application/x-www-form-urlencoded".to_owned())];
        let answer = self.https.send(Method::POST, &self.url, &headers, body).await;
        let answer = answer.context("asking the development issuer for a token")?;
        let json = answer.json().unwrap_or_default();
        let text = |name: &str| json.get(name).and_then(serde_json::Value::as_str);
        let Some(token) = text("access_token") else {
            let why = text("error_description").or(text("detail")).or(text("error"));
            bail!("{} gave no token: {} {}", self.url, answer.status, why.unwrap_or_default());
        };
        let lives = json.get("expires_in").and_then(serde_json::Value::as_u64).unwrap_or(60);
        Ok((token.to_owned(), Duration::from_secs(lives)))
    }
}
