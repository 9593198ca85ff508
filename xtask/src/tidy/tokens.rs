//! What may not be named where: the domain is pure, SQL stays in `store`, tests are not
//! ignored. Works on tokens, so comments and strings say what they like and macros do not hide.

use super::{
    Finding,
    source::{Source, Word},
};

/// Crates that a pure domain never names.
const IMPURE_CRATES: &[&str] = &[
    "tokio",
    "tracing",
    "log",
    "sea_orm",
    "sqlx",
    "prost",
    "prost_types",
    "tonic",
    "rand",
    "florin_proto",
    "florin_store",
    "florin_rpc",
    "florin_events",
    "florin_runtime",
    "serde_json",
    "axum",
    "hyper",
    "futures_util",
];

/// Words that make a domain depend on when or where it runs.
const IMPURE_WORDS: &[(&str, &str)] = &[
    ("async", "the domain is not asynchronous"),
    ("await", "the domain is not asynchronous"),
    ("SystemTime", "the domain has no clock"),
    ("Instant", "the domain has no clock"),
    ("println", "the domain prints nothing"),
    ("eprintln", "the domain prints nothing"),
];

/// Checks one file.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if is_domain(&source.file) {
        findings.extend(source.words.iter().filter_map(|word| impure(source, word)));
    }
    if in_service(&source.file) && !may_touch_sql(&source.file) {
        findings.extend(source.words.iter().filter(|word| is_sql(word)).map(|word| Finding {
            file: source.file.clone(),
            line: word.line,
            rule: "sql-in-store",
            what: format!("{} outside of the service's store", word.text),
            mend: "move the statement into src/store/ and call it by a function",
        }));
    }
    findings
}

fn is_domain(file: &str) -> bool {
    let kernel = file.starts_with("crates/kernel/src/");
    let service = file.starts_with("services/")
        && (file.contains("/src/domain/") || file.ends_with("/src/domain.rs"));
    kernel || service
}

fn in_service(file: &str) -> bool {
    file.starts_with("services/") && file.contains("/src/")
}

fn may_touch_sql(file: &str) -> bool {
    file.contains("/src/store/") || file.ends_with("/src/store.rs")
}

fn is_sql(word: &Word) -> bool {
    word.names_crate && (word.text == "sea_orm" || word.text == "sqlx")
}

fn impure(source: &Source, word: &Word) -> Option<Finding> {
    // The kernel makes ids from given bits, so it alone may name uuid.
    let uuid = word.text == "uuid" && !source.file.starts_with("crates/kernel/");
    let crate_named = word.names_crate && (uuid || IMPURE_CRATES.contains(&word.text.as_str()));
    let banned = IMPURE_WORDS.iter().find(|(name, _)| *name == word.text);
    let what = match banned {
        Some((_, reason)) => format!("{}: {reason}", word.text),
        None if crate_named => format!("the domain takes values and does not know {}", word.text),
        None => return None,
    };
    let mend = "decide on values here; load, call and log in app/, store/ or grpc.rs";
    Some(Finding { file: source.file.clone(), line: word.line, rule: "pure-domain", what, mend })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(file: &str, text: &str) -> Vec<(usize, &'static str)> {
        let source = Source::parse(file, text).unwrap();
        check(&source).into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    const DOMAIN: &str = "services/account/src/domain/hold.rs";

    #[test]
    fn a_domain_stays_pure() {
        assert_eq!(rules(DOMAIN, "use tokio::sync::Mutex;\n"), [(1, "pure-domain")]);
        assert_eq!(rules(DOMAIN, "\nasync fn f() {}\n"), [(2, "pure-domain")]);
        assert_eq!(rules(DOMAIN, "fn f() {\n  tracing::info!(\"x\");\n}"), [(2, "pure-domain")]);
        let hidden = "fn f() { vec![std::time::SystemTime::now()]; }";
        assert_eq!(rules(DOMAIN, hidden), [(1, "pure-domain")]);
        assert_eq!(rules(DOMAIN, "fn f() -> uuid::Uuid { uuid::Uuid::now_v7() }").len(), 2);
    }

    #[test]
    fn a_domain_may_speak_of_anything() {
        let text =
            "/// Not async, no tokio::spawn.\nfn f(log: i64) -> &'static str { \"tokio::\" }";
        assert_eq!(rules(DOMAIN, text), []);
        assert_eq!(rules("services/account/src/app/hold.rs", "async fn f() {}"), []);
        assert_eq!(rules("crates/kernel/src/id.rs", "use uuid::Uuid;"), []);
    }

    #[test]
    fn sql_stays_in_the_store() {
        let text = "use sea_orm::EntityTrait;";
        assert_eq!(rules("services/cif/src/app/get.rs", text), [(1, "sql-in-store")]);
        assert_eq!(rules("services/cif/src/store/party.rs", text), []);
        assert_eq!(rules("services/cif/tests/it/main.rs", text), []);
    }
}
