//! What decisions make of authorisations, why they are declined, and what is wrong with what was
//! asked for.

use florin_kernel::AuthorisationId;
use florin_proto::{ErrorReason as _, common::v1::Reason as CommonReason, payment::v1::Reason};
use florin_rpc::Error;
use florin_store::StoreError;

use crate::{
    domain::{AuthorisationStatus, Decision, Failure, NotTaken, Operation, OperationKind},
    store::authorisations::Card,
};

/// Whether a reference stands for the same request. The kind is part of it: a reversal of an
/// increment has the increment's very bytes.
///
/// # Errors
/// `REFERENCE_REUSED`.
pub(in crate::app) fn same_content(
    found: &Operation,
    (kind, request_hash): (OperationKind, &[u8]),
) -> Result<(), Error> {
    if found.kind == kind && found.request_hash == request_hash {
        return Ok(());
    }
    let text = format!("reference {:?} of {} has other content", found.reference, found.network);
    Err(Error::new(CommonReason::ReferenceReused, text).with("reference", &*found.reference))
}

pub(super) fn by_score(rules: &[String]) -> Failure {
    let known = Reason::DeclinedByScore.known();
    Failure {
        reason: known.name.to_owned(),
        domain: known.domain.to_owned(),
        message: "the score declined it".to_owned(),
        facts: [("rules".to_owned(), rules.join(","))].into(),
    }
}

pub(super) fn failure_of(error: &Error) -> Failure {
    Failure {
        reason: error.reason().to_owned(),
        domain: error.domain().to_owned(),
        message: error.message().to_owned(),
        facts: error.metadata().clone(),
    }
}

pub(in crate::app) fn authorisation_not_found(id: AuthorisationId) -> Error {
    Error::new(Reason::AuthorisationNotFound, format!("authorisation {id} does not exist"))
}

/// What a decision makes of the authorisation.
pub(in crate::app) fn decided(card: &mut Card, operation: &Operation) -> Result<(), StoreError> {
    let out_of_range = |error: NotTaken| StoreError::Corrupt(error.to_string());
    match operation.decision {
        Decision::Pending => Ok(()),
        Decision::Approved => {
            card.authorisation.approve(operation.amount.minor()).map_err(out_of_range)
        }
        Decision::Declined => {
            if operation.kind == OperationKind::Authorise {
                card.authorisation.status = AuthorisationStatus::Declined;
            }
            Ok(())
        }
    }
}
