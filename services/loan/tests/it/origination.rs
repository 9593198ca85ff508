//! From the application to the customer's yes.

use florin_proto::{
    cif::v1::{KycStatus, RiskRating},
    loan::v1::{
        ApplyForLoanRequest, CancelLoanRequest, LoanStatus, Recommendation, RejectLoanRequest,
    },
};
use florin_testkit::place::{self, number, reason, violations, was_replayed, with_key};

use crate::bank::{Bank, account_id, customer_id, path, person, places};

fn told(error: Result<florin_proto::loan::v1::Loan, tonic::Status>) -> String {
    error.map_or_else(
        |status| florin_rpc::Error::from_status(&status).reason().to_owned(),
        |_| "OK".to_owned(),
    )
}

#[tokio::test]
async fn an_application_is_scored_and_explained() {
    for place in places() {
        let bank = Bank::open(place).await;
        let loan = bank.applied(bank.application()).await;
        assert_eq!((loan.status(), loan.version), (LoanStatus::Applied, 1));
        let score = loan.score.unwrap();
        assert_eq!(score.recommendation(), Recommendation::Approve);
        // 200.00 and 172.55 of 3,000.00.
        assert_eq!(score.debt_percent, "12.418334");
        assert_eq!(score.monthly_instalment.unwrap().amount, "172.55");
        let factors: Vec<_> =
            score.factors.iter().map(|one| (one.factor.as_str(), one.points, one.most)).collect();
        let expected = [
            ("DEBT_TO_INCOME", 423, 500),
            ("AMOUNT_TO_INCOME", 299, 300),
            ("RISK_RATING", 120, 200),
        ];
        assert_eq!(factors, expected);
        assert_eq!(score.points, 842);
        assert_eq!(bank.events(&loan.loan_id).await, [("loan_applied".to_owned(), 1)]);
        let audited = "SELECT COUNT(*) FROM audit WHERE reference LIKE 'lon_%/applied'";
        assert_eq!(number(&bank.db, audited).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn loans_of_this_bank_count_as_debts_and_a_repeat_is_the_first_loan() {
    for place in places() {
        let bank = Bank::open(place).await;
        bank.accepted().await;
        let ctx = with_key(person("ApplyForLoan", "clerk"), "twice");
        let first = bank.lending.apply_for_loan(&ctx, bank.application()).await;
        let again = bank.lending.apply_for_loan(&ctx, bank.application()).await;
        assert!(was_replayed(&again));
        let (first, again) = (first.unwrap().into_inner(), again.unwrap().into_inner());
        assert_eq!(first, again);
        // 200.00, 172.55 of the first loan and 172.55 of this one.
        assert_eq!(first.loan.unwrap().score.unwrap().debt_percent, "18.17");
        assert_eq!(number(&bank.db, "SELECT COUNT(*) FROM loans").await.unwrap(), 2);
    }
}

#[tokio::test]
async fn who_cannot_borrow_is_refused_with_the_reason() {
    let bank = Bank::open(places().remove(0)).await;
    let ask = async |change: fn(&Bank, &mut ApplyForLoanRequest)| {
        let mut request = bank.application();
        change(&bank, &mut request);
        reason(bank.lending.apply_for_loan(&person("ApplyForLoan", "clerk"), request).await)
    };
    bank.ledger.rate(customer_id(4), KycStatus::Pending, RiskRating::Low);
    let unknown = ask(|_, one| one.customer_id = customer_id(9).to_string());
    assert_eq!(unknown.await, "BORROWER_NOT_FOUND");
    let unverified = ask(|_, one| one.customer_id = customer_id(4).to_string());
    assert_eq!(unverified.await, "BORROWER_NOT_VERIFIED");
    let of_boris = ask(|_, one| one.account_id = account_id(2).to_string());
    assert_eq!(of_boris.await, "LOAN_ACCOUNT_NOT_FOUND");
    let nowhere = ask(|_, one| one.account_id = account_id(9).to_string());
    assert_eq!(nowhere.await, "LOAN_ACCOUNT_NOT_FOUND");
    assert_eq!(ask(|_, one| one.product = "x".into()).await, "PRODUCT_NOT_FOUND");
    let scripted = crate::ledger::Scripted {
        currency: "CZK".into(),
        owner: bank.anna,
        balance: 0,
        refusal: None,
    };
    bank.ledger.put(account_id(5), scripted);
    let foreign = ask(|_, one| one.account_id = account_id(5).to_string());
    assert_eq!(foreign.await, "LOAN_ACCOUNT_CURRENCY");
    // A customer applies for itself alone, a program for nobody.
    let mut ctx = place::customer(path("ApplyForLoan"), bank.boris);
    let refused = bank.lending.apply_for_loan(&ctx, bank.application()).await;
    assert_eq!(reason(refused), "NOT_OWN_CUSTOMER");
    ctx.principal.kind = florin_rpc::PrincipalKind::Client;
    let refused = bank.lending.apply_for_loan(&ctx, bank.application()).await;
    assert_eq!(reason(refused), "PERSON_REQUIRED");
    assert_eq!(number(&bank.db, "SELECT COUNT(*) FROM loans").await.unwrap(), 0);
    let wrong = ApplyForLoanRequest {
        monthly_income: "-1".into(),
        monthly_debts: "1.001".into(),
        rate: "26".into(),
        ..bank.application()
    };
    let ctx = person("ApplyForLoan", "clerk");
    let found = violations(bank.lending.apply_for_loan(&ctx, wrong).await);
    let expected = [
        ("monthly_income", "NEGATIVE"),
        ("monthly_debts", "TOO_MANY_DECIMALS"),
        ("rate", "NOT_ALLOWED_BY_PRODUCT"),
    ];
    assert_eq!(found, expected.map(|(field, rule)| (field.to_owned(), rule.to_owned())));
}

#[tokio::test]
async fn another_person_approves_at_most_what_was_asked_for() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.applied(bank.application()).await.loan_id;
        assert_eq!(told(bank.approve(&id, "clerk", "").await), "SAME_PERSON");
        assert_eq!(told(bank.approve(&id, "boss", "1000.01").await), "AMOUNT_ABOVE_REQUEST");
        let loan = bank.approve(&id, "boss", "900.00").await.unwrap();
        assert_eq!((loan.status(), loan.version), (LoanStatus::Approved, 2));
        assert_eq!(loan.approved.unwrap().amount, "900.00");
        assert_eq!(told(bank.approve(&id, "boss", "").await), "LOAN_STATE");
        let kinds: Vec<_> = bank.events(&id).await.into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, ["loan_applied", "loan_approved"]);
    }
}

