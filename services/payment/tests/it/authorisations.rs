//! Card payments: authorised, incremented, captured, reversed, expired; whoever fails meanwhile.

mod captures;
mod desk;
mod faults;
mod races;
mod stand_in;

use florin_payment::CardsConfig;
use florin_proto::payment::v1::{
    AuthorisationDecider as By, AuthorisationDecision as Decision, AuthorisationStatus as Status,
    LimitPeriod, LimitScope, SetLimitRequest,
};

use self::desk::{Desk, error, money};
use crate::bank::staff;

#[tokio::test]
async fn an_authorisation_holds_and_its_reversal_gives_back() {
    for desk in Desk::each(|_| ()).await {
        let first = desk.authorise("a1", "60.00").await.unwrap();
        let operation = first.operation.unwrap();
        assert_eq!(
            (operation.decision(), operation.decided_by()),
            (Decision::Approved, By::Ledger)
        );
        let one = first.authorisation.unwrap();
        assert_eq!(one.status(), Status::Authorised);
        assert_eq!([&one.authorised, &one.held, &one.captured].map(money), [6_000, 6_000, 0]);
        assert!(!one.in_doubt && !first.replayed);
        assert_eq!(desk.ledger().held(desk.bank.from), 6_000);
        let id = one.authorisation_id;

        let again = desk.authorise("a1", "60.00").await.unwrap();
        assert!(again.replayed);
        assert_eq!(again.authorisation.unwrap().authorisation_id, id);
        let other = desk.authorise("a1", "61.00").await;
        assert_eq!(error(&other), "REFERENCE_REUSED");
        assert_eq!(desk.ledger().placed(), 1);

        let part = desk.reverse(&id, "r1", Some("20.00")).await.unwrap();
        let one = part.authorisation.unwrap();
        assert_eq!(
            (one.status(), money(&one.held), money(&one.authorised)),
            (Status::Authorised, 4_000, 4_000)
        );
        let above = desk.reverse(&id, "r2", Some("40.01")).await;
        assert_eq!(error(&above), "REVERSAL_EXCEEDS_REMAINDER");
        assert!(desk.reverse(&id, "r1", Some("20.00")).await.unwrap().replayed);
        assert_eq!(desk.ledger().held(desk.bank.from), 4_000);
        let rest = desk.reverse(&id, "r3", None).await.unwrap();
        assert_eq!(rest.authorisation.unwrap().status(), Status::Reversed);
        assert_eq!(desk.ledger().held(desk.bank.from), 0);
        assert_eq!(error(&desk.reverse(&id, "r4", None).await), "AUTHORISATION_STATE");
        assert!(desk.reverse(&id, "r3", None).await.unwrap().replayed);
        assert_eq!(error(&desk.reverse(&id, "a1", None).await), "REFERENCE_REUSED");
        let told: Vec<_> = desk.bank.events(&id).await;
        let kinds = ["authorisation_decided", "authorisation_reversed", "authorisation_reversed"];
        let expected = kinds.into_iter().zip(1..).map(|(kind, version)| (kind.to_owned(), version));
        assert_eq!(told, expected.collect::<Vec<_>>());
        desk.prove().await;
    }
}

#[tokio::test]
async fn another_operation_under_a_reference_is_refused_however_alike_it_is() {
    for desk in Desk::each(|_| ()).await {
        desk.authorise("a1", "60.00").await.unwrap();
        let id = desk.ids().await.remove(0);
        let first = desk.increment(&id, "r7", "5.00").await.unwrap();
        assert_eq!(first.operation.unwrap().decision(), Decision::Approved);
        // Each has the very bytes of the increment.
        assert_eq!(error(&desk.reverse(&id, "r7", Some("5.00")).await), "REFERENCE_REUSED");
        assert_eq!(error(&desk.capture(&id, "r7", "5.00", false).await), "REFERENCE_REUSED");
        assert!(desk.increment(&id, "r7", "5.00").await.unwrap().replayed);
        assert_eq!(desk.ledger().held(desk.bank.from), 6_500);
        desk.prove().await;
    }
}

