//! Listing by page.

use florin_proto::cif::v1::{DecideKycRequest, KycStatus, ListCustomersRequest};

use crate::office::{Office, alena, places, reason, teller, violations};

async fn page(office: &Office, token: &str, status: KycStatus) -> (Vec<String>, String) {
    let request = ListCustomersRequest {
        page_size: 2,
        page_token: token.to_owned(),
        kyc_status: status.into(),
    };
    let answer = office.cif.list_customers(&teller("ListCustomers"), request).await.unwrap();
    let answer = answer.into_inner();
    let ids = answer.customers.into_iter().map(|one| one.customer_id).collect();
    (ids, answer.next_page_token)
}

#[tokio::test]
async fn pages_newest_first_without_gaps_and_filters_by_status() {
    for place in places() {
        let office = place.open().await;
        let mut ids = Vec::new();
        for number in 1..=5 {
            ids.insert(0, office.register(alena(number)).await.customer_id);
        }
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let (found, next) = page(&office, &token, KycStatus::Unspecified).await;
            seen.extend(found);
            if next.is_empty() {
                break;
            }
            token = next;
        }
        assert_eq!(seen, ids);
        let request = DecideKycRequest {
            customer_id: ids[3].clone(),
            status: KycStatus::Verified.into(),
            reason: String::new(),
        };
        office.cif.decide_kyc(&teller("DecideKyc"), request).await.unwrap();
        let (verified, next) = page(&office, "", KycStatus::Verified).await;
        assert_eq!((verified, next.as_str()), (vec![ids[3].clone()], ""));
        let (pending, _) = page(&office, "", KycStatus::Pending).await;
        assert_eq!(pending, ids[..2]);
    }
}

#[tokio::test]
async fn refuses_foreign_tokens_and_sizes_out_of_range() {
    for place in places() {
        let office = place.open().await;
        for number in 1..=3 {
            office.register(alena(number)).await;
        }
        let (_, token) = page(&office, "", KycStatus::Unspecified).await;
        for (page_token, kyc_status) in
            [(token, KycStatus::Pending.into()), ("nonsense".to_owned(), 0)]
        {
            let request = ListCustomersRequest { page_size: 2, page_token, kyc_status };
            let refused = office.cif.list_customers(&teller("ListCustomers"), request).await;
            assert_eq!(reason(refused), "PAGE_TOKEN_INVALID");
        }
        let request =
            ListCustomersRequest { page_size: 201, page_token: String::new(), kyc_status: 77 };
        let refused = office.cif.list_customers(&teller("ListCustomers"), request).await;
        assert_eq!(violations(refused).len(), 2);
    }
}
