//! Who may call what, checked over the wire before any handler runs.

use std::time::Duration;

use florin_kernel::CustomerId;
use florin_proto::payment::v1::{
    CreateTransferRequest, GetTransferRequest, RemoveLimitRequest, ReverseTransferRequest,
    SetLimitRequest, payment_service_client::PaymentServiceClient,
};
use florin_rpc::{Error, PrincipalKind};
use serde_json::{Value, json};
use tonic::{Request, Status};

use crate::{
    bench::Bench,
    token::{Signer, verifier_of},
};

/// Creates a transfer with these headers and returns the reason of the refusal.
async fn create(bench: &Bench, certificate: &str, headers: &[(&str, &str)]) -> Result<(), String> {
    let mut request = Request::new(CreateTransferRequest::default());
    for (name, value) in headers {
        let name: tonic::metadata::MetadataKey<_> = name.parse().unwrap();
        request.metadata_mut().append(name, value.parse().unwrap());
    }
    let mut client = PaymentServiceClient::new(bench.channel(certificate));
    let answer = client.create_transfer(request).await.map(drop);
    answer.map_err(|status: Status| Error::from_status(&status).reason().to_owned())
}

fn bearer(signer: &Signer, extra: Value) -> String {
    format!("Bearer {}", signer.token(&extra))
}

#[tokio::test]
async fn a_call_passes_every_check_in_order_or_does_not_reach_its_handler() {
    let signer = Signer::new("k1");
    let bench = Bench::start_with(verifier_of(&signer)).await;
    let scope = json!({"scope": "payments:write"});
    let good = bearer(&signer, scope.clone());
    let narrow = bearer(&signer, json!({"scope": "payments:read"}));
    let auditor = bearer(&signer, json!({"scope": "payments:write", "roles": ["auditor"]}));
    let teller = bearer(&signer, json!({"scope": "payments:write", "roles": ["teller"]}));
    let key = ("idempotency-key", "k-1");
    let cases: Vec<(&str, Vec<(&str, &str)>, Result<(), &str>)> = vec![
        ("account", vec![("authorization", &good), key], Err("CALLER_NOT_ALLOWED")),
        ("operator-eva", vec![key], Err("CALLER_NOT_ALLOWED")),
        ("gateway", vec![key], Err("UNAUTHENTICATED")),
        ("client-till", vec![key], Err("UNAUTHENTICATED")),
        ("gateway", vec![("authorization", "Basic dXNlcjpwYXNz"), key], Err("UNAUTHENTICATED")),
        ("gateway", vec![("authorization", "Bearer"), key], Err("UNAUTHENTICATED")),
        (
            "gateway",
            vec![("authorization", &good), ("authorization", &good), key],
            Err("UNAUTHENTICATED"),
        ),
        ("gateway", vec![("authorization", &narrow), key], Err("SCOPE_MISSING")),
        ("gateway", vec![("authorization", &auditor), key], Err("ROLE_MISSING")),
        // Access is decided before the key is looked at.
        ("gateway", vec![("authorization", &narrow)], Err("SCOPE_MISSING")),
        ("gateway", vec![("authorization", &good)], Err("IDEMPOTENCY_KEY_MISSING")),
        (
            "gateway",
            vec![("authorization", &good), ("idempotency-key", "a b")],
            Err("IDEMPOTENCY_KEY_MALFORMED"),
        ),
        (
            "gateway",
            vec![("authorization", &good), key, ("idempotency-key", "k-2")],
            Err("IDEMPOTENCY_KEY_MALFORMED"),
        ),
        ("gateway", vec![("authorization", &good), key], Ok(())),
        ("client-till", vec![("authorization", &good), ("idempotency-key", "\"k-1\"")], Ok(())),
        ("client-till", vec![("authorization", &teller), key, ("prefer", "wait=3")], Ok(())),
    ];
    let mut passed = 0;
    for (certificate, headers, expected) in cases {
        let answer = create(&bench, certificate, &headers).await;
        assert_eq!(answer, expected.map_err(str::to_owned), "{certificate} {headers:?}");
        passed += u32::from(expected.is_ok());
        assert_eq!(bench.script.calls(), passed, "{certificate} {headers:?}");
    }
    let seen = bench.script.seen();
    assert_eq!(seen.idempotency_key.as_deref(), Some("k-1"));
    assert_eq!(seen.wait, Duration::from_secs(3));
    assert_eq!((seen.principal.kind, seen.peer.caller()), (PrincipalKind::Staff, "client"));
    assert_eq!(seen.method, "/florin.payment.v1.PaymentService/CreateTransfer");
}

