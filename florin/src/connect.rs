//! Calls of the command-line tools to the services' gRPC, by a client's or an operator's
//! certificate.

use std::{collections::HashMap, future::Future, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use florin_kernel::{Kind, Role};
use florin_rpc::tls::{self, Identity, TlsFiles};
use tokio::sync::Mutex;
use tonic::{Request, Response, Status, Streaming, transport::Channel};

use crate::{mesh::Mesh, token::Tokens};

/// Attempts at a call while the service is away; every call here is a read or is repeatable
/// by its reference or its key.
const ATTEMPTS: u32 = 6;
/// Wait before the second attempt; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// Time limit of a call.
const LIMIT: Duration = Duration::from_secs(30);
/// Time limit of a call that does much at once: a rebuild, an export.
const LONG_LIMIT: Duration = Duration::from_secs(3600);

/// Someone who calls the services.
#[derive(Debug, Clone)]
pub struct Caller {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    mesh: Mesh,
    identity: Arc<Identity>,
    tokens: Option<Tokens>,
    channels: Mutex<HashMap<Role, Channel>>,
}

impl Caller {
    /// An operator: the certificate alone says who it is.
    ///
    /// # Errors
    /// Says which certificate is missing and how to get it.
    pub fn operator(mesh: Mesh, name: &str) -> Result<Self> {
        Self::new(mesh, &format!("operator-{name}"), None)
    }

    /// A client, which brings a token besides its certificate.
    ///
    /// # Errors
    /// Says which certificate is missing and how to get it.
    pub fn client(mesh: Mesh, name: &str, tokens: Tokens) -> Result<Self> {
        Self::new(mesh, &format!("client-{name}"), Some(tokens))
    }

    fn new(mesh: Mesh, certificate: &str, tokens: Option<Tokens>) -> Result<Self> {
        let file = |end: &str| -> PathBuf { mesh.certs.join(format!("{certificate}.{end}")) };
        let (cert, key) = (file("pem"), file("key"));
        if !cert.is_file() || !key.is_file() {
            let (dir, shown) = (mesh.certs.display(), cert.display());
            bail!("no certificate at {shown}; `florin certs --dir {dir}` makes them");
        }
        let identity = Identity::load(&TlsFiles { ca: mesh.ca(), cert, key })?;
        let channels = Mutex::new(HashMap::new());
        Ok(Self { inner: Arc::new(Inner { mesh, identity, tokens, channels }) })
    }

    /// A read, or a change whose items carry their references.
    ///
    /// # Errors
    /// The service refuses or stays away.
    pub async fn call<Req, Res, F, Fut>(&self, role: Role, message: Req, send: F) -> Result<Res>
    where
        Req: Clone,
        F: Fn(Channel, Request<Req>) -> Fut,
        Fut: Future<Output = Result<Response<Res>, Status>>,
    {
        self.attempt(role, None, LIMIT, message, send).await
    }

    /// Like [`Caller::call`], for a call that does much at once.
    ///
    /// # Errors
    /// The service refuses or stays away.
    pub async fn call_long<Req, Res, F, Fut>(
        &self,
        role: Role,
        message: Req,
        send: F,
    ) -> Result<Res>
    where
        Req: Clone,
        F: Fn(Channel, Request<Req>) -> Fut,
        Fut: Future<Output = Result<Response<Res>, Status>>,
    {
        self.attempt(role, None, LONG_LIMIT, message, send).await
    }

    /// A change that an idempotency key guards.
    ///
    /// # Errors
    /// The service refuses or stays away.
    pub async fn call_keyed<Req, Res, F, Fut>(
        &self,
        role: Role,
        key: &str,
        message: Req,
        send: F,
    ) -> Result<Res>
    where
        Req: Clone,
        F: Fn(Channel, Request<Req>) -> Fut,
        Fut: Future<Output = Result<Response<Res>, Status>>,
    {
        self.attempt(role, Some(key), LIMIT, message, send).await
    }

    /// A read whose answer is streamed.
    ///
    /// # Errors
    /// The service refuses or stays away.
    pub async fn stream<Req, Res, F, Fut>(
        &self,
        role: Role,
        message: Req,
        send: F,
    ) -> Result<Streaming<Res>>
    where
        Req: Clone,
        F: Fn(Channel, Request<Req>) -> Fut,
        Fut: Future<Output = Result<Response<Streaming<Res>>, Status>>,
    {
        self.attempt(role, None, LONG_LIMIT, message, send).await
    }

    async fn attempt<Req, Res, F, Fut>(
        &self,
        role: Role,
        key: Option<&str>,
        limit: Duration,
        message: Req,
        send: F,
    ) -> Result<Res>
    where
        Req: Clone,
        F: Fn(Channel, Request<Req>) -> Fut,
        Fut: Future<Output = Result<Response<Res>, Status>>,
    {
        let mut wait = FIRST_WAIT;
        for attempt in 1..=ATTEMPTS {
            let channel = self.channel(role).await?;
            let request = self.request(message.clone(), key, limit).await?;
            let sent = tokio::time::timeout(limit, send(channel, request)).await;
            let status = match sent {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => bail!("{role} did not answer within {} s", limit.as_secs()),
            };
            // A connection that has aged ends a new call as CANCELLED, which the mesh's own
            // reading of a status tells from a refusal.
            let kind = florin_rpc::Error::from_status(&status).kind();
            if kind != Kind::Unavailable || attempt == ATTEMPTS {
                return Err(in_words(role, &status));
            }
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2);
        }
        bail!("{role} stayed away")
    }

    /// A connection of one's own to a role, for a caller that times its calls itself.
    ///
    /// # Errors
    /// The mesh has no such role.
    pub fn connection(&self, role: Role) -> Result<Channel> {
        let address = self.inner.mesh.address(role)?;
        Ok(tls::channel(&self.inner.identity, role, address)?)
    }

    async fn request<Req>(
        &self,
        message: Req,
        key: Option<&str>,
        limit: Duration,
    ) -> Result<Request<Req>> {
        let mut request = Request::new(message);
        request.set_timeout(limit);
        if let Some(tokens) = &self.inner.tokens {
            let bearer = format!("Bearer {}", tokens.bearer().await?);
            let bearer = bearer.parse().context("the token cannot stand in metadata")?;
            request.metadata_mut().insert("authorization", bearer);
        }
        if let Some(key) = key {
            let key = key.parse().context("the idempotency key cannot stand in metadata")?;
            request.metadata_mut().insert("idempotency-key", key);
        }
        Ok(request)
    }

    async fn channel(&self, role: Role) -> Result<Channel> {
        let mut channels = self.inner.channels.lock().await;
        if let Some(channel) = channels.get(&role) {
            return Ok(channel.clone());
        }
        let channel = self.connection(role)?;
        channels.insert(role, channel.clone());
        Ok(channel)
    }
}

/// The refusal as an operator reads it: who, which reason, in which words.
fn in_words(role: Role, status: &Status) -> anyhow::Error {
    let error = florin_rpc::Error::from_status(status);
    let mut text = format!("{role} answered {}: {}", error.reason(), error.message());
    for violation in error.field_violations() {
        text.push_str(&format!("; {}: {}", violation.field, violation.description));
    }
    anyhow::anyhow!(text)
}
