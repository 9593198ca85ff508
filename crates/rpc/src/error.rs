//! The one error of handlers and clients, and the two tables kind -> gRPC code and
//! kind -> HTTP status. Nothing else in the workspace maps an error to a code.

use std::{collections::BTreeMap, fmt, time::Duration};

use florin_kernel::{Kind, Violations};
use florin_proto::{
    ErrorReason,
    common::v1::{FieldViolation as WireViolation, Reason, Refusal},
};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

mod wire;

use wire::{common_reason, kind_of_code, wire_violations};

/// What a caller reads instead of the text of a defect.
const INTERNAL_TEXT: &str = "a defect of ours; the request id finds the log line";

/// Keys of the metadata that any reason may have: which dependency failed, where and how.
const OF_DEPENDENCIES: [&str; 4] = ["dependency", "layer", "cause", "retries"];

/// Key of the metadata with the number of violations that were left out.
const LEFT_OUT: &str = "violations_left_out";

/// The gRPC code of a kind.
#[must_use]
pub const fn grpc_code(kind: Kind) -> Code {
    match kind {
        Kind::Invalid => Code::InvalidArgument,
        Kind::Unprocessable | Kind::Refused => Code::FailedPrecondition,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::Forbidden => Code::PermissionDenied,
        Kind::NotFound => Code::NotFound,
        Kind::Conflict => Code::AlreadyExists,
        Kind::Aborted => Code::Aborted,
        Kind::Exhausted | Kind::TooLarge => Code::ResourceExhausted,
        Kind::Deadline => Code::DeadlineExceeded,
        Kind::Unavailable => Code::Unavailable,
        Kind::Unimplemented => Code::Unimplemented,
        Kind::Cancelled => Code::Cancelled,
        Kind::Internal => Code::Internal,
    }
}

/// The HTTP status of a kind.
#[must_use]
pub const fn http_status(kind: Kind) -> u16 {
    match kind {
        Kind::Invalid => 400,
        Kind::Unauthenticated => 401,
        Kind::Forbidden => 403,
        Kind::NotFound | Kind::Unimplemented => 404,
        Kind::Conflict | Kind::Refused | Kind::Aborted => 409,
        Kind::TooLarge => 413,
        Kind::Unprocessable => 422,
        Kind::Exhausted => 429,
        Kind::Cancelled => 499,
        Kind::Internal => 500,
        Kind::Unavailable => 503,
        Kind::Deadline => 504,
    }
}

/// One rule that one field breaks, as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path of the field in the request, proto names joined by dots.
    pub field: String,
    /// The broken rule, upper snake case.
    pub rule: String,
    /// A sentence for the developer of the client.
    pub description: String,
}

/// Why a call fails: `google.rpc.Status` with exactly one `ErrorInfo`.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    kind: Kind,
    reason: String,
    domain: String,
    message: String,
    metadata: BTreeMap<String, String>,
    violations: Vec<FieldViolation>,
    retry_after: Option<Duration>,
}

