//! The same loan, decided at once by several and in several replicas.

use florin_loan::Lending;
use florin_proto::loan::v1::{DisburseLoanRequest, LoanStatus, UndoDisbursementRequest};
use florin_testkit::place::{number, reason};

use crate::bank::{Bank, person, places};

async fn disburse(lending: Lending, id: String) -> String {
    for _ in 0..1_000 {
        let ctx = person("DisburseLoan", "clerk");
        let request = DisburseLoanRequest { loan_id: id.clone(), ..Default::default() };
        let told = reason(lending.disburse_loan(&ctx, request).await);
        // Another change of the same row was in the way: nothing is decided.
        if !["CONCURRENT_CHANGE", "UNAVAILABLE"].contains(&told.as_str()) {
            return told;
        }
    }
    "UNDECIDED".to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_disbursements_at_once_one_is_made() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let other = bank.replica().await;
        let id = bank.accepted().await;
        let both = [&bank.lending, &other];
        let asked: Vec<_> = (0..16)
            .map(|number| tokio::spawn(disburse(both[number % 2].clone(), id.clone())))
            .collect();
        let mut told = Vec::new();
        for one in asked {
            told.push(one.await.unwrap());
        }
        assert_eq!(told.iter().filter(|one| *one == "OK").count(), 1, "{told:?}");
        let open = told.iter().filter(|one| *one == "MOVEMENT_OPEN").count();
        assert_eq!(open, 15, "{told:?}");
        // Both replicas work on it.
        let [first, second] = both.map(|lending| lending.worker());
        let (first, second) = tokio::join!(first.turn(), second.turn());
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(bank.loan(&id).await.status(), LoanStatus::Active);
        assert_eq!(bank.ledger.balance(bank.account), 100_000);
        assert_eq!(bank.ledger.posted().len(), 1);
        assert_eq!(number(&bank.db, "SELECT COUNT(*) FROM movements").await.unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_beside_the_posting_ends_in_one_of_two_ways() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        let other = bank.replica().await;
        for _ in 0..4 {
            let id = bank.accepted().await;
            bank.disburse(&id, "").await.unwrap();
            let before = bank.ledger.balance(bank.account);
            let request = UndoDisbursementRequest { loan_id: id.clone() };
            let ctx = person("UndoDisbursement", "clerk");
            let worker = bank.lending.worker();
            let (undone, turned) =
                tokio::join!(other.undo_disbursement(&ctx, request), worker.turn());
            turned.unwrap();
            drop(undone);
            bank.let_time_pass().await;
            other.worker().turn().await.unwrap();
            let paid = bank.ledger.balance(bank.account) - before;
            let status = bank.loan(&id).await.status();
            let expected = [(LoanStatus::Active, 100_000), (LoanStatus::Accepted, 0)];
            assert!(expected.contains(&(status, paid)), "{status:?} {paid}");
        }
    }
}
