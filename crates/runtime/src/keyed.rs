//! Idempotency keys answer clients (DESIGN section 3): the same key with the same request
//! gets the same answer, another request with it is refused.
//!
//! The answer is stored with the request's fingerprint in the transaction of the effect:
//! successes, and refusals that the domain decided ([`florin_kernel::Kind::is_decided`]).
//! What was malformed, forbidden, too much or failed is not stored. A duplicate joins the
//! first while that runs in this process; beside another process it waits on the unique key.

mod in_flight;
mod once;

use std::time::Duration;

use aws_lc_rs::digest;
use florin_proto::common::v1::Reason;
use florin_rpc::{CallContext, Error};
use florin_store::{
    StoreError,
    commit::CommitError,
    idempotency::{Answer, Key},
};
use prost::Message;
use tonic::{Response, Status, metadata::MetadataMap};

use crate::internal;

pub use in_flight::{Ended, joined};
pub use once::{AnswerSeal, Clear, once, once_sealed};

/// Metadata of an answer that was given before; the gateway makes a header of it.
pub const REPLAYED: &str = "idempotent-replayed";
/// After which time a caller should ask again whether the first request has ended.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// When another attempt at a committer that has no room or stops is worth it.
const AFTER_OVERLOAD: Duration = Duration::from_secs(1);

/// The key of a call: who, which method, the client's key, and what was asked for. Access
/// has been checked before; the server layer has refused calls without a key.
///
/// # Errors
/// `IDEMPOTENCY_KEY_MISSING`.
pub fn key_of(ctx: &CallContext, request: &impl Message) -> Result<Key, Error> {
    let Some(key) = ctx.idempotency_key.clone() else {
        return Err(Error::new(
            Reason::IdempotencyKeyMissing,
            "the method changes state: send an idempotency key",
        ));
    };
    Ok(Key {
        scope: ctx.principal.scope_key(),
        method: ctx.method.to_owned(),
        key,
        fingerprint: fingerprint(request),
    })
}

/// SHA-256 of the encoded request. Maps are encoded in the order of their keys.
#[must_use]
pub fn fingerprint(request: &impl Message) -> [u8; 32] {
    let hash = digest::digest(&digest::SHA256, &request.encode_to_vec());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    bytes
}

/// What is stored of an outcome; None where it must not be.
#[must_use]
pub fn answer_of<Res: Message>(outcome: &Result<Res, Error>) -> Option<Answer> {
    match outcome {
        Ok(message) => Some(Answer { code: 0, body: message.encode_to_vec() }),
        Err(error) if error.kind().is_decided() => Some(refusal(error)),
        Err(_) => None,
    }
}

fn refusal(error: &Error) -> Answer {
    let status = error.to_status();
    Answer { code: i32::from(status.code()), body: status.details().to_vec() }
}

/// A stored answer as it goes to the caller who asks again.
///
/// # Errors
/// The stored refusal; an internal error where the bytes are unreadable.
pub fn response_of<Res: Message + Default>(answer: Answer) -> Result<Response<Res>, Status> {
    match fresh_response_of(answer) {
        Ok(mut response) => {
            mark_replayed(response.metadata_mut());
            Ok(response)
        }
        Err(mut status) => {
            mark_replayed(status.metadata_mut());
            Err(status)
        }
    }
}

/// An answer as it goes to the caller who asked first.
///
/// # Errors
/// As [`response_of`].
pub fn fresh_response_of<Res: Message + Default>(answer: Answer) -> Result<Response<Res>, Status> {
    if answer.code == 0 {
        let message = Res::decode(answer.body.as_slice())
            .map_err(|error| Error::internal(format!("a stored answer is unreadable: {error}")))?;
        return Ok(Response::new(message));
    }
    Err(Error::stored_status(&answer.body)?)
}

fn mark_replayed(metadata: &mut MetadataMap) {
    metadata.insert(REPLAYED, tonic::metadata::MetadataValue::from_static("true"));
}

/// The refusal of another request under a used key: 422.
#[must_use]
pub fn other_payload() -> Error {
    Error::new(
        Reason::IdempotencyKeyReused,
        "the idempotency key was used with another request; use a new key",
    )
}

/// What a caller is told of a command that a group committer did not commit.
#[must_use]
pub fn not_committed(error: CommitError) -> Error {
    let told = |reason, text: &str, cause: &str| {
        let error = Error::new(reason, text).with("layer", "committer").with("cause", cause);
        error.retry_after(AFTER_OVERLOAD)
    };
    match error {
        CommitError::Expired => {
            told(Reason::DeadlineExceeded, "the deadline passed before the turn came", "deadline")
        }
        CommitError::QueueFull => {
            told(Reason::Overloaded, "too many changes wait for their commit", "queue")
        }
        CommitError::Stopped => told(Reason::Unavailable, "this replica is stopping", "shutdown"),
        CommitError::Failed(StoreError::KeyInUse) => in_use(),
        CommitError::Failed(error) => internal(error),
    }
}

/// The answer to a duplicate whose first is still running elsewhere: 409 with Retry-After.
#[must_use]
pub fn in_use() -> Error {
    Error::new(
        Reason::IdempotencyKeyInUse,
        "the first request with this idempotency key is still running",
    )
    .retry_after(ASK_AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_not_committed_is_told_why_and_when_to_come_again() {
        for (error, reason, cause) in [
            (CommitError::Expired, "DEADLINE_EXCEEDED", Some("deadline")),
            (CommitError::QueueFull, "OVERLOADED", Some("queue")),
            (CommitError::Stopped, "UNAVAILABLE", Some("shutdown")),
            (CommitError::Failed(StoreError::KeyInUse), "IDEMPOTENCY_KEY_IN_USE", None),
            (CommitError::Failed(StoreError::Locked), "CONCURRENT_CHANGE", None),
            (
                CommitError::Failed(StoreError::Timeout(String::new())),
                "UNAVAILABLE",
                Some("timeout"),
            ),
        ] {
            let told = not_committed(error);
            assert_eq!(told.reason(), reason);
            assert_eq!(told.metadata().get("cause").map(String::as_str), cause);
            assert!(told.retry_delay().is_some(), "{reason}");
        }
    }
}
