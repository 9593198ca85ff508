//! How a use case fails: by its own decision, or because the store could not.

use florin_kernel::Violations;
use florin_proto::common::v1::Reason;
use florin_rpc::Error;
use florin_store::{Retryable, StoreError};
use std::time::Duration;

/// When another attempt at a change that met another is worth it.
const AFTER_CONFLICT: Duration = Duration::from_millis(100);
/// When another attempt at an absent database is worth it.
const AFTER_OUTAGE: Duration = Duration::from_secs(1);

/// What ends the work inside a transaction. `?` makes one of a [`StoreError`] or an
/// [`Error`].
#[derive(Debug, Clone)]
pub enum Failure {
    /// The use case says no.
    Refused(Error),
    /// The database failed; nothing is decided.
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Violations> for Failure {
    fn from(violations: Violations) -> Self {
        Self::Refused(violations.into())
    }
}

impl Retryable for Failure {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Store(error) => error.is_retryable(),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => error,
            Failure::Store(error) => internal(error),
        }
    }
}

impl From<Failure> for tonic::Status {
    fn from(failure: Failure) -> Self {
        Error::from(failure).into()
    }
}

/// What a caller is told of a failure of the store: UNAVAILABLE where another attempt may
/// help, CONCURRENT_CHANGE where another change was in the way, else INTERNAL, whose text
/// the server logs when it answers.
#[must_use]
pub fn internal(error: StoreError) -> Error {
    match error {
        StoreError::Unavailable(cause) => {
            tracing::warn!(%cause, "database unavailable");
            Error::new(Reason::Unavailable, "the database of the service cannot be reached")
                .with("layer", "database")
                .with("cause", "unavailable")
                .retry_after(AFTER_OUTAGE)
        }
        StoreError::Timeout(cause) => {
            tracing::warn!(%cause, "database timed out");
            Error::new(Reason::Unavailable, "the database of the service did not answer in time")
                .with("layer", "database")
                .with("cause", "timeout")
                .retry_after(AFTER_OUTAGE)
        }
        StoreError::Serialization(_) | StoreError::Locked | StoreError::KeyInUse => {
            Error::new(Reason::ConcurrentChange, "the record was changed at the same moment")
                .retry_after(AFTER_CONFLICT)
        }
        StoreError::Conflict { .. }
        | StoreError::Corrupt(_)
        | StoreError::Migration(_)
        | StoreError::Database(_) => Error::internal(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_database_is_unavailable_and_a_defect_tells_nothing() {
        let away = internal(StoreError::Unavailable("connection refused".into()));
        assert_eq!((away.reason(), away.http_status()), ("UNAVAILABLE", 503));
        assert!(away.retry_delay().is_some());
        let lost = internal(StoreError::Serialization("40001".into()));
        assert_eq!((lost.reason(), lost.http_status()), ("CONCURRENT_CHANGE", 409));
        let defect = internal(StoreError::Corrupt("row 7".into()));
        assert!(!defect.to_status().message().contains("row 7"));
    }
}
