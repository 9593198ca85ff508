use super::*;
use crate::domain::fee::Price;

/// Ordinary loans in months of 30 days.
pub(crate) fn offer() -> Offer {
    Offer {
        code: "personal".into(),
        name: "Personal loan".into(),
        valid_from: "2024-01-01".into(),
        currency: "EUR".into(),
        principal: ("100".into(), "50000.00".into()),
        rate: ("0".into(), "25".into()),
        instalments: (1, 120),
        day_count: "30/360".into(),
        every: 1,
        unit: Unit::Months,
        method: Method::EqualInstalments,
        grace: (0, 0, 0),
        down_payment: "0".into(),
        tranches: 3,
        multiple: "0.01".into(),
        fees: Fees::default(),
        penalty_rate: "10".into(),
        penalty_grace_days: 0,
        allocation: vec![
            Component::Penalty,
            Component::Fee,
            Component::Interest,
            Component::Principal,
        ],
        across: Across::Instalments,
        non_accrual_days: 90,
    }
}

pub(crate) fn told(found: &Violations) -> Vec<(&str, &str)> {
    found.as_slice().iter().map(|one| (one.field.as_str(), one.rule)).collect()
}

#[test]
fn a_product_says_what_was_offered() {
    let product = Product::new(&offer()).expect("a product");
    assert_eq!((product.code(), product.name()), ("personal", "Personal loan"));
    assert_eq!((product.principal(), product.tranches()), ((10_000, 5_000_000), 3));
    assert_eq!(product.instalments(), (1, 120));
    assert_eq!(product.currency().code(), "EUR");
    assert_eq!(product.policy().non_accrual_days, 90);
}

#[test]
fn every_field_that_breaks_a_rule_is_told_at_once() {
    let wrong = Offer {
        code: String::new(),
        name: "a\u{0}".into(),
        valid_from: "2024-02-30".into(),
        currency: "EUR".into(),
        principal: ("0".into(), "1.001".into()),
        rate: ("x".into(), "1000".into()),
        instalments: (0, 10_000),
        day_count: "30/365".into(),
        every: 13,
        unit: Unit::Months,
        method: Method::Flat,
        grace: (1, 1, 2),
        down_payment: "91".into(),
        tranches: 0,
        multiple: "0".into(),
        fees: Fees { late: Price::Flat(-1), ..Fees::default() },
        penalty_rate: "251".into(),
        penalty_grace_days: -1,
        allocation: vec![Component::Fee, Component::Fee],
        across: Across::Components,
        non_accrual_days: 0,
    };
    let expected = [
        ("code", "REQUIRED"),
        ("name", "CONTROL_CHARACTER"),
        ("valid_from", "MALFORMED_DATE"),
        ("least_principal", "NOT_POSITIVE"),
        ("most_principal", "TOO_MANY_DECIMALS"),
        ("least_rate", "MALFORMED_RATE"),
        ("most_rate", "OUT_OF_RANGE"),
        ("least_instalments", "OUT_OF_RANGE"),
        ("most_instalments", "OUT_OF_RANGE"),
        ("day_count", "UNKNOWN_DAY_COUNT"),
        ("every", "OUT_OF_RANGE"),
        ("grace.principal", "OUT_OF_RANGE"),
        ("grace.interest", "OUT_OF_RANGE"),
        ("grace.free", "OUT_OF_RANGE"),
        ("down_payment", "OUT_OF_RANGE"),
        ("tranches", "OUT_OF_RANGE"),
        ("multiple", "NOT_POSITIVE"),
        ("fees.late", "NEGATIVE"),
        ("penalty_rate", "OUT_OF_RANGE"),
        ("penalty_grace_days", "OUT_OF_RANGE"),
        ("non_accrual_days", "OUT_OF_RANGE"),
        ("allocation", "REQUIRED"),
        ("allocation", "DUPLICATE"),
        ("allocation", "REQUIRED"),
        ("allocation", "REQUIRED"),
    ];
    assert_eq!(told(&Product::new(&wrong).expect_err("rules")), expected);
}

#[test]
fn a_range_has_its_least_first() {
    let wrong = Offer {
        principal: ("2".into(), "1".into()),
        rate: ("2".into(), "1".into()),
        instalments: (2, 1),
        ..offer()
    };
    let found = Product::new(&wrong).expect_err("three");
    let fields = ["least_principal", "least_rate", "least_instalments"];
    assert_eq!(told(&found), fields.map(|field| (field, "EMPTY_RANGE")));
}

#[test]
fn instalments_of_the_smallest_loan_come_to_their_multiple() {
    // 100.00 over 120.
    let of = |multiple: &str, method| {
        Product::new(&Offer { multiple: multiple.into(), method, ..offer() })
    };
    assert!(of("0.83", Method::Flat).is_ok() && of("0.84", Method::Bullet).is_ok());
    let found = of("0.84", Method::EqualInstalments).expect_err("a rule");
    assert_eq!(told(&found), [("multiple", "OUT_OF_RANGE")]);
}

#[test]
fn a_version_holds_from_its_day_until_the_next() {
    let mut versions = Versions::default();
    let of = |valid_from: &str, code: &str, currency: &str| {
        let offer = Offer {
            valid_from: valid_from.into(),
            code: code.into(),
            currency: currency.into(),
            ..offer()
        };
        Product::new(&offer).expect("a product")
    };
    assert_eq!(versions.add(of("2024-01-01", "personal", "EUR")), Ok(1));
    assert_eq!(versions.add(of("2024-06-01", "personal", "EUR")), Ok(2));
    let number = |day: &str| versions.on(day.parse().expect(day)).map(|(number, _)| number);
    assert_eq!(
        ["2023-12-31", "2024-01-01", "2024-05-31", "2024-06-01"].map(number),
        [None, Some(1), Some(1), Some(2)]
    );
    assert!(versions.get(1).is_some() && versions.get(3).is_none());
    let found = versions.add(of("2024-06-01", "other", "CZK")).expect_err("three rules");
    let expected = [
        ("code", "NOT_AS_ANNOUNCED"),
        ("currency", "CURRENCY_MISMATCH"),
        ("valid_from", "NOT_LATER"),
    ];
    assert_eq!(told(&found), expected);
}
