//! The nostro account as the ledger has it.

use std::collections::HashMap;

use florin_kernel::{Role, UnixMicros};
use florin_proto::{account::v1::GlEntry, common::v1::Direction, instant_of, money_of};
use florin_rpc::Error;

use crate::{
    domain::Amiss,
    store::statements::{Standing, StatementEntry},
};

/// The nostro account as the ledger has it.
pub(super) struct Nostro {
    /// Debits less credits of all.
    pub(super) balance: i64,
    /// By caller and reference.
    pub(super) booked: HashMap<(String, String), Vec<Booked>>,
}

/// A posting on it.
pub(super) struct Booked {
    /// Positive for a debit: money at the network.
    pub(super) amount: i64,
    /// When it was recorded.
    pub(super) recorded_at: UnixMicros,
    /// Its booking date, YYYY-MM-DD.
    pub(super) booking_date: String,
}

impl Nostro {
    /// Adds an entry of the ledger.
    pub(super) fn add(&mut self, entry: GlEntry) -> Result<(), Error> {
        let amount = money_of(entry.amount.as_ref()).map_err(broken)?.minor();
        let amount = match entry.direction() {
            Direction::Debit => amount,
            Direction::Credit => amount.checked_neg().ok_or_else(|| broken("amount"))?,
            Direction::Unspecified => return Err(broken("side")),
        };
        self.balance = self.balance.checked_add(amount).ok_or_else(|| broken("balance"))?;
        let recorded_at = entry.recorded_at.as_ref().and_then(instant_of).unwrap_or_default();
        let booked = Booked { amount, recorded_at, booking_date: entry.booking_date };
        self.booked.entry((entry.caller, entry.reference)).or_default().push(booked);
        Ok(())
    }

    /// The posting that is an entry of the statement.
    pub(super) fn take(
        &self,
        entry: &StatementEntry,
        standing: Option<&Standing>,
    ) -> Result<String, Amiss> {
        let by_hand = hand_reference(entry);
        let hand = self.booked.keys().find(|(_, reference)| *reference == by_hand).cloned();
        let ours = standing.map(|standing| standing.references.clone()).unwrap_or_default();
        let ours = ours.into_iter().map(|one| (Role::Payment.name().to_owned(), one));
        let keys: Vec<_> = hand.into_iter().chain(ours).collect();
        let mut found = keys.iter().filter(|key| self.booked.contains_key(*key));
        let (Some(key), None) = (found.next(), found.next()) else {
            let some = keys.iter().any(|key| self.booked.contains_key(key));
            return Err(if some { Amiss::BookedOtherwise } else { Amiss::NotBooked });
        };
        match self.booked.get(key).map(Vec::as_slice) {
            Some([one]) if one.amount == entry.amount => Ok(name_of(key)),
            _ => Err(Amiss::BookedOtherwise),
        }
    }
}

/// The reference under which somebody books by hand what the network alone tells.
fn hand_reference(entry: &StatementEntry) -> String {
    format!("nostro/{}", of_entry(entry))
}

/// The name of an entry.
pub(super) fn of_entry(entry: &StatementEntry) -> String {
    format!("{}/{}", entry.statement, entry.number)
}

/// A reference of the ledger with its caller, where that is not this role.
pub(super) fn name_of((caller, reference): &(String, String)) -> String {
    if caller == Role::Payment.name() {
        reference.clone()
    } else {
        format!("{caller}: {reference}")
    }
}

/// The UETR that a reference of ours names, or empty.
pub(super) fn uetr_in(reference: &str) -> String {
    let uetr = reference.split('/').find_map(|part| part.parse::<florin_kernel::Uetr>().ok());
    let transfer = || {
        let (id, _) = reference.split_once('/')?;
        Some(crate::domain::uetr_of(id.parse().ok()?))
    };
    uetr.or_else(transfer).map(|uetr| uetr.to_string()).unwrap_or_default()
}

/// What the ledger tells and cannot be.
pub(super) fn broken(what: impl std::fmt::Display) -> Error {
    Error::internal(format!("the nostro account: {what}"))
}
