//! Registers a person or an organisation.

use florin_events::position;
use florin_kernel::CustomerId;
use florin_proto::{
    cif::v1::{Reason, RegisterCustomerRequest, RegisterCustomerResponse},
    common::v1::Reason as CommonReason,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, clock, keyed::once_sealed};
use florin_store::{StoreError, Tx, id_parts};
use tonic::{Response, Status};

use super::{
    Cif,
    admit::{Admission, Candidate},
};
use crate::{grpc::convert, store::customers, wire};

impl Cif {
    /// Registers a customer, once per idempotency key and, where a reference is given, once
    /// per caller and reference for ever.
    ///
    /// # Errors
    /// INVALID_REQUEST, REFERENCE_REUSED, CUSTOMER_EXISTS.
    pub async fn register_customer(
        &self,
        ctx: &CallContext,
        request: RegisterCustomerRequest,
    ) -> Result<Response<RegisterCustomerResponse>, Status> {
        let today = clock::date_of(clock::now());
        let (party, contact, reference) =
            convert::registration(&request, today).map_err(Error::from)?;
        let (millis, random) = id_parts();
        let content = wire::content(&party, &contact, false);
        let candidate = Candidate {
            id: CustomerId::from_parts(millis, random),
            party,
            contact,
            reference,
            content_hash: self.vault.content_hash(&content),
            imported: None,
        };
        let key = self.vault.key_of(ctx, &request)?;
        let work = async |tx: Tx| self.register(&tx, ctx, &candidate).await;
        once_sealed(&self.db, ctx, &key, &self.vault, work).await
    }

    async fn register(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        candidate: &Candidate,
    ) -> Result<RegisterCustomerResponse, Failure> {
        let admitted = self.admit(tx, ctx, std::slice::from_ref(candidate)).await?;
        let customer = match admitted.outcomes.first() {
            Some(Admission::Admitted) => admitted.customers.first().cloned(),
            Some(Admission::Known(id)) => {
                let found =
                    customers::with_ids(&**tx, &self.vault, std::slice::from_ref(id)).await?;
                found.into_iter().next()
            }
            Some(Admission::ReferenceReused) => {
                return Err(reference_reused(&candidate.reference).into());
            }
            Some(Admission::Exists) => return Err(exists().into()),
            None => None,
        };
        let customer = customer
            .ok_or_else(|| StoreError::Corrupt("an admitted customer is not there".into()))?;
        Ok(RegisterCustomerResponse {
            customer: Some(wire::customer(&customer)),
            position: position::encode(&admitted.events),
        })
    }
}

pub(super) fn reference_reused(reference: &str) -> Error {
    Error::new(
        CommonReason::ReferenceReused,
        "the reference was used to register a customer with other content",
    )
    .with("reference", reference)
}

pub(super) fn exists() -> Error {
    Error::new(Reason::CustomerExists, "another customer has one of the identifications")
}
