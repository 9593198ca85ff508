//! Who answers when score or ledger do not. Nothing here goes by the clock: time is over when the
//! test says so.

use std::{future::pending, sync::Arc, time::Duration};

use florin_payment::{CardsConfig, ScoreRequest, Scorer, Scoring};
use florin_proto::payment::v1::{
    AuthorisationDecider as By, AuthorisationDecision as Decision, AuthorisationOperation,
    AuthorisationStatus as Status,
};

use tokio::task::JoinHandle;

use super::desk::{Desk, error, money, request};
use crate::ledger::Ledger;

/// It never answers.
struct Silent;

impl Scorer for Silent {
    fn score<'s>(&'s self, _: &'s ScoreRequest) -> Scoring<'s> {
        Box::pin(pending())
    }
}

/// It fails.
struct Failing;

impl Scorer for Failing {
    fn score<'s>(&'s self, _: &'s ScoreRequest) -> Scoring<'s> {
        Box::pin(async { Err("on purpose".to_owned()) })
    }
}

fn fifty_a_day(cards: &mut CardsConfig) {
    cards.stand_in_limits = vec!["EUR 50.00".into()];
}

/// Authorises while the ledger stands still, and lets whoever asked be answered.
async fn answered_late(desk: &Desk, reference: &str, amount: &str) -> AuthorisationOperation {
    desk.ledger().holding.close();
    let payment = desk.bank.payment.clone();
    let asked = request(&desk.bank.from.to_string(), reference, amount);
    let call = tokio::spawn(async move {
        let ctx = Desk::ctx("CreateAuthorisation");
        let answer = payment.create_authorisation(&ctx, asked).await.unwrap();
        answer.into_inner().operation.unwrap()
    });
    let answer = answer_when_time_is_up(desk, call).await;
    desk.ledger().holding.open();
    answer
}