impl Error {
    /// An error of a reason of the contract.
    #[must_use]
    pub fn new(reason: impl ErrorReason, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind: reason.kind(),
            reason: reason.name().to_owned(),
            domain: reason.domain().to_owned(),
            message: message.into(),
            metadata: BTreeMap::new(),
            violations: Vec::new(),
            retry_after: None,
        }))
    }

    /// A defect of ours; `text` is logged and never leaves.
    #[must_use]
    pub fn internal(text: impl Into<String>) -> Self {
        Self::new(Reason::Internal, text)
    }

    /// A malformed request, every broken rule listed.
    #[must_use]
    pub fn invalid(violations: Violations) -> Self {
        Self::new(Reason::InvalidRequest, "fields of the request break rules")
            .violations(violations)
    }

    /// Adds a key to `ErrorInfo.metadata`: one that the contract gives the reason, or one of
    /// those that tell of a dependency. A build with assertions ends at another.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        debug_assert!(self.may_have(&key), "{} has no metadata {key:?}", self.0.reason);
        self.0.metadata.insert(key, value.into());
        self
    }

    /// Whether the contract has the key. Of a defect nothing leaves, and what another version
    /// of the contract says of its reasons is not known here.
    fn may_have(&self, key: &str) -> bool {
        let known = florin_proto::known_reason(&self.0.domain, &self.0.reason);
        OF_DEPENDENCIES.contains(&key)
            || self.0.kind == Kind::Internal
            || known.is_none_or(|known| known.metadata.contains(&key))
    }

    /// Adds the violated fields.
    #[must_use]
    pub fn violations(mut self, violations: Violations) -> Self {
        self.0.violations.extend(violations.into_inner().into_iter().map(|one| FieldViolation {
            field: one.field,
            rule: one.rule.to_owned(),
            description: one.description,
        }));
        self
    }

    /// Says when another attempt may succeed.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// What sort of failure it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The reason without prefix: `INSUFFICIENT_FUNDS`.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The domain of the reason: `account.florin.bank`.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.0.domain
    }

    /// The sentence for the caller's developer; internal text where the kind is internal.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// `ErrorInfo.metadata`.
    #[must_use]
    pub const fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// The violated fields, in the order of discovery.
    #[must_use]
    pub fn field_violations(&self) -> &[FieldViolation] {
        &self.0.violations
    }

    /// After which time another attempt may succeed.
    #[must_use]
    pub const fn retry_delay(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The HTTP status of its kind.
    #[must_use]
    pub const fn http_status(&self) -> u16 {
        http_status(self.0.kind)
    }

    /// The message that may leave: of a defect nothing is told.
    #[must_use]
    pub fn public_message(&self) -> &str {
        if self.0.kind == Kind::Internal { INTERNAL_TEXT } else { &self.0.message }
    }

    /// The status on the wire. Of a defect only the reason leaves, and of many violations the
    /// first, with the number of the others in the metadata.
    #[must_use]
    pub fn to_status(&self) -> Status {
        let parts = &*self.0;
        let mut details = ErrorDetails::new();
        let mut metadata =
            if parts.kind == Kind::Internal { BTreeMap::new() } else { parts.metadata.clone() };
        let list = wire_violations(&parts.violations);
        let left_out = parts.violations.len().saturating_sub(list.len());
        if left_out > 0 {
            metadata.insert(LEFT_OUT.to_owned(), left_out.to_string());
        }
        details.set_error_info(
            &parts.reason,
            &parts.domain,
            metadata.into_iter().collect::<std::collections::HashMap<_, _>>(),
        );
        if !list.is_empty() {
            details.set_bad_request(list);
        }
        if parts.retry_after.is_some() {
            details.set_retry_info(parts.retry_after);
        }
        Status::with_error_details(grpc_code(parts.kind), self.public_message(), details)
    }

    /// Reads a status. What carries an `ErrorInfo` keeps it; what tonic itself made of a
    /// broken connection becomes UNAVAILABLE, and of its own timer DEADLINE_EXCEEDED.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        let details = status.get_error_details();
        let Some(info) = details.error_info() else {
            return Self::without_details(status);
        };
        let kind = florin_proto::reason_kind(&info.domain, &info.reason)
            .filter(|kind| grpc_code(*kind) == status.code())
            .unwrap_or_else(|| kind_of_code(status.code()));
        let violations = details.bad_request().map(|bad| bad.field_violations.as_slice());
        Self(Box::new(Parts {
            kind,
            reason: info.reason.clone(),
            domain: info.domain.clone(),
            message: status.message().to_owned(),
            metadata: info.metadata.clone().into_iter().collect(),
            violations: violations
                .unwrap_or_default()
                .iter()
                .map(|one| FieldViolation {
                    field: one.field.clone(),
                    rule: one.reason.clone(),
                    description: one.description.clone(),
                })
                .collect(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }))
    }

    fn without_details(status: &Status) -> Self {
        // The text is tonic's own; it marks an expired timer as CANCELLED.
        if status.code() == Code::Cancelled && status.message() == "Timeout expired" {
            return Self::new(Reason::DeadlineExceeded, "the deadline of the call passed");
        }
        // Only a status that was made here, of a broken connection, has a source.
        let made_here = std::error::Error::source(status).is_some();
        if made_here || status.code() == Code::Unavailable {
            return Self::new(Reason::Unavailable, "no connection to the service")
                .with("layer", "transport")
                .with("cause", "connection");
        }
        let kind = kind_of_code(status.code());
        if kind == Kind::Internal {
            return Self::internal(status.message());
        }
        let mut error = Self::new(common_reason(kind), status.message());
        // The code stands, whatever the kind of the nearest reason.
        error.0.kind = kind;
        error
    }

    /// The error as part of an answer that is about many, or is given later.
    #[must_use]
    pub fn to_refusal(&self) -> Refusal {
        let parts = &*self.0;
        let violations = parts.violations.iter().map(|one| WireViolation {
            field: one.field.clone(),
            rule: one.rule.clone(),
            description: one.description.clone(),
        });
        Refusal {
            reason: parts.reason.clone(),
            domain: parts.domain.clone(),
            message: self.public_message().to_owned(),
            metadata: if parts.kind == Kind::Internal {
                BTreeMap::new()
            } else {
                parts.metadata.clone()
            },
            violations: violations.collect(),
        }
    }

    /// The bytes of `google.rpc.Status`, for storing a refusal.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.to_status().details().to_vec()
    }

    /// Reads what [`Error::encode`] wrote.
    ///
    /// # Errors
    /// An internal error where the bytes are no `google.rpc.Status`.
    pub fn decode(bytes: &[u8]) -> Result<Self, Self> {
        Self::stored_status(bytes).map(|status| Self::from_status(&status))
    }

    /// The status of what [`Error::encode`] wrote, its details byte for byte: a refusal that
    /// is given again is the same.
    ///
    /// # Errors
    /// An internal error where the bytes are no `google.rpc.Status`.
    pub fn stored_status(bytes: &[u8]) -> Result<Status, Self> {
        let stored = tonic_types::Status::decode(bytes)
            .map_err(|error| Self::internal(format!("a stored refusal is unreadable: {error}")))?;
        let code = Code::from_i32(stored.code);
        Ok(Status::with_details(code, stored.message, bytes.to_vec().into()))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.reason, self.0.message)
    }
}

impl std::error::Error for Error {}

impl From<Error> for Status {
    /// Logs the text of a defect, which the status does not carry.
    fn from(error: Error) -> Self {
        if error.kind() == Kind::Internal {
            tracing::error!(error = %error.message(), "a defect ended a request");
        }
        error.to_status()
    }
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::invalid(violations)
    }
}

#[cfg(test)]
mod tests;
