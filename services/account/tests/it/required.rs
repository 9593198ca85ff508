//! What the contract calls REQUIRED is asked for, and nothing else is.

use std::collections::BTreeMap;

use florin_proto::{
    account::v1::{
        Holder, ImportAccount, ImportAccountsRequest, Leg, OpenAccountRequest,
        PostTransactionsRequest, ReferenceToVoid, TransactionRequest, VoidReferencesRequest,
        leg::Target, transaction_result::Outcome, void_result::Outcome as VoidOutcome,
    },
    common::v1::{Money, Refusal},
};
use florin_testkit::{
    contract::{self, is_of, unnamed},
    place::violations,
};

use crate::{
    bench_ledger::{acc, sqlite},
    desk::{desk, machine, payment, teller},
};

fn required(package: &str, message: &str, path: &str) -> Vec<String> {
    contract::required(package, message, path).unwrap()
}

/// Asserts that a refusal names each of the fields, and no other.
fn assert_names(what: &str, required: &[String], refused: &[String]) {
    assert!(!required.is_empty(), "{what}");
    let taken = unnamed(required, refused);
    assert!(taken.is_empty(), "{what} is taken without {taken:?}: {refused:?}");
    let known = |told: &String| required.iter().any(|field| is_of(told, field));
    assert!(refused.iter().all(known), "{what} calls only {required:?} required: {refused:?}");
}

fn fields(refusal: &Refusal) -> Vec<String> {
    refusal.violations.iter().map(|one| one.field.clone()).collect()
}

