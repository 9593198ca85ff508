//! The money goes to the customer, once, and what the ledger refuses is seen.

use florin_loan::Turn;
use florin_proto::{
    account::v1::{Reason, leg::Target},
    common::v1::Direction,
    loan::v1::{
        GetScheduleRequest, LoanFees, LoanProduct, LoanStatus, MovementStatus, Price,
        UndoDisbursementRequest,
    },
};
use florin_testkit::place::{number, reason, was_replayed, with_key};

use crate::bank::{Bank, person, places, product};

async fn undo(bank: &Bank, id: &str) -> String {
    let request = UndoDisbursementRequest { loan_id: id.to_owned() };
    reason(bank.lending.undo_disbursement(&person("UndoDisbursement", "clerk"), request).await)
}

/// The refusal of a disbursement.
async fn refused(bank: &Bank, id: &str, amount: &str) -> String {
    match bank.disburse(id, amount).await {
        Ok(_) => "OK".to_owned(),
        Err(status) => florin_rpc::Error::from_status(&status).reason().to_owned(),
    }
}

#[tokio::test]
async fn the_loan_is_active_once_the_money_has_moved() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted().await;
        let movement = bank.disburse(&id, "").await.unwrap();
        assert_eq!(movement.reference, format!("{id}/disburse/1"));
        assert_eq!(movement.status(), MovementStatus::Pending);
        let before = bank.loan(&id).await;
        assert_eq!(before.status(), LoanStatus::Accepted);
        assert_eq!(before.movements.first().unwrap().status(), MovementStatus::Pending);
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.turn().await, Turn::Idle);
        let loan = bank.loan(&id).await;
        assert_eq!(loan.status(), LoanStatus::Active);
        assert_eq!(loan.disbursed.unwrap().amount, "1000.00");
        assert_eq!(loan.outstanding.unwrap().amount, "1000.00");
        assert_eq!((loan.next_due.as_str(), loan.version), ("2026-04-02", 4));
        let movement = loan.movements.first().unwrap();
        assert_eq!(movement.status(), MovementStatus::Done);
        assert!(movement.transaction_id.starts_with("txn_"));
        assert_eq!(bank.ledger.balance(bank.account), 100_000);
        let posted = bank.ledger.posted();
        let [request] = posted.as_slice() else { panic!("{posted:?}") };
        assert_eq!(request.kind, "loan_disbursement");
        assert_eq!((request.value_date.as_str(), &request.correlation), ("2026-03-02", &id));
        let legs: Vec<_> =
            request.legs.iter().map(|leg| (leg.target.clone().unwrap(), leg.direction())).collect();
        let expected = [
            (Target::GlCode("1300".into()), Direction::Debit),
            (Target::AccountId(bank.account.to_string()), Direction::Credit),
        ];
        assert_eq!(legs, expected);
        let lines = number(&bank.db, "SELECT COUNT(*) FROM schedule_lines WHERE plan = 0").await;
        assert_eq!(lines.unwrap(), 6);
        let kinds: Vec<_> = bank.events(&id).await;
        assert_eq!(kinds.last().unwrap(), &("loan_disbursed".to_owned(), 4));
        let request = GetScheduleRequest { loan_id: id.clone() };
        let told = bank.lending.get_schedule(&person("GetSchedule", "clerk"), request).await;
        let told = told.unwrap().into_inner();
        assert_eq!(told.schedule.unwrap().lines.len(), 6);
        assert_eq!(refused(&bank, &id, "").await, "AMOUNT_ABOVE_APPROVAL");
    }
}

#[tokio::test]
async fn the_fee_is_kept_back_and_the_loan_is_of_all() {
    for place in places() {
        let bank = Bank::open(place).await;
        let upfront = Some(Price { percent: "2.5".into(), ..Price::default() });
        let fees = Some(LoanFees { upfront, ..LoanFees::default() });
        bank.create(LoanProduct { code: "fee".into(), fees, ..product() }).await.unwrap();
        let request = florin_proto::loan::v1::ApplyForLoanRequest {
            product: "fee".into(),
            ..bank.application()
        };
        let id = bank.applied(request).await.loan_id;
        bank.approve(&id, "boss", "").await.unwrap();
        bank.accept(&id).await.unwrap();
        bank.disburse(&id, "").await.unwrap();
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.ledger.balance(bank.account), 97_500);
        assert_eq!(bank.loan(&id).await.outstanding.unwrap().amount, "1000.00");
        assert_eq!(bank.ledger.posted().first().unwrap().legs.len(), 3);
    }
}

