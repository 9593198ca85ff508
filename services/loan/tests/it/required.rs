//! What the contract calls REQUIRED is asked for, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use florin_proto::loan::v1::{CreateProductVersionRequest, LoanProduct};
use florin_testkit::{contract::required, place::violations};

use crate::bank::{Bank, person, places};

/// The fields that an empty message of each RPC is refused for, by the message's name.
async fn missed(bank: &Bank) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    macro_rules! empty {
        ($($call:ident($method:literal);)*) => {
            $({
                let told = bank.lending.$call(&person($method, "clerk"), Default::default()).await;
                let missed = violations(told).into_iter();
                let missed = missed.filter(|(_, rule)| rule == "REQUIRED").map(|(field, _)| field);
                found.insert(concat!($method, "Request"), missed.collect());
            })*
        };
    }
    empty! {
        get_product("GetProduct");
        list_products("ListProducts");
        quote_loan("QuoteLoan");
        apply_for_loan("ApplyForLoan");
        approve_loan("ApproveLoan");
        reject_loan("RejectLoan");
        accept_loan("AcceptLoan");
        cancel_loan("CancelLoan");
        disburse_loan("DisburseLoan");
        undo_disbursement("UndoDisbursement");
        get_loan("GetLoan");
        list_loans("ListLoans");
        get_schedule("GetSchedule");
        list_loan_steps("ListLoanSteps");
        repay_loan("RepayLoan");
        quote_pay_off("QuotePayOff");
        reverse_repayment("ReverseRepayment");
        restructure_loan("RestructureLoan");
        propose_write_off("ProposeWriteOff");
        decide_write_off("DecideWriteOff");
        recover_loan("RecoverLoan");
        get_loan_standing("GetLoanStanding");
        list_arrears("ListArrears");
        list_end_of_day_runs("ListEndOfDayRuns");
    }
    found
}

#[tokio::test]
async fn an_empty_request_is_refused_for_each_required_field_and_no_other() {
    let bank = Bank::open(places().remove(0)).await;
    for (message, missed) in missed(&bank).await {
        let required = required("loan", message, "").unwrap();
        assert_eq!(missed, required.into_iter().collect(), "{message}");
        assert_eq!(missed.is_empty(), message.starts_with("List") && !message.contains("Steps"));
    }
}

#[tokio::test]
async fn an_empty_product_is_refused_for_each_required_field_and_no_other() {
    let bank = Bank::open(places().remove(0)).await;
    let ctx = person("CreateProductVersion", "chief");
    let none = bank.lending.create_product_version(&ctx, CreateProductVersionRequest::default());
    let told = violations(none.await);
    assert_eq!(told, [("product".to_owned(), "REQUIRED".to_owned())]);
    let told = violations(bank.create(LoanProduct::default()).await).into_iter();
    let missed = told.filter(|(_, rule)| rule == "REQUIRED").map(|(field, _)| field);
    let missed: BTreeSet<String> = missed.collect();
    let required = required("loan", "LoanProduct", "product.").unwrap();
    assert_eq!(missed, required.into_iter().collect());
}