/// Lets time be up, again and again, until whoever asked is answered: a worker decides as the
/// stand-in, and then asks the ledger for the rest by itself.
async fn answer_when_time_is_up<T>(desk: &Desk, mut call: JoinHandle<T>) -> T {
    loop {
        time_is_up(desk).await;
        let payment = desk.bank.payment.clone();
        let mut worker =
            tokio::spawn(async move { payment.advance_due_authorisations().await.unwrap() });
        tokio::select! {
            answer = &mut call => return answer.unwrap(),
            // It has found nothing yet, or was too early.
            worked = &mut worker => drop(worked.unwrap()),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn time_is_up(desk: &Desk) {
    desk.bank.execute("UPDATE authorisation_operations SET answer_by = 0").await;
    desk.let_time_pass().await;
}

#[tokio::test]
async fn a_ledger_that_is_late_is_stood_in_for_by_a_decline_that_holds_nothing() {
    for desk in Desk::each(|_| ()).await {
        let operation = answered_late(&desk, "a1", "60.00").await;
        assert_eq!(
            (operation.decision(), operation.decided_by()),
            (Decision::Declined, By::StandIn)
        );
        assert_eq!(operation.refusal.unwrap().reason, "NOT_ANSWERED_IN_TIME");
        desk.finish().await;
        assert_eq!(desk.ledger().held(desk.bank.from), 0, "what came late is given back");
        let again = desk.authorise("a1", "60.00").await.unwrap();
        assert_eq!(again.operation.unwrap().decided_by(), By::StandIn);
        desk.prove().await;
    }
}

#[tokio::test]
async fn a_hold_that_was_placed_and_not_told_in_time_is_given_back() {
    for desk in Desk::each(|_| ()).await {
        desk.ledger().set_loses_holds(true);
        let payment = desk.bank.payment.clone();
        let asked = request(&desk.bank.from.to_string(), "a1", "60.00");
        let call = tokio::spawn(async move {
            let ctx = Desk::ctx("CreateAuthorisation");
            payment.create_authorisation(&ctx, asked).await.unwrap().into_inner()
        });
        Ledger::wait_for(&desk.ledger().holding.worked).await;
        assert_eq!(desk.ledger().held(desk.bank.from), 6_000);
        let answer = answer_when_time_is_up(&desk, call).await;
        let operation = answer.operation.unwrap();
        assert_eq!(
            (operation.decision(), operation.decided_by()),
            (Decision::Declined, By::StandIn)
        );
        desk.ledger().set_loses_holds(false);
        desk.finish().await;
        assert_eq!(desk.ledger().held(desk.bank.from), 0);
        desk.prove().await;
    }
}

#[tokio::test]
async fn the_stand_in_approves_up_to_its_limit_of_the_day_and_the_hold_comes_afterwards() {
    for desk in Desk::each(fifty_a_day).await {
        let first = answered_late(&desk, "a1", "30.00").await;
        assert_eq!((first.decision(), first.decided_by()), (Decision::Approved, By::StandIn));
        desk.finish().await;
        let one = desk.get(&desk.ids().await[0]).await;
        assert_eq!([&one.held, &one.unheld].map(money), [3_000, 0]);
        let above = answered_late(&desk, "a2", "20.01").await;
        assert_eq!((above.decision(), above.decided_by()), (Decision::Declined, By::StandIn));
        let rest = answered_late(&desk, "a3", "20.00").await;
        assert_eq!((rest.decision(), rest.decided_by()), (Decision::Approved, By::StandIn));
        desk.finish().await;
        desk.prove().await;
    }
}

#[tokio::test]
async fn what_the_stand_in_approved_without_funds_is_shown_as_not_held() {
    for desk in Desk::each(fifty_a_day).await {
        desk.bank.put_account(1, 1_000, Vec::new());
        let operation = answered_late(&desk, "a1", "30.00").await;
        assert_eq!(operation.decision(), Decision::Approved);
        desk.finish().await;
        let id = desk.ids().await.remove(0);
        let one = desk.get(&id).await;
        assert_eq!(one.status(), Status::Authorised);
        assert_eq!([&one.authorised, &one.held, &one.unheld].map(money), [3_000, 0, 3_000]);
        let none = desk.capture(&id, "c1", "30.00", true).await.unwrap().operation.unwrap();
        assert_eq!(none.refusal.unwrap().reason, "INSUFFICIENT_FUNDS");
        desk.bank.put_account(1, 5_000, Vec::new());
        desk.capture(&id, "c2", "30.00", true).await.unwrap();
        assert_eq!(desk.ledger().balance(desk.bank.from), 2_000);
        desk.prove().await;
    }
}

#[tokio::test]
async fn a_score_that_fails_is_stood_in_for_before_the_ledger_is_asked() {
    for desk in Desk::each(|_| ()).await {
        let payment = desk.bank.payment.clone().scored_by(Arc::new(Failing));
        let asked = request(&desk.bank.from.to_string(), "a1", "60.00");
        let ctx = Desk::ctx("CreateAuthorisation");
        let answer = payment.create_authorisation(&ctx, asked).await.unwrap().into_inner();
        let operation = answer.operation.unwrap();
        assert_eq!(
            (operation.decision(), operation.decided_by()),
            (Decision::Declined, By::StandIn)
        );
        assert_eq!(desk.ledger().placed(), 0);
        assert!(!answer.authorisation.unwrap().in_doubt);
        desk.prove().await;
    }
}

#[tokio::test]
async fn a_score_that_never_comes_has_a_budget_of_its_own() {
    for desk in Desk::each(|cards| {
        fifty_a_day(cards);
        cards.score_ms = 1;
    })
    .await
    {
        let payment = desk.bank.payment.clone().scored_by(Arc::new(Silent));
        let asked = request(&desk.bank.from.to_string(), "a1", "30.00");
        let ctx = Desk::ctx("CreateAuthorisation");
        let answer = payment.create_authorisation(&ctx, asked).await.unwrap().into_inner();
        let operation = answer.operation.unwrap();
        assert_eq!(
            (operation.decision(), operation.decided_by()),
            (Decision::Approved, By::StandIn)
        );
        desk.finish().await;
        assert_eq!(desk.ledger().held(desk.bank.from), 3_000, "the hold comes afterwards");
        desk.prove().await;
    }
}

#[tokio::test]
async fn whoever_asks_is_answered_when_the_budget_is_used_up() {
    for desk in Desk::each(|cards| {
        cards.answer_ms = 1;
        cards.score_ms = 1;
    })
    .await
    {
        desk.ledger().holding.close();
        // Whatever of it is late, the answer is the stand-in's.
        let answer = desk.authorise("a1", "60.00").await.unwrap();
        let operation = answer.operation.unwrap();
        assert_eq!(
            (operation.decision(), operation.decided_by()),
            (Decision::Declined, By::StandIn)
        );
        desk.ledger().holding.open();
        desk.finish().await;
        assert_eq!(desk.ledger().held(desk.bank.from), 0);
        desk.prove().await;
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_read_is_known_from_before_or_declined() {
    for desk in Desk::each(fifty_a_day).await {
        desk.ledger().set_reads_fail(true);
        let unknown = desk.authorise("a1", "10.00").await.unwrap().operation.unwrap();
        assert_eq!((unknown.decision(), unknown.decided_by()), (Decision::Declined, By::StandIn));
        desk.ledger().set_reads_fail(false);
        desk.authorised("a2", "10.00").await;
        desk.ledger().set_reads_fail(true);
        let known = desk.authorise("a3", "10.00").await.unwrap().operation.unwrap();
        assert_eq!((known.decision(), known.decided_by()), (Decision::Approved, By::Ledger));
        desk.prove().await;
    }
}

#[tokio::test]
async fn an_increment_that_is_late_is_declined_and_the_authorisation_stays() {
    for desk in Desk::each(|_| ()).await {
        let id = desk.authorised("a1", "20.00").await;
        desk.ledger().set_holds_away(true);
        let payment = desk.bank.payment.clone();
        let asked = florin_proto::payment::v1::IncrementAuthorisationRequest {
            authorisation_id: id.clone(),
            reference: "i1".into(),
            amount: "10.00".into(),
            currency: "EUR".into(),
        };
        let ctx = Desk::ctx("IncrementAuthorisation");
        let call =
            tokio::spawn(
                async move { payment.increment_authorisation(&ctx, asked).await.unwrap() },
            );
        let answer = answer_when_time_is_up(&desk, call).await;
        let operation = answer.into_inner().operation.unwrap();
        assert_eq!(
            (operation.decision(), operation.decided_by()),
            (Decision::Declined, By::StandIn)
        );
        desk.ledger().set_holds_away(false);
        desk.finish().await;
        assert_eq!(desk.ledger().open_holds(&id), [(format!("{id}/hold/1"), 2_000)]);
        assert_eq!(error(&desk.capture(&id, "c1", "20.00", true).await), "OK");
        desk.prove().await;
    }
}
