//! Access tokens: what is refused, and where keys come from.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use florin_rpc::{IssuerConfig, Verifier, token::IssuerError};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::JwkSet};
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

const ISSUER: &str = "https://issuer.test";

/// A key that signs tokens.
pub struct Signer {
    id: String,
    pair: KeyPair,
}

impl Signer {
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), pair: KeyPair::generate().unwrap() }
    }

    fn jwk(&self) -> Value {
        let point = self.pair.der_bytes();
        let part = |range| URL_SAFE_NO_PAD.encode(&point[range]);
        let (x, y) = (part(1..33), part(33..65));
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": self.id, "x": x, "y": y})
    }

    /// A good token, with some claims replaced; null removes one.
    pub fn token(&self, changes: &Value) -> String {
        self.token_with(&self.header(), changes)
    }

    fn header(&self) -> Header {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.id.clone());
        header
    }

    fn token_with(&self, header: &Header, changes: &Value) -> String {
        let key = EncodingKey::from_ec_der(&self.pair.serialize_der());
        jsonwebtoken::encode(header, &claims(changes), &key).unwrap()
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": "florin", "sub": "user", "jti": "token-1", "client_id": "batch",
        "exp": now() + 300, "nbf": now() - 10,
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn set(signers: &[&Signer]) -> JwkSet {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    serde_json::from_value(json!({ "keys": keys })).unwrap()
}

fn config() -> IssuerConfig {
    let machines = vec!["batch".to_owned()];
    IssuerConfig { issuer: ISSUER.to_owned(), machines, ..IssuerConfig::default() }
}

/// A verifier that knows this signer.
pub fn verifier_of(signer: &Signer) -> Verifier {
    let config = IssuerConfig { keys: Some(set(&[signer])), ..config() };
    Verifier::new(vec![config], &[]).unwrap()
}

#[tokio::test]
async fn only_a_token_that_is_right_in_every_respect_is_accepted() {
    let signer = Signer::new("k1");
    let verifier = verifier_of(&signer);
    let accepted = [
        signer.token(&json!({})),
        signer.token(&json!({"aud": ["other", "florin"]})),
        // Clocks may differ by 30 s.
        signer.token(&json!({"exp": now() - 10})),
        signer.token(&json!({"nbf": now() + 10})),
    ];
    for token in &accepted {
        assert!(verifier.verify(token).await.is_ok());
        assert!(verifier.verify(token).await.is_ok(), "and from the cache");
    }
    let header = |change: fn(&mut Header)| {
        let mut header = signer.header();
        change(&mut header);
        signer.token_with(&header, &json!({}))
    };
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = json!({"alg": "none", "typ": "at+jwt", "kid": "k1"});
    let mut hmac = Header::new(Algorithm::HS256);
    (hmac.typ, hmac.kid) = (Some("at+jwt".to_owned()), Some("k1".to_owned()));
    let public = EncodingKey::from_secret(signer.pair.public_key_pem().as_bytes());
    let forger = Signer { id: "k1".to_owned(), pair: KeyPair::generate().unwrap() };
    let (head, rest) = accepted[0].split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let refused = [
        ("expired", signer.token(&json!({"exp": now() - 60}))),
        ("without an end", signer.token(&json!({"exp": null}))),
        ("not yet valid", signer.token(&json!({"nbf": now() + 60}))),
        ("of a foreign issuer", signer.token(&json!({"iss": "https://other.test"}))),
        ("without an issuer", signer.token(&json!({"iss": null}))),
        ("for another audience", signer.token(&json!({"aud": "other"}))),
        ("for no audience", signer.token(&json!({"aud": null}))),
        ("of nobody: no customer, no role, no machine", signer.token(&json!({"client_id": "app"}))),
        ("of no client", signer.token(&json!({"client_id": null, "roles": ["teller"]}))),
        ("without a subject", signer.token(&json!({"sub": null}))),
        ("an identity token", header(|header| header.typ = Some("id+jwt".to_owned()))),
        ("without a type", header(|header| header.typ = None)),
        ("of an unknown key", header(|header| header.kid = Some("k9".to_owned()))),
        ("with critical extensions", header(|header| header.crit = Some(vec!["x".to_owned()]))),
        ("unsigned", format!("{}.{}.", encode(&unsigned), encode(&claims(&json!({}))))),
        (
            "signed with the public key",
            jsonwebtoken::encode(&hmac, &claims(&json!({})), &public).unwrap(),
        ),
        ("forged", forger.token(&json!({}))),
        ("changed", format!("{head}.{}.{signature}", encode(&claims(&json!({"sub": "admin"}))))),
        ("no token", "nonsense".to_owned()),
        ("empty", String::new()),
        ("endless", "a".repeat(100_000)),
    ];
    for (what, token) in refused {
        let refusal = verifier.verify(&token).await;
        assert_eq!(refusal.unwrap_err().reason(), "UNAUTHENTICATED", "{what}");
    }
}

#[test]
fn an_issuer_that_trusts_too_much_or_nothing_is_refused() {
    let with = |change: fn(&mut IssuerConfig)| {
        let mut config = config();
        change(&mut config);
        Verifier::new(vec![config], &[]).err()
    };
    for algorithm in ["HS256", "none", "what"] {
        let mut symmetric = config();
        symmetric.algorithms = vec!["ES256".to_owned(), algorithm.to_owned()];
        let refusal = Verifier::new(vec![symmetric], &[]).err();
        assert!(matches!(refusal, Some(IssuerError::Algorithm(..))), "{algorithm}");
    }
    assert!(matches!(with(|c| c.algorithms.clear()), Some(IssuerError::Nothing(_))));
    assert!(matches!(with(|c| c.audience.clear()), Some(IssuerError::Nothing(_))));
    assert!(matches!(with(|c| c.issuer.clear()), Some(IssuerError::Name(_))));
    let twice = Verifier::new(vec![config(), config()], &[]).err();
    assert!(matches!(twice, Some(IssuerError::Name(_))));
}

/// An issuer's HTTP server: discovery and keys, counted, and down where told so.
struct Provider {
    issuer: String,
    keys: Mutex<Value>,
    fetches: AtomicU32,
    down: Mutex<bool>,
}

impl Provider {
    async fn start(signers: &[&Signer]) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Arc::new(Self {
            issuer,
            keys: Mutex::default(),
            fetches: AtomicU32::new(0),
            down: Mutex::new(false),
        });
        provider.publish(signers);
        let serving = provider.clone();
        tokio::spawn(async move {
            loop {
                let (mut tcp, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let count = tcp.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..count]).into_owned();
                let answer = serving.answer(&request);
                let _ = tcp.write_all(answer.as_bytes()).await;
            }
        });
        provider
    }

    fn publish(&self, signers: &[&Signer]) {
        *self.keys.lock().unwrap() = serde_json::to_value(set(signers)).unwrap();
    }

    fn answer(&self, request: &str) -> String {
        let body = if request.starts_with("GET /keys ") {
            self.fetches.fetch_add(1, Ordering::SeqCst);
            self.keys.lock().unwrap().to_string()
        } else {
            json!({"issuer": self.issuer, "jwks_uri": format!("{}/keys", self.issuer)}).to_string()
        };
        let status = if *self.down.lock().unwrap() { "503 Down" } else { "200 OK" };
        let length = body.len();
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
    }

    fn verifier(&self, cool_down: Duration) -> Arc<Verifier> {
        let config = IssuerConfig { issuer: self.issuer.clone(), cool_down, ..config() };
        Arc::new(Verifier::new(vec![config], &[]).unwrap())
    }

    fn token(&self, signer: &Signer) -> String {
        signer.token(&json!({"iss": self.issuer}))
    }

    fn fetches(&self) -> u32 {
        self.fetches.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_hundred_first_tokens_cause_one_fetch() {
    let signer = Signer::new("k1");
    let provider = Provider::start(&[&signer]).await;
    let verifier = provider.verifier(Duration::from_secs(10));
    let token = provider.token(&signer);
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), token.clone());
            tokio::spawn(async move { verifier.verify(&token).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(provider.fetches(), 1);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_does_not_starve_a_rotation() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let provider = Provider::start(&[&old]).await;
    let cool_down = Duration::from_millis(300);
    let verifier = provider.verifier(cool_down);
    verifier.verify(&provider.token(&old)).await.unwrap();

    let flood = tokio::spawn({
        let (verifier, issuer) = (verifier.clone(), provider.issuer.clone());
        async move {
            let signer = Signer::new("none");
            for number in 0_u64.. {
                let mut header = signer.header();
                header.kid = Some(format!("made-up-{number}"));
                let token = signer.token_with(&header, &json!({"iss": issuer}));
                verifier.verify(&token).await.unwrap_err();
                tokio::task::yield_now().await;
            }
        }
    });
    provider.publish(&[&old, &new]);
    let (start, token) = (Instant::now(), provider.token(&new));
    while verifier.verify(&token).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(60), "the rotation is starved");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The flood costs the issuer at most one fetch a cool-down.
    let most = 3 + u32::try_from(start.elapsed().as_millis() / cool_down.as_millis()).unwrap();
    assert!(provider.fetches() <= most, "{} fetches", provider.fetches());
    flood.abort();
}

