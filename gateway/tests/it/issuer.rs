//! The development issuer.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use florin_gateway::{DevelopmentClient, DevelopmentIssuer, GrantError, Issuer};
use serde_json::Value;

const CUSTOMER: &str = "cus_01939a3e-7f6b-7c3f-9d3a-000000000001";

fn config() -> DevelopmentIssuer {
    let text = |text: &str| text.to_owned();
    DevelopmentIssuer {
        clients: vec![
            DevelopmentClient {
                id: text("till"),
                secret: Some(text("s3cret:+ %")),
                scopes: vec![text("accounts:read"), text("payments:write")],
                roles: vec![text("teller")],
                ..DevelopmentClient::default()
            },
            DevelopmentClient {
                id: text("demo"),
                // SHA-256 of "demo".
                secret_sha256: Some(text(
                    "2A97516C354B68848CDBD8F54A226A0A55B21ED138E207AD6C5CBB9C00AA5AEA",
                )),
                scopes: vec![text("accounts:read")],
                roles: vec![text("teller")],
                may_impersonate_customers: true,
                ..DevelopmentClient::default()
            },
            DevelopmentClient { id: text("no-secret"), ..DevelopmentClient::default() },
        ],
        ..DevelopmentIssuer::default()
    }
}

fn open(folder: &std::path::Path) -> Issuer {
    Issuer::open(&config(), "https://localhost:8443/", &folder.join("keys/issuer.key")).unwrap()
}

fn claims(token: &str) -> (Value, Value) {
    let part = |at: usize| {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    (part(0), part(1))
}

#[test]
fn issues_what_the_client_may_have() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = open(folder.path());
    let basic = format!("Basic {}", STANDARD.encode("till:s3cret%3A%2B+%25"));
    let issued =
        issuer.grant(Some(&basic), "grant_type=client_credentials&scope=accounts:read").unwrap();
    let (header, claims) = claims(&issued.token);
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["alg"], "ES256");
    assert_eq!(header["kid"], issuer.jwks()["keys"][0]["kid"]);
    for (claim, wanted) in [
        ("iss", "https://localhost:8443"),
        ("sub", "till"),
        ("aud", "florin"),
        ("client_id", "till"),
        ("scope", "accounts:read"),
    ] {
        assert_eq!(claims[claim], wanted);
    }
    assert_eq!(claims["roles"], serde_json::json!(["teller"]));
    assert!(claims.get("customer_id").is_none());
    let seconds = |name: &str| claims[name].as_u64().unwrap();
    assert_eq!(seconds("exp") - seconds("iat"), 3_600);
    assert_eq!(seconds("nbf"), seconds("iat"));
    assert_eq!(claims["jti"].as_str().unwrap().len(), 32);
}

#[test]
fn only_a_client_that_may_acts_for_a_customer_and_then_without_staff_roles() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = open(folder.path());
    let form = format!(
        "grant_type=client_credentials&client_id=demo&client_secret=demo&customer_id={CUSTOMER}"
    );
    let (_, claims) = claims(&issuer.grant(None, &form).unwrap().token);
    assert_eq!(claims["customer_id"], CUSTOMER);
    assert_eq!(claims["sub"], CUSTOMER);
    assert!(claims.get("roles").is_none());
    let till = format!(
        "grant_type=client_credentials&client_id=till&client_secret=s3cret%3A%2B+%25&customer_id={CUSTOMER}"
    );
    assert_eq!(issuer.grant(None, &till).unwrap_err(), GrantError::Unauthorized);
}

#[test]
fn refuses_as_rfc_6749_says() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = open(folder.path());
    let known = "client_id=demo&client_secret=demo";
    for (form, code) in [
        ("grant_type=client_credentials".to_owned(), "invalid_client"),
        (
            "grant_type=client_credentials&client_id=demo&client_secret=wrong".to_owned(),
            "invalid_client",
        ),
        (
            "grant_type=client_credentials&client_id=nobody&client_secret=demo".to_owned(),
            "invalid_client",
        ),
        (
            "grant_type=client_credentials&client_id=no-secret&client_secret=x".to_owned(),
            "invalid_client",
        ),
        (known.to_owned(), "invalid_request"),
        (format!("{known}&grant_type=password"), "unsupported_grant_type"),
        (format!("{known}&grant_type=client_credentials&scope=ledger:import"), "invalid_scope"),
        (format!("{known}&grant_type=client_credentials&customer_id=cus_x"), "invalid_request"),
        (format!("{known}&{known}&grant_type=client_credentials"), "invalid_request"),
    ] {
        assert_eq!(issuer.grant(None, &form).unwrap_err().code(), code, "{form}");
    }
    for header in ["Bearer x", "Basic", "Basic !", "Basic ZGVtbw=="] {
        let refused = issuer.grant(Some(header), "grant_type=client_credentials").unwrap_err();
        assert_eq!(refused, GrantError::Client, "{header}");
    }
}

#[test]
fn the_key_survives_a_restart_and_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).jwks();
    assert_eq!(open(folder.path()).jwks(), first);
    let file = folder.path().join("keys/issuer.key");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(first["keys"][0].get("d").is_none());
}