#[tokio::test]
async fn tranches_go_up_to_the_approval_and_no_further() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted().await;
        assert_eq!(refused(&bank, &id, "1000.01").await, "AMOUNT_ABOVE_APPROVAL");
        for tranche in ["400.00", "300.00"] {
            bank.disburse(&id, tranche).await.unwrap();
            // One at a time.
            assert_eq!(refused(&bank, &id, "1.00").await, "MOVEMENT_OPEN");
            bank.turn().await;
        }
        assert_eq!(refused(&bank, &id, "300.01").await, "AMOUNT_ABOVE_APPROVAL");
        bank.disburse(&id, "200.00").await.unwrap();
        bank.turn().await;
        assert_eq!(refused(&bank, &id, "100.00").await, "NO_TRANCHE_LEFT");
        let loan = bank.loan(&id).await;
        assert_eq!(loan.disbursed.unwrap().amount, "900.00");
        assert_eq!(loan.movements.len(), 3);
        let references: Vec<_> =
            loan.movements.iter().map(|one| one.reference.rsplit('/').next().unwrap()).collect();
        assert_eq!(references, ["3", "2", "1"]);
        assert_eq!(bank.ledger.balance(bank.account), 90_000);
        // The schedule repays what was lent.
        let sum = "SELECT CAST(SUM(principal) AS BIGINT) FROM schedule_lines";
        assert_eq!(number(&bank.db, sum).await.unwrap(), 90_000);
    }
}

#[tokio::test]
async fn what_the_ledger_refuses_ends_seen_and_can_be_asked_for_again() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted().await;
        for (number, why) in [(1, Reason::AccountFrozen), (2, Reason::AccountClosed)] {
            bank.ledger.refuse(bank.account, Some(why));
            bank.disburse(&id, "").await.unwrap();
            assert_eq!(bank.turn().await, Turn::Done);
            let loan = bank.loan(&id).await;
            assert_eq!(loan.status(), LoanStatus::Accepted);
            let last = loan.movements.first().unwrap();
            assert_eq!(last.status(), MovementStatus::Failed);
            assert_eq!(last.reference, format!("{id}/disburse/{number}"));
            let failure = last.failure.as_ref().unwrap();
            assert_eq!(format!("REASON_{}", failure.reason), why.as_str_name());
            assert_eq!(failure.metadata["account_id"], bank.account.to_string());
            assert_eq!(bank.ledger.voids().len(), number);
        }
        let failed = ("movement_failed".to_owned(), 5);
        assert_eq!(bank.events(&id).await.last().unwrap(), &failed);
        assert!(bank.ledger.posted().is_empty());
        bank.ledger.refuse(bank.account, None);
        bank.disburse(&id, "").await.unwrap();
        bank.turn().await;
        assert_eq!(bank.loan(&id).await.status(), LoanStatus::Active);
        assert_eq!(bank.ledger.posted().len(), 1);
    }
}

#[tokio::test]
async fn a_disbursement_is_undone_while_the_money_has_not_moved() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted().await;
        assert_eq!(undo(&bank, &id).await, "NOTHING_TO_UNDO");
        bank.disburse(&id, "").await.unwrap();
        assert_eq!(undo(&bank, &id).await, "OK");
        assert_eq!(undo(&bank, &id).await, "OK");
        assert_eq!(bank.turn().await, Turn::Done);
        let loan = bank.loan(&id).await;
        assert_eq!(loan.status(), LoanStatus::Accepted);
        assert_eq!(loan.movements.first().unwrap().status(), MovementStatus::Undone);
        assert_eq!((bank.ledger.calls(), bank.ledger.balance(bank.account)), (0, 0));
        assert_eq!(bank.ledger.voids(), [(format!("{id}/disburse/1"), "UNDONE".to_owned())]);
        // Once more, and too late.
        bank.disburse(&id, "").await.unwrap();
        bank.turn().await;
        assert_eq!(undo(&bank, &id).await, "NOTHING_TO_UNDO");
        assert_eq!(bank.loan(&id).await.status(), LoanStatus::Active);
    }
}

#[tokio::test]
async fn the_same_key_disburses_once_and_the_first_due_date_is_kept() {
    for place in places() {
        let bank = Bank::open(place).await;
        let request = florin_proto::loan::v1::ApplyForLoanRequest {
            first_due: "2026-03-15".into(),
            ..bank.application()
        };
        let id = bank.applied(request).await.loan_id;
        bank.approve(&id, "boss", "").await.unwrap();
        bank.accept(&id).await.unwrap();
        bank.ledger.set_business_date("2026-03-15");
        bank.lending.hear_of_the_date().await.unwrap();
        assert_eq!(refused(&bank, &id, "").await, "FIRST_DUE_PASSED");
        let id = bank.accepted().await;
        let request = florin_proto::loan::v1::DisburseLoanRequest {
            loan_id: id.clone(),
            ..Default::default()
        };
        let ctx = with_key(person("DisburseLoan", "clerk"), "once");
        let first = bank.lending.disburse_loan(&ctx, request.clone()).await;
        bank.turn().await;
        let again = bank.lending.disburse_loan(&ctx, request).await;
        assert!(was_replayed(&again));
        assert_eq!(first.unwrap().into_inner(), again.unwrap().into_inner());
        assert_eq!(bank.turn().await, Turn::Idle);
        assert_eq!(bank.ledger.posted().len(), 1);
        assert_eq!(bank.loan(&id).await.next_due, "2026-04-15");
    }
}
