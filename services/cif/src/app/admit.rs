//! Admits new customers, one or many in one transaction: references first, then what is
//! unique in the bank, then the rows. One candidate's refusal never touches its neighbours.

use std::collections::{BTreeMap, HashMap};

use florin_kernel::{CustomerId, EventId, UnixMicros};
use florin_rpc::CallContext;
use florin_store::{StoreError, Tx, audit};

use super::{Cif, entry};
use crate::{
    domain::{Contact, Customer, KycStatus, Party},
    events,
    store::{
        customers, indexes,
        references::{self, Claim},
    },
};

/// Somebody to admit.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) id: CustomerId,
    pub(super) party: Party,
    pub(super) contact: Contact,
    /// Empty: none was given.
    pub(super) reference: String,
    pub(super) content_hash: [u8; 32],
    /// Comes from another bank's books, and verified there or not.
    pub(super) imported: Option<bool>,
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is a customer now.
    Admitted,
    /// The reference names this customer, registered with the same content.
    Known(String),
    /// The reference names a customer registered with other content.
    ReferenceReused,
    /// Another customer has one of the identifications.
    Exists,
}

/// What an admission did.
pub(super) struct Admitted {
    /// One a candidate, in order.
    pub(super) outcomes: Vec<Admission>,
    /// The new customers, in order.
    pub(super) customers: Vec<Customer>,
    /// The events of the write.
    pub(super) events: Vec<EventId>,
}

/// Who first brought a reference in this batch.
struct First {
    at: usize,
    hash: [u8; 32],
}

impl Cif {
    pub(super) async fn admit(
        &self,
        tx: &Tx,
        ctx: &CallContext,
        candidates: &[Candidate],
    ) -> Result<Admitted, StoreError> {
        let caller = ctx.caller();
        let mut outcomes = self.claim_references(tx, &caller, candidates).await?;
        self.claim_identifiers(tx, candidates, &mut outcomes).await?;
        let refused = candidates.iter().zip(&outcomes);
        let refused: Vec<&str> = refused
            .filter(|(one, outcome)| **outcome == Admission::Exists && !one.reference.is_empty())
            .map(|(one, _)| one.reference.as_str())
            .collect();
        references::release(tx, &caller, &refused).await?;
        settle_duplicates(candidates, &mut outcomes);
        let at = tx.now().await?;
        let admitted = candidates.iter().zip(&outcomes);
        let admitted = admitted.filter(|(_, outcome)| **outcome == Admission::Admitted);
        let fresh: Vec<_> = admitted.map(|(one, _)| (fresh(one, at), one.imported)).collect();
        let customers: Vec<Customer> = fresh.iter().map(|(one, _)| one.clone()).collect();
        customers::insert_many(tx, &self.vault, &customers).await?;
        indexes::insert_contacts(tx, &self.vault, &customers).await?;
        let entries = customers.iter().map(|one| entry(ctx, one.id.to_string(), at)).collect();
        audit::record_many(tx, entries).await?;
        let facts = fresh.iter().flat_map(|(one, imported)| facts(ctx, one, imported.is_some()));
        let events = self.outbox.append(tx, facts.collect()).await?;
        Ok(Admitted { outcomes, customers, events })
    }

    /// Admits whoever brings a new reference or none, for the time being.
    async fn claim_references(
        &self,
        tx: &Tx,
        caller: &str,
        candidates: &[Candidate],
    ) -> Result<Vec<Admission>, StoreError> {
        let firsts = firsts(candidates);
        let claims = firsts.iter().map(|(reference, first)| Claim {
            reference,
            customer_id: candidates[first.at].id.to_string(),
            content_hash: first.hash,
        });
        let new = references::claim(tx, caller, claims.collect()).await?;
        let seen: Vec<&str> =
            firsts.keys().copied().filter(|reference| !new.contains(*reference)).collect();
        let known = references::known(tx, caller, &seen).await?;
        let outcome = |(at, candidate): (usize, &Candidate)| {
            let reference = candidate.reference.as_str();
            let Some(first) = firsts.get(reference) else { return Admission::Admitted };
            if let Some(known) = known.get(reference) {
                return if known.content_hash == candidate.content_hash {
                    Admission::Known(known.customer_id.clone())
                } else {
                    Admission::ReferenceReused
                };
            }
            match (first.at == at, first.hash == candidate.content_hash) {
                (true, _) => Admission::Admitted,
                (false, true) => Admission::Known(candidates[first.at].id.to_string()),
                (false, false) => Admission::ReferenceReused,
            }
        };
        Ok(candidates.iter().enumerate().map(outcome).collect())
    }

