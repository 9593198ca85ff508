//! The state machine, state by event.

use florin_kernel::{AccountId, Money};

use super::*;
use crate::domain::Route;

fn account(number: u64) -> AccountId {
    AccountId::from_parts(number, [1; 10])
}

fn of_route(route: Route) -> Transfer {
    let amount = Money::parse("EUR", "1").expect("amount");
    let order = Order::new(route, amount, String::new()).expect("order");
    Transfer::accept(TransferId::from_parts(3, [3; 10]), order, UnixMicros(10))
}

fn transfer() -> Transfer {
    of_route(Route::Transfer { from: account(1), from_iban: None, to: account(2), to_iban: None })
}

fn between_banks() -> Transfer {
    of_route(Route::CrossBank {
        from: account(1),
        from_iban: "CZ6508000000192000145399".parse().expect("iban"),
        to_iban: "NL91ABNA0417164300".parse().expect("iban"),
        to_bank: "ABNANL2A".parse().expect("bic"),
        nostro_gl_code: "1200".into(),
    })
}

fn failure() -> Failure {
    Failure {
        reason: "INSUFFICIENT_FUNDS".into(),
        domain: "account.florin.bank".into(),
        message: "not enough available".into(),
        facts: BTreeMap::new(),
    }
}

fn events() -> [Event; 8] {
    [
        Event::Screened(Screening::NotScreened),
        Event::Posted(TransactionId::from_parts(4, [4; 10])),
        Event::Refused(failure()),
        Event::Cancelled,
        Event::Held,
        Event::Settled,
        Event::Rejected("AC04".into()),
        Event::Released(failure()),
    ]
}

/// A transfer in a state, reached by events as in life.
fn in_state(status: Status) -> Transfer {
    let [screened, posted, refused, cancelled, held, settled, rejected, _] = events();
    let path = match status {
        Status::Holding => vec![screened],
        Status::Submitting => vec![screened, held],
        Status::Settling => vec![screened, held, settled],
        Status::Releasing => vec![screened, held, rejected],
        Status::Processing => vec![],
        Status::Posting => vec![screened],
        Status::Completed => vec![screened, posted],
        Status::Failed => vec![screened, refused],
        Status::Cancelled => vec![cancelled],
    };
    let other_bank = matches!(
        status,
        Status::Holding | Status::Submitting | Status::Settling | Status::Releasing
    );
    let mut transfer = if other_bank { between_banks() } else { transfer() };
    for event in path {
        transfer.apply(event, UnixMicros(20)).expect("path");
    }
    assert_eq!(transfer.status(), status);
    transfer
}

#[test]
fn every_state_takes_these_events_and_no_other() {
    for status in Status::ALL {
        for event in events() {
            let expected = match (status, &event) {
                (Status::Processing, Event::Screened(_)) => Some(Status::Posting),
                (Status::Processing, Event::Cancelled) => Some(Status::Cancelled),
                (Status::Posting, Event::Posted(_)) => Some(Status::Completed),
                (Status::Posting, Event::Refused(_)) => Some(Status::Failed),
                (Status::Holding, Event::Held) => Some(Status::Submitting),
                (Status::Holding, Event::Refused(_)) => Some(Status::Failed),
                (Status::Submitting | Status::Releasing, Event::Settled) => Some(Status::Settling),
                (Status::Submitting, Event::Rejected(_)) => Some(Status::Releasing),
                (Status::Settling, Event::Posted(_)) => Some(Status::Completed),
                (Status::Releasing, Event::Released(_)) => Some(Status::Failed),
                _ => None,
            };
            let before = in_state(*status);
            let mut after = before.clone();
            let name = event.name();
            let result = after.apply(event, UnixMicros(30));
            match expected {
                Some(next) => {
                    assert_eq!(result, Ok(()), "{status:?} {name}");
                    assert_eq!(after.status(), next);
                    assert_eq!(after.steps().len(), before.steps().len() + 1);
                    assert_eq!(after.changed_at(), UnixMicros(30));
                    assert_eq!(after.created_at(), UnixMicros(10));
                }
                None => {
                    assert_eq!(result, Err(NotAllowed { status: *status, event: name }));
                    assert_eq!(after, before, "a refused event changes nothing");
                }
            }
        }
    }
}

