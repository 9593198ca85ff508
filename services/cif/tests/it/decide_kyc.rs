//! Deciding KYC checks.

use florin_proto::cif::v1::{DecideKycRequest, DecideKycResponse, KycStatus};
use tonic::{Response, Status};

use crate::office::{Office, alena, places, reason, teller, violations};

async fn decide(
    office: &Office,
    id: &str,
    status: KycStatus,
    why: &str,
) -> Result<Response<DecideKycResponse>, Status> {
    let request = DecideKycRequest {
        customer_id: id.to_owned(),
        status: status.into(),
        reason: why.to_owned(),
    };
    office.cif.decide_kyc(&teller("DecideKyc"), request).await
}

#[tokio::test]
async fn verifies_rejects_and_refuses_what_stands_already() {
    for place in places() {
        let office = place.open().await;
        let id = office.register(alena(1)).await.customer_id;
        let answer = decide(&office, &id, KycStatus::Verified, "").await.unwrap().into_inner();
        let customer = answer.customer.unwrap();
        assert_eq!((customer.kyc_status(), customer.version), (KycStatus::Verified, 2));
        assert!(!answer.position.is_empty());
        let again = decide(&office, &id, KycStatus::Verified, "").await;
        assert_eq!(reason(again), "KYC_STATUS_REFUSES");
        let rejected = decide(&office, &id, KycStatus::Rejected, "forged passport").await;
        assert_eq!(reason(rejected), "OK");
        assert_eq!(office.events().await, ["customer_registered", "kyc_decided", "kyc_decided"]);
        let decided = "SELECT count(*) FROM customer_decisions WHERE outcome = 'kyc:rejected'";
        assert_eq!(office.count(decided).await, 1);
        assert_eq!(office.count("SELECT count(*) FROM audit").await, 3);
    }
}

#[tokio::test]
async fn a_rejection_needs_a_reason_and_pending_is_no_decision() {
    for place in places() {
        let office = place.open().await;
        let id = office.register(alena(1)).await.customer_id;
        let told = violations(decide(&office, &id, KycStatus::Rejected, " ").await);
        assert_eq!(told, [("reason".to_owned(), "REQUIRED".to_owned())]);
        let told = violations(decide(&office, "acc_1", KycStatus::Pending, &"x".repeat(501)).await);
        assert_eq!(told.len(), 3);
        let unknown = "cus_0190b6b8-5f2c-7d3e-8a4b-1c2d3e4f5a6b";
        let nobody = decide(&office, unknown, KycStatus::Verified, "").await;
        assert_eq!(reason(nobody), "CUSTOMER_NOT_FOUND");
        assert_eq!(office.events().await.len(), 1);
    }
}
