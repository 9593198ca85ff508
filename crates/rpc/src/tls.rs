//! Mutual TLS 1.3 between all: identities that are reloaded live, the acceptor, the
//! connector, and what a certificate says of its owner.

mod acceptor;
mod connector;
mod identity;
mod peer;
mod verifier;

pub use acceptor::{Incoming, MeshStream};
pub use connector::{Address, Connector, channel};
pub(crate) use identity::provider;
pub use identity::{Identity, TlsError, TlsFiles};
pub(crate) use peer::is_name;
pub use peer::{Peer, PeerError};
