use super::*;
use crate::domain::{fee::Price, period::Unit};

fn wanted() -> Wanted {
    Wanted {
        currency: "EUR".parse().expect("euro"),
        rate: "7".parse().expect("a rate"),
        basis: Basis::Thirty360,
        spacing: Spacing::new(1, Unit::Months).expect("a distance"),
        instalments: 12,
        method: Method::EqualInstalments,
        grace: Grace::default(),
        down_payment: Rate::default(),
        multiple: 1,
        fees: Fees::default(),
    }
}

#[test]
fn every_field_that_breaks_a_rule_is_told_at_once() {
    let all = Wanted {
        rate: "1000".parse().expect("a rate"),
        instalments: 10_000,
        grace: Grace { principal: 10_000, interest: 10_000, free: 10_001 },
        down_payment: "90.1".parse().expect("a rate"),
        multiple: 0,
        fees: Fees {
            upfront: Price::Flat(-1),
            instalment: Price::Flat(i64::MAX),
            late: Price::Part("101".parse().expect("a rate")),
            early: Price::Flat(0),
        },
        ..wanted()
    };
    let found = Terms::new(all).expect_err("ten rules");
    let told: Vec<_> = found.as_slice().iter().map(|one| (one.field.as_str(), one.rule)).collect();
    let expected = [
        ("rate", "OUT_OF_RANGE"),
        ("instalments", "OUT_OF_RANGE"),
        ("grace.principal", "OUT_OF_RANGE"),
        ("grace.interest", "OUT_OF_RANGE"),
        ("grace.free", "OUT_OF_RANGE"),
        ("down_payment", "OUT_OF_RANGE"),
        ("multiple", "OUT_OF_RANGE"),
        ("fees.upfront", "NEGATIVE"),
        ("fees.instalment", "AMOUNT_TOO_LARGE"),
        ("fees.late", "OUT_OF_RANGE"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn bounds_belong_to_what_is_allowed() {
    assert!(Terms::new(wanted()).is_ok());
    for instalments in [0, 601, u32::MAX] {
        assert!(Terms::new(Wanted { instalments, ..wanted() }).is_err(), "{instalments}");
    }
    let most = Wanted {
        rate: "250".parse().expect("a rate"),
        instalments: 600,
        grace: Grace { principal: 599, interest: 599, free: 600 },
        down_payment: "90".parse().expect("a rate"),
        multiple: 1_000_000,
        ..wanted()
    };
    assert!(Terms::new(most).is_ok());
}

#[test]
fn a_bullet_has_principal_with_its_last_instalment_alone() {
    let terms = Terms::new(Wanted { method: Method::Bullet, ..wanted() }).expect("terms");
    assert_eq!((terms.without_principal(), terms.instalments), (11, 12));
}
