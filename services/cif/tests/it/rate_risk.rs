//! Rating risk, and how customers stand for others.

use florin_proto::cif::v1::{GetStandingsRequest, KycStatus, RateRiskRequest, RiskRating};

use crate::office::{alena, places, reason, teller, violations};

#[tokio::test]
async fn rates_and_tells_others_how_a_customer_stands() {
    for place in places() {
        let office = place.open().await;
        let id = office.register(alena(1)).await.customer_id;
        let request = RateRiskRequest {
            customer_id: id.clone(),
            rating: RiskRating::High.into(),
            reason: "cash business".to_owned(),
        };
        let rated = office.cif.rate_risk(&teller("RateRisk"), request.clone()).await.unwrap();
        let customer = rated.into_inner().customer.unwrap();
        assert_eq!((customer.risk_rating(), customer.version), (RiskRating::High, 2));
        assert_eq!(office.events().await, ["customer_registered", "risk_rated"]);
        let unknown = "cus_0190b6b8-5f2c-7d3e-8a4b-1c2d3e4f5a6b".to_owned();
        let ask = GetStandingsRequest { customer_ids: vec![id, unknown.clone()] };
        let told = office.cif.get_standings(&teller("GetStandings"), ask).await.unwrap();
        let standings = told.into_inner().standings;
        assert_eq!(standings.len(), 1);
        assert_eq!(standings[0].kyc_status(), KycStatus::Pending);
        assert_eq!(standings[0].risk_rating(), RiskRating::High);
        let nobody = RateRiskRequest { customer_id: unknown, ..request };
        let refused = office.cif.rate_risk(&teller("RateRisk"), nobody).await;
        assert_eq!(reason(refused), "CUSTOMER_NOT_FOUND");
        let nothing = office.cif.rate_risk(&teller("RateRisk"), RateRiskRequest::default()).await;
        assert_eq!(violations(nothing).len(), 3);
        let many = GetStandingsRequest { customer_ids: vec![String::new(); 501] };
        let refused = office.cif.get_standings(&teller("GetStandings"), many).await;
        assert_eq!(violations(refused), [("customer_ids".to_owned(), "TOO_MANY".to_owned())]);
    }
}
