//! Whole requests, from TLS to the service and back.

use std::time::Duration;

use florin_gateway::{GatewayConfig, Rate};
use florin_testkit::{Answer, Rest};
use http::Method;
use serde_json::{Value, json};

use crate::world::{World, config};

const JSON: (&str, &str) = ("content-type", "application/json");
const KEY: (&str, &str) = ("idempotency-key", "k1");

fn transfer(description: &str) -> Vec<u8> {
    json!({"from": "acc_1", "to": "acc_2", "amount": "1.00", "currency": "EUR", "description": description})
        .to_string()
        .into_bytes()
}

/// Status, reason, and that the rest of the problem is sound.
fn problem(answer: &Answer) -> (u16, &str) {
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.json);
    assert_eq!(answer.json["status"], answer.status);
    let reason = answer.text("/reason");
    assert_eq!(answer.text("/type"), format!("https://florin.bank/problems/{reason}"));
    let id = answer.headers["x-request-id"].to_str().unwrap();
    assert_eq!(answer.text("/instance"), format!("urn:florin:request:{id}"));
    assert!(!answer.text("/title").is_empty() && !answer.text("/detail").is_empty());
    (answer.status, reason)
}

#[tokio::test]
async fn a_transfer_carries_all_that_belongs_to_it_there_and_back() {
    let world = World::start(config()).await;
    let rest = world.as_client("demo").await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [
        ("content-type", "application/json; charset=UTF-8"),
        ("idempotency-key", "\"k-1\""),
        ("prefer", "wait=2"),
        ("traceparent", trace),
        ("x-request-id", "till-7.42"),
    ];
    let answer = rest.send(Method::POST, "/v1/transfers", &headers, transfer("x")).await.unwrap();
    assert_eq!(answer.status, 202, "{}", answer.json);
    assert_eq!(answer.text("/transferId"), "trf_1");
    assert_eq!(answer.text("/status"), "TRANSFER_STATUS_PROCESSING");
    assert_eq!(answer.json["transfer"]["steps"], json!([]));
    assert_eq!(answer.headers["x-request-id"], "till-7.42");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(!answer.replayed());
    let seen = world.last_seen();
    assert_eq!((seen["idempotency-key"].as_str(), seen["prefer"].as_str()), ("k-1", "wait=2"));
    assert_eq!(seen["x-request-id"], "till-7.42");
    assert!(seen["authorization"].starts_with("Bearer ey"));
    assert!(seen["traceparent"].starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert_ne!(seen["traceparent"], trace);
    assert!(seen.contains_key("grpc-timeout"));

    let answer =
        rest.send(Method::POST, "/v1/transfers", &[JSON, KEY], transfer("again")).await.unwrap();
    assert!(answer.replayed());
    let answer = rest.get("/v1/transfers/trf_9").await.unwrap();
    assert_eq!((answer.status, answer.text("/transfer/transferId")), (200, "trf_9"));
    assert!(!world.last_seen().contains_key("idempotency-key"));
    let head = rest.send(Method::HEAD, "/v1/transfers/trf_9", &[], Vec::new()).await.unwrap();
    assert_eq!((head.status, head.bytes.len()), (200, 0));
}

/// What is wrong with a POST of a transfer: who, headers, body, status, reason.
type Refused<'t> = (&'t Rest, Vec<(&'t str, &'t str)>, Vec<u8>, u16, &'t str);

#[tokio::test]
async fn looks_at_token_scope_role_and_key_in_that_order() {
    let world = World::start(config()).await;
    let (none, reader) = (world.rest.clone(), world.as_client("reader").await);
    let (demo, auditor) = (world.as_client("demo").await, world.as_client("auditor").await);
    let forged = world.rest.with_bearer("eyJhbGciOiJub25lIn0.e30.");
    let open_quote = ("idempotency-key", "\"a");
    let cases: Vec<Refused<'_>> = vec![
        (&none, vec![JSON, KEY], transfer("x"), 401, "UNAUTHENTICATED"),
        (&forged, vec![JSON, KEY], transfer("x"), 401, "UNAUTHENTICATED"),
        // Access comes before the key: without the one, nothing is told of the other.
        (&none, vec![], vec![], 401, "UNAUTHENTICATED"),
        (&reader, vec![JSON], transfer("x"), 403, "SCOPE_MISSING"),
        (&auditor, vec![JSON], transfer("x"), 403, "ROLE_MISSING"),
        (&demo, vec![JSON], transfer("x"), 400, "IDEMPOTENCY_KEY_MISSING"),
        (&demo, vec![JSON, open_quote], transfer("x"), 400, "IDEMPOTENCY_KEY_MALFORMED"),
        (&demo, vec![JSON, KEY, KEY], transfer("x"), 400, "IDEMPOTENCY_KEY_MALFORMED"),
    ];
    refuses_all(&world, cases).await;

    let answer = none.get("/v1/transfers").await.unwrap();
    assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"florin\"");
    let challenge =
        |answer: &Answer| answer.headers["www-authenticate"].to_str().unwrap().to_owned();
    let answer = forged.get("/v1/transfers").await.unwrap();
    assert!(challenge(&answer).contains("invalid_token"));
    let answer = reader.post("/v1/transfers", "k", &json!({})).await.unwrap();
    assert!(challenge(&answer).contains("scope=\"payments:write\""));
}