#[test]
fn every_end_is_told_with_its_reason() {
    assert_eq!(in_state(Status::Failed).ended(), &Ended::Unpaid(failure()));
    let steps = in_state(Status::Failed).steps().to_vec();
    let told: Vec<_> = steps.iter().map(|step| (step.status, step.reason.as_str())).collect();
    assert_eq!(
        told,
        [(Status::Processing, ""), (Status::Posting, ""), (Status::Failed, "INSUFFICIENT_FUNDS"),]
    );
    assert_eq!(in_state(Status::Failed).screening(), Some(Screening::NotScreened));
    let transaction = TransactionId::from_parts(4, [4; 10]);
    assert_eq!(in_state(Status::Completed).ended(), &Ended::Paid(transaction));
    assert_eq!(in_state(Status::Cancelled).ended(), &Ended::Withdrawn);
    assert_eq!(in_state(Status::Cancelled).screening(), None);
}

#[test]
fn what_is_restored_is_what_was_and_no_contradiction() {
    for status in Status::ALL {
        let was = in_state(*status);
        let restore = |ended: Ended| {
            let steps = was.steps().to_vec();
            Transfer::restore(was.id(), was.order().clone(), was.screening(), ended, steps)
        };
        assert_eq!(restore(was.ended().clone()).as_ref(), Some(&was));
        for other in Status::ALL.iter().map(|other| in_state(*other).ended().clone()) {
            assert_eq!(restore(other.clone()).is_some(), &other == was.ended());
        }
    }
}

#[test]
fn steps_stay_in_order_when_the_clock_steps_back() {
    let mut transfer = transfer();
    transfer.apply(Event::Cancelled, UnixMicros(5)).expect("cancel");
    assert_eq!(transfer.changed_at(), UnixMicros(10));
}

/// 2 is the contract's AWAITING_SCORE, which has no state here.
#[test]
fn states_are_stored_and_told_under_these_codes_and_names_for_ever() {
    let told = Status::ALL.iter().map(|status| (status.code(), status.name(), status.is_end()));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (1, "PROCESSING", false),
            (3, "POSTING", false),
            (4, "COMPLETED", true),
            (5, "FAILED", true),
            (6, "CANCELLED", true),
            (7, "HOLDING", false),
            (8, "SUBMITTING", false),
            (9, "SETTLING", false),
            (10, "RELEASING", false),
        ]
    );
    for status in Status::ALL {
        assert_eq!(Status::from_code(status.code()), Ok(*status));
    }
    for code in [0, 2, 11, -1] {
        assert_eq!(Status::from_code(code), Err(StatusError(code)));
    }
}

#[test]
fn a_refused_event_is_named_in_the_message() {
    let refusals = events().map(|event| {
        let refused = in_state(Status::Completed).apply(event, UnixMicros(30));
        refused.expect_err("it has ended").to_string()
    });
    let expected =
        ["screened", "posted", "refused", "cancelled", "held", "settled", "rejected", "released"];
    assert_eq!(
        refusals,
        expected.map(|event| format!("a transfer that is COMPLETED cannot be {event}"))
    );
}

#[test]
fn a_transfer_without_a_step_cannot_be_restored() {
    let was = transfer();
    let restored =
        Transfer::restore(was.id(), was.order().clone(), None, Ended::NotYet, Vec::new());
    assert_eq!(restored, None);
}

#[test]
fn nothing_but_the_networks_answer_leads_out_of_submitting() {
    for event in events() {
        let leads = matches!(event, Event::Settled | Event::Rejected(_));
        let name = event.name();
        let mut waiting = in_state(Status::Submitting);
        assert_eq!(waiting.apply(event, UnixMicros(30)).is_ok(), leads, "{name}");
    }
}

#[test]
fn a_rejection_keeps_the_networks_code_until_the_money_is_back() {
    let mut rejected = in_state(Status::Releasing);
    let code = rejected.steps().last().map(|step| step.reason.clone());
    assert_eq!((code.as_deref(), rejected.ended()), (Some("AC04"), &Ended::NotYet));
    rejected.apply(Event::Released(failure()), UnixMicros(30)).expect("released");
    assert_eq!(rejected.ended(), &Ended::Unpaid(failure()));
}
