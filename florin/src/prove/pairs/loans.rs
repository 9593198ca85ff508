//! Movements of loans and their journal transactions: one that is DONE has exactly one, of its
//! amount, and a step of its loan; one that ended otherwise has none, and its reference is void.
//! And the reverse: whatever the ledger has under the name of loans has its movement.

use anyhow::{Context as _, Result};
use florin_kernel::{Money, Role, UnixMicros};
use florin_proto::{
    loan::v1::{
        ExportMovementsRequest, ExportMovementsResponse, MovementStatus,
        loan_service_client::LoanServiceClient,
    },
    money_of,
};

use super::booked::{Ledger, Posted, time_of};
use crate::{connect::Caller, prove::report::Report};

const CHECK: &str = "loans";

/// Pairs every movement; how many there are.
pub(super) async fn pair(
    caller: &Caller,
    ledger: &mut Ledger,
    settled_before: UnixMicros,
    report: &mut Report,
) -> Result<u64> {
    let mut movements = caller
        .stream(Role::Loan, ExportMovementsRequest {}, |channel, request| async move {
            LoanServiceClient::new(channel).export_movements(request).await
        })
        .await
        .context("exporting movements of loans")?;
    let mut count = 0_u64;
    while let Some(told) = movements.message().await.context("exporting movements of loans")? {
        count = count.saturating_add(1);
        movement(ledger, &told, settled_before, report)?;
    }
    left_over(ledger, settled_before, report);
    Ok(count)
}

fn movement(
    ledger: &mut Ledger,
    told: &ExportMovementsResponse,
    settled_before: UnixMicros,
    report: &mut Report,
) -> Result<()> {
    let one = told.movement.as_ref().context("an export without movement")?;
    let reference = one.reference.as_str();
    let young = time_of(one.changed_at.as_ref()) > settled_before;
    let posted = ledger.loans.remove(reference).unwrap_or_default();
    let voided = ledger.loan_voids.remove(reference).is_some();
    let status = one.status();
    let word = status.as_str_name();
    if (status == MovementStatus::Done) != told.has_step {
        let has = if told.has_step { "a step" } else { "no step" };
        report.breach(CHECK, &format!("{reference} is {word} and its loan has {has} of it"));
    }
    match status {
        MovementStatus::Done => {
            let amount = money_of(one.amount.as_ref())?;
            done(reference, (amount, &one.transaction_id), &posted, young, report);
            if voided {
                report.breach(CHECK, &format!("{reference} is DONE and its reference is void"));
            }
        }
        MovementStatus::Failed | MovementStatus::Undone => {
            if let [first, ..] = posted.as_slice() {
                let text = format!("{reference} is {word} and {} moved it", first.transaction_id);
                report.breach(CHECK, &text);
            } else if !voided && young {
                report.in_flight(&format!("{reference} ended just now"));
            } else if !voided {
                report.breach(CHECK, &format!("{reference} is {word} and may still be posted"));
            }
        }
        MovementStatus::Pending | MovementStatus::Undoing if young => {
            report.in_flight(&format!("{reference} is {word}"));
        }
        MovementStatus::Pending | MovementStatus::Undoing => {
            report.unfinished(&format!("{reference} is {word} and has not changed for 10 s"));
        }
        MovementStatus::Unspecified => report.breach(CHECK, &format!("{reference} has no state")),
    }
    Ok(())
}

fn done(
    reference: &str,
    (amount, transaction): (Money, &str),
    posted: &[Posted],
    young: bool,
    report: &mut Report,
) {
    match posted {
        [] if young => report.in_flight(&format!("{reference} was done just now")),
        [] => {
            report.breach(CHECK, &format!("{reference} is DONE and the ledger has nothing of it"));
        }
        [only] if only.debits != [amount] => {
            let booked: Vec<String> = only.debits.iter().map(Money::to_string).collect();
            let (txn, booked) = (&only.transaction_id, booked.join(" and "));
            report.breach(CHECK, &format!("{reference} is of {amount}, {txn} of {booked}"));
        }
        [only] if only.transaction_id != transaction => {
            let there = &only.transaction_id;
            let text = format!("{reference} names {transaction}, the ledger has {there}");
            report.breach(CHECK, &text);
        }
        [_] => {}
        several => {
            let text = format!("{reference} has {} journal transactions", several.len());
            report.breach(CHECK, &text);
        }
    }
}

