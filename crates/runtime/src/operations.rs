//! What the operators' service needs of the mesh: who calls, and what a refusal is on the wire.

use florin_events::{FOREIGN_TOKEN, OpsError};
use florin_kernel::{Kind, Violations};
use florin_proto::{common, ops};
use florin_rpc::{CallContext, Error};
use tonic::{Extensions, Status};

use crate::internal;

/// Who calls an operation, for the audit.
pub(crate) fn actor(extensions: &Extensions) -> String {
    let context = extensions.get::<CallContext>();
    context.map_or_else(|| "unknown".to_owned(), |context| context.principal.scope_key())
}

/// A refusal by the one table of codes.
pub(crate) fn refuse(error: OpsError) -> Status {
    let text = error.to_string();
    let told = match error {
        OpsError::DeadLetterNotFound(_) => Error::new(ops::v1::Reason::DeadLetterNotFound, text),
        OpsError::RefusedAgain(_) => Error::new(ops::v1::Reason::DeadLetterRefusedAgain, text),
        OpsError::NoRebuild(_) => Error::new(ops::v1::Reason::RebuildNotFound, text),
        OpsError::Invalid { field, rule } => Error::invalid(violation(field, "OUT_OF_RANGE", rule)),
        OpsError::ForeignPageToken => Error::new(common::v1::Reason::PageTokenInvalid, text)
            .violations(violation("page_token", "PAGE_TOKEN_INVALID", FOREIGN_TOKEN)),
        OpsError::NoReadModel(_) => {
            return Status::new(florin_rpc::grpc_code(Kind::Unimplemented), text);
        }
        OpsError::Store(error) => internal(error),
    };
    told.into()
}

fn violation(field: &str, rule: &'static str, words: &str) -> Violations {
    let mut violations = Violations::new();
    violations.add(field, rule, words);
    violations
}

#[cfg(test)]
mod tests {
    use florin_store::StoreError;
    use tonic::Code;

    use super::*;

    #[test]
    fn each_refusal_has_its_code_and_one_reason() {
        for (error, code, reason) in [
            (OpsError::DeadLetterNotFound("evt_1".into()), Code::NotFound, "DEAD_LETTER_NOT_FOUND"),
            (
                OpsError::RefusedAgain("still bad".into()),
                Code::FailedPrecondition,
                "DEAD_LETTER_REFUSED_AGAIN",
            ),
            (OpsError::NoRebuild("reporting"), Code::NotFound, "REBUILD_NOT_FOUND"),
            (
                OpsError::Invalid { field: "page_size", rule: "must be 1 to 500" },
                Code::InvalidArgument,
                "INVALID_REQUEST",
            ),
            (OpsError::ForeignPageToken, Code::InvalidArgument, "PAGE_TOKEN_INVALID"),
            (
                OpsError::Store(StoreError::Unavailable("refused".into())),
                Code::Unavailable,
                "UNAVAILABLE",
            ),
            (OpsError::Store(StoreError::Corrupt("row 7".into())), Code::Internal, "INTERNAL"),
        ] {
            let status = refuse(error);
            assert_eq!(status.code(), code, "{reason}");
            let told = Error::from_status(&status);
            assert_eq!(told.reason(), reason);
            assert!(!status.message().contains("row 7"));
        }
        let invalid = refuse(OpsError::Invalid { field: "since", rule: "must be an instant" });
        let told = Error::from_status(&invalid);
        assert_eq!(told.field_violations()[0].field, "since");
        assert_eq!(refuse(OpsError::NoReadModel("cif")).code(), Code::Unimplemented);
    }
}
