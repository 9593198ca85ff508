//! The description of the API: whole, and without a dead reference.

use std::collections::BTreeSet;

use florin_gateway::{Catalogue, Route, Security, document};
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
fn what_a_request_needs_is_required_and_what_only_answers_have_is_read_only() {
    let (_, document) = of_the_contract();
    let body = |path: &str, method: &str| {
        let pointer = format!(
            "/paths/{}/{method}/requestBody/content/application~1json/schema",
            path.replace('/', "~1")
        );
        document.pointer(&pointer).unwrap().clone()
    };
    let decide = body("/v1/customers/{customer_id}:decideKyc", "post");
    assert_eq!(decide["required"], serde_json::json!(["status"]));
    let relate = body("/v1/customers/{customer_id}/relations", "post");
    assert_eq!(relate["required"], serde_json::json!(["kind", "otherCustomerId"]));
    let customer = &document["components"]["schemas"]["cif.v1.CustomerInput"];
    assert_eq!(customer["properties"]["kycStatus"]["readOnly"], true);
    assert!(customer["properties"]["contact"].get("readOnly").is_none());
    // Of a person an update may send the family name alone.
    let person = &document["components"]["schemas"]["cif.v1.PersonInput"];
    assert!(person["properties"]["familyName"].is_object());
    assert!(person.get("required").is_none());
}

#[test]
fn a_body_is_required_where_it_must_hold_what_the_path_does_not() {
    let (_, document) = of_the_contract();
    let is_required = |path: &str, method: &str| {
        document["paths"][path][method]["requestBody"]["required"].as_bool().unwrap()
    };
    assert!(is_required("/v1/transfers", "post"));
    // The path names the customer, the body what becomes of it.
    assert!(is_required("/v1/customers/{customer_id}:decideKyc", "post"));
    // The path says all.
    assert!(!is_required("/v1/transfers/{transfer_id}:cancel", "post"));
    // A person or an organisation, neither of which is required alone.
    assert!(!is_required("/v1/customers", "post"));
    // The body is one field: without it a mask would clear what it names.
    assert!(is_required("/v1/customers/{customer_id}", "patch"));
    assert!(document["paths"]["/v1/transfers"]["get"].get("requestBody").is_none());
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
        let (path, operation) = operation_of(&document, route);
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()));
        assert!(!operation["description"].as_str().unwrap().is_empty());
        let parameters = operation["parameters"].as_array().unwrap();
        let header =
            |name: &str| parameters.iter().any(|one| one["name"] == name && one["in"] == "header");
        assert_eq!(header("Idempotency-Key"), route.policy.idempotency == Idempotency::Required);
        assert_eq!(header("Prefer"), route.policy.success_status == 202);
        for variable in &route.variables {
            let name = variable.last().unwrap().name();
            assert!(path.contains(&format!("{{{name}}}")), "{path}");
            assert!(parameters.iter().any(|one| one["name"] == name && one["in"] == "path"));
        }
        // By any bearer token, or by one of the development issuer.
        let security = operation["security"].as_array().unwrap();
        assert_eq!(security.len(), 2 * route.policy.scopes.len().max(1));
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key(&route.policy.success_status.to_string()));
        for status in ["400", "401", "429", "500", "503", "504"] {
            assert!(responses.contains_key(status), "{} {status}", route.path);
        }
        for reason in route.policy.reasons {
            let status = florin_rpc::http_status(reason.kind);
            let words = &responses[&status.to_string()]["description"];
            assert!(
                words.as_str().unwrap().contains(reason.name),
                "{} {}",
                route.path,
                reason.name
            );
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

/// Path and operation of a route, found by its id.
fn operation_of<'d>(document: &'d Value, route: &Route) -> (&'d str, &'d Value) {
    let id = format!("{}.{}", route.method.parent_service().name(), route.method.name());
    let paths = document["paths"].as_object().unwrap();
    let mut all = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, one)| (path, method, one))
    });
    let found = all.find(|(_, _, one)| one["operationId"] == id.as_str());
    let (path, method, operation) = found.unwrap();
    assert_eq!(*method, route.http_method.to_lowercase());
    (path, operation)
}

#[test]
fn no_template_of_a_path_stands_twice_and_no_name_has_a_dot() {
    let (_, document) = of_the_contract();
    let mut templates = BTreeSet::new();
    for path in document["paths"].as_object().unwrap().keys() {
        let mut template = String::new();
        for part in path.split('{') {
            let (name, rest) = part.split_once('}').unwrap_or(("", part));
            assert!(!name.contains('.'), "{path}");
            template.push_str("{}");
            template.push_str(rest);
        }
        assert!(templates.insert(template), "{path} is the same as another by other names");
    }
}

#[test]
fn requests_say_what_they_may_hold_and_answers_what_they_always_do() {
    let (_, document) = of_the_contract();
    let schemas = &document["components"]["schemas"];
    let asked = &schemas["payment.v1.CreateTransferRequest"];
    assert_eq!(asked["additionalProperties"], false);
    assert_eq!(asked["properties"]["amount"]["type"], "string");
    assert_eq!(asked["properties"]["description"]["type"], serde_json::json!(["string", "null"]));
    let (sent, told) = (&schemas["common.v1.MoneyInput"], &schemas["common.v1.Money"]);
    assert_eq!(sent["additionalProperties"], false);
    assert_eq!(told["required"], serde_json::json!(["currency", "amount"]));
    assert!(told.get("additionalProperties").is_none(), "an answer may get new fields");
    // A person or an organisation; null is neither.
    let choice = &schemas["cif.v1.RegisterCustomerRequest"]["allOf"][0]["not"];
    assert_eq!(choice["required"], serde_json::json!(["person", "organisation"]));
    assert_eq!(choice["properties"]["person"]["not"]["type"], "null");
    let status = &schemas["payment.v1.TransferStatusInput"]["anyOf"];
    assert_eq!((&status[1]["enum"][1], &status[2]["enum"][3]), (&"PROCESSING".into(), &3.into()));
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
