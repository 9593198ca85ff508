//! The facts that `cif` tells. They carry ids, never a name or a contact.

use florin_events::{Cause, NewEvent};
use florin_kernel::UnixMicros;
use florin_proto::{
    Fact,
    cif::v1::{CustomerRegistered, CustomerUpdated, KycDecided, RiskRated},
    timestamp,
};
use florin_rpc::CallContext;

use crate::{domain::Customer, wire};

/// A customer was registered.
pub(crate) fn registered(ctx: &CallContext, customer: &Customer, version: i64) -> NewEvent {
    let party = customer.party.as_ref().map(wire::party_kind).unwrap_or_default();
    let message = CustomerRegistered {
        customer_id: customer.id.to_string(),
        party: party.into(),
        at: Some(timestamp(customer.registered_at)),
    };
    event(ctx, customer, version, &message)
}

/// Fields changed; which, but not to what.
pub(crate) fn updated(ctx: &CallContext, customer: &Customer, fields: Vec<String>) -> NewEvent {
    let message = CustomerUpdated {
        customer_id: customer.id.to_string(),
        fields,
        at: at(customer.changed_at),
    };
    event(ctx, customer, customer.version, &message)
}

/// A KYC check was decided.
pub(crate) fn kyc_decided(ctx: &CallContext, customer: &Customer) -> NewEvent {
    let message = KycDecided {
        customer_id: customer.id.to_string(),
        status: wire::kyc_status(customer.kyc_status).into(),
        at: at(customer.changed_at),
    };
    event(ctx, customer, customer.version, &message)
}

/// A risk rating was set.
pub(crate) fn risk_rated(ctx: &CallContext, customer: &Customer) -> NewEvent {
    let message = RiskRated {
        customer_id: customer.id.to_string(),
        rating: wire::risk_rating(customer.risk_rating).into(),
        at: at(customer.changed_at),
    };
    event(ctx, customer, customer.version, &message)
}

/// The same fact as one of the past, which sends no message.
pub(crate) fn historical(mut event: NewEvent) -> NewEvent {
    event.historical = true;
    event
}

fn at(at: UnixMicros) -> Option<prost_types::Timestamp> {
    Some(timestamp(at))
}

fn event(ctx: &CallContext, customer: &Customer, version: i64, fact: &impl Fact) -> NewEvent {
    let cause = Cause {
        correlation: ctx.request_id.clone(),
        causation: ctx.request_id.clone(),
        traceparent: ctx.traceparent.clone(),
    };
    NewEvent::of(fact, &customer.id, version, cause)
}

#[cfg(test)]
mod tests {
    use florin_kernel::{CustomerId, Role};
    use florin_rpc::worker_context;
    use florin_store::rows::hex;

    use super::*;
    use crate::domain::{Contact, KycStatus, Organisation, Party, RiskRating};

    fn mill() -> Customer {
        let party = Party::Organisation(Organisation {
            legal_name: "Mill".to_owned(),
            identifications: Vec::new(),
        });
        let id = CustomerId::from_parts(1_700_000_000_000, [7; 10]);
        let at = UnixMicros(1_700_000_000_000_001);
        let contact = Contact { email: "a@b.cz".to_owned(), ..Contact::default() };
        let mut customer = Customer::registered(id, party, contact, String::new(), at);
        customer.kyc_status = KycStatus::Verified;
        customer.risk_rating = RiskRating::High;
        customer
    }

    /// What was once published must be readable for ever: these bytes never change.
    #[test]
    fn the_events_have_their_golden_bytes() {
        let (ctx, customer) = (worker_context(Role::Cif), mill());
        let id =
            "0a286375735f30313862636665352d363830302d373730372d383730372d303730373037303730373037";
        assert_eq!(customer.id.to_string(), "cus_018bcfe5-6800-7707-8707-070707070707");
        let at = "0880e2cfaa0610e807";
        let golden = [
            (registered(&ctx, &customer, 1), format!("{id}10021a09{at}")),
            (
                updated(&ctx, &customer, vec!["contact.email".to_owned()]),
                format!("{id}120d636f6e746163742e656d61696c1a09{at}"),
            ),
            (kyc_decided(&ctx, &customer), format!("{id}10021a09{at}")),
            (risk_rated(&ctx, &customer), format!("{id}10031a09{at}")),
        ];
        for (event, bytes) in golden {
            assert_eq!(hex(&event.payload), bytes, "{}", event.kind);
            assert_eq!((event.aggregate, event.historical), (customer.id.to_string(), false));
        }
    }
}
