//! Who may import whom (DESIGN section 1), and where a third-party crate may be used.

use std::{fs, path::Path};

use cargo_metadata::{DependencyKind, Metadata, Package};

use super::{Finding, line_of};

/// A crate's place in the tree, which decides what it may import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Kernel,
    Iso20022,
    Proto,
    Store,
    Rpc,
    Events,
    Runtime,
    Service,
    Gateway,
    Simulator,
    Executable,
    Testkit,
    Tests,
    Xtask,
}

use Place::{
    Events, Executable, Gateway, Iso20022, Kernel, Proto, Rpc, Runtime, Service, Simulator, Store,
    Testkit, Tests,
};

const SHARED: &[Place] = &[Kernel, Iso20022, Proto, Store, Rpc, Events, Runtime];
const ABOVE_ALL: &[Place] =
    &[Kernel, Iso20022, Proto, Store, Rpc, Events, Runtime, Service, Gateway, Simulator];
const EVERYTHING: &[Place] = &[
    Kernel, Iso20022, Proto, Store, Rpc, Events, Runtime, Service, Gateway, Simulator, Executable,
    Testkit,
];

impl Place {
    /// By the folder of the manifest, from the root.
    fn of(folder: &str) -> Option<Self> {
        Some(match folder {
            "crates/kernel" => Self::Kernel,
            "crates/iso20022" => Self::Iso20022,
            "proto" => Self::Proto,
            "crates/store" => Self::Store,
            "crates/rpc" => Self::Rpc,
            "crates/events" => Self::Events,
            "crates/runtime" => Self::Runtime,
            "crates/testkit" => Self::Testkit,
            "gateway" => Self::Gateway,
            "simulator" => Self::Simulator,
            "florin" => Self::Executable,
            "tests" => Self::Tests,
            "xtask" => Self::Xtask,
            other if other.starts_with("services/") => Self::Service,
            _ => return None,
        })
    }

    /// What it may import in its own code and build script.
    const fn may_import(self) -> &'static [Self] {
        match self {
            Self::Kernel => &[],
            Self::Iso20022 | Self::Proto | Self::Store | Self::Xtask => &[Kernel],
            Self::Rpc => &[Kernel, Proto],
            Self::Events => &[Kernel, Proto, Store],
            Self::Runtime => &[Kernel, Proto, Store, Rpc, Events],
            Self::Service => SHARED,
            Self::Gateway => &[Kernel, Proto, Rpc, Runtime],
            Self::Simulator => &[Kernel, Iso20022, Proto, Rpc, Runtime],
            Self::Executable | Self::Testkit => ABOVE_ALL,
            Self::Tests => EVERYTHING,
        }
    }
}

/// Third-party crates with few homes. Tests may use them anywhere.
const HOMES: &[(&str, &[Place])] = &[
    ("sea-orm", &[Store, Events, Service]),
    ("sqlx", &[Store, Service]),
    ("async-nats", &[Events]),
    ("axum", &[Gateway, Runtime, Simulator]),
    ("jsonwebtoken", &[Rpc, Gateway]),
    ("x509-parser", &[Rpc]),
    ("tonic-health", &[Rpc]),
    ("tonic-reflection", &[Rpc]),
    ("governor", &[Gateway]),
    ("quick-xml", &[Iso20022]),
    ("prost-reflect", &[Proto, Gateway]),
    ("clap", &[Executable, Place::Xtask]),
    ("syn", &[Place::Xtask]),
];

/// Never imported directly by anyone.
const BANNED: &[(&str, &str)] = &[
    ("ring", "the one crypto provider is aws-lc-rs"),
    ("openssl", "the one crypto provider is aws-lc-rs"),
    ("native-tls", "the one crypto provider is aws-lc-rs"),
    ("chrono", "dates are jiff::civil::Date, instants florin_kernel::UnixMicros"),
    ("time", "dates are jiff::civil::Date, instants florin_kernel::UnixMicros"),
    ("rust_decimal", "amounts are florin_kernel::Money in minor units"),
    ("lazy_static", "std::sync::LazyLock does it"),
    ("once_cell", "std::sync::OnceLock does it"),
    ("async-trait", "async fn in traits is part of the language"),
];

/// The kernel is pure, so each crate it takes is named here.
const KERNEL_TAKES: &[&str] =
    &["iban_validate", "iso_currency", "jiff", "thiserror", "uuid", "serde"];

