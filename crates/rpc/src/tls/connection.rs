//! What is known of an accepted connection.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::Peer;

/// A connection as its requests know it: whose certificate it has, where it comes from, and
/// how many calls are under way on it. Clones are the same connection.
#[derive(Debug, Clone)]
pub struct Connection {
    peer: Peer,
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
}

/// A call under way; dropping it ends it.
#[derive(Debug)]
pub struct OpenCall(Arc<AtomicUsize>);

impl Connection {
    pub(super) fn new(peer: Peer, address: SocketAddr) -> Self {
        Self { peer, address, calls: Arc::default() }
    }

    /// Whose certificate it has.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Where it comes from.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Counts a call until the answer is dropped.
    #[must_use]
    pub fn open_call(&self) -> OpenCall {
        self.calls.fetch_add(1, Ordering::Relaxed);
        OpenCall(Arc::clone(&self.calls))
    }

    /// Whether no call is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.calls.load(Ordering::Relaxed) == 0
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
