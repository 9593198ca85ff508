//! Path, query and body become one message, or a list of what is wrong.

use florin_gateway::{Catalogue, Input, bind, json_of};
use serde_json::{Value, json};

use crate::trial;

/// The message in JSON, or the violations as "field RULE".
fn bound(catalogue: &Catalogue, method: &str, uri: &str, body: &str) -> Result<Value, Vec<String>> {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let (route, found) = catalogue.find(method, path).expect("a route");
    let input = Input { path: found.bindings, query, body: body.as_bytes() };
    match bind(route, &input) {
        Ok(message) => {
            let mut whole = route.clone();
            whole.response_body = None;
            let mut value = json_of(&whole, &message).unwrap();
            clean(&mut value);
            Ok(value)
        }
        Err(found) => Err(found
            .into_inner()
            .iter()
            .map(|one| format!("{} {}", one.field, one.rule))
            .collect()),
    }
}

/// Leaves defaults out, so that tables stay short.
fn clean(value: &mut Value) {
    if let Value::Array(items) = value {
        items.iter_mut().for_each(clean);
    }
    let Value::Object(entries) = value else { return };
    for inner in entries.values_mut() {
        clean(inner);
    }
    entries.retain(|_, value| {
        let empty =
            [json!(""), json!("0"), json!(0), json!([]), json!({}), json!(false), json!(null)];
        let unspecified = value.as_str().is_some_and(|text| text.ends_with("_UNSPECIFIED"));
        !empty.contains(value) && !unspecified
    });
}

#[test]
fn binds_path_query_and_body_by_the_rules() {
    let catalogue = trial::catalogue();
    for (method, uri, body, wanted) in parameters_bound().into_iter().chain(bodies_bound()) {
        assert_eq!(bound(&catalogue, method, uri, body), Ok(wanted), "{method} {uri} {body}");
    }
}

#[test]
fn names_every_field_and_parameter_that_breaks_a_rule() {
    let catalogue = trial::catalogue();
    for (method, uri, body, wanted) in parameters_refused().into_iter().chain(bodies_refused()) {
        let wanted: Vec<String> = wanted.into_iter().map(str::to_owned).collect();
        assert_eq!(bound(&catalogue, method, uri, body), Err(wanted), "{method} {uri} {body}");
    }
}

#[test]
fn the_contract_of_florin_takes_a_customer_by_both_names() {
    let catalogue = Catalogue::of_the_contract().unwrap();
    for body in [
        r#"{"customer_id":"cus_1","product":"current"}"#,
        r#"{"customerId":"cus_1","product":"current"}"#,
    ] {
        let wanted = json!({"customerId": "cus_1", "product": "current"});
        assert_eq!(bound(&catalogue, "POST", "/v1/accounts", body), Ok(wanted));
    }
    let body = r#"{"contact":{"address":{"postalCode":"11000"}}}"#;
    let wanted = json!({"customer": {"customerId": "cus_1", "contact": {"address": {"postalCode": "11000"}}},
        "updateMask": "contact.address.postalCode"});
    let uri = "/v1/customers/cus_1?update_mask=contact.address.postal_code";
    assert_eq!(bound(&catalogue, "PATCH", uri, body), Ok(wanted));
}

#[test]
fn a_change_without_a_body_is_no_wish_to_clear_what_its_mask_names() {
    let catalogue = Catalogue::of_the_contract().unwrap();
    let uri = "/v1/customers/cus_1?updateMask=contact.email";
    for (body, wanted) in [("", " BODY_MISSING"), ("null", " TYPE"), ("[]", "customer TYPE")] {
        let refused = bound(&catalogue, "PATCH", uri, body);
        assert_eq!(refused, Err(vec![wanted.to_owned()]), "{body:?}");
    }
    assert!(bound(&catalogue, "PATCH", uri, "{}").is_ok(), "an empty object is said");
}

