//! The tables of payments: row <-> domain, and the statements.

pub mod authorisations;
pub mod beneficiaries;
pub mod bulk_batches;
pub mod bulk_lines;
pub mod bulk_parts;
pub mod bulk_report;
pub mod bulks;
mod clearing;
pub mod failing_orders;
mod keys;
pub mod limits;
mod list;
pub mod orders;
pub mod recalls;
pub mod repairs;
pub mod reservations;
mod row;
pub mod statements;
mod transfers;
mod voids;

use florin_store::Migrations;

pub use clearing::{
    Comeback, Drawer, Incoming, Outgoing, Subject, Unread, arrive, asked_back, claim_incoming,
    claim_outgoing, clearing_waits, comebacks, dismiss_unread, file, find_incoming, find_outgoing,
    has_come_back, incoming_after, is_in_hand, is_return_contradicted, lock_incoming,
    lock_outgoing, lock_unread, outgoing_after, payment_of, send, unread_after, update_incoming,
    update_outgoing,
};
pub use keys::guard_unscoped;
pub use list::{Unfinished, Visible, after, list, unfinished};
pub use row::{ClientKey, Record};
pub use transfers::{
    Guarded, Held, Lease, claim, find, give_lease_back, insert, lock, lock_held, of_keys, read,
    returned, update,
};
pub use voids::{NotVoid, not_void, note_voids};

/// The tables of the service.
pub const MIGRATIONS: Migrations = florin_store::migrations![
    "0001_transfers",
    "0002_keys_for_ever",
    "0003_what_was_said",
    "0004_limits_and_returns",
    "0005_orders",
    "0020_clearing",
    "0021_clearing_doubts",
    "0030_voided",
    "0032_beneficiaries",
    "0033_bulks",
    "0040_authorisations",
    "0046_fees",
    "0050_recalls",
    "0051_statements",
    "0060_keys_of_orders",
    "0061_parts_of_statements",
    "0070_repairs",
    "0080_reservations",
    "0081_orders",
    "0090_room_for_updates",
    "0110_in_hand",
    "0120_batches",
    "0130_failing_orders",
];
