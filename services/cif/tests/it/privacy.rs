//! Nothing personal in the clear: not in the database, not in events.

use florin_proto::cif::v1::{DecideKycRequest, KycStatus};
use florin_store::sql;

use crate::office::{alena, places, reason, teller};

/// Pieces of what is registered and decided below, and what a plain hash would show.
const SECRETS: [&str; 6] =
    ["Nováková", "Alena", "alena.1@example.com", "705521", "600000001", "forged passport"];

#[tokio::test]
async fn names_and_contacts_are_nowhere_in_the_clear() {
    for place in places() {
        let office = place.open().await;
        let customer = office.register(alena(1)).await;
        let request = DecideKycRequest {
            customer_id: customer.customer_id.clone(),
            status: KycStatus::Rejected.into(),
            reason: "forged passport".to_owned(),
        };
        office.cif.decide_kyc(&teller("DecideKyc"), request).await.unwrap();
        let twice = office.cif.register_customer(&teller("RegisterCustomer"), alena(1)).await;
        assert_eq!(reason(twice), "CUSTOMER_EXISTS");

        let rows =
            sql::query_all(office.db.read(), "SELECT payload FROM outbox", []).await.unwrap();
        let payloads = rows.iter().map(|row| row.try_get::<Vec<u8>>("", "payload").unwrap());
        let mut bytes: Vec<u8> = payloads.flatten().collect();
        assert!(rows.len() == 2 && !bytes.is_empty());
        let rows = sql::query_all(office.db.read(), "SELECT body FROM idempotency_keys", [])
            .await
            .unwrap();
        assert_eq!(rows.len(), 3);
        for column in ["party_sealed", "contact_sealed"] {
            let query = format!("SELECT {column} AS sealed FROM customers");
            let sealed = sql::query_one(office.db.read(), query, []).await.unwrap().unwrap();
            bytes.extend(sealed.try_get::<Vec<u8>>("", "sealed").unwrap());
        }
        bytes.extend(rows.iter().flat_map(|row| row.try_get::<Vec<u8>>("", "body").unwrap()));

        office.db.close().await.unwrap();
        for entry in std::fs::read_dir(place.folder.path()).unwrap() {
            bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(text.contains(&customer.customer_id) || text.len() < 4_096);
        for secret in SECRETS {
            assert!(!text.contains(&secret.to_lowercase()), "{secret} is in the clear");
        }
    }
}

#[tokio::test]
async fn an_erased_customer_has_a_record_and_no_data() {
    for place in places() {
        let office = place.open().await;
        let id = office.register(alena(1)).await.customer_id;
        let erase = |tx: florin_store::Tx| async move {
            sql::execute(&*tx, "UPDATE customers SET wrapped_key = NULL", []).await
        };
        office.db.write(erase).await.unwrap();
        let request = florin_proto::cif::v1::GetCustomerRequest { customer_id: id };
        let found = office.cif.get_customer(&teller("GetCustomer"), request).await.unwrap();
        let found = found.into_inner().customer.unwrap();
        assert!(found.party.is_none() && found.contact.unwrap().email.is_empty());
    }
}