#[tokio::test]
async fn a_decline_is_one_answer_for_ever_and_holds_nothing() {
    for desk in Desk::each(|_| ()).await {
        let declined = desk.authorise("a1", "100.01").await.unwrap().operation.unwrap();
        assert_eq!((declined.decision(), declined.decided_by()), (Decision::Declined, By::Ledger));
        assert_eq!(declined.refusal.unwrap().reason, "INSUFFICIENT_FUNDS");
        desk.finish().await;
        desk.bank.put_account(1, 20_000, Vec::new());
        let again = desk.authorise("a1", "100.01").await.unwrap();
        assert_eq!(again.authorisation.unwrap().status(), Status::Declined);
        assert_eq!(desk.ledger().placed(), 0);
        // The call that was refused arrives once more: it comes too late.
        assert_eq!(desk.ledger().voids().len(), 1);
        let id = desk.ids().await.remove(0);
        for refused in [
            error(&desk.capture(&id, "c", "1.00", true).await),
            error(&desk.reverse(&id, "r", None).await),
            error(&desk.increment(&id, "i", "1.00").await),
        ] {
            assert_eq!(refused, "AUTHORISATION_STATE");
        }
        desk.prove().await;
    }
}

#[tokio::test]
async fn limits_count_what_is_authorised_until_it_is_given_back() {
    for desk in Desk::each(|_| ()).await {
        let limit = SetLimitRequest {
            scope: LimitScope::Account.into(),
            subject: desk.bank.from.to_string(),
            period: LimitPeriod::Day.into(),
            amount: "50".into(),
            currency: "EUR".into(),
        };
        desk.bank.payment.set_limit(&staff("SetLimit", "limit"), limit).await.unwrap();
        let id = desk.authorised("a1", "30.00").await;
        let above = desk.authorise("a2", "20.01").await.unwrap().operation.unwrap();
        assert_eq!((above.decision(), above.decided_by()), (Decision::Declined, By::Limit));
        assert_eq!(above.refusal.unwrap().metadata["left"], "20.00");
        assert_eq!(desk.used().await, 3_000);
        desk.increment(&id, "i1", "20.00").await.unwrap();
        assert_eq!(desk.used().await, 5_000);
        let no_funds = desk.increment(&id, "i2", "0.01").await.unwrap().operation.unwrap();
        assert_eq!(no_funds.decided_by(), By::Limit);
        desk.reverse(&id, "r1", Some("25.00")).await.unwrap();
        assert_eq!(desk.used().await, 2_500);
        desk.capture(&id, "c1", "10.00", true).await.unwrap();
        assert_eq!(desk.used().await, 1_000, "what was captured counts");
        let next = desk.authorised("a3", "40.00").await;
        desk.expire(&next).await;
        assert_eq!(desk.used().await, 1_000);
        desk.bank.put_account(1, 0, Vec::new());
        let poor = desk.authorise("a4", "1.00").await.unwrap().operation.unwrap();
        assert_eq!((poor.decision(), poor.decided_by()), (Decision::Declined, By::Ledger));
        assert_eq!(desk.used().await, 1_000, "a decline gives back");
        desk.finish().await;
        desk.prove().await;
    }
}

#[tokio::test]
async fn a_limit_counts_what_was_authorised_before_it_was_set() {
    for desk in Desk::each(|_| ()).await {
        let id = desk.authorised("a1", "30.00").await;
        desk.reverse(&id, "r1", Some("5.00")).await.unwrap();
        let limit = SetLimitRequest {
            scope: LimitScope::Account.into(),
            subject: desk.bank.from.to_string(),
            period: LimitPeriod::Day.into(),
            amount: "50".into(),
            currency: "EUR".into(),
        };
        desk.bank.payment.set_limit(&staff("SetLimit", "limit"), limit).await.unwrap();
        let above = desk.authorise("a2", "25.01").await.unwrap().operation.unwrap();
        assert_eq!(above.refusal.unwrap().metadata["left"], "25.00");
        desk.authorised("a3", "5.00").await;
        assert_eq!(desk.used().await, 3_000);
        desk.capture(&id, "c1", "10.00", true).await.unwrap();
        desk.finish().await;
        assert_eq!(desk.used().await, 1_500, "what is not captured is given back");
        desk.prove().await;
    }
}

#[tokio::test]
async fn the_score_declines_by_its_rules_and_says_which() {
    fn rules(cards: &mut CardsConfig) {
        cards.score.most = vec!["EUR 50.00".into()];
        cards.score.blocked_mccs = vec!["7995".into()];
        cards.score.velocity = 3;
        cards.score.velocity_seconds = 2_678_400;
    }
    for desk in Desk::each(rules).await {
        let id = desk.authorised("a1", "40.00").await;
        let more = desk.increment(&id, "i1", "10.01").await.unwrap().operation.unwrap();
        assert_eq!((more.decision(), more.decided_by()), (Decision::Declined, By::Score));
        assert_eq!(more.score_reasons, ["AMOUNT"]);
        let blocked = desk.authorise_at("7995", "a2", "1.00").await.unwrap().operation.unwrap();
        assert_eq!(blocked.score_reasons, ["MCC_BLOCKED"]);
        assert_eq!(blocked.refusal.unwrap().reason, "DECLINED_BY_SCORE");
        desk.authorised("a3", "1.00").await;
        let often = desk.authorise("a4", "1.00").await.unwrap().operation.unwrap();
        assert_eq!((often.decided_by(), often.score_reasons), (By::Score, vec!["VELOCITY".into()]));
        assert_eq!(desk.ledger().placed(), 2, "the ledger is not asked for what is declined");
        desk.prove().await;
    }
}