/// What the ledger has under the name of loans and no movement claimed.
fn left_over(ledger: &Ledger, settled_before: UnixMicros, report: &mut Report) {
    for (reference, posted) in &ledger.loans {
        for one in posted {
            let text = format!("{} under {reference} has no movement", one.transaction_id);
            if one.recorded_at > settled_before {
                report.in_flight(&text);
            } else {
                report.breach(CHECK, &text);
            }
        }
    }
    for reference in ledger.loan_voids.keys() {
        report.breach(CHECK, &format!("{reference} was voided and has no movement"));
    }
}

#[cfg(test)]
mod tests {
    use florin_proto::{
        account::v1::{TransactionReference, VoidedReference},
        loan::v1::Movement,
        timestamp, wire_money,
    };

    use super::*;
    use crate::prove::pairs::booked::LOAN;

    const SETTLED: UnixMicros = UnixMicros(1_000_000_000);
    const OLD: UnixMicros = UnixMicros(1);
    const YOUNG: UnixMicros = UnixMicros(1_000_000_001);

    fn eur(amount: &str) -> Money {
        Money::parse("EUR", amount).unwrap()
    }

    fn ledger(amounts: &[&str], void: bool) -> Ledger {
        let mut ledger = Ledger::default();
        for amount in amounts {
            let transaction = TransactionReference {
                transaction_id: "txn_1".to_owned(),
                caller: LOAN.to_owned(),
                reference: "lon_1/disburse/1".to_owned(),
                debits: vec![wire_money(eur(amount))],
                recorded_at: Some(timestamp(OLD)),
                ..TransactionReference::default()
            };
            ledger.take_transaction(transaction).unwrap();
        }
        if void {
            ledger.take_void(VoidedReference {
                caller: LOAN.to_owned(),
                reference: "lon_1/disburse/1".to_owned(),
                cause: "ACCOUNT_CLOSED".to_owned(),
            });
        }
        ledger
    }

    fn told(status: MovementStatus, has_step: bool, at: UnixMicros) -> ExportMovementsResponse {
        let movement = Movement {
            reference: "lon_1/disburse/1".to_owned(),
            status: status.into(),
            amount: Some(wire_money(eur("5.00"))),
            transaction_id: "txn_1".to_owned(),
            changed_at: Some(timestamp(at)),
            ..Movement::default()
        };
        ExportMovementsResponse { movement: Some(movement), has_step, ..Default::default() }
    }

    /// Breaches and unfinished.
    fn found(mut ledger: Ledger, told: Option<ExportMovementsResponse>) -> (u64, u64) {
        let mut report = Report::default();
        if let Some(told) = told {
            movement(&mut ledger, &told, SETTLED, &mut report).unwrap();
        }
        left_over(&ledger, SETTLED, &mut report);
        (report.breaches(), report.stuck())
    }

    #[test]
    fn a_done_movement_has_one_journal_transaction_of_its_amount_and_a_step() {
        use MovementStatus::Done;
        let done = |step| Some(told(Done, step, OLD));
        assert_eq!(found(ledger(&["5.00"], false), done(true)), (0, 0));
        assert_eq!(found(ledger(&["5.00"], false), done(false)), (1, 0));
        assert_eq!(found(ledger(&["5.01"], false), done(true)), (1, 0));
        assert_eq!(found(ledger(&["5.00", "5.00"], false), done(true)), (1, 0));
        assert_eq!(found(ledger(&[], false), done(true)), (1, 0));
        assert_eq!(found(ledger(&["5.00"], true), done(true)), (1, 0));
        assert_eq!(found(ledger(&[], false), Some(told(Done, true, YOUNG))), (0, 0));
    }

    #[test]
    fn a_movement_without_money_is_void_and_what_is_posted_has_a_movement() {
        use MovementStatus::{Failed, Pending, Undone};
        for status in [Failed, Undone] {
            let ended = |at| Some(told(status, false, at));
            assert_eq!(found(ledger(&[], true), ended(OLD)), (0, 0));
            assert_eq!(found(ledger(&[], false), ended(OLD)), (1, 0));
            assert_eq!(found(ledger(&[], false), ended(YOUNG)), (0, 0));
            assert_eq!(found(ledger(&["5.00"], true), ended(OLD)), (1, 0));
        }
        assert_eq!(found(ledger(&[], false), Some(told(Pending, false, OLD))), (0, 1));
        assert_eq!(found(ledger(&["5.00"], false), Some(told(Pending, false, YOUNG))), (0, 0));
        assert_eq!(found(ledger(&["5.00"], false), None), (1, 0));
        assert_eq!(found(ledger(&[], true), None), (1, 0));
    }
}
