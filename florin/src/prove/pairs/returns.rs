//! Refunds, reversals and the transfers of orders: what the ledger alone cannot tell, since each is
//! a payment of its own there.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use florin_kernel::Money;
use florin_proto::{
    money_of,
    payment::v1::{ExportTransfersResponse, ReturnedTransfer, TransferRelation, TransferStatus},
};

use super::{Pairing, booked::Posted};

/// Dates of an order that are remembered: it pays them in their order, so that one which comes
/// again after so many others is out of its turn.
const DATES: usize = 16;

/// What was returned, by original, and the last dates of each order that were paid.
#[derive(Debug, Default)]
pub(super) struct Relations {
    returned: HashMap<String, Returned>,
    paid: HashMap<String, BTreeSet<String>>,
}

/// What has been returned of a transfer, and that with what is on its way back. The pages of an
/// export are of no one moment: what is on its way may have failed before another began.
#[derive(Debug)]
struct Returned {
    amount: Money,
    completed: Back,
    together: Back,
}

/// Refunds and reversals of one transfer.
#[derive(Debug)]
struct Back {
    refunded: Money,
    reversals: Vec<String>,
}

impl Back {
    fn nothing(of: Money) -> Self {
        Self { refunded: Money::new(0, of.currency()), reversals: Vec::new() }
    }

    fn add(&mut self, id: &str, amount: Money, is_reversal: bool) -> Result<()> {
        if is_reversal {
            self.reversals.push(id.to_owned());
        } else {
            self.refunded = self.refunded.checked_add(amount)?;
        }
        Ok(())
    }

    /// What is wrong with it, where the transfer is of this amount.
    fn faults(&self, original: &str, amount: Money) -> Vec<String> {
        let Self { refunded, reversals } = self;
        let mut faults = Vec::new();
        if refunded.minor() > amount.minor() || refunded.currency() != amount.currency() {
            faults.push(format!("{refunded} of {original} is refunded, which is of {amount}"));
        }
        if refunded.minor() > 0
            && let Some(reversal) = reversals.first()
        {
            faults.push(format!("{original} is refunded and reversed, by {reversal}"));
        }
        if reversals.len() > 1 {
            faults.push(format!("{original} is reversed by {}", reversals.join(" and ")));
        }
        faults
    }
}