    /// Refuses those of whose identifications another customer has one. Each number goes to
    /// the first candidate that gets all of its own.
    async fn claim_identifiers(
        &self,
        tx: &Tx,
        candidates: &[Candidate],
        outcomes: &mut [Admission],
    ) -> Result<(), StoreError> {
        let wanted: Vec<_> = candidates
            .iter()
            .map(|one| indexes::identifiers(&self.vault, Some(&one.party)))
            .collect();
        let mut claims = BTreeMap::new();
        for ((candidate, entries), outcome) in candidates.iter().zip(&wanted).zip(outcomes.iter()) {
            if *outcome == Admission::Admitted {
                for entry in entries {
                    claims.entry(entry.clone()).or_insert_with(|| candidate.id.to_string());
                }
            }
        }
        let free = indexes::claim_identifiers(tx, claims.clone().into_iter().collect()).await?;
        claims.retain(|entry, _| free.contains(entry.digest()));
        let mut owned = BTreeMap::new();
        for ((candidate, entries), outcome) in candidates.iter().zip(&wanted).zip(outcomes) {
            if *outcome != Admission::Admitted {
                continue;
            }
            if entries.iter().all(|one| claims.contains_key(one) && !owned.contains_key(one)) {
                let id = candidate.id.to_string();
                owned.extend(entries.iter().map(|one| (one.clone(), id.clone())));
            } else {
                *outcome = Admission::Exists;
            }
        }
        // A number that was claimed for a refused candidate goes back, or to whoever got it.
        claims.retain(|entry, claimant| owned.get(entry) != Some(claimant));
        owned.retain(|entry, _| claims.contains_key(entry));
        let given_back: Vec<_> = claims.into_keys().collect();
        indexes::release_identifiers(tx, &given_back).await?;
        indexes::claim_identifiers(tx, owned.into_iter().collect()).await?;
        Ok(())
    }
}

fn firsts(candidates: &[Candidate]) -> HashMap<&str, First> {
    let mut firsts = HashMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        if !candidate.reference.is_empty() {
            let first = First { at, hash: candidate.content_hash };
            firsts.entry(candidate.reference.as_str()).or_insert(first);
        }
    }
    firsts
}

/// The repetition of a refused candidate in one batch is refused too.
fn settle_duplicates(candidates: &[Candidate], outcomes: &mut [Admission]) {
    let refused = candidates.iter().zip(outcomes.iter());
    let refused: Vec<String> = refused
        .filter(|(_, outcome)| **outcome == Admission::Exists)
        .map(|(candidate, _)| candidate.id.to_string())
        .collect();
    for outcome in outcomes {
        if matches!(outcome, Admission::Known(id) if refused.contains(id)) {
            *outcome = Admission::Exists;
        }
    }
}

/// An import that comes verified has its second version at once: registered, then decided.
fn fresh(candidate: &Candidate, at: UnixMicros) -> Customer {
    let mut customer = Customer::registered(
        candidate.id,
        candidate.party.clone(),
        candidate.contact.clone(),
        candidate.reference.clone(),
        at,
    );
    if candidate.imported == Some(true) {
        customer.kyc_status = KycStatus::Verified;
        customer.touch(at);
    }
    customer
}

fn facts(
    ctx: &CallContext,
    customer: &Customer,
    imported: bool,
) -> impl Iterator<Item = florin_events::NewEvent> + use<> {
    let decided = (customer.version > 1).then(|| events::kyc_decided(ctx, customer));
    let facts = [Some(events::registered(ctx, customer, 1)), decided];
    facts.into_iter().flatten().map(
        move |fact| {
            if imported { events::historical(fact) } else { fact }
        },
    )
}
