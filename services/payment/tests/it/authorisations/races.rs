//! Several at once, at several replicas.

use futures_util::future::join_all;

use florin_payment::Payment;
use florin_proto::payment::v1::{AuthorisationDecision as Decision, AuthorisationStatus as Status};

use super::desk::{Desk, error, money, request};

async fn replicas(desk: &mut Desk) -> Vec<Payment> {
    let other = desk.bank.replica().await;
    vec![desk.bank.payment.clone(), other]
}

#[tokio::test]
async fn a_reference_that_comes_often_at_once_is_one_authorisation() {
    for mut desk in Desk::each(|_| ()).await {
        let replicas = replicas(&mut desk).await;
        let calls = (0..12).map(|number: usize| {
            let payment = replicas[number % 2].clone();
            let asked = request(&desk.bank.from.to_string(), "a1", "60.00");
            async move {
                let ctx = Desk::ctx("CreateAuthorisation");
                payment.create_authorisation(&ctx, asked).await.unwrap().into_inner()
            }
        });
        let answers = join_all(calls).await;
        let first = answers.iter().filter(|answer| !answer.replayed).count();
        assert_eq!(first, 1);
        for answer in &answers {
            assert_eq!(answer.operation.as_ref().unwrap().decision(), Decision::Approved);
        }
        desk.finish().await;
        assert_eq!((desk.ids().await.len(), desk.ledger().placed()), (1, 1));
        desk.prove().await;
    }
}

#[tokio::test]
async fn captures_at_once_never_take_more_than_was_authorised() {
    for mut desk in Desk::each(|_| ()).await {
        let replicas = replicas(&mut desk).await;
        let id = desk.authorised("a1", "50.00").await;
        let calls = (0..8_usize).map(|number| {
            let payment = &replicas[number % 2];
            let (desk, id) = (&desk, &id);
            async move {
                let reference = format!("c{number}");
                desk.capture_by(payment, ("EUR", false), id, (&reference, "20.00")).await
            }
        });
        let answers = join_all(calls).await;
        let refused = answers.iter().filter_map(|answer| match answer {
            Ok(_) => None,
            Err(_) => Some(error(answer)),
        });
        let refused: Vec<_> = refused.collect();
        assert!(refused.iter().all(|one| one == "CAPTURE_ABOVE_TOLERANCE"), "{refused:?}");
        assert_eq!(refused.len(), 6, "two of twenty are within fifty");
        desk.finish().await;
        assert_eq!(money(&desk.get(&id).await.captured), 4_000);
        desk.prove().await;
    }
}

#[tokio::test]
async fn a_capture_and_the_expiry_at_once_have_one_winner() {
    for mut desk in Desk::each(|_| ()).await {
        let replicas = replicas(&mut desk).await;
        for number in 0..10 {
            let id = desk.authorised(&format!("a{number}"), "5.00").await;
            let reference = format!("c{number}");
            let capture = desk.capture_by(&replicas[0], ("EUR", true), &id, (&reference, "5.00"));
            // Where the ledger is slow, who captures waits for the expiry, which somebody ends.
            let expire = async {
                desk.pass_time_of(&id).await;
                loop {
                    desk.let_time_pass().await;
                    replicas[1].advance_due_authorisations().await.unwrap();
                    tokio::task::yield_now().await;
                }
            };
            let captured = tokio::select! {
                captured = capture => captured,
                () = expire => unreachable!("it goes on"),
            };
            desk.finish().await;
            let one = desk.get(&id).await;
            match captured {
                Ok(_) => assert_eq!((one.status(), money(&one.captured)), (Status::Captured, 500)),
                Err(_) => {
                    assert_eq!(error(&captured), "AUTHORISATION_STATE");
                    assert_eq!((one.status(), money(&one.captured)), (Status::Expired, 0));
                }
            }
        }
        desk.prove().await;
    }
}

#[tokio::test]
async fn a_capture_and_a_reversal_at_once_never_spend_and_give_back_the_same() {
    for mut desk in Desk::each(|_| ()).await {
        let replicas = replicas(&mut desk).await;
        for number in 0..10 {
            let id = desk.authorised(&format!("a{number}"), "5.00").await;
            let (c, r) = (format!("c{number}"), format!("r{number}"));
            let capture = desk.capture_by(&replicas[1], ("EUR", true), &id, (&c, "5.00"));
            let (captured, reversed) = tokio::join!(capture, desk.reverse(&id, &r, None));
            let winners = [error(&captured), error(&reversed)];
            assert_eq!(winners.iter().filter(|one| *one == "OK").count(), 1, "{winners:?}");
        }
        desk.finish().await;
        desk.prove().await;
    }
}