impl Pairing<'_> {
    /// Takes what a transfer returns, and which date of an order it pays.
    pub(super) fn relate(
        &mut self,
        transfer: &ExportTransfersResponse,
        posted: &[Posted],
    ) -> Result<()> {
        let id = &transfer.transfer_id;
        match &transfer.returned {
            Some(returned) => self.returns(transfer, returned, posted)?,
            None => {
                for one in posted.iter().filter(|one| !one.reverses.is_empty()) {
                    let text = format!("{id} returns nothing and reverses {}", one.reverses);
                    self.report.breach("returns", &text);
                }
            }
        }
        if transfer.status() == TransferStatus::Completed && !transfer.order_id.is_empty() {
            self.pays_a_date(transfer);
        }
        let ended_unpaid =
            matches!(transfer.status(), TransferStatus::Failed | TransferStatus::Cancelled);
        match &transfer.counted {
            None => {}
            Some(counted) if ended_unpaid => {
                let counted = money_of(Some(counted))?;
                let text = format!("{id} ended unpaid and counts {counted} against limits");
                self.report.breach("limits", &text);
            }
            Some(counted) => {
                let (counted, amount) =
                    (money_of(Some(counted))?, money_of(transfer.amount.as_ref())?);
                if counted != amount {
                    let text = format!("{id} of {amount} counts {counted} against limits");
                    self.report.breach("limits", &text);
                }
            }
        }
        Ok(())
    }

    fn returns(
        &mut self,
        transfer: &ExportTransfersResponse,
        returned: &ReturnedTransfer,
        posted: &[Posted],
    ) -> Result<()> {
        let (id, original) = (&transfer.transfer_id, &returned.transfer_id);
        if matches!(transfer.status(), TransferStatus::Failed | TransferStatus::Cancelled) {
            return Ok(());
        }
        if returned.amount.is_none() {
            let text = format!("{id} returns {original}, which is not there");
            self.report.breach("returns", &text);
            return Ok(());
        }
        let transaction = &returned.transaction_id;
        if *transaction != returned.posted_transaction_id {
            let now = &returned.posted_transaction_id;
            let text = format!("{id} returns {transaction}, {original} was paid by {now}");
            self.report.breach("returns", &text);
        }
        let is_reversal = returned.relation() == TransferRelation::Reversal;
        let reverses = if is_reversal { transaction.as_str() } else { "" };
        for one in posted.iter().filter(|one| one.reverses != reverses) {
            let (booked, other) = (&one.transaction_id, &one.reverses);
            let text = match (is_reversal, other.as_str()) {
                (true, "") => format!("{id} reverses {original}, {booked} reverses nothing"),
                (true, other) => {
                    format!("{id} reverses {transaction}, {booked} of it reverses {other}")
                }
                (false, other) => format!("{id} refunds {original}, {booked} reverses {other}"),
            };
            self.report.breach("returns", &text);
        }
        let whole = money_of(returned.amount.as_ref())?;
        let amount = money_of(transfer.amount.as_ref())?;
        let all = self.relations.returned.entry(original.clone()).or_insert_with(|| Returned {
            amount: whole,
            completed: Back::nothing(whole),
            together: Back::nothing(whole),
        });
        all.together.add(id, amount, is_reversal)?;
        if transfer.status() == TransferStatus::Completed {
            all.completed.add(id, amount, is_reversal)?;
        }
        Ok(())
    }

    fn pays_a_date(&mut self, transfer: &ExportTransfersResponse) {
        let ExportTransfersResponse { transfer_id: id, order_id, order_date, .. } = transfer;
        let paid = self.relations.paid.entry(order_id.clone()).or_default();
        let out_of_turn =
            paid.len() == DATES && paid.first().is_some_and(|first| order_date < first);
        if out_of_turn || !paid.insert(order_date.clone()) {
            let text = format!("{id} pays {order_id} for {order_date}, which was paid before");
            self.report.breach("orders", &text);
        }
        if paid.len() > DATES {
            paid.pop_first();
        }
    }

    /// Compares what was returned of each transfer with it.
    pub(super) fn compare_returns(&mut self) {
        let mut originals: Vec<_> = self.relations.returned.drain().collect();
        originals.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for (original, Returned { amount, completed, together }) in originals {
            let breaches = completed.faults(&original, amount);
            breaches.iter().for_each(|text| self.report.breach("returns", text));
            // What has not ended was told already, as in flight or unfinished by its age.
            if breaches.is_empty() {
                let faults = together.faults(&original, amount);
                faults.iter().for_each(|text| self.report.in_flight(text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use florin_proto::wire_money;

    use super::*;
    use crate::prove::pairs::{booked::Ledger, tests as made};

    fn eur(amount: &str) -> Money {
        Money::parse("EUR", amount).expect("amount")
    }

    /// A completed transfer of 5.00 that returns one of 8.00 that txn_0 paid.
    fn returning(id: &str, relation: TransferRelation) -> ExportTransfersResponse {
        let returned = ReturnedTransfer {
            relation: relation.into(),
            transfer_id: "trf_0".to_owned(),
            transaction_id: "txn_0".to_owned(),
            amount: Some(wire_money(eur("8.00"))),
            posted_transaction_id: "txn_0".to_owned(),
        };
        ExportTransfersResponse { returned: Some(returned), ..made::completed(id) }
    }

    fn breaches(transfers: &[ExportTransfersResponse], reverses: &str) -> u64 {
        let (mut ledger, mut report) = (Ledger::default(), crate::prove::Report::default());
        for one in transfers.iter().filter(|one| one.status() == TransferStatus::Completed) {
            let id = one.transfer_id.replace("trf", "txn");
            ledger
                .take_transaction(made::reversing(&one.posting_reference, &id, reverses))
                .expect("txn");
        }
        let mut pairing = made::pairing(&mut ledger, &mut report);
        for one in transfers {
            pairing.transfer(one).expect("a transfer");
        }
        pairing.compare_returns();
        pairing.left_over();
        report.breaches()
    }

    #[test]
    fn names_what_is_refunded_beyond_its_original_or_beside_a_reversal() {
        use TransferRelation::{Refund, Reversal};
        let [one, two] = ["trf_1", "trf_2"].map(|id| returning(id, Refund));
        assert_eq!(breaches(std::slice::from_ref(&one), ""), 0);
        assert_eq!(breaches(&[one.clone(), two.clone()], ""), 1, "10.00 of 8.00");
        // Read before it failed, while the other was accepted after that.
        let mut under_way = one.clone();
        under_way.set_status(TransferStatus::Processing);
        under_way.transaction_id.clear();
        assert_eq!(breaches(&[under_way, two.clone()], ""), 0, "10.00 of 8.00, or 5.00");
        let mut unpaid = two;
        unpaid.set_status(TransferStatus::Cancelled);
        let mut ledgerless = Ledger::default();
        let mut report = crate::prove::Report::default();
        let mut pairing = made::pairing(&mut ledgerless, &mut report);
        pairing.transfer(&unpaid).expect("a transfer");
        pairing.compare_returns();
        assert_eq!(report.breaches(), 0, "what ended unpaid does not count");
        let undone = returning("trf_3", Reversal);
        assert_eq!(breaches(std::slice::from_ref(&undone), "txn_0"), 0);
        // Refunded and reversed; and the refund's transaction reverses too.
        assert_eq!(breaches(&[one, undone.clone()], "txn_0"), 2);
        let twice = returning("trf_4", Reversal);
        assert_eq!(breaches(&[undone, twice], "txn_0"), 1, "reversed twice");
    }

    #[test]
    fn names_a_reversal_that_reverses_another_transaction_or_none() {
        let undone = || returning("trf_3", TransferRelation::Reversal);
        assert_eq!(breaches(&[undone()], ""), 1);
        assert_eq!(breaches(&[undone()], "txn_9"), 1);
        assert_eq!(breaches(&[made::completed("trf_1")], "txn_0"), 1, "a payment that reverses");
        let change = |change: fn(&mut ReturnedTransfer)| {
            let mut one = undone();
            change(one.returned.as_mut().expect("it returns"));
            breaches(&[one], "txn_0")
        };
        assert_eq!(change(|one| one.posted_transaction_id = "txn_8".into()), 1);
        assert_eq!(change(|one| one.amount = None), 1, "the original is gone");
    }

    #[test]
    fn names_a_date_of_an_order_that_is_paid_twice_and_what_counts_wrongly() {
        let run = |id: &str, date: &str| ExportTransfersResponse {
            order_id: "sto_1".into(),
            order_date: date.into(),
            ..made::completed(id)
        };
        let [one, two] = [run("trf_1", "2027-01-31"), run("trf_2", "2027-02-28")];
        assert_eq!(breaches(&[one.clone(), two.clone()], ""), 0);
        assert_eq!(breaches(&[one.clone(), two, run("trf_3", "2027-01-31")], ""), 1);
        let other =
            ExportTransfersResponse { order_id: "sto_2".into(), ..run("trf_4", "2027-01-31") };
        assert_eq!(breaches(&[one, other], ""), 0, "another order");
        let many: Vec<_> =
            (10..40).map(|day| run(&format!("trf_{day}"), &day.to_string())).collect();
        assert_eq!(breaches(&many, ""), 0);
        let again = [many, vec![run("trf_99", "10")]].concat();
        assert_eq!(breaches(&again, ""), 1, "forgotten, and out of its turn");
        let counts = |amount: &str| ExportTransfersResponse {
            counted: Some(wire_money(eur(amount))),
            ..made::completed("trf_1")
        };
        assert_eq!(breaches(&[counts("5.00")], ""), 0);
        assert_eq!(breaches(&[counts("4.99")], ""), 1);
    }
}