/// Checks every member of the workspace.
pub fn check(root: &Path, metadata: &Metadata) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in metadata.workspace_packages() {
        let Some(manifest) = relative(root, package.manifest_path.as_std_path()) else { continue };
        let text = fs::read_to_string(&package.manifest_path).unwrap_or_default();
        let folder = manifest.trim_end_matches("/Cargo.toml");
        let Some(place) = Place::of(folder) else {
            findings.push(Finding {
                file: manifest.clone(),
                line: 1,
                rule: "imports",
                what: format!("{} stands where the tree of the design has no crate", package.name),
                mend: "move it to its place, or give it one in docs/adr and xtask/src/tidy/imports.rs",
            });
            continue;
        };
        for import in imports_of(root, package) {
            findings.extend(refused(place, &import).map(|(what, mend)| Finding {
                file: manifest.clone(),
                line: line_of(&text, &import.name),
                rule: "imports",
                what: format!("{} must not depend on {}: {what}", package.name, import.name),
                mend,
            }));
        }
    }
    findings
}

/// One dependency as a manifest declares it.
struct Import {
    name: String,
    /// Where it stands when it is ours.
    ours: Option<Place>,
    for_tests: bool,
}

fn imports_of(root: &Path, package: &Package) -> Vec<Import> {
    let dependencies = package.dependencies.iter();
    dependencies
        .map(|dependency| {
            let folder =
                dependency.path.as_ref().and_then(|path| relative(root, path.as_std_path()));
            let ours = folder.and_then(|folder| Place::of(&folder));
            let for_tests = dependency.kind == DependencyKind::Development;
            Import { name: dependency.name.clone(), ours, for_tests }
        })
        .collect()
}

/// Why a crate in that place may not have the import, and what to do; nothing when it may.
fn refused(place: Place, import: &Import) -> Option<(String, &'static str)> {
    if let Some((_, reason)) = BANNED.iter().find(|(name, _)| *name == import.name) {
        return Some(((*reason).to_owned(), "use what the reason names"));
    }
    if let Some(target) = import.ours {
        return refused_of_ours(place, target, import.for_tests);
    }
    if import.for_tests {
        return None;
    }
    if place == Kernel && !KERNEL_TAKES.contains(&import.name.as_str()) {
        let mend = "do this above the kernel, or name the crate in KERNEL_TAKES with care";
        return Some(("the kernel is pure".to_owned(), mend));
    }
    let (_, homes) = HOMES.iter().find(|(name, _)| *name == import.name)?;
    if homes.contains(&place) || place == Tests || place == Testkit {
        return None;
    }
    let what = format!("it belongs into {homes:?} only");
    Some((what, "call the crate of ours that wraps it, or extend that one"))
}

fn refused_of_ours(place: Place, target: Place, for_tests: bool) -> Option<(String, &'static str)> {
    let allowed = place.may_import().contains(&target);
    let test_help = for_tests && (target == Testkit || place == Executable);
    if allowed || test_help {
        return None;
    }
    if target == Testkit {
        return Some(("testkit is for tests".to_owned(), "declare it under [dev-dependencies]"));
    }
    if place == Service && target == Service {
        let mend = "call it by gRPC, or consume its events";
        return Some(("a service never imports another".to_owned(), mend));
    }
    let what = format!("{place:?} may import {:?} of ours", place.may_import());
    Some((what, "see DESIGN section 1: turn the dependency round or move the code down"))
}

fn relative(root: &Path, path: &Path) -> Option<String> {
    Some(path.strip_prefix(root).ok()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(place: Place) -> Import {
        Import { name: "ours".to_owned(), ours: Some(place), for_tests: false }
    }

    fn foreign(name: &str) -> Import {
        Import { name: name.to_owned(), ours: None, for_tests: false }
    }

    #[test]
    fn a_service_may_not_import_a_service() {
        let (what, mend) = refused(Service, &ours(Service)).unwrap();
        assert!(what.contains("never") && mend.contains("gRPC"));
        assert!(refused(Gateway, &ours(Service)).is_some());
        assert!(refused(Executable, &ours(Service)).is_none());
    }

    #[test]
    fn layers_import_downwards_only() {
        assert!(refused(Kernel, &ours(Proto)).is_some());
        assert!(refused(Store, &ours(Rpc)).is_some());
        assert!(refused(Rpc, &ours(Store)).is_some());
        assert!(refused(Runtime, &ours(Events)).is_none());
    }

    #[test]
    fn testkit_is_for_tests() {
        assert!(refused(Service, &ours(Testkit)).is_some());
        assert!(refused(Service, &Import { for_tests: true, ..ours(Testkit) }).is_none());
        assert!(refused(Tests, &ours(Testkit)).is_none());
    }

    #[test]
    fn third_party_crates_stay_in_their_homes() {
        assert!(refused(Service, &foreign("async-nats")).is_some());
        assert!(refused(Events, &foreign("async-nats")).is_none());
        assert!(refused(Service, &foreign("axum")).is_some());
        assert!(refused(Executable, &foreign("sea-orm")).is_some());
        assert!(refused(Kernel, &foreign("tokio")).is_some());
        assert!(refused(Kernel, &foreign("jiff")).is_none());
        assert!(refused(Rpc, &foreign("chrono")).is_some());
    }
}
