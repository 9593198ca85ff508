//! What a comparison finds.

use florin_rpc::Error;
use florin_runtime::internal;
use florin_store::Database;

use super::nostro::{Nostro, broken, of_entry};
use crate::{
    domain::{Amiss, Difference, unexplained},
    store::statements::{self, Statement, StatementEntry},
};

/// What a comparison has found so far.
#[derive(Default)]
pub(super) struct Found {
    /// What has to be mended.
    pub(super) differences: Vec<Difference>,
    /// What ends by itself.
    pub(super) under_way: Vec<Difference>,
    /// What of ours should have been told of.
    pub(super) untold: Vec<Difference>,
    /// Whether anything of the statement is among that.
    pub(super) theirs_under_way: bool,
    /// Sums of what one side alone has.
    only_ours: i64,
    only_theirs: i64,
    is_beyond: bool,
}

impl Found {
    /// Whether the statement goes on from the one before, and its entries lie between its balances.
    pub(super) async fn check_balances(
        &mut self,
        statement: &Statement,
        before: Option<&Statement>,
        db: &Database,
    ) -> Result<(), Error> {
        let mut amiss = |amiss, minor: Option<i64>| {
            let amount = statement.money(minor.unwrap_or(i64::MAX));
            let of = statement.id.clone();
            self.differences.push(Difference { amiss, amount, uetr: String::new(), of });
        };
        if let Some(before) = before.filter(|before| before.closing != statement.opening) {
            amiss(Amiss::Gap, statement.opening.checked_sub(before.closing));
        }
        let turnover = statements::turnover(db.read(), &statement.id).await;
        let turnover = turnover.map_err(internal)?;
        let between = statement.closing.checked_sub(statement.opening);
        if between != Some(turnover) {
            amiss(Amiss::Sum, between.and_then(|between| between.checked_sub(turnover)));
        }
        Ok(())
    }

    /// An entry that no posting is.
    pub(super) fn only_theirs(
        &mut self,
        statement: &Statement,
        entry: &StatementEntry,
        amiss: Amiss,
        is_under_way: bool,
    ) {
        let difference = Difference {
            amiss,
            amount: statement.money(entry.amount),
            uetr: entry.uetr.clone().unwrap_or_default(),
            of: of_entry(entry),
        };
        // What is booked otherwise is among what our books alone have.
        match self.only_theirs.checked_add(entry.amount) {
            Some(sum) => self.only_theirs = sum,
            None => self.is_beyond = true,
        }
        if is_under_way && amiss == Amiss::NotBooked {
            self.theirs_under_way = true;
            self.under_way.push(difference);
        } else {
            self.differences.push(difference);
        }
    }

    /// A posting that no entry tells of.
    pub(super) fn only_ours(
        &mut self,
        difference: Difference,
        is_under_way: bool,
        is_untold: bool,
    ) -> Result<(), Error> {
        let sum = self.only_ours.checked_add(difference.amount.minor());
        self.only_ours = sum.ok_or_else(|| broken("sum"))?;
        match (is_under_way, is_untold) {
            (true, false) => self.under_way.push(difference),
            (true, true) => self.untold.push(difference),
            (false, _) => self.differences.push(difference),
        }
        Ok(())
    }

    /// Whether all that is named explains how the balances differ.
    pub(super) fn check_total(&mut self, statement: &Statement, nostro: &Nostro) {
        let left = unexplained(statement.closing, nostro.balance, self.only_ours, self.only_theirs);
        if left != Some(0) || self.is_beyond {
            self.differences.push(Difference {
                amiss: Amiss::Total,
                amount: statement.money(left.unwrap_or(i64::MAX)),
                uetr: String::new(),
                of: statement.id.clone(),
            });
        }
    }
}
