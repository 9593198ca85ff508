//! Payments on both engines, with a scripted `account` behind real mutual TLS.

#![expect(clippy::unwrap_used, reason = "the settings allow it in test functions alone")]

mod advance_transfers;
mod authorisations;
mod bank;
mod beneficiaries;
mod bulk_batches;
mod bulk_crashes;
mod bulk_files;
mod bulk_hostile;
mod bulk_reports;
mod bulk_uploads;
mod bulks;
mod cancel_transfer;
mod cash;
mod clearing;
mod clearing_faults;
mod create_transfer;
mod export_transfers;
mod fees;
mod get_transfer;
mod handed;
mod idempotency;
mod ledger;
mod limits;
mod limits_before;
mod limits_begun;
mod list_transfers;
mod lost_keys;
mod orders;
mod orders_changed;
mod orders_failing;
mod recalls;
mod reconciling;
mod reference_model;
mod refunds;
mod refused_reads;
mod repair;
mod required;
mod reversals;
mod saga_faults;
mod served;
mod unscoped_keys;
mod untold;
mod void;
mod worker_clocks;
