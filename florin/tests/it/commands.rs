use crate::bank::{Folder, florin};

#[test]
fn certs_keeps_a_valid_authority() {
    let folder = Folder::new();
    let dir = folder.path().join("certs");
    let make = || {
        let ended = florin().arg("certs").arg("--dir").arg(&dir).output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
        std::fs::read(dir.join("ca.pem")).unwrap()
    };
    let first = make();
    for name in ["cif", "account", "payment", "reporting", "loan", "gateway", "operator-admin"] {
        for end in ["pem", "key"] {
            assert!(dir.join(format!("{name}.{end}")).is_file(), "{name}.{end}");
        }
    }
    assert_eq!(make(), first);
}

#[test]
fn serve_says_in_one_line_what_is_missing() {
    let folder = Folder::new();
    let bare = folder.write("bare.toml", "[tls]\ndir = \"nowhere\"\n");
    let typo = folder.write("typo.toml", "[tls]\ndri = \"nowhere\"\n");
    let missing = folder.path().join("missing.toml");
    for (file, told) in [(&missing, "florin config example"), (&bare, "jetstream"), (&typo, "dri")]
    {
        let mut command = florin();
        command.args(["serve", "account", "--config"]).arg(file).current_dir(folder.path());
        let ended = command.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains(told), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn the_example_of_the_settings_can_be_served_from() {
    let folder = Folder::new();
    let example = florin().args(["config", "example"]).output().unwrap();
    let file = folder.write("florin.toml", &String::from_utf8(example.stdout).unwrap());
    let mut command = florin();
    command.args(["serve", "cif", "account", "payment", "reporting", "loan", "--config"]).arg(file);
    let ended = command.current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("florin certs"), "{said}");
}
