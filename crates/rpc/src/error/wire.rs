//! What travels of an error, and what an answer without a reason of ours is taken for.

use florin_kernel::Kind;
use florin_proto::common::v1::Reason;
use tonic::Code;

use super::FieldViolation;

/// Bytes of violations in one status: they are a trailer, of which clients read 8 KiB; above
/// 16 KiB our own end the whole connection.
const VIOLATIONS_BYTES: usize = 4_096;

/// The first violations that fit into a trailer.
pub fn wire_violations(all: &[FieldViolation]) -> Vec<tonic_types::FieldViolation> {
    let mut room = VIOLATIONS_BYTES;
    all.iter()
        .map_while(|one| {
            let text = [&one.field, &one.rule, &one.description];
            let length = text.iter().map(|text| text.len()).fold(0_usize, usize::saturating_add);
            room = room.checked_sub(length)?;
            let mut violation = tonic_types::FieldViolation::new(&one.field, &one.description);
            violation.reason.clone_from(&one.rule);
            Some(violation)
        })
        .collect()
}

/// The kind of a bare code, for answers that carry no reason.
pub const fn kind_of_code(code: Code) -> Kind {
    match code {
        Code::InvalidArgument => Kind::Invalid,
        // tonic's decoder says so of a message above the limit.
        Code::OutOfRange => Kind::TooLarge,
        Code::Unauthenticated => Kind::Unauthenticated,
        Code::PermissionDenied => Kind::Forbidden,
        Code::NotFound => Kind::NotFound,
        Code::AlreadyExists => Kind::Conflict,
        Code::FailedPrecondition => Kind::Refused,
        Code::Aborted => Kind::Aborted,
        Code::ResourceExhausted => Kind::Exhausted,
        Code::DeadlineExceeded => Kind::Deadline,
        Code::Unavailable => Kind::Unavailable,
        Code::Unimplemented => Kind::Unimplemented,
        Code::Cancelled => Kind::Cancelled,
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => Kind::Internal,
    }
}

/// The reason of the mesh for an answer that carries none.
pub const fn common_reason(kind: Kind) -> Reason {
    match kind {
        Kind::Invalid | Kind::Unprocessable => Reason::InvalidRequest,
        Kind::Unauthenticated => Reason::Unauthenticated,
        Kind::Forbidden => Reason::CallerNotAllowed,
        Kind::NotFound | Kind::Unimplemented => Reason::NotFound,
        Kind::Conflict | Kind::Refused | Kind::Aborted => Reason::ConcurrentChange,
        Kind::Exhausted => Reason::RateLimited,
        Kind::TooLarge => Reason::BodyTooLarge,
        Kind::Deadline => Reason::DeadlineExceeded,
        Kind::Unavailable => Reason::Unavailable,
        Kind::Cancelled => Reason::Cancelled,
        Kind::Internal => Reason::Internal,
    }
}
