//! Mutual TLS 1.3 between all: identities that are reloaded live, the acceptor, the
//! connector, and what a certificate says of its owner.

mod acceptor;
mod connection;
mod connector;
mod expiry;
mod identity;
mod peer;
mod verifier;

pub use acceptor::{Ages, Incoming, MeshStream};
pub use connection::{Connection, OpenCall};
pub use connector::{Address, Connector, channel};
pub use expiry::{Expiry, expiries_of};
pub(crate) use identity::provider;
pub use identity::{Identity, TlsError, TlsFiles};
pub(crate) use peer::is_name;
pub use peer::{Peer, PeerError};