/// A machine is not asked for roles: what it may do beside paying its scopes alone say.
#[tokio::test]
async fn the_scope_to_pay_sets_no_limit_and_undoes_nothing() {
    let signer = Signer::new("k1");
    let bench = Bench::start_with(verifier_of(&signer)).await;
    for (scope, expected) in [
        ("payments:write", ["SCOPE_MISSING", "SCOPE_MISSING", "SCOPE_MISSING"]),
        ("limits:write", ["OK", "OK", "SCOPE_MISSING"]),
        ("payments:reverse", ["SCOPE_MISSING", "SCOPE_MISSING", "OK"]),
    ] {
        let token = bearer(&signer, json!({"scope": scope}));
        let mut client = PaymentServiceClient::new(bench.channel("client-till"));
        let set = client.set_limit(keyed(&token, SetLimitRequest::default())).await;
        let remove = client.remove_limit(keyed(&token, RemoveLimitRequest::default())).await;
        let reverse =
            client.reverse_transfer(keyed(&token, ReverseTransferRequest::default())).await;
        let told = [set.err(), remove.err(), reverse.err()].map(|refused| {
            let reason = |status| Error::from_status(&status).reason().to_owned();
            refused.map_or_else(|| "OK".to_owned(), reason)
        });
        assert_eq!(told, expected, "{scope}");
        if expected.contains(&"OK") {
            assert_eq!(bench.script.seen().principal.kind, PrincipalKind::Client);
        }
    }
}

fn keyed<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", token.parse().unwrap());
    request.metadata_mut().insert("idempotency-key", "k-1".parse().unwrap());
    request
}

#[tokio::test]
async fn the_handler_learns_who_acts() {
    let signer = Signer::new("k1");
    let bench = Bench::start_with(verifier_of(&signer)).await;
    let customer = CustomerId::from_parts(1, [7; 10]);
    let claims = json!({"scope": ["payments:read"], "customer_id": customer.to_string(), "client_id": "app"});
    let mut client = PaymentServiceClient::new(bench.channel("gateway"));
    let mut request = Request::new(GetTransferRequest::default());
    let token = bearer(&signer, claims);
    request.metadata_mut().insert("authorization", token.parse().unwrap());
    request.metadata_mut().insert("x-request-id", "req-1".parse().unwrap());
    client.get_transfer(request).await.unwrap();
    let seen = bench.script.seen();
    assert_eq!(
        (seen.principal.kind, seen.principal.customer),
        (PrincipalKind::Customer, Some(customer))
    );
    assert_eq!(seen.principal.scope_key(), "https://issuer.test|app|user");
    assert_eq!(
        (seen.request_id.as_str(), seen.bearer.as_deref()),
        ("req-1", token.strip_prefix("Bearer "))
    );
    assert_eq!(seen.wait, Duration::ZERO);
    let initiator = seen.principal.to_initiator();
    let kind = florin_proto::common::v1::PrincipalKind::Customer;
    assert_eq!((initiator.kind(), initiator.token_id.as_str()), (kind, "token-1"));
    assert!(initiator.at.is_some_and(|at| at.seconds > 1_700_000_000));

    // An operator needs no token, and a method without roles asks for none.
    let mut operator = PaymentServiceClient::new(bench.channel("operator-eva"));
    operator.get_transfer(GetTransferRequest::default()).await.unwrap();
    let seen = bench.script.seen();
    assert_eq!(
        (seen.principal.kind, seen.principal.subject.as_str()),
        (PrincipalKind::Staff, "eva")
    );
}
