//! The development authority: a certificate for every role, server, operator and client,
//! and what NATS lets each role do. In production the same files come from elsewhere.

mod authority;
mod files;
mod nats;

use std::path::{Path, PathBuf};

use florin_kernel::Role;
use rcgen::{ExtendedKeyUsagePurpose, SanType};

use self::authority::Authority;
use crate::tls::{Peer, is_name};

/// File with the authorization block for NATS.
pub const NATS_PERMISSIONS: &str = "nats-permissions.conf";

/// File with the names of the services, one a line: who needs a database.
pub const SERVICES: &str = "services.txt";

/// Servers that are no roles and need a certificate of our authority.
const SERVERS: [&str; 2] = ["nats", "postgres"];

/// The simulated clearing network, which serves under the name of a client.
const SIMULATOR: &str = "simulator";

/// Why certificates cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] std::io::Error),
    /// A name of an operator or a client.
    #[error("{0:?} is no name: 1 to 64 of a-z, 0-9, dot, dash and underscore")]
    Name(String),
    /// The authority that is there is not ours to replace.
    #[error("{0}: {1}; to make a new authority, remove the folder's files")]
    Authority(PathBuf, String),
    /// A certificate cannot be made.
    #[error("{0}: {1}")]
    Issue(String, #[source] rcgen::Error),
}

/// A certificate to be made.
struct Leaf {
    /// Name of its files, without ending.
    name: String,
    names: Vec<SanType>,
    purposes: Vec<ExtendedKeyUsagePurpose>,
}

/// Makes what a folder of certificates lacks: `ca.pem`, `ROLE.pem`, `nats.pem`,
/// `postgres.pem`, `client-simulator.pem`, `operator-NAME.pem`, `client-NAME.pem`, each with its `.key`, the
/// permissions for NATS and the list of services. A valid authority is kept; a certificate is made anew where it is
/// missing, of another authority or other names, or expires soon. `dns` are more names of
/// the servers.
///
/// # Errors
/// Where a file cannot be written, a name is malformed, or there is an authority without
/// its key.
pub fn issue_development_pki(
    dir: &Path,
    operators: &[&str],
    clients: &[&str],
    dns: &[String],
) -> Result<(), CertsError> {
    let mut leaves = Vec::new();
    for role in Role::ALL {
        leaves.push(server_leaf(role.name(), Some(&role.spiffe()), dns)?);
    }
    for server in SERVERS {
        leaves.push(server_leaf(server, None, dns)?);
    }
    // The simulated clearing network: no role, but the roles dial it.
    let simulator = Peer::Client(SIMULATOR.to_owned());
    leaves.push(server_leaf(&format!("client-{SIMULATOR}"), Some(&simulator.spiffe()), dns)?);
    for name in operators {
        leaves.push(person_leaf("operator", name, Peer::Operator((*name).to_owned()))?);
    }
    for name in clients {
        leaves.push(person_leaf("client", name, Peer::Client((*name).to_owned()))?);
    }
    files::create_dir(dir)?;
    let authority = Authority::open_or_make(dir)?;
    for leaf in &leaves {
        authority.ensure(dir, leaf)?;
    }
    files::write(&dir.join(SERVICES), services().as_bytes(), files::OPEN)?;
    files::write(&dir.join(NATS_PERMISSIONS), nats::permissions().as_bytes(), files::OPEN)
}

fn services() -> String {
    Role::ALL.iter().filter(|role| role.is_service()).map(|role| format!("{role}\n")).collect()
}

fn server_leaf(name: &str, spiffe: Option<&str>, dns: &[String]) -> Result<Leaf, CertsError> {
    let mut names = Vec::new();
    if let Some(spiffe) = spiffe {
        names.push(SanType::URI(ia5(spiffe)?));
    }
    for host in [name, "localhost"].into_iter().chain(dns.iter().map(String::as_str)) {
        let san = match host.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(ia5(host)?),
        };
        if !names.contains(&san) {
            names.push(san);
        }
    }
    for address in [std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()] {
        let san = SanType::IpAddress(address);
        if !names.contains(&san) {
            names.push(san);
        }
    }
    Ok(Leaf {
        name: name.to_owned(),
        names,
        purposes: vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
    })
}

