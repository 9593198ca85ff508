//! The refusals of the operators' service. The table of codes stands in `rpc`, above this
//! crate: whoever serves it makes a status of each.

use florin_store::StoreError;

/// Why an operator's command is refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpsError {
    /// The event is no open dead letter of the service.
    #[error("{0} is no dead letter of this service")]
    DeadLetterNotFound(String),
    /// The event was refused once more, for this reason.
    #[error("{0}")]
    RefusedAgain(String),
    /// A field breaks a rule.
    #[error("{field} {rule}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// The rule, as a sentence without subject.
        rule: &'static str,
    },
    /// The page token is of another list.
    #[error("page_token {FOREIGN_TOKEN}")]
    ForeignPageToken,
    /// The role has never rebuilt a read model.
    #[error("{0} has never rebuilt its read models")]
    NoRebuild(&'static str),
    /// The role has no read model.
    #[error("{0} has no read model")]
    NoReadModel(&'static str),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a page token has to be.
pub const FOREIGN_TOKEN: &str = "must be the next_page_token of an earlier page";

pub(super) fn not_found(event_id: &str) -> OpsError {
    OpsError::DeadLetterNotFound(event_id.to_owned())
}

pub(super) fn invalid(field: &'static str, rule: &'static str) -> OpsError {
    OpsError::Invalid { field, rule }
}
