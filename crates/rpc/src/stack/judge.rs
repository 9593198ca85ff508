//! What an error of a call tells of the dependency.

use florin_kernel::Kind;
use florin_proto::{ErrorReason as _, common::v1::Reason};

use super::{Dependency, breaker::Outcome};
use crate::{Error, Role};

/// Whether the connection to this very dependency failed, not one further in.
pub fn is_own_transport(error: &Error, role: Role) -> bool {
    let is = |key: &str, value: &str| error.metadata().get(key).is_some_and(|held| held == value);
    is("layer", "transport") && is("dependency", role.name())
}

/// Whether somebody has too much to do. That is no failure, and more of the same makes it no
/// better: whoever called first has been told when to come again.
pub fn is_overloaded(error: &Error) -> bool {
    error.reason() == Reason::Overloaded.name() && error.domain() == Reason::Overloaded.domain()
}

/// What the breaker learns. A refusal by a layer further in says nothing of this
/// dependency, and a deadline says only how long it took, which the ticket knows.
pub fn judge(error: &Error, role: Role) -> Outcome {
    match error.kind() {
        Kind::Unavailable if is_overloaded(error) => Outcome::Neutral,
        Kind::Unavailable => {
            let own = is_own_transport(error, role);
            if own || !error.metadata().contains_key("dependency") {
                Outcome::Failure
            } else {
                Outcome::Neutral
            }
        }
        Kind::Internal => Outcome::Failure,
        Kind::Deadline | Kind::Cancelled => Outcome::Neutral,
        Kind::Invalid
        | Kind::Unprocessable
        | Kind::Unauthenticated
        | Kind::Forbidden
        | Kind::NotFound
        | Kind::Conflict
        | Kind::Refused
        | Kind::Aborted
        | Kind::Exhausted
        | Kind::TooLarge
        | Kind::Unimplemented => Outcome::Success,
    }
}

impl Dependency {
    /// Says of an error which dependency it is of, where it does not say so itself.
    pub(super) fn name_dependency(&self, error: Error) -> Error {
        // tonic's own timer, which runs beside ours, names nobody.
        if error.kind() == Kind::Deadline && error.metadata().is_empty() {
            return error
                .with("layer", "deadline")
                .with("dependency", self.inner.role.name())
                .with("cause", "no answer in time");
        }
        // Its own dispatcher says so; passed on, it would tell our caller that we lack a method.
        if error.kind() == Kind::Unimplemented && !error.metadata().contains_key("dependency") {
            let cause = "does not know the method; it may be of an older version";
            return self.refuse(Reason::Unavailable, "version", cause);
        }
        let of_transport = error.metadata().get("layer").is_some_and(|layer| layer == "transport");
        if of_transport && !error.metadata().contains_key("dependency") {
            return error.with("dependency", self.inner.role.name());
        }
        error
    }
}
