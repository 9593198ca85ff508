use prost::Message as _;

use super::*;
use crate::domain::product::{Product, tests::offer};

fn product() -> Product {
    Product::new(&offer()).expect("a product")
}

fn day() -> Date {
    "2024-01-31".parse().expect("a date")
}

/// One of each kind.
fn events() -> Vec<Event> {
    let (reference, on) = ("lon_1/repay/2".to_owned(), day());
    let wanted = product().wanted("7.5".parse().expect("a rate"), 24);
    let grace = Grace { principal: 2, interest: 1, free: 3 };
    let terms = Terms::new(Wanted { grace, ..wanted }).expect("terms").without_down_payment();
    let by = || "anna".to_owned();
    vec![
        Event::Endorsed { by: by(), amount: 1 },
        Event::Approved { by: by(), amount: 2 },
        Event::Rejected { by: by(), reasons: vec!["one".into(), "two".into()] },
        Event::Accepted,
        Event::Cancelled { reason: "why".into() },
        Event::Disbursed { reference: reference.clone(), on, amount: 3 },
        Event::Repaid {
            reference: reference.clone(),
            on,
            amount: 5,
            returned: 1,
            beyond: Beyond::Early(Effect::Lower),
        },
        Event::Repaid {
            reference: reference.clone(),
            on,
            amount: 5,
            returned: 0,
            beyond: Beyond::Ahead,
        },
        Event::Reversed { reference: reference.clone(), repayment: "lon_1/repay/1".into() },
        Event::Restructured { reference: reference.clone(), on, terms, first_due: Some(on) },
        Event::Restructured { reference: reference.clone(), on, terms, first_due: None },
        Event::WrittenOff { reference: reference.clone(), on, maker: by(), checker: "ben".into() },
        Event::Recovered { reference, on, amount: 7 },
    ]
}

#[test]
fn a_step_says_what_its_event_said() {
    for event in events() {
        let step = step_of(&event, "EUR".parse().expect("a currency"), day());
        let stored = LoanStep::decode(step.encode_to_vec().as_slice()).expect("a step");
        assert_eq!(event_of(&stored, &product()), Ok(Some(event)));
    }
}

#[test]
fn what_is_no_step_is_named() {
    let step = |change: fn(&mut LoanStep)| {
        let event = Event::Repaid {
            reference: "r".into(),
            on: day(),
            amount: 5,
            returned: 0,
            beyond: Beyond::Ahead,
        };
        let mut step = step_of(&event, "EUR".parse().expect("a currency"), day());
        change(&mut step);
        event_of(&step, &product())
    };
    assert_eq!(step(|step| step.kind = 0), Err("kind"));
    assert_eq!(step(|step| step.on = "2024-02-30".into()), Err("date"));
    assert_eq!(step(|step| step.amount = None), Err("amount"));
    assert_eq!(step(|step| step.beyond = 0), Err("beyond"));
    assert_eq!(step(|step| step.kind = LoanStepKind::Applied.into()), Ok(None));
}

#[test]
fn the_stored_bytes_of_a_step_stay_readable() {
    let event =
        Event::Disbursed { reference: "lon_1/disburse/1".into(), on: day(), amount: 12_345 };
    let step = step_of(&event, "EUR".parse().expect("a currency"), day());
    // As the first release writes them: an append-only table keeps them for ever.
    let golden = "10071a0a323032342d30312d33312a0d0a0345555212063132332e34353a\
                  106c6f6e5f312f64697362757273652f31";
    let hex: String = step.encode_to_vec().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, golden);
}
