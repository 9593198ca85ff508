//! Changes the fields that a mask names.

use florin_events::position;
use florin_kernel::{CustomerId, Violations};
use florin_proto::{
    cif::v1::{UpdateCustomerRequest, UpdateCustomerResponse},
    common::v1::Reason as CommonReason,
};
use florin_rpc::{CallContext, Error, Verb};
use florin_runtime::{Failure, clock, keyed::once_sealed};
use florin_store::Tx;
use tonic::{Response, Status};

use super::{Cif, register_customer::exists};
use crate::{
    domain::{Change, Customer},
    events,
    grpc::convert,
    store::{customers, indexes},
    wire,
};

impl Cif {
    /// Changes a customer. A customer may change only how it is reached, and only its own.
    ///
    /// # Errors
    /// INVALID_REQUEST, CUSTOMER_NOT_FOUND, VERSION_STALE, CUSTOMER_EXISTS,
    /// ROLE_MISSING.
    pub async fn update_customer(
        &self,
        ctx: &CallContext,
        request: UpdateCustomerRequest,
    ) -> Result<Response<UpdateCustomerResponse>, Status> {
        let today = clock::date_of(clock::now());
        let (id, version, changes) = convert::changes(&request, today).map_err(Error::from)?;
        self.own_record(ctx, Verb::Pay, id)?;
        if ctx.principal.is_customer() && changes.iter().any(Change::is_of_identity) {
            let text = "who a customer is, only staff changes";
            return Err(Error::new(CommonReason::RoleMissing, text).into());
        }
        let key = self.vault.key_of(ctx, &request)?;
        let work = async |tx: Tx| self.update(&tx, ctx, id, version, &changes).await;
        once_sealed(&self.db, ctx, &key, &self.vault, work).await
    }

    async fn update(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        id: CustomerId,
        version: i64,
        changes: &[Change],
    ) -> Result<UpdateCustomerResponse, Failure> {
        let mut stored = self.lock_live(tx, ctx, id).await?;
        if version != 0 && version != stored.customer.version {
            return Err(stale(stored.customer.version).into());
        }
        let before = stored.customer.clone();
        let fields = apply(&mut stored.customer, changes)?;
        if fields.is_empty() {
            return Ok(response(&before, String::new()));
        }
        stored.customer.touch(tx.now().await?);
        self.reindex(tx, &before, &stored.customer).await?;
        customers::update(tx, &self.vault, &stored).await?;
        let fact = events::updated(ctx, &stored.customer, fields);
        let events = self.outbox.append(tx, vec![fact]).await?;
        self.audit(tx, ctx, id.to_string(), stored.customer.changed_at).await?;
        Ok(response(&stored.customer, position::encode(&events)))
    }

    async fn reindex(&self, tx: &Tx, before: &Customer, after: &Customer) -> Result<(), Failure> {
        let old = indexes::identifiers(&self.vault, before.party.as_ref());
        let new = indexes::identifiers(&self.vault, after.party.as_ref());
        let id = after.id.to_string();
        let claims: Vec<_> = new.difference(&old).map(|one| (one.clone(), id.clone())).collect();
        let wanted = claims.len();
        if indexes::claim_identifiers(tx, claims).await?.len() < wanted {
            return Err(exists().into());
        }
        let given_back: Vec<_> = old.difference(&new).cloned().collect();
        indexes::release_identifiers(tx, &given_back).await?;
        let reached = |of: &Customer| (of.contact.email.clone(), of.contact.phone.clone());
        if reached(before) != reached(after) {
            indexes::replace_contacts(tx, &self.vault, after).await?;
        }
        Ok(())
    }
}

/// Applies the changes; returns the paths of those that change anything.
fn apply(customer: &mut Customer, changes: &[Change]) -> Result<Vec<String>, Violations> {
    let mut violations = Violations::new();
    let mut fields = Vec::new();
    for change in changes {
        let before = customer.clone();
        if let Err(wrong) = customer.apply(change.clone()) {
            violations.add("update_mask", "WRONG_PARTY", wrong.to_string());
        } else if *customer != before {
            fields.push(change.path().to_owned());
        }
    }
    violations.finish(Some(fields))
}

fn response(customer: &Customer, position: String) -> UpdateCustomerResponse {
    UpdateCustomerResponse { customer: Some(wire::customer(customer)), position }
}

fn stale(version: i64) -> Error {
    Error::new(CommonReason::VersionStale, "the customer has another version: read it again")
        .with("version", version.to_string())
}
