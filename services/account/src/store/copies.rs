//! Working sets beside that of a batch: a copy to rehearse on, and one without accounts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use florin_kernel::{AccountId, TransactionId, UnixMicros};

use super::{
    accruals::Interest,
    load::Needs,
    working::{Claim, ReferenceId, Working, Writes},
};
use crate::domain::{gl::Controls, posting::Books, record::Record};

impl Working {
    /// A working set without accounts, for what is booked between GL accounts alone.
    #[must_use]
    pub fn bare(books: Books, now: UnixMicros) -> Self {
        Self {
            books,
            unended: BTreeMap::new(),
            chart: BTreeMap::new(),
            controls: Controls::default(),
            accounts: BTreeMap::new(),
            hashes: BTreeMap::new(),
            holders: BTreeMap::new(),
            holds: BTreeMap::new(),
            originals: BTreeMap::new(),
            claims: BTreeMap::new(),
            posted_before: BTreeMap::new(),
            events_before: BTreeMap::new(),
            interest: Interest::default(),
            ibans: VecDeque::new(),
            now,
            clocks: BTreeMap::new(),
            writes: Writes::default(),
        }
    }

    /// A copy of what a rehearsal needs, with the same time and nothing to write. References
    /// that nobody claimed are claimed in the copy alone.
    #[must_use]
    pub fn copy(&self, needs: &Needs) -> Self {
        let claims = needs.looked_up.iter().map(|(reference, record)| {
            let id = (reference.caller.clone(), reference.text.clone());
            let free = || Claim {
                fingerprint: reference.fingerprint.clone(),
                record: *record,
                made: false,
                new: false,
                rewritten: false,
            };
            let claim = self.claims.get(&id).cloned().unwrap_or_else(free);
            (id, claim)
        });
        let claims: BTreeMap<ReferenceId, Claim> = claims.collect();
        let originals = picked(&self.originals, needs.originals.iter());
        let holds = picked(&self.holds, needs.holds.iter());
        let of_originals = originals.values().flat_map(|original| original.legs.accounts());
        let of_holds = holds.values().map(|hold| hold.account);
        let ids: BTreeSet<AccountId> =
            needs.accounts.iter().copied().chain(of_originals).chain(of_holds).collect();
        let records = || claims.values().filter_map(|claim| claim.record);
        let transactions: BTreeSet<TransactionId> = records()
            .filter_map(|record| match record {
                Record::Transaction(id) => Some(id),
                Record::Account(_) | Record::Hold(_) | Record::Void => None,
            })
            .collect();
        Self {
            books: self.books,
            unended: BTreeMap::new(),
            chart: self.chart.clone(),
            controls: self.controls.clone(),
            accounts: picked(&self.accounts, ids.iter()),
            hashes: picked(&self.hashes, ids.iter()),
            holders: BTreeMap::new(),
            originals,
            holds,
            posted_before: picked(&self.posted_before, transactions.iter()),
            events_before: picked(&self.events_before, records().collect::<BTreeSet<_>>().iter()),
            claims,
            interest: Interest::default(),
            ibans: VecDeque::new(),
            now: self.now,
            clocks: picked(&self.clocks, ids.iter()),
            writes: Writes::default(),
        }
    }
}

/// Those entries of a map that are asked for.
fn picked<'k, K: Ord + Clone + 'k, V: Clone>(
    from: &BTreeMap<K, V>,
    keys: impl Iterator<Item = &'k K>,
) -> BTreeMap<K, V> {
    let found = keys.filter_map(|key| Some((key.clone(), from.get(key)?.clone())));
    found.collect()
}
