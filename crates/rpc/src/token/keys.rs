//! The signing keys of one issuer: fetched one at a time, refreshed in the background,
//! kept while the issuer is down.
//!
//! A token with an unknown key id asks for a fetch, at most one a cool-down, counted
//! from the end of the last fetch whoever caused it. A flood of made-up key ids therefore
//! costs the issuer one fetch a cool-down, and each of those fetches brings every new key:
//! it cannot starve a rotation (engram #1641).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use florin_proto::common::v1::Reason;
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey,
    jwk::{Jwk, JwkSet, PublicKeyUse},
};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{IssuerConfig, fetch::Fetcher};
use crate::Error;

/// Age from which keys are refreshed in the background, before anyone misses one.
const REFRESH: Duration = Duration::from_secs(300);

/// Keys of one issuer at most.
const MOST_KEYS: usize = 64;

/// The keys of one issuer.
pub struct Keys(Arc<Inner>);

struct Inner {
    issuer: String,
    source: Source,
    held: ArcSwap<HashMap<String, Arc<DecodingKey>>>,
    cool_down: Duration,
    /// One fetch at a time.
    fetching: Mutex<()>,
    last: StdMutex<Last>,
}

enum Source {
    Fixed,
    Jwks { uri: String, fetcher: Fetcher },
    Discovery { uri: String, fetcher: Fetcher },
}

#[derive(Clone, Copy, Default)]
struct Last {
    ended: Option<Instant>,
    succeeded: bool,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Keys {
    /// The keys that the configuration holds, or none yet and where to fetch them.
    pub fn new(config: &IssuerConfig, fetcher: Fetcher) -> Result<Self, String> {
        let source = match (&config.keys, config.jwks_uri.as_str(), config.discovery.as_str()) {
            (Some(_), _, _) => Source::Fixed,
            (None, "", "") => {
                let issuer = config.issuer.trim_end_matches('/');
                let uri = format!("{issuer}/.well-known/openid-configuration");
                Source::Discovery { uri, fetcher }
            }
            (None, "", uri) => Source::Discovery { uri: uri.to_owned(), fetcher },
            (None, uri, _) => Source::Jwks { uri: uri.to_owned(), fetcher },
        };
        let held = config.keys.as_ref().map(usable).unwrap_or_default();
        if matches!(source, Source::Fixed) && held.is_empty() {
            return Err("none of its keys can verify a signature".to_owned());
        }
        Ok(Self(Arc::new(Inner {
            issuer: config.issuer.clone(),
            source,
            held: ArcSwap::from_pointee(held),
            cool_down: config.cool_down,
            fetching: Mutex::new(()),
            last: StdMutex::default(),
        })))
    }

    /// Whether the issuer still has this key.
    pub fn holds(&self, key_id: &str) -> bool {
        self.0.held.load().contains_key(key_id)
    }

    /// The key that signed, by its id; without an id, the only key there is.
    pub async fn find(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<(String, Arc<DecodingKey>), Error> {
        if let Some(found) = self.0.look_up(key_id, algorithm) {
            self.refresh_if_old();
            return Ok(found);
        }
        self.0.fetch_once(key_id, algorithm).await;
        if let Some(found) = self.0.look_up(key_id, algorithm) {
            return Ok(found);
        }
        let answered = matches!(self.0.source, Source::Fixed) || self.0.last().succeeded;
        if answered {
            return Err(Error::new(
                Reason::Unauthenticated,
                "the token's signing key is not known",
            ));
        }
        Err(Error::new(Reason::Unavailable, "the issuer's keys cannot be fetched")
            .with("layer", "token")
            .with("dependency", "issuer")
            .with("cause", "keys not fetched")
            .retry_after(self.0.cool_down))
    }

    fn refresh_if_old(&self) {
        let fixed = matches!(self.0.source, Source::Fixed);
        let fresh = self.0.last().ended.is_some_and(|ended| ended.elapsed() < REFRESH);
        if fixed || fresh {
            return;
        }
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            if let Ok(_alone) = inner.fetching.try_lock() {
                inner.fetch().await;
            }
        });
    }
}

impl Inner {
    fn look_up(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> Option<(String, Arc<DecodingKey>)> {
        let held = self.held.load();
        let (id, key) = match key_id {
            Some(id) => held.get_key_value(id)?,
            None if held.len() == 1 => held.iter().next()?,
            None => return None,
        };
        (key.family() == algorithm.family()).then(|| (id.clone(), Arc::clone(key)))
    }

    /// Fetches, unless somebody did while this one waited for its turn, or just before.
    async fn fetch_once(&self, key_id: Option<&str>, algorithm: Algorithm) {
        if matches!(self.source, Source::Fixed) || self.is_cooling() {
            return;
        }
        let _alone = self.fetching.lock().await;
        if self.look_up(key_id, algorithm).is_none() && !self.is_cooling() {
            self.fetch().await;
        }
    }

    async fn fetch(&self) {
        let set = match &self.source {
            Source::Fixed => return,
            Source::Jwks { uri, fetcher } => fetcher.get::<JwkSet>(uri).await,
            Source::Discovery { uri, fetcher } => self.discover(uri, fetcher).await,
        };
        let keys = set.map(|set| usable(&set)).and_then(|keys| {
            if keys.is_empty() { Err("no usable key among them".to_owned()) } else { Ok(keys) }
        });
        let succeeded = keys.is_ok();
        match keys {
            Ok(keys) => self.held.store(Arc::new(keys)),
            Err(error) => {
                tracing::warn!(issuer = self.issuer, error, "keys not fetched, the last ones stay");
            }
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Last { ended: Some(Instant::now()), succeeded };
    }

    async fn discover(&self, uri: &str, fetcher: &Fetcher) -> Result<JwkSet, String> {
        let metadata: Metadata = fetcher.get(uri).await?;
        if metadata.issuer != self.issuer {
            return Err(format!("its metadata are of {:?}", metadata.issuer));
        }
        fetcher.get(&metadata.jwks_uri).await
    }

    fn is_cooling(&self) -> bool {
        self.last().ended.is_some_and(|ended| ended.elapsed() < self.cool_down)
    }

    fn last(&self) -> Last {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys of a set that can verify signatures; symmetric ones never.
fn usable(set: &JwkSet) -> HashMap<String, Arc<DecodingKey>> {
    // Not jsonwebtoken's is_supported: it wants "alg", which identity providers may leave out.
    let verifies = |jwk: &&Jwk| {
        let public_use = jwk.common.public_key_use.as_ref();
        public_use.is_none_or(|used| *used == PublicKeyUse::Signature)
    };
    let mut keys = HashMap::new();
    for jwk in set.keys.iter().filter(verifies).take(MOST_KEYS) {
        let Ok(key) = DecodingKey::from_jwk(jwk) else { continue };
        if key.family() != AlgorithmFamily::Hmac {
            keys.insert(jwk.common.key_id.clone().unwrap_or_default(), Arc::new(key));
        }
    }
    keys
}