#[tokio::test]
async fn keys_are_kept_while_the_issuer_is_down_and_dropped_when_it_withdraws_them() {
    let (one, two) = (Signer::new("one"), Signer::new("two"));
    let provider = Provider::start(&[&one]).await;
    let verifier = provider.verifier(Duration::ZERO);
    let token = provider.token(&one);
    verifier.verify(&token).await.unwrap();

    *provider.down.lock().unwrap() = true;
    let unknown = verifier.verify(&provider.token(&two)).await.unwrap_err();
    assert_eq!(unknown.reason(), "UNAVAILABLE", "nobody can tell whether that key is good");
    assert_eq!(unknown.metadata()["dependency"], "issuer");
    verifier.verify(&token).await.unwrap();
    let another = one.token(&json!({"iss": provider.issuer, "jti": "token-2"}));
    verifier.verify(&another).await.unwrap();

    *provider.down.lock().unwrap() = false;
    provider.publish(&[&two]);
    verifier.verify(&provider.token(&two)).await.unwrap();
    let withdrawn = verifier.verify(&token).await.unwrap_err();
    assert_eq!(withdrawn.reason(), "UNAUTHENTICATED", "not from the cache either");
}

#[tokio::test]
async fn metadata_of_another_issuer_and_plain_http_from_afar_give_no_keys() {
    let signer = Signer::new("k1");
    let provider = Provider::start(&[&signer]).await;
    let mut foreign = config();
    foreign.discovery = format!("{}/.well-known/openid-configuration", provider.issuer);
    let mut plain = config();
    plain.jwks_uri = "http://issuer.test/keys".to_owned();
    for config in [foreign, plain] {
        let verifier = Verifier::new(vec![config], &[]).unwrap();
        let refusal = verifier.verify(&signer.token(&json!({}))).await.unwrap_err();
        assert_eq!(refusal.reason(), "UNAVAILABLE");
    }
    assert_eq!(provider.fetches(), 0);
}
