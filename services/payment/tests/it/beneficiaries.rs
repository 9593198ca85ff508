//! Beneficiaries: a customer's own list.

use florin_kernel::{BeneficiaryId, CustomerId, Date};
use florin_payment::{Payment, Turn};
use florin_proto::payment::v1::{
    AddBeneficiaryRequest, Beneficiary, CreateOrderRequest, CreateTransferRequest,
    GetBeneficiaryRequest, ListBeneficiariesRequest, OrderFrequency, RemoveBeneficiaryRequest,
    RenameBeneficiaryRequest,
};
use florin_testkit::place::violations;
use tokio::task::JoinSet;

use crate::bank::{Bank, customer, iban, places, reason, staff, until_decided};

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
        let refuses = async |request| violations(bank.payment.add_beneficiary(&ctx, request).await);
        let violation = |field: &str, rule: &str| vec![(field.to_owned(), rule.to_owned())];
        for (text, rule) in [
            ("CZ6508000000192000145390", "MALFORMED_IBAN"),
            ("CZ650800000019200014539", "MALFORMED_IBAN"),
            ("", "REQUIRED"),
        ] {
            let wrong = AddBeneficiaryRequest { iban: text.into(), ..adding(bank.alice, 7, "x") };
            assert_eq!(refuses(wrong).await, violation("iban", rule), "{text}");
        }
        let long = AddBeneficiaryRequest { label: "x".repeat(71), ..adding(bank.alice, 7, "") };
        assert_eq!(refuses(long).await, violation("label", "TOO_LONG"));
        let control = AddBeneficiaryRequest { label: "a\u{0}".into(), ..adding(bank.alice, 7, "") };
        assert_eq!(refuses(control).await, violation("label", "CONTROL_CHARACTER"));
        assert_eq!(bank.count("SELECT COUNT(*) FROM beneficiaries").await, 0);
    }
}

#[tokio::test]
async fn a_beneficiary_is_returned_and_renamed_for_its_customer_alone() {
    for place in places() {
        let bank = Bank::open(place).await;
        let kept = add(&bank, "a", 7, "landlord").await;
        let get = async |whose: CustomerId| {
            let request = GetBeneficiaryRequest {
                customer_id: whose.to_string(),
                beneficiary_id: kept.beneficiary_id.clone(),
            };
            bank.payment.get_beneficiary(&customer(whose, "GetBeneficiary", ""), request).await
        };
        let rename = async |whose: CustomerId, key: &str, label: &str| {
            let request = RenameBeneficiaryRequest {
                customer_id: whose.to_string(),
                beneficiary_id: kept.beneficiary_id.clone(),
                label: label.into(),
            };
            let ctx = customer(whose, "RenameBeneficiary", key);
            bank.payment.rename_beneficiary(&ctx, request).await
        };
        assert_eq!(get(bank.alice).await.unwrap().into_inner().beneficiary.unwrap(), kept);
        assert_eq!(reason(get(bank.bob).await), "BENEFICIARY_NOT_FOUND");
        assert_eq!(reason(rename(bank.bob, "r", "mine").await), "BENEFICIARY_NOT_FOUND");
        let renamed = Beneficiary { label: "flat".into(), ..kept.clone() };
        for _ in 0..2 {
            let told = rename(bank.alice, "r", "flat").await.unwrap().into_inner();
            assert_eq!(told.beneficiary.unwrap(), renamed);
        }
        assert_eq!(get(bank.alice).await.unwrap().into_inner().beneficiary.unwrap(), renamed);
        assert_eq!(bank.count("SELECT COUNT(*) FROM audit").await, 2, "the repeat changed nothing");
        let long = violations(rename(bank.alice, "l", &"x".repeat(71)).await);
        assert_eq!(long, [("label".to_owned(), "TOO_LONG".to_owned())]);
    }
}

