//! The policy of each method, the reasons and the description of the API as files, so that a
//! change of them is seen in a diff. `cargo xtask golden` writes them anew.

use std::{fmt::Write as _, fs, path::PathBuf};

use florin_gateway::{Catalogue, Security, document};
use florin_proto::{
    REASONS,
    policy::{MethodPolicy, POLICIES},
};

/// Compares, or writes where the run was told to.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment")]
fn golden(name: &str, found: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    if std::env::var("FLORIN_GOLDEN").is_ok_and(|told| told == "write") {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, found).unwrap();
        return;
    }
    let known = fs::read_to_string(&file).unwrap_or_default();
    let changed = known.lines().zip(found.lines()).find(|(known, found)| known != found);
    assert!(
        known == found,
        "{name} has changed; `cargo xtask golden` writes it anew. First difference: {changed:?}"
    );
}

fn policy(policy: &MethodPolicy) -> String {
    let mut text = format!("{}\n", policy.path);
    let mut line = |name: &str, value: &str| {
        writeln!(text, "    {name:<12}{value}").unwrap();
    };
    line("callers", &policy.callers.join(" "));
    line("scopes", &policy.scopes.join(" "));
    line("roles", &policy.roles.join(" "));
    line("own", &format!("{:?}", policy.own));
    line("idempotency", &format!("{:?}", policy.idempotency));
    line("success", &policy.success_status.to_string());
    for reason in policy.reasons {
        line("reason", &format!("{} {}", reason.domain, reason.name));
    }
    for reason in policy.item_reasons {
        line("of an item", &format!("{} {}", reason.domain, reason.name));
    }
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn the_policy_of_each_method_is_the_one_on_record() {
    golden("policies.txt", &POLICIES.iter().map(policy).collect::<String>());
}

#[test]
fn the_reasons_are_those_on_record() {
    let line = |reason: &florin_proto::KnownReason| {
        let status = florin_rpc::http_status(reason.kind);
        let line = format!(
            "{} {} {status} {:?} {}",
            reason.domain,
            reason.name,
            reason.kind,
            reason.metadata.join(" ")
        );
        format!("{}\n", line.trim_end())
    };
    golden("reasons.txt", &REASONS.iter().map(line).collect::<String>());
}

#[test]
fn the_description_of_the_api_is_the_one_on_record() {
    let catalogue = Catalogue::of_the_contract().unwrap();
    let security = Security {
        token_url: Some("https://localhost/oauth2/token".to_owned()),
        discovery_urls: Vec::new(),
    };
    let text = serde_json::to_string_pretty(&document(&catalogue, &security)).unwrap();
    golden("openapi.json", &format!("{text}\n"));
}
