//! Who sees what of a loan.

use florin_proto::loan::v1::{
    AcceptLoanRequest, CancelLoanRequest, GetLoanRequest, GetScheduleRequest, ListLoanStepsRequest,
    ListLoansRequest, LoanStatus, LoanStepKind,
};
use florin_testkit::place::{self, reason, violations};

use crate::bank::{Bank, path, person, places};

#[tokio::test]
async fn another_customers_loan_is_not_found() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.applied(bank.application()).await.loan_id;
        bank.approve(&id, "boss", "").await.unwrap();
        let ctx = |method: &str| place::customer(path(method), bank.boris);
        let loan_id = id.clone();
        let told = bank.lending.get_loan(&ctx("GetLoan"), GetLoanRequest { loan_id }).await;
        assert_eq!(reason(told), "LOAN_NOT_FOUND");
        let loan_id = id.clone();
        let request = GetScheduleRequest { loan_id };
        let told = bank.lending.get_schedule(&ctx("GetSchedule"), request).await;
        assert_eq!(reason(told), "LOAN_NOT_FOUND");
        let request = ListLoanStepsRequest { loan_id: id.clone(), ..Default::default() };
        let told = bank.lending.list_loan_steps(&ctx("ListLoanSteps"), request).await;
        assert_eq!(reason(told), "LOAN_NOT_FOUND");
        let loan_id = id.clone();
        let request = AcceptLoanRequest { loan_id };
        let told = bank.lending.accept_loan(&ctx("AcceptLoan"), request).await;
        assert_eq!(reason(told), "LOAN_NOT_FOUND");
        let request = CancelLoanRequest { loan_id: id.clone(), reason: "mine".into() };
        let told = bank.lending.cancel_loan(&ctx("CancelLoan"), request).await;
        assert_eq!(reason(told), "LOAN_NOT_FOUND");
        assert_eq!(bank.loan(&id).await.status(), LoanStatus::Approved);
    }
}

#[tokio::test]
async fn a_list_shows_a_customer_its_own_and_staff_all_by_state() {
    for place in places() {
        let bank = Bank::open(place).await;
        let first = bank.accepted().await;
        let second = bank.applied(bank.application()).await.loan_id;
        let of_boris = florin_proto::loan::v1::ApplyForLoanRequest {
            customer_id: bank.boris.to_string(),
            account_id: crate::bank::account_id(2).to_string(),
            ..bank.application()
        };
        let third = bank.applied(of_boris).await.loan_id;
        let list = async |ctx: &florin_rpc::CallContext, request: ListLoansRequest| {
            let told = bank.lending.list_loans(ctx, request).await.unwrap().into_inner();
            let ids: Vec<_> = told.loans.into_iter().map(|loan| loan.loan_id).collect();
            (ids, told.next_page_token)
        };
        let (staff, anna) =
            (person("ListLoans", "clerk"), place::customer(path("ListLoans"), bank.anna));
        let (all, _) = list(&staff, ListLoansRequest::default()).await;
        assert_eq!(all, [third.clone(), second.clone(), first.clone()]);
        let (own, _) = list(&anna, ListLoansRequest::default()).await;
        assert_eq!(own, [second.clone(), first.clone()]);
        let accepted =
            ListLoansRequest { status: LoanStatus::Accepted.into(), ..ListLoansRequest::default() };
        assert_eq!(list(&staff, accepted).await.0, std::slice::from_ref(&first));
        let page = ListLoansRequest { page_size: 2, ..ListLoansRequest::default() };
        let (_, token) = list(&staff, page.clone()).await;
        let rest = ListLoansRequest { page_token: token, ..page };
        assert_eq!(list(&staff, rest).await, (vec![first], String::new()));
        let request =
            ListLoansRequest { customer_id: bank.boris.to_string(), ..Default::default() };
        let told = bank.lending.list_loans(&anna, request).await;
        assert_eq!(reason(told), "NOT_OWN_CUSTOMER");
        let wrong = ListLoansRequest { page_size: 201, status: 99, ..Default::default() };
        let found = violations(bank.lending.list_loans(&staff, wrong).await);
        let rules: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(rules, ["status", "page_size"]);
    }
}

#[tokio::test]
async fn steps_tell_staff_who_decided_and_a_customer_what() {
    for place in places() {
        let bank = Bank::open(place).await;
        let id = bank.accepted().await;
        let staff = person("ListLoanSteps", "clerk");
        let request = ListLoanStepsRequest { loan_id: id.clone(), ..Default::default() };
        let told = bank.lending.list_loan_steps(&staff, request.clone()).await.unwrap();
        let steps = told.into_inner().steps;
        let kinds: Vec<_> = steps.iter().map(|step| (step.version, step.kind())).collect();
        let expected =
            [(1, LoanStepKind::Applied), (2, LoanStepKind::Approved), (3, LoanStepKind::Accepted)];
        assert_eq!(kinds, expected);
        assert!(steps[0].by.contains("clerk") && steps[1].by.contains("boss"));
        let anna = place::customer(path("ListLoanSteps"), bank.anna);
        let told = bank.lending.list_loan_steps(&anna, request.clone()).await.unwrap();
        let steps = told.into_inner().steps;
        assert!(steps.len() == 3 && steps.iter().all(|step| step.by.is_empty()));
        let first = ListLoanStepsRequest { page_size: 2, ..request };
        let told = bank.lending.list_loan_steps(&staff, first.clone()).await.unwrap();
        let token = told.into_inner().next_page_token;
        let rest = ListLoanStepsRequest { page_token: token, ..first };
        let told = bank.lending.list_loan_steps(&staff, rest).await.unwrap().into_inner();
        assert_eq!((told.steps[0].version, told.next_page_token.as_str()), (3, ""));
    }
}

#[tokio::test]
async fn before_money_moved_the_schedule_is_as_asked_for() {
    let bank = Bank::open(places().remove(0)).await;
    let id = bank.applied(bank.application()).await.loan_id;
    let anna = place::customer(path("GetSchedule"), bank.anna);
    let request = GetScheduleRequest { loan_id: id };
    let told = bank.lending.get_schedule(&anna, request).await.unwrap().into_inner();
    let lines = told.schedule.unwrap().lines;
    assert_eq!((lines.len(), lines[0].instalment.as_str()), (6, "172.55"));
    assert_eq!(told.cost.unwrap().interest.unwrap().amount, "35.28");
    assert!(told.former.is_empty());
}
