//! The description of the API: whole, and without a dead reference.

use std::collections::BTreeSet;

use florin_gateway::{Catalogue, Security, document};
use florin_proto::policy::{Idempotency, POLICIES};
use serde_json::Value;

fn of_the_contract() -> (Catalogue, Value) {
    let catalogue = Catalogue::of_the_contract().unwrap();
    let security = Security {
        token_url: Some("https://localhost/oauth2/token".to_owned()),
        discovery_urls: Vec::new(),
    };
    let document = document(&catalogue, &security);
    (catalogue, document)
}

fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(entries) => {
            if let Some(Value::String(target)) = entries.get("$ref") {
                found.push(target);
            }
            entries.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let (_, document) = of_the_contract();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100);
    for target in found {
        let pointer = target.strip_prefix('#').unwrap();
        let value = document.pointer(pointer);
        assert!(value.is_some_and(|value| !value.is_null()), "{target}");
    }
}

#[test]
fn every_route_is_described_with_its_key_its_security_and_its_errors() {
    let (catalogue, document) = of_the_contract();
    let mut ids = BTreeSet::new();
    for route in catalogue.routes() {
        let operation = &document["paths"][route.path.as_str()][route.http_method.to_lowercase()];
        assert!(operation.is_object(), "{}", route.path);
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()));
        assert!(!operation["description"].as_str().unwrap().is_empty());
        let parameters = operation["parameters"].as_array().unwrap();
        let header =
            |name: &str| parameters.iter().any(|one| one["name"] == name && one["in"] == "header");
        assert_eq!(header("Idempotency-Key"), route.policy.idempotency == Idempotency::Required);
        assert_eq!(header("Prefer"), route.policy.success_status == 202);
        for variable in &route.variables {
            let name = variable.iter().map(|field| field.name()).collect::<Vec<_>>().join(".");
            assert!(route.path.contains(&format!("{{{name}}}")));
            assert!(
                parameters.iter().any(|one| one["name"] == name.as_str() && one["in"] == "path")
            );
        }
        let security = operation["security"].as_array().unwrap();
        assert_eq!(security.len(), route.policy.scopes.len().max(1));
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key(&route.policy.success_status.to_string()));
        for status in ["400", "401", "429", "500", "503", "504"] {
            assert!(responses.contains_key(status), "{} {status}", route.path);
        }
        for reason in route.policy.reasons {
            let status = florin_rpc::http_status(florin_proto::reason_kind(reason).unwrap());
            let words = &responses[&status.to_string()]["description"];
            assert!(words.as_str().unwrap().contains(reason), "{} {reason}", route.path);
        }
    }
    assert_eq!(document["openapi"], "3.1.0");
    let operations: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|item| item.as_object().unwrap().len())
        .sum();
    assert_eq!(operations, catalogue.routes().len());
}

#[test]
fn every_method_that_the_gateway_may_call_has_a_route() {
    let catalogue = Catalogue::of_the_contract().unwrap();
    let served: BTreeSet<&str> = catalogue.routes().iter().map(|route| route.policy.path).collect();
    let wanted: BTreeSet<&str> = POLICIES
        .iter()
        .filter(|policy| policy.callers.contains(&"gateway"))
        .map(|policy| policy.path)
        .collect();
    assert_eq!(served, wanted);
}

#[test]
fn comments_of_the_contract_reach_the_schemas() {
    let (_, document) = of_the_contract();
    let schema = &document["components"]["schemas"]["account.v1.Account"]["properties"]["iban"];
    assert_eq!(schema["description"], "IBAN in electronic form.");
    let status = &document["components"]["schemas"]["payment.v1.TransferStatus"];
    assert_eq!(status["enum"][1], "TRANSFER_STATUS_PROCESSING");
}
