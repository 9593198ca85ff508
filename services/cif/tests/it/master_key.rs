//! The master key.

use florin_cif::{Config, RetiredMasterKey};
use florin_proto::cif::v1::{GetCustomerRequest, customer::Party};

use crate::office::{Office, alena, mill, places, teller};

async fn family_name(office: &Office, id: &str) -> String {
    let request = GetCustomerRequest { customer_id: id.to_owned() };
    let found = office.cif.get_customer(&teller("GetCustomer"), request).await.unwrap();
    match found.into_inner().customer.unwrap().party {
        Some(Party::Person(person)) => person.family_name,
        _ => String::new(),
    }
}

#[tokio::test]
async fn refuses_a_lost_and_another_key_instead_of_making_one() {
    for place in places() {
        let office = place.open().await;
        office.register(alena(1)).await;
        let file = place.master_key();
        let kept = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let lost = place.open_with(&place.config()).await.err().unwrap();
        assert!(lost.to_string().contains("bring the file back"), "{lost}");
        assert!(!file.exists());
        std::fs::write(&file, "0".repeat(64)).unwrap();
        let another = place.open_with(&place.config()).await.err().unwrap();
        assert!(another.to_string().contains("not the one"), "{another}");
        std::fs::write(&file, kept).unwrap();
        assert!(place.open_with(&place.config()).await.is_ok());
    }
}

#[tokio::test]
async fn a_new_master_key_opens_what_the_retired_one_wrapped() {
    for place in places() {
        let office = place.open().await;
        let id = office.register(alena(1)).await.customer_id;
        let fresh = place.folder.path().join("second.key");
        std::fs::write(&fresh, "ab".repeat(32)).unwrap();
        let retired = RetiredMasterKey { version: 1, file: place.master_key() };
        let config = Config {
            master_key_file: fresh,
            master_key_version: 2,
            retired_master_keys: vec![retired],
        };
        let office = place.open_with(&config).await.unwrap();
        assert_eq!(family_name(&office, &id).await, "Nováková");
        office.register(mill(1)).await;
        let by_version = "SELECT count(*) FROM customers WHERE key_version = 2";
        assert_eq!(office.count(by_version).await, 1);
    }
}

#[tokio::test]
async fn two_replicas_that_start_at_once_share_one_key() {
    for place in places() {
        let (left, right) = tokio::join!(place.open(), place.open());
        let id = left.register(alena(1)).await.customer_id;
        assert_eq!(family_name(&right, &id).await, "Nováková");
    }
}
