//! The errors of the operators' service. `rpc`, which has the table of codes, is not below
//! this crate; these few are its answers for the kinds of their reasons.

use florin_kernel::Kind;
use florin_proto::{ErrorReason, common, ops};
use florin_store::StoreError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

fn status(reason: &impl ErrorReason, message: String, mut details: ErrorDetails) -> Status {
    let code = match reason.kind() {
        Kind::Invalid => Code::InvalidArgument,
        Kind::NotFound => Code::NotFound,
        Kind::Refused => Code::FailedPrecondition,
        Kind::Unavailable => Code::Unavailable,
        Kind::Unprocessable
        | Kind::Unauthenticated
        | Kind::Forbidden
        | Kind::Conflict
        | Kind::Aborted
        | Kind::Exhausted
        | Kind::TooLarge
        | Kind::Deadline
        | Kind::Unimplemented
        | Kind::Cancelled
        | Kind::Internal => Code::Internal,
    };
    details.set_error_info(reason.name(), reason.domain(), std::collections::HashMap::new());
    Status::with_error_details(code, message, details)
}

pub(super) fn not_found(event_id: &str) -> Status {
    let text = format!("{event_id} is no dead letter of this service");
    status(&ops::v1::Reason::DeadLetterNotFound, text, ErrorDetails::new())
}

pub(super) fn no_rebuild(role: &str) -> Status {
    let text = format!("{role} has never rebuilt its read models");
    status(&ops::v1::Reason::RebuildNotFound, text, ErrorDetails::new())
}

pub(super) fn refused_again(text: String) -> Status {
    status(&ops::v1::Reason::DeadLetterRefusedAgain, text, ErrorDetails::new())
}

pub(super) fn invalid(field: &str, rule: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation(field, rule);
    status(&common::v1::Reason::InvalidRequest, format!("{field} {rule}"), details)
}

pub(super) fn foreign_page_token() -> Status {
    let mut details = ErrorDetails::new();
    let rule = "must be the next_page_token of an earlier page";
    details.add_bad_request_violation("page_token", rule);
    status(&common::v1::Reason::PageTokenInvalid, format!("page_token {rule}"), details)
}

/// What the database said stays in the log.
pub(super) fn internal(error: &StoreError) -> Status {
    tracing::error!(%error, "operator's command failed");
    if error.is_outage() || matches!(error, StoreError::Timeout(_)) {
        let text = "the database of this service does not answer".to_owned();
        return status(&common::v1::Reason::Unavailable, text, ErrorDetails::new());
    }
    status(&common::v1::Reason::Internal, "internal error".to_owned(), ErrorDetails::new())
}