#[tokio::test]
async fn a_transfer_goes_to_a_beneficiary_of_who_may_pay_and_to_no_others() {
    for place in places() {
        let bank = Bank::open(place).await;
        let of = async |whose: CustomerId, number: u64| {
            let request = adding(whose, number, "");
            let ctx = customer(whose, "AddBeneficiary", "of");
            let kept = bank.payment.add_beneficiary(&ctx, request).await.unwrap();
            kept.into_inner().beneficiary.unwrap().beneficiary_id
        };
        // Carol may look at Alice's account and not pay from it.
        let (own, bobs, carols) =
            (of(bank.alice, 2).await, of(bank.bob, 2).await, of(bank.carol, 2).await);
        let to = |id: &str| CreateTransferRequest { to: id.to_owned(), ..bank.order("10") };
        for (key, other) in [("b", &bobs), ("c", &carols)] {
            assert_eq!(reason(bank.transfer(key, to(other)).await), "BENEFICIARY_NOT_FOUND");
            let ctx = staff("CreateTransfer", key);
            let refused = bank.payment.create_transfer(&ctx, to(other)).await;
            assert_eq!(reason(refused), "BENEFICIARY_NOT_FOUND");
        }
        let paid = bank.transfer("k", to(&own)).await.unwrap().into_inner().transfer_id;
        let ctx = staff("CreateTransfer", "k");
        bank.payment.create_transfer(&ctx, to(&own)).await.unwrap();
        while bank.turn().await != Turn::Idle {}
        assert_eq!(bank.ledger.balance(bank.to), 2_000);
        assert_eq!(bank.get(&paid).await.creditor.unwrap().iban, iban(2));
        let wrong = violations(bank.transfer("w", to("ben_x")).await);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert_eq!(wrong[0].0, "to");
        // Removed, it pays nobody, and the key of the transfer still knows it.
        let request = RemoveBeneficiaryRequest {
            customer_id: bank.alice.to_string(),
            beneficiary_id: own.clone(),
        };
        let ctx = customer(bank.alice, "RemoveBeneficiary", "r");
        bank.payment.remove_beneficiary(&ctx, request).await.unwrap();
        assert_eq!(reason(bank.transfer("n", to(&own)).await), "BENEFICIARY_NOT_FOUND");
        bank.prune_keys().await;
        assert_eq!(bank.transfer("k", to(&own)).await.unwrap().into_inner().transfer_id, paid);
    }
}

#[tokio::test]
async fn an_order_goes_on_paying_the_iban_of_a_beneficiary_that_is_removed() {
    for place in places() {
        let bank = Bank::open(place).await;
        let kept = add(&bank, "a", 2, "landlord").await;
        let request = CreateOrderRequest {
            from: bank.from.to_string(),
            to: kept.beneficiary_id.clone(),
            amount: "10".into(),
            currency: "EUR".into(),
            frequency: OrderFrequency::Monthly.into(),
            first_on: "2027-01-31".into(),
            ..CreateOrderRequest::default()
        };
        let ctx = customer(bank.alice, "CreateOrder", "o");
        let order = bank.payment.create_order(&ctx, request).await.unwrap().into_inner();
        assert_eq!(order.order.unwrap().to, iban(2));
        let request = RemoveBeneficiaryRequest {
            customer_id: bank.alice.to_string(),
            beneficiary_id: kept.beneficiary_id,
        };
        let ctx = customer(bank.alice, "RemoveBeneficiary", "r");
        bank.payment.remove_beneficiary(&ctx, request).await.unwrap();
        assert_eq!(bank.payment.run_orders_of(Date::constant(2027, 2, 1)).await.unwrap(), 1);
        while bank.turn().await != Turn::Idle {}
        assert_eq!(bank.ledger.balance(bank.to), 1_000);
    }
}

#[tokio::test]
async fn a_customer_keeps_no_more_than_it_may_whoever_adds_at_once() {
    for place in places() {
        let mut bank = Bank::open(place).await;
        for number in 0..998_u16 {
            let mut random = [0; 10];
            random[..2].copy_from_slice(&number.to_be_bytes());
            let id = BeneficiaryId::from_parts(1, random);
            let row = format!(
                "INSERT INTO beneficiaries (id, customer, iban, label, added_at) \
                 VALUES ('{id}', '{}', 'XX{number}', '', 0)",
                bank.alice
            );
            bank.execute(&row).await;
        }
        let replicas = [bank.payment.clone(), bank.replica().await];
        let mut adding_at_once = JoinSet::new();
        for number in 0..6_u64 {
            let payment: Payment = replicas[usize::try_from(number).unwrap() % 2].clone();
            let whose = bank.alice;
            adding_at_once.spawn(async move {
                let ctx = customer(whose, "AddBeneficiary", &format!("k{number}"));
                until_decided(|| payment.add_beneficiary(&ctx, adding(whose, number, ""))).await
            });
        }
        let ended = adding_at_once.join_all().await;
        let (added, refused): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_ok);
        assert_eq!(added.len(), 2);
        assert!(refused.into_iter().all(|one| reason(one) == "BENEFICIARIES_FULL"));
        let kept = "SELECT COUNT(*) FROM beneficiaries";
        assert_eq!(bank.count(kept).await, 1_000);
        // Another label for one that is there takes no more room.
        let last = added.into_iter().next().unwrap().unwrap().into_inner().beneficiary.unwrap();
        let again = AddBeneficiaryRequest {
            customer_id: bank.alice.to_string(),
            iban: last.iban,
            label: "again".into(),
        };
        let ctx = customer(bank.alice, "AddBeneficiary", "again");
        let again = bank.payment.add_beneficiary(&ctx, again).await.unwrap().into_inner();
        assert_eq!(again.beneficiary.unwrap().beneficiary_id, last.beneficiary_id);
        assert_eq!(bank.count(kept).await, 1_000);
    }
}
