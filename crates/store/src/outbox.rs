//! The names of the tables behind events. `florin-events` owns what happens with them; their
//! columns are documented in `migrations/*/0001_shared_tables.sql`.

/// Every event that was recorded, kept for ever: `position`, `event_id`, `kind`, `partition`,
/// `aggregate`, `version`, `payload`, `correlation`, `causation`, `traceparent`, `historical`,
/// `recorded_at`.
pub const OUTBOX: &str = "outbox";

/// What the broker has not acknowledged: `position`, `partition`, `event_id`.
pub const OUTBOX_PENDING: &str = "outbox_pending";

/// What a consumer has applied: `consumer`, `event_id`, `source`, `aggregate`, `version`,
/// `processed_at`.
pub const INBOX: &str = "inbox";

/// What a consumer could not apply, and what is parked behind it: `ordinal`, `consumer`, the
/// columns of the outbox row and `source`, `attempts`, `reason`, `first_failed_at`, `state`
/// (`parked`, `retrying`, `discarded`).
pub const DEAD_LETTERS: &str = "dead_letters";
