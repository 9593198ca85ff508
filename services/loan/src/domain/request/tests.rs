use super::*;
use crate::domain::product::tests::{offer, told};

pub(crate) fn asked() -> Asked {
    Asked {
        principal: "1000.00".into(),
        rate: "12".into(),
        instalments: 6,
        disbursed_on: "2024-01-01".into(),
        first_due: String::new(),
    }
}

fn check(asked: &Asked) -> Result<Request, Violations> {
    let product = Product::new(&offer()).expect("a product");
    Request::new(asked, &product, "2024-01-01".parse().expect("a date"))
}

#[test]
fn a_request_is_quoted_by_the_plan_that_it_would_have() {
    let plan = check(&asked()).expect("a request").plan().expect("in range");
    let totals: Vec<_> = plan.schedule().iter().map(|line| line.total()).collect();
    assert_eq!(totals, [17_255, 17_255, 17_255, 17_255, 17_255, 17_253]);
}

#[test]
fn every_field_that_breaks_a_rule_is_told_at_once() {
    let wrong = Asked {
        principal: "-1".into(),
        rate: "1000".into(),
        instalments: 10_000,
        disbursed_on: "2023-12-31".into(),
        first_due: "2023-12-31".into(),
    };
    let expected = [
        ("principal", "NOT_POSITIVE"),
        ("rate", "NOT_ALLOWED_BY_PRODUCT"),
        ("instalments", "NOT_ALLOWED_BY_PRODUCT"),
        ("disbursed_on", "NOT_LATER"),
        ("first_due", "NOT_LATER"),
    ];
    assert_eq!(told(&check(&wrong).expect_err("five rules")), expected);
    let wrong = Asked {
        principal: "50000.01".into(),
        rate: "1000.1".into(),
        instalments: 0,
        disbursed_on: "2025-02-29".into(),
        first_due: "2024-13-01".into(),
    };
    let expected = [
        ("principal", "NOT_ALLOWED_BY_PRODUCT"),
        ("rate", "MALFORMED_RATE"),
        ("instalments", "NOT_ALLOWED_BY_PRODUCT"),
        ("disbursed_on", "MALFORMED_DATE"),
        ("first_due", "MALFORMED_DATE"),
    ];
    assert_eq!(told(&check(&wrong).expect_err("five rules")), expected);
}

#[test]
fn the_first_instalment_is_due_after_the_money_and_within_a_year_of_it() {
    let first = |first_due: &str| check(&Asked { first_due: first_due.into(), ..asked() });
    assert!(first("2024-01-02").is_ok() && first("2025-01-01").is_ok());
    assert_eq!(told(&first("2024-01-01").expect_err("a rule")), [("first_due", "NOT_LATER")]);
    assert_eq!(told(&first("2025-01-02").expect_err("a rule")), [("first_due", "OUT_OF_RANGE")]);
}

#[test]
fn other_terms_are_within_the_product_too() {
    let product = Product::new(&offer()).expect("a product");
    let day = |text: &str| text.parse::<Date>().expect(text);
    let of = |rate: &str, count, grace, first_due: &str| {
        let rate = rate.parse().expect("a rate");
        let grace = Grace { principal: grace, ..Grace::default() };
        new_terms((rate, count), grace, Some(day(first_due)), &product, day("2024-03-01"))
    };
    assert!(of("25", 120, 119, "2024-03-02").is_ok());
    let rule = "NOT_ALLOWED_BY_PRODUCT";
    let found = of("26", 121, 121, "2024-03-01").expect_err("four rules");
    let expected = [
        ("rate", rule),
        ("instalments", rule),
        ("first_due", "NOT_LATER"),
        ("grace.principal", "OUT_OF_RANGE"),
    ];
    assert_eq!(told(&found), expected);
    let found = of("25", 120, 0, "2025-03-03").expect_err("a rule");
    assert_eq!(told(&found), [("first_due", "OUT_OF_RANGE")]);
}

#[test]
fn no_instalment_is_due_after_the_calendar_ends() {
    let late = Asked { disbursed_on: "9999-08-01".into(), ..asked() };
    let found = check(&late).expect_err("a rule");
    assert_eq!(told(&found), [("instalments", "OUT_OF_RANGE")]);
}
