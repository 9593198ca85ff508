use super::*;
use crate::domain::{
    product::{Offer, Product, tests::offer},
    request::{Asked, Request, tests::asked},
};

fn rules() -> Underwriting {
    Underwriting {
        most_debt: "40".parse().expect("a rate"),
        least_points: 500,
        two_persons_above: Some(100_000),
    }
}

fn applicant() -> Applicant {
    Applicant {
        income: 300_000,
        debts: 30_000,
        instalment: 30_000,
        principal: 600_000,
        risk: Risk::Medium,
    }
}

#[test]
fn the_points_are_those_of_the_factors_each_explained() {
    let score = Score::of(&applicant(), &rules());
    let told: Vec<_> = score.factors.iter().map(|one| (one.name, one.points, one.most)).collect();
    // 20 of 40 percent cost 125 of 500; 2 of 60 months' incomes 10 of 300.
    let expected =
        [("DEBT_TO_INCOME", 375, 500), ("AMOUNT_TO_INCOME", 290, 300), ("RISK_RATING", 120, 200)];
    assert_eq!(told, expected);
    assert_eq!((score.points, score.recommendation), (785, Recommendation::Approve));
    let words: Vec<_> = score.factors.iter().map(|one| one.explanation.as_str()).collect();
    let expected = [
        "20 percent of the income, at most 40 percent is allowed",
        "2.0 months' incomes are asked for",
        "the customer's risk is rated medium",
    ];
    assert_eq!(words, expected);
}

#[test]
fn debts_above_the_limit_and_no_income_are_not_recommended() {
    let at_limit = Applicant { debts: 90_000, ..applicant() };
    assert_eq!(Score::of(&at_limit, &rules()).recommendation, Recommendation::Approve);
    let above = Applicant { debts: 90_001, ..applicant() };
    let score = Score::of(&above, &rules());
    assert_eq!(score.recommendation, Recommendation::Reject);
    assert_eq!(score.factors.first().map(|one| one.points), Some(0));
    let none = Applicant { income: 0, ..applicant() };
    let score = Score::of(&none, &rules());
    assert_eq!((score.recommendation, score.debt), (Recommendation::Reject, None));
    assert_eq!(score.points, 120);
}

#[test]
fn a_high_risk_and_few_points_are_reviewed() {
    let high = Applicant { risk: Risk::High, ..applicant() };
    assert_eq!(Score::of(&high, &rules()).recommendation, Recommendation::Review);
    let strict = Underwriting { least_points: 786, ..rules() };
    assert_eq!(Score::of(&applicant(), &strict).recommendation, Recommendation::Review);
}

#[test]
fn one_person_approves_up_to_the_limit_what_is_recommended() {
    let rules = rules();
    assert_eq!(rules.one_person_up_to(Recommendation::Approve), 100_000);
    assert_eq!(rules.one_person_up_to(Recommendation::Review), 0);
    assert_eq!(rules.one_person_up_to(Recommendation::Reject), 0);
    let without = Underwriting { two_persons_above: None, ..rules };
    assert_eq!(without.one_person_up_to(Recommendation::Approve), i64::MAX);
}

fn taken(offer: &Offer, asked: &Asked) -> i64 {
    let product = Product::new(offer).expect("a product");
    let today = "2024-01-01".parse().expect("a date");
    let plan = Request::new(asked, &product, today).expect("a request").plan().expect("a plan");
    monthly(&plan).expect("in range")
}

#[test]
fn a_month_takes_its_share_of_the_greatest_instalment() {
    assert_eq!(taken(&offer(), &asked()), 17_255);
    let quarterly = Offer { every: 3, ..offer() };
    let each = taken(&quarterly, &asked());
    assert!((5_900..6_400).contains(&each), "{each}");
    let weekly = Offer { every: 1, unit: Unit::Weeks, day_count: "ACT/365F".into(), ..offer() };
    let each = taken(&weekly, &asked());
    assert!((72_000..74_000).contains(&each), "{each}");
}

#[test]
fn the_principal_of_a_bullet_is_no_monthly_burden() {
    let bullet = Offer { method: Method::Bullet, ..offer() };
    // One percent a month of 1,000.00.
    assert_eq!(taken(&bullet, &asked()), 1_000);
}
