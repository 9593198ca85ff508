//! Bodies that are no sound JSON.

use florin_gateway::{Input, bind};

use crate::trial;

fn rules(body: &[u8]) -> Vec<String> {
    let catalogue = trial::catalogue();
    let (route, found) = catalogue.find("POST", "/t:find").unwrap();
    match bind(route, &Input { path: found.bindings, query: "", body }) {
        Ok(_) => Vec::new(),
        Err(found) => {
            found.into_inner().iter().map(|one| format!("{} {}", one.field, one.rule)).collect()
        }
    }
}

#[test]
fn refuses_what_is_no_sound_json() {
    let deep = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
    let deep_objects =
        [br#"{"inner":"#.repeat(10_000), b"1".to_vec(), b"}".repeat(10_000)].concat();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"{".to_vec(), " JSON_SYNTAX"),
        (b"{}{}".to_vec(), " JSON_SYNTAX"),
        (b"{'name':1}".to_vec(), " JSON_SYNTAX"),
        (b"{\"name\":\"\xff\"}".to_vec(), " JSON_SYNTAX"),
        (b"\xef\xbb\xbf{}".to_vec(), " JSON_SYNTAX"),
        (b"{\"number\":1e999}".to_vec(), " JSON_SYNTAX"),
        (b"{\"name\":\"a\nb\"}".to_vec(), " JSON_SYNTAX"),
        (b"{\"number\":NaN}".to_vec(), " JSON_SYNTAX"),
        (br#"{"name":"a","name":"b"}"#.to_vec(), "name JSON_DUPLICATE_KEY"),
        (br#"{"inner":{"text":"a","text":"a"}}"#.to_vec(), "inner.text JSON_DUPLICATE_KEY"),
        (br#"{"many":[{},{"count":1,"count":1}]}"#.to_vec(), "many[1].count JSON_DUPLICATE_KEY"),
        (br#"{"n\u0061me":"a","name":"b"}"#.to_vec(), "name JSON_DUPLICATE_KEY"),
        (deep, " JSON_TOO_DEEP"),
        (deep_objects, " JSON_TOO_DEEP"),
    ];
    for (body, rule) in cases {
        let shown = String::from_utf8_lossy(body.get(..40).unwrap_or(&body)).into_owned();
        assert_eq!(rules(&body), [rule], "{shown}");
    }
}

#[test]
fn brackets_inside_strings_are_not_depth() {
    let body = format!(r#"{{"name":"{}\\\"{}"}}"#, "[".repeat(1_000), "{".repeat(1_000));
    assert!(rules(body.as_bytes()).is_empty());
    let sixty = format!(
        "{}{}{}",
        r#"{"inner":{"deeper":"#,
        r#"{"deeper":"#.repeat(60),
        "{}".to_owned() + &"}".repeat(62)
    );
    assert!(rules(sixty.as_bytes()).is_empty());
}

#[test]
fn lists_a_bounded_number_of_violations() {
    let fields: Vec<String> = (0..5_000).map(|number| format!("\"f{number}\":1")).collect();
    assert_eq!(rules(format!("{{{}}}", fields.join(",")).as_bytes()).len(), 100);
    let long = format!("{{\"{}\":1}}", "x".repeat(50_000));
    assert!(rules(long.as_bytes())[0].len() < 200);
}
