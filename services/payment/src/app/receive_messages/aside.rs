//! What must not stop the messages behind it: it is kept for people.

use std::sync::PoisonError;

use bytes::Bytes;
use florin_store::{StoreError, Tx};

use super::refused;
use crate::{
    app::advance_clearing::{ClearingWorker, plain},
    clearing::{Delivered, fresh_id},
    store::{self, Drawer},
};

/// How often a message may fail by its own before it is set aside.
const MOST_FAILURES: u32 = 5;

impl ClearingWorker {
    /// Takes a message, or keeps it for people: one that is longer than what is read of one, and
    /// one that has failed too often.
    pub(super) async fn take_or_set_aside(&self, delivered: &Delivered) -> Result<(), StoreError> {
        let Delivered { number, document, is_cut } = delivered;
        if *is_cut {
            let read = document.len();
            let finding = format!(
                "set aside: message {number} of the network is longer than the {read} bytes that \
                 are kept of it"
            );
            return self.set_aside(finding, document).await;
        }
        match self.take_message(document).await {
            Err(error) if self.is_hopeless(*number, &error) => {
                let finding = format!("set aside: message {number} of the network: {error}");
                self.set_aside(finding, document).await
            }
            taken => taken,
        }
    }

    /// Whether a message has failed so often, and not for want of the database, that it must
    /// not stand before all others any longer.
    fn is_hopeless(&self, number: u64, error: &StoreError) -> bool {
        let is_its_own = match error {
            StoreError::Conflict { .. } | StoreError::Corrupt(_) | StoreError::Database(_) => true,
            StoreError::Unavailable(_)
            | StoreError::Serialization(_)
            | StoreError::Timeout(_)
            | StoreError::Locked
            | StoreError::KeyInUse
            | StoreError::Migration(_) => false,
        };
        if !is_its_own {
            return false;
        }
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = if refused.0 == number { refused.1.saturating_add(1) } else { 1 };
        *refused = (number, failures);
        failures >= MOST_FAILURES
    }

    /// Keeps a message for people that cannot be taken.
    async fn set_aside(&self, finding: String, document: &Bytes) -> Result<(), StoreError> {
        let finding = plain(&refused(finding));
        let id = fresh_id();
        self.payment
            .db
            .write(async |tx: Tx| store::file(&tx, Drawer::Unread, &id, &finding, document).await)
            .await
    }
}
