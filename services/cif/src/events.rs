//! The facts that `cif` tells. They carry ids, never a name or a contact.

use florin_events::NewEvent;
use florin_kernel::UnixMicros;
use florin_proto::{
    cif::v1::{CustomerRegistered, CustomerUpdated, KycDecided, RiskRated},
    timestamp,
};
use florin_rpc::CallContext;
use prost::Message;

use crate::{domain::Customer, wire};

/// A customer was registered.
pub(crate) fn registered(ctx: &CallContext, customer: &Customer, version: i64) -> NewEvent {
    let party = customer.party.as_ref().map_or("", |party| party.name());
    let message = CustomerRegistered {
        customer_id: customer.id.to_string(),
        party: party.to_owned(),
        at: Some(timestamp(customer.registered_at)),
    };
    event(ctx, "customer_registered", customer, version, &message)
}

/// Fields changed; which, but not to what.
pub(crate) fn updated(ctx: &CallContext, customer: &Customer, fields: Vec<String>) -> NewEvent {
    let message = CustomerUpdated {
        customer_id: customer.id.to_string(),
        fields,
        at: at(customer.changed_at),
    };
    event(ctx, "customer_updated", customer, customer.version, &message)
}

/// A KYC check was decided.
pub(crate) fn kyc_decided(ctx: &CallContext, customer: &Customer) -> NewEvent {
    let message = KycDecided {
        customer_id: customer.id.to_string(),
        status: wire::kyc_status(customer.kyc_status).into(),
        at: at(customer.changed_at),
    };
    event(ctx, "kyc_decided", customer, customer.version, &message)
}

/// A risk rating was set.
pub(crate) fn risk_rated(ctx: &CallContext, customer: &Customer) -> NewEvent {
    let message = RiskRated {
        customer_id: customer.id.to_string(),
        rating: wire::risk_rating(customer.risk_rating).into(),
        at: at(customer.changed_at),
    };
    event(ctx, "risk_rated", customer, customer.version, &message)
}

/// The same fact as one of the past, which sends no message.
pub(crate) fn historical(mut event: NewEvent) -> NewEvent {
    event.historical = true;
    event
}

fn at(at: UnixMicros) -> Option<prost_types::Timestamp> {
    Some(timestamp(at))
}

fn event(
    ctx: &CallContext,
    kind: &'static str,
    customer: &Customer,
    version: i64,
    message: &impl Message,
) -> NewEvent {
    NewEvent {
        kind,
        aggregate: customer.id.to_string(),
        version,
        payload: message.encode_to_vec(),
        correlation: ctx.request_id.clone(),
        causation: ctx.request_id.clone(),
        traceparent: ctx.traceparent.clone(),
        historical: false,
    }
}
