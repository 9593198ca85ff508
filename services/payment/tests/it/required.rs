//! What the contract calls REQUIRED is asked for, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use florin_testkit::{contract::required, place::violations};

use crate::bank::{Bank, customer, places, staff};

/// The fields that an empty message of each RPC is refused for, by the message's name.
async fn missed(bank: &Bank) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    macro_rules! empty {
        ($($call:ident($method:literal);)*) => {
            $({
                let told = bank.payment.$call(&staff($method, "k"), Default::default()).await;
                let missed = violations(told).into_iter();
                let missed = missed.filter(|(_, rule)| rule == "REQUIRED").map(|(field, _)| field);
                found.insert(concat!($method, "Request"), missed.collect());
            })*
        };
    }
    empty! {
        create_transfer("CreateTransfer");
        create_deposit("CreateDeposit");
        create_withdrawal("CreateWithdrawal");
        quote_transfer("QuoteTransfer");
        get_transfer("GetTransfer");
        list_transfers("ListTransfers");
        cancel_transfer("CancelTransfer");
        refund_transfer("RefundTransfer");
        reverse_transfer("ReverseTransfer");
        set_limit("SetLimit");
        get_beneficiary("GetBeneficiary");
        rename_beneficiary("RenameBeneficiary");
        add_beneficiary("AddBeneficiary");
        remove_beneficiary("RemoveBeneficiary");
        list_beneficiaries("ListBeneficiaries");
        create_bulk("CreateBulk");
        add_bulk_part("AddBulkPart");
        get_bulk("GetBulk");
        list_bulks("ListBulks");
        list_bulk_lines("ListBulkLines");
        get_bulk_report("GetBulkReport");
        download_bulk_report("DownloadBulkReport");
        cancel_bulk("CancelBulk");
        create_order("CreateOrder");
        get_order("GetOrder");
        list_orders("ListOrders");
        suspend_order("SuspendOrder");
        resume_order("ResumeOrder");
        update_order("UpdateOrder");
        skip_order("SkipOrder");
        cancel_order("CancelOrder");
        remove_limit("RemoveLimit");
        propose_repair("ProposeRepair");
        decide_repair("DecideRepair");
        get_repair("GetRepair");
    }
    found
}

#[tokio::test]
async fn an_empty_request_is_refused_for_each_required_field_and_no_other() {
    let bank = Bank::open(places().remove(0)).await;
    for (message, missed) in missed(&bank).await {
        let required = required("payment", message, "").unwrap();
        assert_eq!(missed, required.into_iter().collect(), "{message}");
        assert_eq!(missed.is_empty(), message == "ListTransfersRequest", "{message}");
    }
}

#[tokio::test]
async fn what_only_customers_must_name_is_not_required() {
    let bank = Bank::open(places().remove(0)).await;
    let ctx = customer(bank.alice, "ListTransfers", "");
    let told = bank.payment.list_transfers(&ctx, Default::default()).await;
    assert_eq!(violations(told), [("account_id".to_owned(), "REQUIRED".to_owned())]);
}