#[tokio::test]
async fn time_ends_an_authorisation_and_what_comes_after_is_refused() {
    for desk in Desk::each(|_| ()).await {
        let id = desk.authorised("a1", "60.00").await;
        desk.capture(&id, "c1", "10.00", false).await.unwrap();
        desk.pass_time_of(&id).await;
        // Nobody has noticed yet, and still its time is over.
        assert_eq!(error(&desk.capture(&id, "c2", "10.00", true).await), "AUTHORISATION_STATE");
        desk.expire(&id).await;
        let one = desk.get(&id).await;
        assert_eq!(
            (one.status(), money(&one.captured), money(&one.held)),
            (Status::Expired, 1_000, 0)
        );
        assert_eq!(desk.ledger().held(desk.bank.from), 0);
        for refused in [
            error(&desk.capture(&id, "c3", "1.00", true).await),
            error(&desk.reverse(&id, "r1", None).await),
            error(&desk.increment(&id, "i1", "1.00").await),
        ] {
            assert_eq!(refused, "AUTHORISATION_STATE");
        }
        desk.prove().await;
    }
}

#[tokio::test]
async fn what_the_ledger_has_given_back_by_its_clock_is_noticed() {
    for desk in Desk::each(|_| ()).await {
        let id = desk.authorised("a1", "60.00").await;
        desk.ledger().expire_hold(&format!("{id}/hold/1"));
        let late = desk.capture(&id, "c1", "10.00", true).await.unwrap().operation.unwrap();
        assert_eq!(
            (late.decision(), late.refusal.unwrap().reason),
            (Decision::Declined, "HOLD_NOT_OPEN".into())
        );
        desk.finish().await;
        assert_eq!(desk.get(&id).await.status(), Status::Expired);
        desk.prove().await;
    }
}

#[tokio::test]
async fn seven_increments_are_held_and_captured_together() {
    for desk in Desk::each(|_| ()).await {
        let id = desk.authorised("a1", "1.00").await;
        for number in 1..=7 {
            let more = desk.increment(&id, &format!("i{number}"), "1.00").await.unwrap();
            assert_eq!(money(&more.authorisation.unwrap().held), 100 + number * 100);
        }
        assert_eq!(error(&desk.increment(&id, "i8", "1.00").await), "TOO_MANY_INCREMENTS");
        assert!(desk.increment(&id, "i7", "1.00").await.unwrap().replayed);
        assert_eq!(error(&desk.increment(&id, "i7", "2.00").await), "REFERENCE_REUSED");
        let all = desk.capture(&id, "c1", "8.00", true).await.unwrap();
        assert_eq!(all.authorisation.unwrap().status(), Status::Captured);
        assert_eq!(desk.ledger().balance(desk.bank.from), 9_200);
        desk.prove().await;
    }
}

#[tokio::test]
async fn what_is_no_account_or_another_currency_is_an_error_and_uses_no_reference() {
    for desk in Desk::each(|_| ()).await {
        let nobody = desk.create("a1", "1.00", |request| {
            request.account_id = crate::bank::account_id(9).to_string();
        });
        assert_eq!(error(&nobody.await), "DEBTOR_ACCOUNT_NOT_FOUND");
        let koruna = desk.create("a1", "1.00", |request| request.currency = "CZK".into());
        assert_eq!(error(&koruna.await), "CURRENCY_MISMATCH");
        let id = desk.authorised("a1", "1.00").await;
        let koruna = desk.capture_in("CZK", &id, "c1", "1.00").await;
        assert_eq!(error(&koruna), "CURRENCY_MISMATCH");
        let unknown = desk.reverse("aut_01890000-0000-7000-8000-000000000001", "r", None).await;
        assert_eq!(error(&unknown), "AUTHORISATION_NOT_FOUND");
        desk.prove().await;
    }
}

#[tokio::test]
async fn authorisations_are_listed_newest_first_page_by_page() {
    for desk in Desk::each(|_| ()).await {
        let mut ids = Vec::new();
        for number in 0..5 {
            ids.push(desk.authorised(&format!("a{number}"), "1.00").await);
        }
        ids.reverse();
        assert_eq!(desk.listed(2).await, ids);
    }
}
