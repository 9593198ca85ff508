//! Registers many at once, each by its own reference, in one transaction.

use std::collections::HashMap;

use florin_kernel::{CustomerId, Date, Violations};
use florin_proto::cif::v1::{
    ImportCustomer, ImportCustomerResult, ImportCustomersRequest, ImportCustomersResponse,
};
use florin_rpc::{CallContext, Error};
use florin_runtime::{Failure, clock};
use florin_store::{Tx, id_parts};
use tonic::{Response, Status};

use super::{
    Cif,
    admit::{Admission, Candidate},
    register_customer::{exists, reference_reused},
};
use crate::{grpc::convert, wire};

/// Most items of one call.
const MAX_ITEMS: usize = 500;

impl Cif {
    /// Imports customers; one result an item, in order. The same call again finds all of it
    /// done.
    ///
    /// # Errors
    /// INVALID_REQUEST for too many items or none; an item's fault stands in its result.
    pub async fn import_customers(
        &self,
        ctx: &CallContext,
        request: ImportCustomersRequest,
    ) -> Result<Response<ImportCustomersResponse>, Status> {
        check_count(request.items.len()).map_err(Error::from)?;
        let today = clock::date_of(clock::now());
        let mut results: Vec<Option<ImportCustomerResult>> = Vec::new();
        let mut candidates = Vec::new();
        for item in &request.items {
            match self.candidate(item, today) {
                Ok(candidate) => {
                    candidates.push(candidate);
                    results.push(None);
                }
                Err(broken) => results.push(Some(malformed(item, broken))),
            }
        }
        let work = async |tx: Tx| -> Result<Vec<Admission>, Failure> {
            Ok(self.admit(&tx, ctx, &candidates).await?.outcomes)
        };
        let outcomes = self.db.write(work).await?;
        let mut decided: HashMap<_, _> = HashMap::new();
        for (at, pair) in candidates.iter().zip(outcomes).enumerate() {
            decided.insert(at, result(pair.0, pair.1));
        }
        let mut next = 0..;
        let results = results.into_iter().map(|malformed| {
            malformed.or_else(|| next.next().and_then(|at| decided.remove(&at))).unwrap_or_default()
        });
        Ok(Response::new(ImportCustomersResponse { results: results.collect() }))
    }

    fn candidate(&self, item: &ImportCustomer, today: Date) -> Result<Candidate, Violations> {
        let (party, contact, reference) = convert::import(item, today)?;
        let content = wire::content(&party, &contact, item.verified);
        let (millis, random) = id_parts();
        Ok(Candidate {
            id: CustomerId::from_parts(millis, random),
            party,
            contact,
            reference,
            content_hash: self.vault.content_hash(&content),
            imported: Some(item.verified),
        })
    }
}

fn check_count(count: usize) -> Result<(), Violations> {
    let mut violations = Violations::new();
    if count == 0 || count > MAX_ITEMS {
        violations.add("items", "OUT_OF_RANGE", format!("must hold 1 to {MAX_ITEMS} items"));
    }
    violations.finish(Some(()))
}

fn malformed(item: &ImportCustomer, broken: Violations) -> ImportCustomerResult {
    refused(reference_of(item), &Error::invalid(broken))
}

fn result(candidate: &Candidate, admission: Admission) -> ImportCustomerResult {
    let reference = candidate.reference.clone();
    let found = |customer_id, replayed| ImportCustomerResult {
        reference: reference.clone(),
        customer_id,
        replayed,
        refused: None,
    };
    match admission {
        Admission::Admitted => found(candidate.id.to_string(), false),
        Admission::Known(id) => found(id, true),
        Admission::ReferenceReused => {
            let error = reference_reused(&reference);
            refused(reference, &error)
        }
        Admission::Exists => refused(reference, &exists()),
    }
}

fn refused(reference: String, error: &Error) -> ImportCustomerResult {
    ImportCustomerResult {
        reference,
        customer_id: String::new(),
        replayed: false,
        refused: Some(error.to_refusal()),
    }
}

fn reference_of(item: &ImportCustomer) -> String {
    item.customer.as_ref().map(|customer| customer.reference.clone()).unwrap_or_default()
}