/// Method, path with query, body, and what becomes of it.
type Bound = (&'static str, &'static str, &'static str, Value);

fn parameters_bound() -> Vec<Bound> {
    vec![
        ("GET", "/t/a%2Fb%20c", "", json!({"name": "a/b c"})),
        ("GET", "/t/x/of/a/y", "", json!({"name": "a/y", "inner": {"text": "x"}})),
        (
            "GET",
            "/t/x?words=a&words=b+c&words=%2B",
            "",
            json!({"name": "x", "words": ["a", "b c", "+"]}),
        ),
        (
            "GET",
            "/t/x?inner.count=-3&inner.deeper.text=q",
            "",
            json!({"name": "x", "inner": {"count": -3, "deeper": {"text": "q"}}}),
        ),
        (
            "GET",
            "/t/x?inner.big_numbers=9007199254740993&inner.bigNumbers=1",
            "",
            json!({"name": "x", "inner": {"bigNumbers": ["9007199254740993", "1"]}}),
        ),
        (
            "GET",
            "/t/x?shade=LIGHT&shades=DARK&shades=SHADE_LIGHT&shades=1",
            "",
            json!({"name": "x", "shade": "SHADE_LIGHT", "shades": ["SHADE_DARK", "SHADE_LIGHT", "SHADE_DARK"]}),
        ),
        (
            "GET",
            "/t/x?at=2026-11-21T04:00:00Z&for=1.5s&maybe=7&perhaps=true",
            "",
            json!({"name": "x", "at": "2026-11-21T04:00:00Z", "for": "1.500s", "maybe": 7, "perhaps": true}),
        ),
        (
            "GET",
            "/t/x?updateMask=inner.big_numbers,name",
            "",
            json!({"name": "x", "updateMask": "inner.bigNumbers,name"}),
        ),
        ("GET", "/t/x?name=x", "", json!({"name": "x"})),
        (
            "DELETE",
            "/n/-9223372036854775808/LIGHT/true",
            "",
            json!({"number": "-9223372036854775808", "shade": "SHADE_LIGHT", "yes": true}),
        ),
        ("REPORT", "/t?yes=true", "", json!({"yes": true})),
    ]
}

fn bodies_bound() -> Vec<Bound> {
    vec![
        ("POST", "/t:find", "", json!({})),
        (
            "POST",
            "/t:find",
            r#"{"updateMask":"inner.text","raw":"AQI="}"#,
            json!({"updateMask": "inner.text", "raw": "AQI="}),
        ),
        (
            "POST",
            "/t:find",
            r#"{"number":"12","many":[{"count":1},{"bigNumbers":["3"]}],"ages":{"a":1}}"#,
            json!({"number": "12", "many": [{"count": 1}, {"bigNumbers": ["3"]}], "ages": {"a": 1}}),
        ),
        (
            "POST",
            "/t:find",
            r#"{"left":null,"right":"r","inner":{"shade":7}}"#,
            json!({"right": "r", "inner": {"shade": "SHADE_LIGHT"}}),
        ),
        (
            "PUT",
            "/t/x?name=n",
            r#"{"count":4}"#,
            json!({"name": "n", "inner": {"text": "x", "count": 4}}),
        ),
        ("PATCH", "/t/x", r#"{"text":"x","count":4}"#, json!({"inner": {"text": "x", "count": 4}})),
    ]
}

/// Method, path with query, body, and the fields with the rules that they break.
type Broken = (&'static str, &'static str, &'static str, Vec<&'static str>);

fn parameters_refused() -> Vec<Broken> {
    vec![
        (
            "GET",
            "/t/x?nobody=1&other.y=2",
            "",
            vec!["nobody UNKNOWN_PARAMETER", "other.y UNKNOWN_PARAMETER"],
        ),
        ("GET", "/t/x?inner=1", "", vec!["inner NOT_A_PARAMETER"]),
        ("GET", "/t/x?inner.text.more=1", "", vec!["inner.text.more UNKNOWN_PARAMETER"]),
        ("GET", "/t/x?many.count=1", "", vec!["many.count UNKNOWN_PARAMETER"]),
        ("GET", "/t/x?ages=1", "", vec!["ages NOT_A_PARAMETER"]),
        ("GET", "/t/x?number=1&number=2", "", vec!["number REPEATED"]),
        ("GET", "/t/x?inner.count=1&inner.count=1", "", vec!["inner.count REPEATED"]),
        ("GET", "/t/x?name=y", "", vec!["name CONFLICTS_WITH_PATH"]),
        ("GET", "/t/x?number=12a", "", vec!["number TYPE"]),
        ("GET", "/t/x?number=", "", vec!["number TYPE"]),
        ("GET", "/t/x?number=9223372036854775808", "", vec!["number TYPE"]),
        ("GET", "/t/x?yes=1", "", vec!["yes TYPE"]),
        ("GET", "/t/x?shade=5", "", vec!["shade UNKNOWN_VALUE"]),
        ("GET", "/t/x?shade=light", "", vec!["shade UNKNOWN_VALUE"]),
        ("GET", "/t/x?at=yesterday", "", vec!["at TYPE"]),
        ("GET", "/t/x?left=1&right=2", "", vec!["right ONE_OF"]),
        ("GET", "/t/x?words=%FF", "", vec![" NOT_UTF8"]),
        ("GET", "/t/%FF", "", vec!["name NOT_UTF8"]),
        ("GET", "/t/x", "{}", vec![" BODY_NOT_EXPECTED"]),
        ("DELETE", "/n/1/PINK/true", "", vec!["shade UNKNOWN_VALUE"]),
        ("DELETE", "/n/1/LIGHT/maybe", "", vec!["yes TYPE"]),
    ]
}

fn bodies_refused() -> Vec<Broken> {
    vec![
        ("POST", "/t:find?name=x", "{}", vec!["name UNKNOWN_PARAMETER"]),
        (
            "POST",
            "/t:find",
            r#"{"nobody":1,"inner":{"nobody":2},"many":[{},{"nobody":3}]}"#,
            vec![
                "inner.nobody UNKNOWN_FIELD",
                "many[1].nobody UNKNOWN_FIELD",
                "nobody UNKNOWN_FIELD",
            ],
        ),
        (
            "POST",
            "/t:find",
            r#"{"update_mask":"a","updateMask":"a"}"#,
            vec!["update_mask REPEATED"],
        ),
        ("POST", "/t:find", r#"{"name":1}"#, vec!["name TYPE"]),
        (
            "POST",
            "/t:find",
            r#"{"many":[{"count":1},{"count":"x"}],"yes":"true"}"#,
            vec!["many[1].count TYPE", "yes TYPE"],
        ),
        ("POST", "/t:find", r#"{"words":["a",3]}"#, vec!["words[1] TYPE"]),
        ("POST", "/t:find", r#"{"words":"a"}"#, vec!["words TYPE"]),
        ("POST", "/t:find", r#"{"words":["a",null]}"#, vec!["words[1] TYPE"]),
        ("POST", "/t:find", r#"{"inner":[]}"#, vec!["inner TYPE"]),
        ("POST", "/t:find", r#"{"shade":5}"#, vec!["shade UNKNOWN_VALUE"]),
        ("POST", "/t:find", r#"{"shades":["DARK",2147483648]}"#, vec!["shades[1] UNKNOWN_VALUE"]),
        ("POST", "/t:find", r#"{"shade":1.5}"#, vec!["shade UNKNOWN_VALUE"]),
        ("POST", "/t:find", r#"{"left":"a","right":"b"}"#, vec!["right ONE_OF"]),
        ("POST", "/t:find", r#"{"inner":{"count":2147483648}}"#, vec!["inner.count TYPE"]),
        ("POST", "/t:find", "[]", vec![" TYPE"]),
        ("POST", "/t:find", "null", vec![" TYPE"]),
        ("PUT", "/t/x", r#"{"text":"y"}"#, vec!["inner.text CONFLICTS_WITH_PATH"]),
        ("PUT", "/t/x?inner.count=1", "{}", vec!["inner.count UNKNOWN_PARAMETER"]),
        ("PUT", "/t/x", "[]", vec!["inner TYPE"]),
        ("PUT", "/t/x", r#"{"nobody":1}"#, vec!["inner.nobody UNKNOWN_FIELD"]),
    ]
}