fn person_leaf(kind: &str, name: &str, peer: Peer) -> Result<Leaf, CertsError> {
    if !is_name(name) {
        return Err(CertsError::Name(name.to_owned()));
    }
    Ok(Leaf {
        name: format!("{kind}-{name}"),
        names: vec![SanType::URI(ia5(&peer.spiffe())?)],
        purposes: vec![ExtendedKeyUsagePurpose::ClientAuth],
    })
}

fn ia5(text: &str) -> Result<rcgen::string::Ia5String, CertsError> {
    text.try_into().map_err(|error| CertsError::Issue(text.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::tls::{Identity, TlsFiles};

    fn issue(dir: &Path, dns: &[String]) -> Result<(), CertsError> {
        issue_development_pki(dir, &["eva"], &["till"], dns)
    }

    #[test]
    fn everyone_gets_a_certificate_that_loads_as_who_it_is() {
        let dir = tempfile::tempdir().unwrap();
        issue(dir.path(), &[]).unwrap();
        for (name, peer) in [
            ("operator-eva", Peer::Operator("eva".into())),
            ("client-till", Peer::Client("till".into())),
        ] {
            let identity = Identity::load(&TlsFiles::in_dir(dir.path(), name)).unwrap();
            assert_eq!(identity.peer(), peer);
        }
        for role in Role::ALL {
            let identity = Identity::load(&TlsFiles::in_dir(dir.path(), role.name())).unwrap();
            assert_eq!(identity.peer(), Peer::Role(*role));
            assert!(identity.is_valid_now());
        }
        let permissions = fs::read_to_string(dir.path().join(NATS_PERMISSIONS)).unwrap();
        for role in Role::ALL.iter().filter(|role| role.is_service()) {
            assert!(permissions.contains(&role.spiffe()));
        }
    }

    #[test]
    fn a_second_run_changes_nothing_and_new_names_change_only_servers() {
        let dir = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
        issue(dir.path(), &[]).unwrap();
        let files =
            ["ca.pem", "ca.key", "account.pem", "account.key", "nats.pem", "client-till.pem"];
        let before = files.map(read);
        issue(dir.path(), &[]).unwrap();
        assert_eq!(files.map(read), before);
        issue(dir.path(), &["bank.test".to_owned()]).unwrap();
        assert_eq!(read("ca.pem"), before[0]);
        assert_eq!(read("client-till.pem"), before[5]);
        assert_ne!(read("account.pem"), before[2]);
    }

    #[test]
    fn a_leaf_of_another_authority_or_with_another_key_is_made_anew() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        issue(dir.path(), &[]).unwrap();
        issue(other.path(), &[]).unwrap();
        for end in ["pem", "key"] {
            let name = format!("cif.{end}");
            fs::copy(other.path().join(&name), dir.path().join(&name)).unwrap();
        }
        fs::copy(other.path().join("account.key"), dir.path().join("account.key")).unwrap();
        issue(dir.path(), &[]).unwrap();
        for name in ["cif", "account"] {
            assert!(Identity::load(&TlsFiles::in_dir(dir.path(), name)).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_authority_without_its_key_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        issue(dir.path(), &[]).unwrap();
        let before = fs::read(dir.path().join("ca.pem")).unwrap();
        fs::remove_file(dir.path().join("ca.key")).unwrap();
        assert!(matches!(issue(dir.path(), &[]), Err(CertsError::Authority(..))));
        assert_eq!(fs::read(dir.path().join("ca.pem")).unwrap(), before);
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        issue(dir.path(), &[]).unwrap();
        for entry in fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "key") {
                let mode = fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{}", path.display());
            }
        }
    }

    #[test]
    fn names_that_are_no_names_make_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["", "../eva", "EVA", "a/b"] {
            let made = issue_development_pki(dir.path(), &[name], &[], &[]);
            assert!(matches!(made, Err(CertsError::Name(_))), "{name}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