/// The fields that an empty message of each RPC is refused for, by the message's name.
async fn refused() -> BTreeMap<&'static str, Vec<String>> {
    let bench = sqlite().await;
    let desk = desk(&bench);
    let mut found = BTreeMap::new();
    macro_rules! empty {
        ($($call:ident($message:literal) by $caller:ident;)*) => {
            $({
                let told = desk.$call(&$caller($message), Default::default()).await;
                let fields = violations(told).into_iter().map(|(field, _)| field).collect();
                found.insert($message, fields);
            })*
        };
    }
    empty! {
        open_account("OpenAccountRequest") by teller;
        import_accounts("ImportAccountsRequest") by teller;
        get_account("GetAccountRequest") by teller;
        batch_get_accounts("BatchGetAccountsRequest") by payment;
        resolve_iban("ResolveIbanRequest") by payment;
        freeze_account("FreezeAccountRequest") by teller;
        unfreeze_account("UnfreezeAccountRequest") by teller;
        settle_interest("SettleInterestRequest") by teller;
        close_account("CloseAccountRequest") by teller;
        add_holder("AddHolderRequest") by teller;
        remove_holder("RemoveHolderRequest") by teller;
        get_balance("GetBalanceRequest") by teller;
        list_entries("ListEntriesRequest") by teller;
        list_statements("ListStatementsRequest") by teller;
        get_statement("GetStatementRequest") by teller;
        list_statement_entries("ListStatementEntriesRequest") by teller;
        place_hold("PlaceHoldRequest") by payment;
        release_hold("ReleaseHoldRequest") by payment;
        post_transactions("PostTransactionsRequest") by payment;
        preview_transactions("PreviewTransactionsRequest") by payment;
        preview_reversal("PreviewReversalRequest") by teller;
        reverse_transaction("ReverseTransactionRequest") by teller;
        void_references("VoidReferencesRequest") by payment;
        get_transaction("GetTransactionRequest") by teller;
        create_gl_account("CreateGlAccountRequest") by teller;
        get_profit_and_loss("GetProfitAndLossRequest") by teller;
        remap_product("RemapProductRequest") by teller;
        close_period("ClosePeriodRequest") by teller;
        propose_reopening("ProposeReopeningRequest") by teller;
        decide_reopening("DecideReopeningRequest") by teller;
        advance_business_date("AdvanceBusinessDateRequest") by teller;
        set_interest_conditions("SetInterestConditionsRequest") by teller;
        get_accrued_interest("GetAccruedInterestRequest") by teller;
        list_gl_entries("ListGlEntriesRequest") by payment;
        set_fee_schedule("SetFeeScheduleRequest") by teller;
        quote_fee("QuoteFeeRequest") by teller;
        add_holiday("AddHolidayRequest") by teller;
        remove_holiday("RemoveHolidayRequest") by teller;
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn each_required_field_of_a_request_is_missed_and_no_other() {
    let refused = refused().await;
    let asked: Vec<_> = contract::requests("account").unwrap().into_iter().collect();
    assert_eq!(refused.keys().copied().collect::<Vec<_>>(), asked);
    for (message, refused) in refused {
        assert_names(message, &required("account", message, ""), &refused);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_required_field_of_an_account_to_import_is_missed() {
    let bench = sqlite().await;
    let item = ImportAccount {
        account: Some(OpenAccountRequest {
            overdraft_limit: Some(Money::default()),
            ..OpenAccountRequest::default()
        }),
        holders: vec![Holder::default()],
        ..ImportAccount::default()
    };
    let ctx = machine("ImportAccounts", &["ledger:import"]);
    let told = async |item| {
        let request = ImportAccountsRequest { items: vec![item] };
        let answer = desk(&bench).import_accounts(&ctx, request).await.unwrap().into_inner();
        fields(answer.results[0].refused.as_ref().unwrap())
    };
    let absent = told(ImportAccount::default()).await;
    assert_names("ImportAccount", &required("account", "ImportAccount", ""), &absent);
    let mut within = required("account", "OpenAccountRequest", "account.");
    within.extend(required("account", "Holder", "holders[0]."));
    within.push("opened_on".to_owned());
    // It is optional elsewhere, and an amount without its parts is told as a whole.
    within.extend(["account.reference", "account.overdraft_limit"].map(str::to_owned));
    assert_names("what is in it", &within, &told(item).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_required_field_of_a_reference_to_void_is_missed() {
    let bench = sqlite().await;
    let request = VoidReferencesRequest { references: vec![ReferenceToVoid::default()] };
    let ctx = payment("VoidReferences");
    let answer = desk(&bench).void_references(&ctx, request).await.unwrap().into_inner();
    match &answer.results[0].outcome {
        Some(VoidOutcome::Refused(refusal)) => {
            let required = required("account", "ReferenceToVoid", "");
            assert_names("ReferenceToVoid", &required, &fields(refusal));
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_required_field_of_a_transaction_to_post_is_missed() {
    let bench = sqlite().await;
    let told = async |transaction| {
        let request = PostTransactionsRequest { transactions: vec![transaction] };
        let ctx = payment("PostTransactions");
        let answer = desk(&bench).post_transactions(&ctx, request).await.unwrap().into_inner();
        match &answer.results[0].outcome {
            Some(Outcome::Refused(refusal)) => fields(refusal),
            other => panic!("not refused: {other:?}"),
        }
    };
    let empty = told(TransactionRequest::default()).await;
    assert_names("TransactionRequest", &required("account", "TransactionRequest", ""), &empty);
    let target = Some(Target::AccountId(acc("a").to_string()));
    let leg = |amount: Option<Money>| TransactionRequest {
        reference: "r".into(),
        kind: "fee".into(),
        legs: vec![Leg { target: target.clone(), amount, ..Leg::default() }],
        ..TransactionRequest::default()
    };
    let of_leg = required("account", "Leg", "legs[0].");
    assert_names("Leg", &of_leg, &told(leg(None)).await);
    assert_names("Leg", &of_leg, &told(leg(Some(Money::default()))).await);
    // Each part of an amount is told alone, for an amount is read in its currency.
    let euro = Money { currency: "EUR".into(), ..Money::default() };
    let one = Money { amount: "1.00".into(), ..Money::default() };
    let mut parts = told(leg(Some(euro))).await;
    parts.extend(told(leg(Some(one))).await);
    let mut of_money = required("common", "Money", "legs[0].amount.");
    of_money.push("legs[0].direction".to_owned());
    assert_names("Money", &of_money, &parts);
}
