//! What an installation may set.

use florin_kernel::Role;
use florin_runtime::{Section, Settings, settings::BusKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A role's own settings.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Own {
    /// How many at once.
    workers: u32,
    /// What lies below.
    below: Below,
}

/// A table of its own.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Below {
    /// A list.
    names: Vec<String>,
}

impl Default for Own {
    fn default() -> Self {
        Self { workers: 4, below: Below::default() }
    }
}

#[test]
fn the_example_holds_every_default_under_its_comment_and_reads_back_as_the_defaults() {
    let text = Settings::example(&[Section::of::<Own>(Role::Payment)]);
    let settings = Settings::parse(&text).unwrap();
    let plain = Settings::default();
    assert_eq!(format!("{:?}", settings.bank), format!("{:?}", plain.bank));
    for role in Role::ALL {
        assert_eq!(format!("{:?}", settings.role(*role)), format!("{:?}", plain.role(*role)));
    }
    assert_eq!(settings.section::<Own>(Role::Payment).unwrap().workers, 4);
    for piece in [
        "# The bank's national code, which stands inside its account numbers.\nbank_code = \"8899\"\n",
        "[cif]\n# Where it listens; port 0 takes a free one.\nlisten = \"127.0.0.1:7401\"\n",
        "[payment.below]\n# A list.\nnames = []\n",
        "7403\"\n# How many at once.\nworkers = 4\n\n# Its database.",
        "url = \"sqlite:data/account.db\"\n",
        "# [[issuers]]\n",
        "\n[gateway]\n",
    ] {
        assert!(text.contains(piece), "{piece:?} is not in\n{text}");
    }
    let uncommented: Vec<_> = text.lines().filter(|line| line.contains(" = ")).collect();
    assert!(uncommented.len() > 40, "{}", uncommented.len());
}

#[test]
fn a_typo_is_told_with_its_section_and_name() {
    let error = |text: &str| Settings::parse(text).unwrap_err().to_string();
    let told = error("[bank]\ncurency = \"CZK\"");
    assert!(told.contains("[bank]") && told.contains("curency"), "{told}");
    let told = error("[acount]\nlisten = \"127.0.0.1:1\"");
    assert!(told.contains("[acount]"), "{told}");
    let told = error("[cif]\nlisten = \"here\"");
    assert!(told.contains("[cif]") && told.contains("here"), "{told}");
    let told = error("[cif]\ndatabase = { ur = \"sqlite:x\" }");
    assert!(told.contains("[cif.database]") && told.contains("ur"), "{told}");
    let told = error("[bus]\nkind = \"kafka\"");
    assert!(told.contains("[bus]") && told.contains("kafka"), "{told}");
    let settings = Settings::parse("[payment]\nworker = 3").unwrap();
    let told = settings.section::<Own>(Role::Payment).unwrap_err().to_string();
    assert!(told.contains("[payment]") && told.contains("worker"), "{told}");
}

#[test]
fn a_missing_file_is_told_by_its_name() {
    let told = Settings::load(std::path::Path::new("/nowhere/florin.toml")).unwrap_err();
    assert!(told.to_string().contains("/nowhere/florin.toml"), "{told}");
}

#[test]
fn the_settings_of_the_containers_are_read() {
    let settings = Settings::parse(include_str!("../../../../deploy/florin.toml")).unwrap();
    assert_eq!(settings.bus.kind, BusKind::Jetstream);
    assert_eq!(settings.role(Role::Account).address, "account:7400");
    assert!(settings.role(Role::Payment).database.url.starts_with("postgres://"));
}
