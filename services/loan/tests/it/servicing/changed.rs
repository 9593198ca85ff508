//! Loans that are given up, restructured, or repaid early.

use super::*;

#[tokio::test]
async fn two_persons_give_a_loan_up_and_what_comes_in_later_is_recovered() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = running(&bank).await;
        bank.ledger.set_balance(bank.account, 0);
        close_through(&bank, "2026-03-02", "2026-04-20");
        end_days(&bank).await;
        bank.lending.hear_of_the_date().await.unwrap();
        let propose = ProposeWriteOffRequest { loan_id: id.clone(), reason: "nothing left".into() };
        let answer =
            bank.lending.propose_write_off(&person("ProposeWriteOff", "clerk"), propose).await;
        let write_off = answer.unwrap().into_inner().write_off.unwrap();
        let decide = |who: &'static str| {
            let approval_id = write_off.approval_id.clone();
            let request = DecideWriteOffRequest { approval_id, approve: true };
            let lending = bank.lending.clone();
            async move {
                reason(lending.decide_write_off(&person("DecideWriteOff", who), request).await)
            }
        };
        assert_eq!(decide("clerk").await, "SAME_PERSON");
        assert_eq!(decide("boss").await, "OK");
        assert_eq!(decide("chief").await, "WRITE_OFF_NOT_OPEN");
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.loan(&id).await.status(), LoanStatus::WrittenOff);
        let gl = bank.ledger.gl("9999-12-31");
        assert_eq!((gl["1300"], gl["1920"]), (0, 0));
        assert!(gl["5030"] > 100_000, "{gl:?}");
        close_through(&bank, "2026-04-21", "2026-04-25");
        end_days(&bank).await;
        books_agree(&bank).await;
        bank.ledger.set_balance(bank.account, 50_000);
        let recover = RecoverLoanRequest { loan_id: id.clone(), amount: "500.00".into() };
        bank.lending.recover_loan(&person("RecoverLoan", "clerk"), recover).await.unwrap();
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.ledger.gl("9999-12-31")["4060"], -50_000);
        books_agree(&bank).await;
    }
}

#[tokio::test]
async fn a_restructured_loan_keeps_its_old_schedule_and_goes_on_by_the_new() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = running(&bank).await;
        bank.ledger.set_balance(bank.account, 0);
        close_through(&bank, "2026-03-02", "2026-04-20");
        end_days(&bank).await;
        bank.lending.hear_of_the_date().await.unwrap();
        let terms = NewTerms {
            rate: "6".into(),
            instalments: 12,
            grace_principal: 3,
            ..NewTerms::default()
        };
        let request = RestructureLoanRequest {
            loan_id: id.clone(),
            terms: Some(terms),
            reason: "out of work".into(),
        };
        let ctx = person("RestructureLoan", "boss");
        let answer = bank.lending.restructure_loan(&ctx, request).await.unwrap().into_inner();
        assert_eq!(answer.loan.unwrap().status(), LoanStatus::Restructured);
        let standing_now = standing(&bank, &id).await;
        assert_eq!(
            (standing_now.bucket(), standing_now.due_on.as_str()),
            (ArrearsBucket::Current, "2026-05-21")
        );
        let plans = "SELECT COUNT(DISTINCT plan) FROM schedule_lines";
        assert_eq!(number(&bank.db, plans).await.unwrap(), 2);
        bank.ledger.set_balance(bank.account, 500_000);
        close_through(&bank, "2026-04-21", "2027-04-25");
        end_days(&bank).await;
        assert_eq!(bank.loan(&id).await.status(), LoanStatus::Closed);
        assert!(books_agree(&bank).await > 0);
        assert_eq!(bank.ledger.gl("9999-12-31")["1920"], 0);
    }
}

#[tokio::test]
async fn an_early_repayment_shortens_or_lowers_and_a_pay_off_is_quoted_as_of_a_day() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = running(&bank).await;
        bank.ledger.set_business_date("2026-04-02");
        bank.lending.hear_of_the_date().await.unwrap();
        let early =
            RepayLoanRequest { beyond: BeyondDue::Shorten.into(), ..repayment(&id, "672.55") };
        bank.lending.repay_loan(&person("RepayLoan", "clerk"), early).await.unwrap();
        assert_eq!(bank.turn().await, Turn::Done);
        assert_eq!(bank.loan(&id).await.outstanding.unwrap().amount, "337.45");
        let quote = |on: &str| {
            let request = QuotePayOffRequest { loan_id: id.clone(), on: on.into() };
            let lending = bank.lending.clone();
            async move { lending.quote_pay_off(&person("QuotePayOff", "clerk"), request).await }
        };
        let month = quote("2026-05-02").await.unwrap().into_inner();
        // 3.3745 of interest.
        assert_eq!(month.total.unwrap().amount, "340.82");
        assert_eq!(reason(quote("2026-04-01").await), "BACKDATED");
        assert_eq!(reason(quote("2026-02-30").await), "INVALID_REQUEST");
    }
}