#[tokio::test]
async fn two_persons_approve_above_the_limit_and_against_the_score() {
    for place in places() {
        let bank = Bank::open(place).await;
        let high = ApplyForLoanRequest {
            principal: "6000.00".into(),
            instalments: 60,
            ..bank.application()
        };
        let poor = ApplyForLoanRequest { monthly_income: "500.00".into(), ..bank.application() };
        for (request, recommended) in
            [(high, Recommendation::Approve), (poor, Recommendation::Reject)]
        {
            let loan = bank.applied(request).await;
            assert_eq!(loan.score.unwrap().recommendation(), recommended);
            let id = loan.loan_id;
            let first = bank.approve(&id, "boss", "500.00").await.unwrap();
            if recommended == Recommendation::Approve {
                // Below the limit one is enough.
                assert_eq!(first.status(), LoanStatus::Approved);
                continue;
            }
            assert_eq!((first.status(), first.endorsed), (LoanStatus::Applied, true));
            assert!(first.approved.is_none());
            assert_eq!(told(bank.approve(&id, "boss", "500.00").await), "SAME_PERSON");
            assert_eq!(told(bank.approve(&id, "clerk", "500.00").await), "SAME_PERSON");
            let other = bank.approve(&id, "chief", "600.00").await;
            assert_eq!(told(other), "OTHER_AMOUNT_ENDORSED");
            let second = bank.approve(&id, "chief", "500.00").await.unwrap();
            assert_eq!(second.status(), LoanStatus::Approved);
        }
        let high = ApplyForLoanRequest {
            principal: "6000.00".into(),
            instalments: 60,
            ..bank.application()
        };
        let id = bank.applied(high).await.loan_id;
        assert_eq!(bank.approve(&id, "boss", "").await.unwrap().status(), LoanStatus::Applied);
        assert_eq!(bank.approve(&id, "chief", "").await.unwrap().status(), LoanStatus::Approved);
    }
}

#[tokio::test]
async fn a_rejection_has_reasons_and_ends_it() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.applied(bank.application()).await.loan_id;
        let reject = async |who: &str, reasons: &[&str]| {
            let reasons = reasons.iter().map(|one| (*one).to_owned()).collect();
            let request = RejectLoanRequest { loan_id: id.clone(), reasons };
            bank.lending.reject_loan(&person("RejectLoan", who), request).await
        };
        let found = violations(reject("boss", &[]).await);
        assert_eq!(found, [("reasons".to_owned(), "REQUIRED".to_owned())]);
        assert_eq!(reason(reject("clerk", &["too many debts"]).await), "SAME_PERSON");
        let loan = reject("boss", &["too many debts"]).await.unwrap().into_inner().loan.unwrap();
        assert_eq!(loan.status(), LoanStatus::Rejected);
        assert_eq!(bank.loan(&id).await.reasons, ["too many debts"]);
        assert_eq!(told(bank.approve(&id, "chief", "").await), "LOAN_STATE");
        assert_eq!(told(bank.accept(&id).await), "LOAN_STATE");
    }
}

#[tokio::test]
async fn it_is_cancelled_before_money_moved_and_not_after() {
    for place in places() {
        let bank = Bank::open(place).await;
        let cancel = async |id: &str| {
            let request = CancelLoanRequest { loan_id: id.to_owned(), reason: "moved away".into() };
            let ctx = place::customer(path("CancelLoan"), bank.anna);
            bank.lending.cancel_loan(&ctx, request).await
        };
        let id = bank.accepted().await;
        let loan = cancel(&id).await.unwrap().into_inner().loan.unwrap();
        assert_eq!(loan.status(), LoanStatus::Cancelled);
        assert_eq!(bank.loan(&id).await.reasons, ["moved away"]);
        assert_eq!(reason(cancel(&id).await), "LOAN_STATE");
        let id = bank.accepted().await;
        bank.disburse(&id, "").await.unwrap();
        assert_eq!(reason(cancel(&id).await), "MOVEMENT_OPEN");
        bank.turn().await;
        assert_eq!(reason(cancel(&id).await), "LOAN_STATE");
    }
}
