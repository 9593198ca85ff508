//! Voids references, so that nothing is ever posted under them (ADR 6).

use florin_proto::{
    account::v1::{
        VoidReferencesRequest, VoidReferencesResponse, VoidResult, Voided,
        void_result::Outcome as Told,
    },
    common::v1::Refusal as WireRefusal,
};
use florin_rpc::CallContext;
use tonic::{Response, Status};

use super::{
    answer,
    command::{Actor, Command, Outcome, Reference, Void, Work},
    ledger::{self, Ledger},
};
use crate::{
    domain::{record::Record, refusal::Refusal},
    grpc::convert,
    store::working::{Claimed, Working},
};

/// A void as asked for, before it is known who asks.
#[derive(Debug, Clone)]
pub struct Voiding {
    /// The reference.
    pub reference: String,
    /// Why: a reason without prefix.
    pub cause: String,
}

impl Ledger {
    /// Voids references; one result an item, in order.
    ///
    /// # Errors
    /// INVALID_REQUEST for too many items or none, and what fails the call: see
    /// [`Ledger::submit_items`]. An item's fault stands in its result.
    pub async fn void_references(
        &self,
        ctx: &CallContext,
        request: VoidReferencesRequest,
    ) -> Result<Response<VoidReferencesResponse>, Status> {
        let commands = convert::voids(&request)?.into_iter().map(|item| {
            let Voiding { reference, cause } = item?;
            let reference = Reference {
                caller: ledger::caller(ctx),
                text: reference,
                fingerprint: cause.into_bytes(),
            };
            let work = Work::Void(Void { reference });
            Ok(Command { work, key: None, actor: ledger::actor(ctx) })
        });
        let ends = self.submit_items(commands.collect(), ctx.deadline).await?;
        let results = request.references.iter().zip(&ends).map(|(one, end)| {
            let told = answer::item(end, told).unwrap_or_else(refused);
            VoidResult { reference: one.reference.clone(), outcome: Some(told) }
        });
        Ok(Response::new(VoidReferencesResponse { results: results.collect() }))
    }
}

fn told(outcome: &Outcome) -> Option<Told> {
    if let Outcome::Voided { cause, replayed } = outcome {
        return Some(Told::Voided(Voided { cause: cause.clone(), replayed: *replayed }));
    }
    answer::wire_posted(outcome).map(Told::Posted)
}

const fn refused(refusal: WireRefusal) -> Told {
    Told::Refused(refusal)
}

/// What the reference stands for already, whatever the content: a void asks that.
///
/// # Errors
/// [`Refusal::ReferenceReused`] where it is no posting's.
pub fn claimed(working: &Working, void: &Void) -> Result<Claimed, Refusal> {
    let Reference { caller, text, .. } = &void.reference;
    let claim = working.claims.get(&(caller.clone(), text.clone())).filter(|claim| claim.made);
    match claim.and_then(|claim| claim.record) {
        None => Ok(Claimed::New),
        Some(record @ (Record::Transaction(_) | Record::Void)) => Ok(Claimed::Replay(record)),
        Some(Record::Account(_) | Record::Hold(_)) => {
            Err(Refusal::ReferenceReused { reference: text.clone() })
        }
    }
}

/// Voids a reference that stands for nothing yet. The claim is the record; the audit tells who
/// voided it and when.
pub fn decide(working: &mut Working, void: &Void, actor: &Actor) -> Outcome {
    let Reference { caller, text, fingerprint } = &void.reference;
    let cause = String::from_utf8_lossy(fingerprint).into_owned();
    working.writes.audit.push((actor.clone(), format!("{caller} {text}")));
    Outcome::Voided { cause, replayed: false }
}
