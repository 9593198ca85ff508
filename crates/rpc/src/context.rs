//! What a handler knows of its call beside the message.

use std::time::{Duration, Instant};

use florin_kernel::Role;
use florin_proto::common::v1::Reason;

use crate::{Error, Principal, TraceParent, tls::Peer};

/// Who calls, until when, and what ties the call to others. The server's layer puts it
/// into the request's extensions after it has checked all that the contract says.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// Who acts.
    pub principal: Principal,
    /// Whose certificate the connection has.
    pub peer: Peer,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// The user's access token, for the synchronous calls onward only.
    pub bearer: Option<String>,
    /// The caller's idempotency key, unquoted.
    pub idempotency_key: Option<String>,
    /// How long the caller is ready to wait for an end state, at most
    /// [`crate::prefer::LONGEST_WAIT`]; zero where it asked for none.
    pub wait: Duration,
    /// W3C trace context of this call.
    pub traceparent: Option<String>,
    /// Identifier of the request, for logs and problem reports.
    pub request_id: String,
    /// `/florin.account.v1.AccountService/OpenAccount`.
    pub method: &'static str,
}

impl CallContext {
    /// What is left until the deadline; None where there is none.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// In whose name the caller's references are unique for ever: the role, or the OAuth2
    /// client, whichever of the bank's issuers and addresses its token came by. Customers of
    /// one app do not share a space of references.
    #[must_use]
    pub fn caller(&self) -> String {
        match &self.peer {
            Peer::Role(role) if *role != Role::Gateway => role.name().to_owned(),
            Peer::Role(_) | Peer::Client(_) | Peer::Operator(_) => {
                let client = &self.principal.client;
                match self.principal.customer {
                    Some(customer) => format!("client:{client}:{customer}"),
                    None => format!("client:{client}"),
                }
            }
        }
    }

    /// Checks the field that names the customer (`OWN_FIELD`): a customer may name only
    /// itself; everybody else has been checked by scope and role.
    ///
    /// # Errors
    /// `NOT_OWN_CUSTOMER` where a customer names another or nobody.
    pub fn own_field(&self, value: &str) -> Result<(), Error> {
        if !self.principal.is_customer() {
            return Ok(());
        }
        let own = self.principal.customer.map(|customer| customer.to_string());
        if own.as_deref() == Some(value) {
            return Ok(());
        }
        Err(Error::new(Reason::NotOwnCustomer, "customers may name only themselves"))
    }
}

/// The context of a call, from the extensions of its request.
///
/// # Errors
/// An internal error where the request did not come through [`crate::server::Server`].
pub fn context<T>(request: &tonic::Request<T>) -> Result<CallContext, Error> {
    request
        .extensions()
        .get::<CallContext>()
        .cloned()
        .ok_or_else(|| Error::internal("the request has no context: it did not come by the mesh"))
}

/// The context of a service that acts for itself: no token, no deadline, a trace that goes
/// on from the span that runs.
#[must_use]
pub fn worker_context(role: Role) -> CallContext {
    let trace = TraceParent::current().unwrap_or_else(TraceParent::fresh);
    CallContext {
        principal: Principal::service(role),
        peer: Peer::Role(role),
        deadline: None,
        bearer: None,
        idempotency_key: None,
        wait: Duration::ZERO,
        traceparent: Some(trace.to_string()),
        request_id: fresh_request_id(),
        method: "worker",
    }
}

/// A new request id: 32 hexadecimal digits.
#[must_use]
pub fn fresh_request_id() -> String {
    crate::trace::hex(&rand::random::<[u8; 16]>())
}

#[cfg(test)]
mod tests {
    use florin_kernel::CustomerId;

    use super::*;
    use crate::PrincipalKind;

    #[test]
    fn a_customer_names_only_itself() {
        let own = CustomerId::from_parts(1, [1; 10]);
        let mut context = worker_context(Role::Cif);
        assert!(context.own_field("").is_ok());
        context.principal.kind = PrincipalKind::Customer;
        context.principal.customer = Some(own);
        assert!(context.own_field(&own.to_string()).is_ok());
        let other = CustomerId::from_parts(1, [2; 10]).to_string();
        for value in ["", "nonsense", &other] {
            assert_eq!(context.own_field(value).unwrap_err().reason(), "NOT_OWN_CUSTOMER");
        }
        context.principal.customer = None;
        assert!(context.own_field("").is_err());
    }
}
