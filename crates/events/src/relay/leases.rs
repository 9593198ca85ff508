//! Which partitions this relay sends. A lease saves double work; order is kept even where two
//! relays overlap, for the inbox knows what it has and the greater version wins.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use florin_store::{
    Database, StoreError,
    lease::{self, Lease},
};
use tokio_util::sync::CancellationToken;

use crate::{bus::Bus, event::PARTITIONS};

/// How long a lease lasts without a word of its holder: what a killed relay held waits so
/// long.
const TTL: Duration = Duration::from_secs(5);
/// How often leases are prolonged and free ones taken.
const RENEW: Duration = Duration::from_millis(1_500);

#[derive(Clone)]
pub(super) struct Partitions {
    /// None where there is nobody to share with.
    shared: Option<Arc<Shared>>,
}

struct Shared {
    db: Database,
    holder: String,
    leases: Mutex<Vec<Lease>>,
}

impl Partitions {
    pub(super) fn new(db: &Database, bus: &Bus) -> Self {
        let shared = match bus {
            Bus::Embedded(_) => None,
            Bus::JetStream(_) => {
                let (millis, random) = florin_store::id_parts();
                let holder = florin_kernel::EventId::from_parts(millis, random).to_string();
                Some(Arc::new(Shared { db: db.clone(), holder, leases: Mutex::default() }))
            }
        };
        Self { shared }
    }

    pub(super) fn held(&self) -> Vec<u8> {
        let Some(shared) = &self.shared else {
            return (0..PARTITIONS).collect();
        };
        let leases = shared.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.iter().filter_map(|lease| partition_of(&lease.name)).collect()
    }

    /// Prolongs what is held and takes what is free, until shutdown.
    pub(super) async fn keep(&self, shutdown: &CancellationToken) {
        let Some(shared) = &self.shared else { return };
        loop {
            if let Err(error) = shared.renew().await {
                tracing::warn!(%error, "outbox leases not prolonged");
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(RENEW) => {}
            }
        }
    }

    /// Lets another replica go on at once.
    pub(super) async fn release(&self) {
        let Some(shared) = &self.shared else { return };
        let leases =
            std::mem::take(&mut *shared.leases.lock().unwrap_or_else(PoisonError::into_inner));
        for lease in leases {
            if lease::release(&shared.db, &lease).await.is_err() {
                return;
            }
        }
    }
}

impl Shared {
    async fn renew(&self) -> Result<(), StoreError> {
        let held = self.leases.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut held = lease::renew_many(&self.db, &held, TTL).await?;
        let wanted: Vec<_> = (0..PARTITIONS)
            .map(name_of)
            .filter(|name| !held.iter().any(|lease| lease.name == *name))
            .collect();
        if !wanted.is_empty() {
            let names: Vec<_> = wanted.iter().map(String::as_str).collect();
            held.extend(lease::acquire_many(&self.db, &names, &self.holder, TTL).await?);
        }
        *self.leases.lock().unwrap_or_else(PoisonError::into_inner) = held;
        Ok(())
    }
}

fn name_of(partition: u8) -> String {
    format!("outbox/{partition}")
}

fn partition_of(name: &str) -> Option<u8> {
    name.strip_prefix("outbox/")?.parse().ok()
}
