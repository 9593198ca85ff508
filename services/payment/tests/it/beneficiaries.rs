//! Beneficiaries: a customer's own list.

use florin_kernel::CustomerId;
use florin_proto::payment::v1::{
    AddBeneficiaryRequest, Beneficiary, ListBeneficiariesRequest, RemoveBeneficiaryRequest,
};

use crate::bank::{Bank, customer, iban, places, reason, staff};

fn adding(customer: CustomerId, number: u64, label: &str) -> AddBeneficiaryRequest {
    AddBeneficiaryRequest {
        customer_id: customer.to_string(),
        iban: iban(number),
        label: label.into(),
    }
}

async fn add(bank: &Bank, key: &str, number: u64, label: &str) -> Beneficiary {
    let ctx = customer(bank.alice, "AddBeneficiary", key);
    let request = adding(bank.alice, number, label);
    let answer = bank.payment.add_beneficiary(&ctx, request).await.unwrap();
    answer.into_inner().beneficiary.unwrap()
}

async fn list(bank: &Bank, size: i32, token: &str) -> (Vec<Beneficiary>, String) {
    let request = ListBeneficiariesRequest {
        customer_id: bank.alice.to_string(),
        page_size: size,
        page_token: token.into(),
    };
    let ctx = customer(bank.alice, "ListBeneficiaries", "");
    let page = bank.payment.list_beneficiaries(&ctx, request).await.unwrap().into_inner();
    (page.beneficiaries, page.next_page_token)
}

#[tokio::test]
async fn an_iban_stands_once_in_a_list_with_its_last_label() {
    for place in places() {
        let bank = Bank::open(place).await;
        let first = add(&bank, "a", 7, "landlord").await;
        assert_eq!((first.iban.as_str(), first.label.as_str()), (iban(7).as_str(), "landlord"));
        assert_eq!(add(&bank, "a", 7, "landlord").await, first, "the key again");
        let second = add(&bank, "b", 8, "").await;
        let renamed = add(&bank, "c", 7, "old landlord").await;
        assert_eq!(renamed.beneficiary_id, first.beneficiary_id);
        let (all, next) = list(&bank, 0, "").await;
        assert_eq!((all, next.as_str()), (vec![second.clone(), renamed.clone()], ""));
        let (page, next) = list(&bank, 1, "").await;
        assert_eq!(page, [second]);
        assert_eq!(list(&bank, 1, &next).await.0, [renamed]);
        assert_eq!(bank.count("SELECT COUNT(*) FROM audit").await, 3);
    }
}

#[tokio::test]
async fn what_is_removed_is_gone_and_anothers_is_not_found() {
    for place in places() {
        let bank = Bank::open(place).await;
        let kept = add(&bank, "a", 7, "landlord").await;
        let remove = |who: CustomerId| RemoveBeneficiaryRequest {
            customer_id: who.to_string(),
            beneficiary_id: kept.beneficiary_id.clone(),
        };
        let ctx = customer(bank.bob, "RemoveBeneficiary", "r");
        let refused = bank.payment.remove_beneficiary(&ctx, remove(bank.bob)).await;
        assert_eq!(reason(refused), "BENEFICIARY_NOT_FOUND");
        let refused = bank.payment.remove_beneficiary(&ctx, remove(bank.alice)).await;
        assert_eq!(reason(refused), "NOT_OWN_CUSTOMER");
        // Staff on Alice's behalf.
        let ctx = staff("RemoveBeneficiary", "r");
        bank.payment.remove_beneficiary(&ctx, remove(bank.alice)).await.unwrap();
        assert_eq!(list(&bank, 0, "").await.0, []);
        let rows = "SELECT COUNT(*) FROM beneficiaries";
        assert_eq!(bank.count(rows).await, 0, "label and all");
        let behalf = format!("SELECT COUNT(*) FROM audit WHERE on_behalf_of = '{}'", bank.alice);
        assert_eq!(bank.count(&behalf).await, 1);
    }
}

#[tokio::test]
async fn an_iban_that_does_not_check_is_no_beneficiary() {
    for place in places() {
        let bank = Bank::open(place).await;
        let ctx = customer(bank.alice, "AddBeneficiary", "k");
        let wrong = AddBeneficiaryRequest {
            iban: "CZ6508000000192000145390".into(),
            ..adding(bank.alice, 7, "x")
        };
        assert_eq!(reason(bank.payment.add_beneficiary(&ctx, wrong).await), "INVALID_REQUEST");
        let long = AddBeneficiaryRequest { label: "x".repeat(71), ..adding(bank.alice, 7, "") };
        assert_eq!(reason(bank.payment.add_beneficiary(&ctx, long).await), "INVALID_REQUEST");
        assert_eq!(bank.count("SELECT COUNT(*) FROM beneficiaries").await, 0);
    }
}