#[tokio::test]
async fn refuses_bodies_that_are_too_large_of_another_type_or_no_sound_json() {
    let world = World::start(config()).await;
    let demo = world.as_client("demo").await;
    let text = ("content-type", "text/plain");
    let latin = ("content-type", "application/json; charset=latin1");
    let deep = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
    let twice = br#"{"from":"a","from":"b"}"#.to_vec();
    let cases: Vec<Refused<'_>> = vec![
        (&demo, vec![KEY], transfer("x"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (&demo, vec![KEY, text], transfer("x"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (&demo, vec![KEY, latin], transfer("x"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (&demo, vec![JSON, KEY], vec![b' '; 2 * 1024 * 1024], 413, "BODY_TOO_LARGE"),
        (&demo, vec![JSON, KEY], deep, 400, "INVALID_REQUEST"),
        (&demo, vec![JSON, KEY], twice, 400, "INVALID_REQUEST"),
        (&demo, vec![JSON, KEY], br#"{"nobody":1}"#.to_vec(), 400, "INVALID_REQUEST"),
    ];
    refuses_all(&world, cases).await;
}

async fn refuses_all(world: &World, cases: Vec<Refused<'_>>) {
    for (rest, headers, body, status, reason) in cases {
        let answer = rest.send(Method::POST, "/v1/transfers", &headers, body).await.unwrap();
        assert_eq!(problem(&answer), (status, reason), "{headers:?} {}", answer.json);
    }
    assert!(world.seen.lock().unwrap().is_empty(), "none of it reached the service");
}

#[tokio::test]
async fn tells_an_unknown_path_from_an_unknown_method_and_an_absent_service() {
    let world = World::start(config()).await;
    let demo = world.as_client("demo").await;
    for (method, path, status, reason) in [
        (Method::GET, "/v1/nothing", 404, "NOT_FOUND"),
        (Method::GET, "/", 404, "NOT_FOUND"),
        (Method::GET, "/v1/transfers/", 404, "NOT_FOUND"),
        (Method::DELETE, "/v1/transfers", 405, "METHOD_NOT_ALLOWED"),
        (Method::GET, "/v1/transfers/trf_1:cancel", 405, "METHOD_NOT_ALLOWED"),
        (Method::POST, "/openapi.json", 405, "METHOD_NOT_ALLOWED"),
        // Nobody listens; somebody else answers; the role is no part of this mesh.
        (Method::GET, "/v1/products", 503, "UNAVAILABLE"),
        (Method::GET, "/v1/customers/cus_1", 503, "UNAVAILABLE"),
        (Method::GET, "/v1/transactions", 503, "UNAVAILABLE"),
    ] {
        let answer = demo.send(method.clone(), path, &[], Vec::new()).await.unwrap();
        assert_eq!(problem(&answer), (status, reason), "{method} {path} {}", answer.json);
    }
    let answer = demo.send(Method::DELETE, "/v1/transfers", &[], Vec::new()).await.unwrap();
    assert_eq!(answer.headers["allow"], "GET, POST, HEAD");
    let answer = demo.get("/v1/transfers?nobody=1&page_size=x").await.unwrap();
    assert_eq!(problem(&answer), (400, "INVALID_REQUEST"));
    let errors = answer.json["errors"].as_array().unwrap();
    let fields: Vec<&Value> = errors.iter().map(|one| &one["field"]).collect();
    assert_eq!(fields, ["nobody", "pageSize"]);
}

#[tokio::test]
async fn a_services_refusal_keeps_reason_domain_metadata_and_violations() {
    let world = World::start(config()).await;
    let rest = world.as_client("demo").await;
    let send = async |text: &str| {
        rest.send(Method::POST, "/v1/transfers", &[JSON, KEY], transfer(text)).await.unwrap()
    };
    let answer = send("frozen").await;
    assert_eq!(problem(&answer), (409, "ACCOUNT_FROZEN"));
    assert_eq!(answer.text("/domain"), "account.florin.bank");
    assert_eq!(answer.text("/metadata/account_id"), "acc_1");
    assert_eq!(answer.text("/title"), "Account frozen");

    assert!(!answer.replayed());
    let answer = send("refused again").await;
    assert_eq!(problem(&answer), (409, "ACCOUNT_FROZEN"));
    assert!(answer.replayed());

    let answer = send("busy").await;
    assert_eq!(problem(&answer), (409, "IDEMPOTENCY_KEY_IN_USE"));
    assert_eq!(answer.headers["retry-after"], "2");

    let answer = send("amount").await;
    assert_eq!(problem(&answer), (400, "INVALID_REQUEST"));
    let violation = json!({"field": "amount", "rule": "TOO_MANY_DECIMALS", "detail": "must have at most 2 decimals"});
    assert_eq!(answer.json["errors"], json!([violation]));

    let answer = send("defect").await;
    assert_eq!(problem(&answer), (500, "INTERNAL"));
    assert!(!String::from_utf8_lossy(&answer.bytes).contains("secret"));
}

#[tokio::test]
async fn a_late_answer_is_a_deadline_and_prefer_wait_moves_it() {
    let mut config = config();
    config.deadline_ms = 400;
    let world = World::start(config).await;
    let rest = world.as_client("demo").await;
    let answer =
        rest.send(Method::POST, "/v1/transfers", &[JSON, KEY], transfer("slow")).await.unwrap();
    assert_eq!(problem(&answer), (504, "DEADLINE_EXCEEDED"));
    let headers = [JSON, KEY, ("prefer", "respond-async, wait=10")];
    let answer =
        rest.send(Method::POST, "/v1/transfers", &headers, transfer("slow")).await.unwrap();
    assert_eq!(answer.status, 202, "{}", answer.json);
}

#[tokio::test]
async fn the_service_is_asked_for_the_wait_that_was_read_of_all_prefer_lines() {
    let world = World::start(config()).await;
    let rest = world.as_client("demo").await;
    for (lines, sent) in [
        (["respond-async", "wait=5"], Some("wait=5")),
        (["wait=3600", "respond-async"], Some("wait=10")),
        (["respond-async", "wait=0"], None),
    ] {
        let prefer = lines.map(|line| ("prefer", line));
        let headers = [JSON, KEY, prefer[0], prefer[1]];
        let answer = rest.send(Method::POST, "/v1/transfers", &headers, transfer("x")).await;
        assert_eq!(answer.unwrap().status, 202);
        let seen = world.last_seen();
        assert_eq!(seen.get("prefer").map(String::as_str), sent, "{lines:?}");
    }
}

/// Asks until the rate is used up: not before its burst, and a machine that stalls earns one
/// more a second.
async fn used_up(rest: &Rest, burst: u32, status: u16) -> Answer {
    for asked in 0..60 {
        let answer = rest.get("/v1/transfers/trf_1").await.unwrap();
        if answer.status == 429 {
            assert!(asked >= burst, "after {asked}");
            return answer;
        }
        assert_eq!(answer.status, status, "{}", answer.json);
    }
    panic!("no rate is kept")
}

fn assert_limited(refused: &Answer, limit: &str) {
    assert_eq!(problem(refused), (429, "RATE_LIMITED"));
    assert_eq!(refused.text("/metadata/limit"), limit);
    assert_eq!(refused.headers["retry-after"], "1");
}

/// The demo client for a customer who has asked nothing yet.
async fn for_customer(world: &World, number: u32) -> Rest {
    let customer = format!("cus_01939a3e-7f6b-7c3f-9d3a-{number:012}");
    world.rest.with_bearer(&world.rest.token("demo", Some(&customer)).await.unwrap())
}

#[tokio::test]
async fn a_rate_is_kept_for_each_subject() {
    let world = World::start(GatewayConfig { subject_rate: Rate::of(1, 2), ..config() }).await;
    let demo = world.as_client("demo").await;
    assert_limited(&used_up(&demo, 2, 200).await, "subject");
    let other = for_customer(&world, 1).await;
    assert_eq!(other.get("/v1/transfers/trf_1").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_rate_is_kept_for_a_client_with_all_its_subjects() {
    let world = World::start(GatewayConfig { client_rate: Rate::of(1, 4), ..config() }).await;
    let demo = world.as_client("demo").await;
    for number in 0..20 {
        let other = for_customer(&world, number).await;
        assert_limited(&used_up(&demo, if number == 0 { 4 } else { 0 }, 200).await, "client");
        let answer = other.get("/v1/transfers/trf_1").await.unwrap();
        if answer.status == 429 {
            assert_limited(&answer, "client");
            return;
        }
        // The machine stalled for the second in which one more is earned.
        assert_eq!(answer.status, 200, "{}", answer.json);
    }
    panic!("each subject has a rate of its own");
}

#[tokio::test]
async fn a_rate_is_kept_for_strangers() {
    let world = World::start(GatewayConfig { stranger_rate: Rate::of(1, 2), ..config() }).await;
    used_up(&world.rest, 2, 401).await;
}

#[tokio::test]
async fn browsers_of_a_configured_origin_may_call() {
    let world = World::start(config()).await;
    let preflight = |origin: &'static str| {
        let rest = world.rest.clone();
        async move {
            let headers = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "authorization,idempotency-key"),
            ];
            rest.send(Method::OPTIONS, "/v1/transfers", &headers, Vec::new()).await.unwrap()
        }
    };
    let answer = preflight("https://app.example.com").await;
    assert_eq!(answer.headers["access-control-allow-origin"], "https://app.example.com");
    assert!(
        answer.headers["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("idempotency-key")
    );
    let answer = preflight("https://evil.example.com").await;
    assert!(answer.headers.get("access-control-allow-origin").is_none());
    let answer = world
        .rest
        .send(Method::GET, "/v1/x", &[("origin", "https://app.example.com")], vec![])
        .await
        .unwrap();
    assert!(
        answer.headers["access-control-expose-headers"]
            .to_str()
            .unwrap()
            .contains("idempotent-replayed")
    );
}

#[tokio::test]
async fn the_issuers_endpoints_answer_as_oauth2_libraries_expect() {
    let world = World::start(config()).await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let token = async |headers: &[(&str, &str)], body: &str| {
        world
            .rest
            .send(Method::POST, "/oauth2/token", headers, body.as_bytes().to_vec())
            .await
            .unwrap()
    };
    let grant = "grant_type=client_credentials&client_id=reader&client_secret=development";
    let answer = token(&[form], grant).await;
    assert_eq!((answer.status, answer.text("/token_type")), (200, "Bearer"));
    assert_eq!(
        (answer.text("/scope"), &answer.json["expires_in"]),
        ("payments:read", &json!(3600))
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    let answer =
        token(&[form], "grant_type=client_credentials&client_id=reader&client_secret=x").await;
    assert_eq!((answer.status, answer.text("/error")), (401, "invalid_client"));
    assert!(answer.headers.contains_key("www-authenticate"));
    let answer = token(&[JSON], "{}").await;
    assert_eq!((answer.status, answer.text("/error")), (400, "invalid_request"));
    let big = "x".repeat(100_000);
    assert_eq!(token(&[form], &big).await.status, 413);

    let discovery = world.rest.get("/.well-known/openid-configuration").await.unwrap();
    let issuer = format!("https://localhost:{}", world.port);
    assert_eq!(discovery.text("/issuer"), issuer);
    assert_eq!(discovery.text("/jwks_uri"), format!("{issuer}/oauth2/jwks.json"));
    let jwks = world.rest.get("/oauth2/jwks.json").await.unwrap();
    assert_eq!(jwks.text("/keys/0/crv"), "P-256");
    let openapi = world.rest.get("/openapi.json").await.unwrap();
    assert_eq!(openapi.text("/openapi"), "3.1.0");
}

#[tokio::test]
async fn a_request_in_flight_outlives_the_shutdown() {
    let world = World::start(config()).await;
    let rest = world.as_client("demo").await;
    let slow = tokio::spawn(async move {
        rest.send(Method::POST, "/v1/transfers", &[JSON, KEY], transfer("slow")).await
    });
    while world.seen.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    world.stop.cancel();
    assert_eq!(slow.await.unwrap().unwrap().status, 202);
    tokio::time::timeout(Duration::from_secs(60), world.serving).await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", world.port)).await.is_err());
}
