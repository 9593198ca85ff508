//! What merchants present, beside what was held.

use florin_payment::{CardsConfig, ToleranceConfig};
use florin_proto::{
    account::v1::leg::Target,
    payment::v1::{AuthorisationDecision as Decision, AuthorisationStatus as Status},
};
use florin_rpc::Error;

use super::desk::{Desk, error, money};

fn fifteen_percent(cards: &mut CardsConfig) {
    cards.tolerance = ToleranceConfig { percent: 15, at_most: vec!["EUR 10.00".into()] };
    cards.tolerance_by_mcc =
        [("5812".into(), ToleranceConfig { percent: 20, at_most: Vec::new() })].into();
}

#[tokio::test]
async fn parts_are_captured_until_the_final_one_gives_the_rest_back() {
    for desk in Desk::each(|_| ()).await {
        let id = desk.authorised("a1", "60.00").await;
        let first = desk.capture(&id, "c1", "25.00", false).await.unwrap();
        let one = first.authorisation.unwrap();
        assert_eq!([&one.captured, &one.held].map(money), [2_500, 3_500]);
        assert!(desk.capture(&id, "c1", "25.00", false).await.unwrap().replayed);
        assert_eq!(error(&desk.capture(&id, "c1", "25.00", true).await), "REFERENCE_REUSED");
        assert_eq!(desk.ledger().balance(desk.bank.from), 7_500);
        let last = desk.capture(&id, "c2", "5.00", true).await.unwrap();
        let one = last.authorisation.unwrap();
        assert_eq!(
            (one.status(), money(&one.captured), money(&one.held)),
            (Status::Captured, 3_000, 0)
        );
        assert_eq!(desk.ledger().balance(desk.bank.from), 7_000);
        assert_eq!(desk.ledger().held(desk.bank.from), 0);
        assert_eq!(error(&desk.capture(&id, "c3", "1.00", true).await), "AUTHORISATION_STATE");
        let booked = desk.ledger().posted();
        assert!(booked.iter().all(|one| {
            one.kind == "card_capture"
                && one.legs[1].target == Some(Target::GlCode("2400".into()))
                && one.legs[0].counterparty == "Shop"
        }));
        desk.prove().await;
    }
}

#[tokio::test]
async fn a_final_capture_of_the_first_hold_gives_the_others_back() {
    for desk in Desk::each(|_| ()).await {
        let id = desk.authorised("a1", "20.00").await;
        desk.increment(&id, "i1", "20.00").await.unwrap();
        desk.increment(&id, "i2", "20.00").await.unwrap();
        desk.capture(&id, "c1", "5.00", true).await.unwrap();
        assert_eq!(desk.ledger().held(desk.bank.from), 0);
        desk.prove().await;
    }
}

#[tokio::test]
async fn captures_may_be_above_by_the_tolerance_and_no_more() {
    for desk in Desk::each(fifteen_percent).await {
        let id = desk.authorised("a1", "40.00").await;
        let above = desk.capture(&id, "c1", "46.01", true).await;
        let told = Error::from_status(&above.unwrap_err());
        assert_eq!(told.reason(), "CAPTURE_ABOVE_TOLERANCE");
        let facts = ["field", "rule", "left", "currency"].map(|key| told.metadata()[key].clone());
        assert_eq!(facts, ["amount", "TOLERANCE", "46.00", "EUR"]);
        desk.capture(&id, "c1", "30.00", false).await.unwrap();
        let rest = desk.capture(&id, "c2", "16.01", true).await;
        assert_eq!(error(&rest), "CAPTURE_ABOVE_TOLERANCE");
        let rest = desk.capture(&id, "c2", "16.00", true).await.unwrap();
        assert_eq!(money(&rest.authorisation.unwrap().captured), 4_600);
        assert_eq!(desk.ledger().balance(desk.bank.from), 5_400);
        let restaurant = desk.authorise_at("5812", "a2", "10.00").await.unwrap();
        let id = restaurant.authorisation.unwrap().authorisation_id;
        let tip = desk.capture(&id, "c3", "12.00", true).await.unwrap();
        assert_eq!(tip.authorisation.unwrap().status(), Status::Captured);
        desk.prove().await;
    }
}

#[tokio::test]
async fn a_capture_above_the_funds_is_declined_and_its_holds_stay() {
    for desk in Desk::each(fifteen_percent).await {
        let id = desk.authorised("a1", "100.00").await;
        let above = desk.capture(&id, "c1", "101.00", true).await.unwrap();
        let operation = above.operation.unwrap();
        assert_eq!(
            (operation.decision(), operation.refusal.unwrap().reason),
            (Decision::Declined, "INSUFFICIENT_FUNDS".into())
        );
        assert_eq!(money(&above.authorisation.unwrap().held), 10_000);
        // The same is the same for ever; another one may be smaller.
        desk.bank.put_account(1, 20_000, Vec::new());
        let again = desk.capture(&id, "c1", "101.00", true).await.unwrap();
        assert_eq!(again.operation.unwrap().decision(), Decision::Declined);
        desk.capture(&id, "c2", "100.00", true).await.unwrap();
        desk.prove().await;
    }
}

#[tokio::test]
async fn the_bank_pays_what_the_account_has_no_funds_for_where_its_settings_say_so() {
    fn short(cards: &mut CardsConfig) {
        fifteen_percent(cards);
        cards.shortfall_gl_code = "1400".into();
    }
    for desk in Desk::each(short).await {
        let id = desk.authorised("a1", "100.00").await;
        let above = desk.capture(&id, "c1", "104.00", true).await.unwrap();
        let operation = above.operation.unwrap();
        assert_eq!((operation.decision(), money(&operation.shortfall)), (Decision::Approved, 400));
        assert_eq!(desk.ledger().balance(desk.bank.from), 0);
        let booked = desk.ledger().posted().remove(0);
        let sides: Vec<_> = booked.legs.iter().map(|leg| money(&leg.amount)).collect();
        assert_eq!(sides, [10_000, 400, 10_400]);
        assert_eq!(desk.ledger().voids().len(), 1, "the posting without it never comes");
        desk.prove().await;
    }
}

#[tokio::test]
async fn a_frozen_account_pays_what_is_held_and_nothing_beyond() {
    for desk in Desk::each(fifteen_percent).await {
        let id = desk.authorised("a1", "40.00").await;
        desk.ledger().freeze(desk.bank.from);
        let beyond = desk.capture(&id, "c1", "41.00", true).await.unwrap().operation.unwrap();
        assert_eq!(beyond.refusal.unwrap().reason, "ACCOUNT_FROZEN");
        let held = desk.capture(&id, "c2", "40.00", true).await.unwrap().operation.unwrap();
        assert_eq!(held.decision(), Decision::Approved);
        desk.prove().await;
    }
}
